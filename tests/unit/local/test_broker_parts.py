"""The broker's settings, its ports, the probe's bytes, Java's version: what needs no process."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from services.chassis.errors import ConfigurationError
from services.local.java import find_java, parse_version
from services.local.probe import live_brokers, metadata_request
from services.local.properties import server_properties
from services.local.settings import LocalSettings


def settings_of(text: str) -> dict[str, str]:
    """A properties file as a dictionary; a key that occurs twice fails."""
    keys, values = zip(*(line.split("=", 1) for line in text.splitlines()), strict=True)
    assert len(set(keys)) == len(keys)
    return dict(zip(keys, values, strict=True))


def test_broker_is_durable_quick_and_local() -> None:
    """The settings that the promises rest on are there."""
    settings = settings_of(server_properties(20001, 20002, Path("/data/log"), {}))
    assert settings["log.flush.interval.messages"] == "1"
    assert settings["auto.create.topics.enable"] == "false"
    assert settings["broker.session.timeout.ms"] == "86400000"
    assert settings["broker.heartbeat.interval.ms"] == "400"
    assert settings["transaction.abort.timed.out.transaction.cleanup.interval.ms"] == "1000"
    assert settings["listeners"] == "PLAINTEXT://127.0.0.1:20001,CONTROLLER://127.0.0.1:20002"
    assert settings["advertised.listeners"] == "PLAINTEXT://127.0.0.1:20001"


def test_overrides_replace_settings() -> None:
    """A test may loosen a setting without a second, contradicting line."""
    settings = settings_of(
        server_properties(
            1, 2, Path("/d"), {"log.flush.interval.messages": "10", "log.retention.ms": "5"}
        )
    )
    assert settings["log.flush.interval.messages"] == "10"
    assert settings["log.retention.ms"] == "5"


def test_folder_names_survive_java_properties() -> None:
    """A backslash is escaped; a comma, which Kafka reads as two folders, is refused in words."""
    assert settings_of(server_properties(1, 2, Path("/a\\b"), {}))["log.dirs"] == "/a\\\\b"
    with pytest.raises(ConfigurationError, match="comma"):
        server_properties(1, 2, Path("/a,b"), {})


def test_probe_asks_in_kafkas_format() -> None:
    """The request is Metadata v1 for no topic, with its own length before it."""
    request = metadata_request(correlation=7)
    length, key, version, correlation, client = struct.unpack_from(">ihhih", request)
    assert length == len(request) - 4
    assert (key, version, correlation) == (3, 1, 7)
    assert struct.unpack(">i", request[14 + client :]) == (0,)


def test_probe_counts_live_brokers_of_its_own_answer_only() -> None:
    """An answer to something else is no readiness, and an empty cluster neither."""
    assert live_brokers(struct.pack(">ii", 7, 1) + b"rest", correlation=7) == 1
    assert live_brokers(struct.pack(">ii", 7, 0), correlation=7) == 0
    with pytest.raises(ValueError, match="request 8"):
        live_brokers(struct.pack(">ii", 8, 1), correlation=7)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_402"', 8),
        ('openjdk version "25" 2025-09-16', 25),
        ("The operation couldn't be completed. Unable to locate a Java Runtime.", None),
    ],
)
def test_java_version_is_read(text: str, version: int | None) -> None:
    """Old and new ways of writing it, and the stub of macOS that is no Java."""
    assert parse_version(text) == version


def test_a_java_that_was_asked_for_must_serve(tmp_path: Path) -> None:
    """AKAR_JAVA is not silently replaced by another one."""
    with pytest.raises(ConfigurationError, match=r"AKAR_JAVA cannot be used.*17"):
        find_java(LocalSettings(akar_java=tmp_path / "java"))


def test_a_java_that_is_too_old_is_named(tmp_path: Path) -> None:
    """The error says which Java was found and what is needed."""
    old = tmp_path / "java"
    old.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
    old.chmod(0o755)
    with pytest.raises(ConfigurationError, match="Java 11"):
        find_java(LocalSettings(akar_java=old))
