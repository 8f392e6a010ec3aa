"""What the environment may say, typed once: Kafka's address and secrets, and what all services share.

It stands apart so that no other module reads the environment and so that SASL and TLS reach every client (kafka-python,
librdkafka, aiokafka under Faust) from one declaration.  Hazard: secrets live here; show settings only by `describe`.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from services.chassis.errors import ConfigurationError

MASK = "********"
RECONNECT_MAX_MS: Final = 500
"""Longest wait of a client between two tries to reach a broker: what a broker's return is waited for at most."""


class SecretFileSource(EnvSettingsSource):
    """Reads `NAME_FILE` for every secret: the way container platforms hand them over."""

    def __call__(self) -> dict[str, Any]:
        """The content of the named files, each without its last newline."""
        found: dict[str, Any] = {}
        for name, field in self.settings_cls.model_fields.items():
            variable = f"{self.env_prefix}{name}_file".lower()
            path = self.env_vars.get(variable) if _is_secret(field) else None
            if not path:
                continue
            try:
                found[name] = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigurationError(
                    f"{variable.upper()}: cannot read {path} ({error})"
                ) from error
        return found


class Settings(BaseSettings):
    """Base of every service's settings: the environment, and `*_FILE` for secrets."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="ignore",
        env_ignore_empty=True,
        # A secret that is refused is not shown.
        hide_input_in_errors=True,
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment, then secrets' files."""
        return init_settings, env_settings, SecretFileSource(settings_cls)

    def describe(self) -> dict[str, str]:
        """Every setting as text, secrets masked: what may be logged and shown."""
        shown: dict[str, str] = {}
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, SecretStr):
                shown[name] = MASK if value.get_secret_value() else ""
            else:
                shown[name] = "" if value is None else str(value)
        return shown


