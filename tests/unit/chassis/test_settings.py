"""Settings: one declaration for every Kafka client, and secrets that do not show."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from services.chassis.errors import ConfigurationError
from services.chassis.settings import MASK, AkarSettings, KafkaSettings

SASL = {
    "KAFKA_BOOTSTRAP_SERVERS": "a:9092, b:9092",
    "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
    "KAFKA_SASL_USERNAME": "router",
    "KAFKA_SASL_PASSWORD": "open sesame",
}


@pytest.fixture
def sasl(monkeypatch: pytest.MonkeyPatch) -> KafkaSettings:
    for name, value in SASL.items():
        monkeypatch.setenv(name, value)
    return KafkaSettings()


def test_credentials_reach_kafka_python(sasl: KafkaSettings) -> None:
    """kafka-python gets servers as a list and the names it uses for SASL."""
    config = sasl.for_kafka_python()
    assert config["bootstrap_servers"] == ["a:9092", "b:9092"]
    assert config["security_protocol"] == "SASL_SSL"
    assert config["sasl_mechanism"] == "SCRAM-SHA-512"
    assert (config["sasl_plain_username"], config["sasl_plain_password"]) == (
        "router",
        "open sesame",
    )


def test_credentials_reach_librdkafka(sasl: KafkaSettings) -> None:
    """librdkafka gets the same under its dotted names."""
    assert sasl.for_librdkafka() == {
        "bootstrap.servers": "a:9092,b:9092",
        "reconnect.backoff.max.ms": 500,
        "security.protocol": "SASL_SSL",
        "sasl.mechanisms": "SCRAM-SHA-512",
        "sasl.username": "router",
        "sasl.password": "open sesame",
    }


def test_credentials_reach_faust_and_aiokafka(sasl: KafkaSettings) -> None:
    """Both verify the broker by a TLS context and log in with the same name."""
    faust = sasl.for_faust()
    assert faust is not None
    assert faust["username"] == "router"
    assert faust["ssl_context"].check_hostname
    aiokafka = sasl.for_aiokafka()
    assert aiokafka["bootstrap_servers"] == "a:9092,b:9092"
    assert aiokafka["sasl_plain_password"] == "open sesame"
    assert aiokafka["ssl_context"].check_hostname


def test_in_the_clear_nothing_of_sasl_or_tls_is_set() -> None:
    """A plain cluster gets no credentials at all."""
    plain = KafkaSettings()
    assert set(plain.for_kafka_python()) == {
        "bootstrap_servers",
        "security_protocol",
        "reconnect_backoff_max_ms",
    }
    assert plain.for_faust() is None


def test_description_masks_secrets(sasl: KafkaSettings) -> None:
    """What is logged at the start names every setting and no password."""
    described = sasl.describe()
    assert described["sasl_username"] == "router"
    assert described["sasl_password"] == MASK
    assert "open sesame" not in str(described) + repr(sasl)


def test_secret_is_read_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`NAME_FILE` names a file whose content is the secret, without the newline an editor adds."""
    secret = tmp_path / "password"
    secret.write_text("from the file\n")
    for name, value in SASL.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("KAFKA_SASL_PASSWORD")
    monkeypatch.setenv("KAFKA_SASL_PASSWORD_FILE", str(secret))
    assert KafkaSettings().for_librdkafka()["sasl.password"] == "from the file"


def test_missing_secret_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret file that is not there stops the start with its variable and path."""
    monkeypatch.setenv("AKAR_CUSTOMER_SALT_FILE", "/nowhere/salt")
    with pytest.raises(ConfigurationError, match=r"AKAR_CUSTOMER_SALT_FILE.*/nowhere/salt"):
        AkarSettings()


def test_sasl_without_password_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a login is refused at the start, not by the broker later."""
    monkeypatch.setenv("KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT")
    with pytest.raises(ValidationError, match="KAFKA_SASL_PASSWORD"):
        KafkaSettings()


def test_refused_salt_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """The complaint about a short salt does not print it."""
    monkeypatch.setenv("AKAR_CUSTOMER_SALT", "tooshort")
    with pytest.raises(ValidationError, match="16 characters") as refusal:
        AkarSettings()
    assert "tooshort" not in str(refusal.value)


def test_prefix_names_topics_and_groups() -> None:
    """A prefix goes before topics and groups, and comes off again."""
    settings = KafkaSettings(topic_prefix="t1-")
    assert settings.topic("complaint.received") == "t1-complaint.received"
    assert settings.group("router") == "t1-router"
    assert settings.logical("t1-complaint.received") == "complaint.received"
