"""What is shown of a long log when its process ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.local.excerpt import excerpt, excerpt_of

FRAMES = "\tat kafka.server.ReplicaManager.applyDelta(ReplicaManager.scala:2395)\n" * 60


def test_the_first_complaint_stands_before_the_end() -> None:
    """The line and its cause, without the frames that would hide it."""
    log = (
        "2026-11-22T10:00:00.000Z INFO  LogManager: Loading logs\n"
        "2026-11-22T10:00:01.000Z ERROR LogDirFailureChannel: Error while reading checkpoint file\n"
        "java.io.IOException: Malformed line\n" + FRAMES + "the end\n"
    )

    shown = excerpt(log).splitlines()

    assert shown[:2] == [
        "2026-11-22T10:00:01.000Z ERROR LogDirFailureChannel: Error while reading checkpoint file",
        "java.io.IOException: Malformed line",
    ]
    assert "[...]" in shown
    assert shown[-1] == "the end"


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-22T10:00:00.000Z FATAL Kafka: over",
        "Exception in thread main",
        "Error: Could not find or load main class kafka.Kafka",
        "java.lang.OutOfMemoryError: Java heap space",
        "Traceback (most recent call last):",
        '{"event": "x", "level": "error"}',
    ],
)
def test_whatever_speaks_can_complain(line: str) -> None:
    """Kafka, Java itself, Python, and services that log JSON."""
    assert excerpt(f"one\n{line}\n{FRAMES}").startswith(line)


def test_a_short_log_and_one_without_complaint_are_shown_as_they_end() -> None:
    """Nothing is repeated, and nothing is made up."""
    assert excerpt("2026 ERROR x\n") == "2026 ERROR x"
    assert excerpt("a word\n" * 1000, limit=12) == "word\na word"


def test_only_this_life_is_shown(tmp_path: Path) -> None:
    """What an earlier process wrote into the same file is not this one's complaint."""
    log = tmp_path / "kafka.out"
    before = "2026 ERROR of yesterday\n"
    log.write_text(before + "now\n" * 1000)

    assert "yesterday" not in excerpt_of(log, len(before))
    assert "yesterday" in excerpt_of(log)
    assert excerpt_of(tmp_path / "none") == ""
