"""What the metadata log says of a registration, batch by batch; the real log is read in test_embedded_kafka."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from services.local.registration import METADATA_LOG, Registration

REGISTERED = b"\x01\x1b\x04" + bytes(40)
UNFENCED, FENCED = (
    b"\x01\x11\x00\x00\x00\x00\x01" + struct.pack(">q", 90) + b"\x01\x00\x01" + told + b"\x00"
    for told in (b"\xff", b"\x01")
)
SHUTTING_DOWN = (
    b"\x01\x11\x01\x00\x00\x00\x01" + struct.pack(">q", 90) + b"\x01\x01\x01\x01" + b"\x00"
)


def batch(offset: int, *records: bytes) -> bytes:
    """A record batch: its offset, its length, and what is in it."""
    content = bytes(49) + b"".join(records)
    return struct.pack(">qi", offset, len(content)) + content


@pytest.fixture
def segment(tmp_path: Path) -> Path:
    """The first segment of a metadata log, with a broker that has registered and does not serve yet."""
    folder = tmp_path / METADATA_LOG
    folder.mkdir()
    found = folder / f"{0:020}.log"
    found.write_bytes(batch(0, REGISTERED))
    return found


def append(segment: Path, content: bytes) -> None:
    """What Kafka does next."""
    with segment.open("ab") as file:
        file.write(content)


def test_it_is_read_on_as_the_log_grows(segment: Path, tmp_path: Path) -> None:
    """Unfenced, on its way to an end, fenced, and alive again: each from where the last question ended."""
    registration = Registration(tmp_path)
    assert registration.ended() is True, "it never came to life"
    append(segment, batch(1, UNFENCED))
    assert registration.ended() is False
    append(segment, batch(2, SHUTTING_DOWN))
    assert registration.ended() is False, "a wish to end is no end"
    append(segment, batch(3, bytes(30), FENCED))
    assert registration.ended() is True
    append(segment, batch(4, UNFENCED))
    assert registration.ended() is False
    assert Registration(tmp_path).ended() is False


def test_half_a_batch_says_nothing(segment: Path, tmp_path: Path) -> None:
    """Killed while it wrote: the word is there and its batch is not, and Kafka goes on at the batch's beginning."""
    append(segment, batch(1, UNFENCED))
    registration = Registration(tmp_path)
    assert registration.ended() is False
    size = segment.stat().st_size
    whole = batch(2, FENCED, bytes(20))
    append(segment, whole[:-1])
    assert FENCED in segment.read_bytes()
    assert registration.ended() is False
    segment.write_bytes(segment.read_bytes()[:size])
    append(segment, batch(2, bytes(10)) + batch(3, FENCED))
    assert registration.ended() is True


def test_a_new_segment_goes_on(segment: Path, tmp_path: Path) -> None:
    """Named after its first offset."""
    append(segment, batch(1, UNFENCED))
    registration = Registration(tmp_path)
    assert registration.ended() is False
    segment.with_name(f"{2:020}.log").write_bytes(batch(2, FENCED))
    assert registration.ended() is True


def test_a_log_without_its_beginning_is_not_guessed(segment: Path, tmp_path: Path) -> None:
    """What a snapshot covers and retention has deleted may have been a registration that is alive."""
    segment.rename(segment.with_name(f"{7:020}.log"))
    assert Registration(tmp_path).ended() is None