class KafkaSettings(Settings):
    """How to reach the cluster, and what names topics and groups have there."""

    model_config = SettingsConfigDict(env_prefix="KAFKA_")

    bootstrap_servers: str = "127.0.0.1:9092"
    """`host:port`, several separated by commas."""
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """Reaches every client alike."""
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    """Needed with a SASL protocol."""
    sasl_username: str | None = None
    """Needed with a SASL protocol."""
    sasl_password: SecretStr | None = None
    """Needed with a SASL protocol."""
    ssl_cafile: Path | None = None
    """PEM file of the authority that signed the brokers' certificates; default: those of the system."""
    ssl_certfile: Path | None = None
    """PEM file of our own certificate, where brokers ask for one."""
    ssl_keyfile: Path | None = None
    """PEM file of its key."""
    topic_prefix: str = Field(default="", pattern=r"^[a-zA-Z0-9._-]{0,64}$")
    """Put before every topic, group and transactional id: several pipelines on one cluster."""
    partitions: int = Field(default=4, ge=1, le=1000)
    """Of every topic that a stage joins; fixed once records are there (`akar partitions raise`)."""
    leaf_partitions: int = Field(default=1, ge=1, le=1000)
    """Of every topic that only leads out (inboxes, decisions, status): more readers can share it, each checkpoint takes longer."""
    replication_factor: int = Field(default=1, ge=1, le=9)
    """Of every topic; with 1, durable topics are flushed at each write, with 3 or more, all but one must have a record."""

    @field_validator("bootstrap_servers")
    @classmethod
    def _has_servers(cls, value: str) -> str:
        servers = [part.strip() for part in value.split(",") if part.strip()]
        if not servers:
            raise ValueError("name at least one server, as host:port")
        return ",".join(servers)

    @model_validator(mode="after")
    def _complete(self) -> KafkaSettings:
        if self.security_protocol.startswith("SASL") and not (
            self.sasl_mechanism and self.sasl_username and self.sasl_password
        ):
            raise ValueError(
                "with SASL, set KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD (or _FILE)"
            )
        if (self.ssl_certfile is None) != (self.ssl_keyfile is None):
            raise ValueError("KAFKA_SSL_CERTFILE and KAFKA_SSL_KEYFILE belong together")
        return self

    @property
    def uses_tls(self) -> bool:
        """Whether connections are encrypted."""
        return self.security_protocol in ("SSL", "SASL_SSL")

    @property
    def uses_sasl(self) -> bool:
        """Whether connections are authenticated by name and password."""
        return self.security_protocol.startswith("SASL")

    def topic(self, name: str) -> str:
        """The name on this cluster of the topic that `schemas.topics` calls `name`."""
        return self.topic_prefix + name

    def logical(self, topic: str) -> str:
        """The name in `schemas.topics` of a topic of this cluster."""
        return topic.removeprefix(self.topic_prefix)

    def group(self, name: str) -> str:
        """The name on this cluster of a consumer group or a transactional id."""
        return self.topic_prefix + name

    def for_kafka_python(self) -> dict[str, Any]:
        """Arguments for `kafka.KafkaProducer`, `KafkaConsumer` and `KafkaAdminClient`."""
        config = self._asyncio_and_kafka_python()
        config["reconnect_backoff_max_ms"] = RECONNECT_MAX_MS
        if self.uses_tls:
            config["ssl_cafile"] = _text(self.ssl_cafile)
            config["ssl_certfile"] = _text(self.ssl_certfile)
            config["ssl_keyfile"] = _text(self.ssl_keyfile)
        return config

    def for_librdkafka(self) -> dict[str, Any]:
        """The connection part of a librdkafka configuration."""
        config: dict[str, Any] = {
            "bootstrap.servers": self.bootstrap_servers,
            "security.protocol": self.security_protocol,
            "reconnect.backoff.max.ms": RECONNECT_MAX_MS,
        }
        if self.uses_sasl:
            config["sasl.mechanisms"] = self.sasl_mechanism
            config["sasl.username"] = self.sasl_username
            config["sasl.password"] = self._password()
        if self.uses_tls:
            for name, path in (
                ("ssl.ca.location", self.ssl_cafile),
                ("ssl.certificate.location", self.ssl_certfile),
                ("ssl.key.location", self.ssl_keyfile),
            ):
                if path is not None:
                    config[name] = str(path)
        return config

    def for_aiokafka(self) -> dict[str, Any]:
        """Arguments for aiokafka's clients."""
        config = self._asyncio_and_kafka_python()
        config["bootstrap_servers"] = self.bootstrap_servers
        if self.uses_tls:
            config["ssl_context"] = self.ssl_context()
        return config

    def for_faust(self) -> dict[str, Any] | None:
        """Arguments for `faust.SASLCredentials` or, without a user name, `faust.SSLCredentials`; None in the clear."""
        context = self.ssl_context() if self.uses_tls else None
        if self.uses_sasl:
            return {
                "mechanism": self.sasl_mechanism,
                "username": self.sasl_username,
                "password": self._password(),
                "ssl_context": context,
            }
        return {"context": context} if context is not None else None

    def ssl_context(self) -> ssl.SSLContext:
        """A context that verifies the broker's certificate and name, and shows ours if there is one."""
        context = ssl.create_default_context(cafile=_text(self.ssl_cafile))
        if self.ssl_certfile is not None:
            context.load_cert_chain(self.ssl_certfile, self.ssl_keyfile)
        return context

    def _asyncio_and_kafka_python(self) -> dict[str, Any]:
        config: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap_servers.split(","),
            "security_protocol": self.security_protocol,
        }
        if self.uses_sasl:
            config["sasl_mechanism"] = self.sasl_mechanism
            config["sasl_plain_username"] = self.sasl_username
            config["sasl_plain_password"] = self._password()
        return config

    def _password(self) -> str:
        return self.sasl_password.get_secret_value() if self.sasl_password else ""


class AkarSettings(Settings):
    """What all services share."""

    model_config = SettingsConfigDict(env_prefix="AKAR_")

    registry: Path = Path("examples/shop")
    """The company's folder."""
    log_format: Literal["json", "console"] = "json"
    """JSON lines for machines, coloured lines for people; on stderr."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe level that is written."""
    data_dir: Path = Path(".akar")
    """Where services keep what is not in Kafka: ledgers, state, the embedded broker."""
    customer_salt: SecretStr | None = None
    """Key of the HMAC that stands for a customer's phone, e-mail or account; at least 16 characters."""
    answer_secret: SecretStr | None = None
    """Signs the links by which departments answer; the same for intake, notifier and console; without it there are none."""

    @field_validator("customer_salt", "answer_secret")
    @classmethod
    def _long_enough(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < 16:
            raise ValueError(
                f"AKAR_{str(info.field_name).upper()} needs at least 16 characters: a short one can be guessed"
            )
        return value


def _is_secret(field: FieldInfo) -> bool:
    return "SecretStr" in str(field.annotation)


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
