"""What the environment may say to the console."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from services.chassis.errors import ConfigurationError
from services.chassis.settings import Settings


class ConsoleSettings(Settings):
    """Where it listens, who may read, and where the read model is."""

    model_config = SettingsConfigDict(env_prefix="CONSOLE_")

    database_url: SecretStr | None = None
    """SQLite or PostgreSQL; a SQLite file in the data folder if not set."""
    host: str = "127.0.0.1"
    port: int = Field(default=8082, ge=0, le=65535)
    key: SecretStr | None = None
    """Bearer key; a browser may give it as the password of any user."""
    keys_file: Path | None = None
    """More keys, one a line; `#` starts a comment."""
    intake_url: str | None = None
    """Where people reach intake; with AKAR_ANSWER_SECRET an open question's page then leads to its answers."""

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    def keys(self) -> tuple[str, ...]:
        """Every key that lets someone read; none means that everyone on this machine may.

        Raises:
            ConfigurationError: The file cannot be read, or the console would be open to the network without a key.
        """
        found = [] if self.key is None else [self.key.get_secret_value()]
        if self.keys_file is not None:
            try:
                lines = self.keys_file.read_text(encoding="utf-8").splitlines()
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigurationError(
                    f"CONSOLE_KEYS_FILE: cannot read {self.keys_file}: {error}"
                ) from error
            found += [line.strip() for line in lines if line.strip() and not line.startswith("#")]
        if any(len(key) < 16 for key in found):
            raise ConfigurationError(
                "a console key needs at least 16 characters: a short one can be guessed"
            )
        if not found and not self.is_loopback:
            raise ConfigurationError(
                f"CONSOLE_HOST is {self.host}: set CONSOLE_KEY (or CONSOLE_KEY_FILE, CONSOLE_KEYS_FILE), "
                "or anyone on the network could read complaints"
            )
        return tuple(found)
