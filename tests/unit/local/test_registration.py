"""What the metadata log says of a registration, batch by batch; the real log is read in tests/integration/embedded."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from services.local.registration import METADATA_LOG, Registration

REGISTERED = b"\x01\x00\x04\x00\x00\x00\x01" + bytes(60)
UNFENCED, FENCED = (
    b"\x01\x11\x00\x00\x00\x00\x01" + struct.pack(">q", 90) + b"\x01\x00\x01" + told + b"\x00"
    for told in (b"\xff", b"\x01")
)
SHUTTING_DOWN = (
    b"\x01\x11\x01\x00\x00\x00\x01" + struct.pack(">q", 90) + b"\x01\x01\x01\x01" + b"\x00"
)


def record(number: int, value: bytes) -> bytes:
    """A record without a key; all of its numbers are small."""
    content = b"\x00\x00" + bytes([2 * number]) + b"\x01" + varint(len(value)) + value + b"\x00"
    return varint(len(content)) + content


def varint(value: int) -> bytes:
    """Of a number from 0 to 8191, as Kafka writes signed ones."""
    value *= 2
    return bytes([value]) if value < 0x80 else bytes([value & 0x7F | 0x80, value >> 7])


def batch(offset: int, *values: bytes) -> bytes:
    """A record batch: its offset, its length, and what is in it."""
    content = bytes(49) + b"".join(record(n, value) for n, value in enumerate(values))
    return struct.pack(">qi", offset, len(content)) + content


def whatever(size: int) -> bytes:
    """Another kind of record, which happens to contain what one of ours begins with."""
    return b"\x01\x03\x00" + FENCED + bytes(size)


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
    append(segment, batch(3, whatever(30), FENCED))
    assert registration.ended() is True
    append(segment, batch(4, UNFENCED))
    assert registration.ended() is False
    assert Registration(tmp_path).ended() is False


def test_a_new_registration_does_not_serve_yet(segment: Path, tmp_path: Path) -> None:
    """Killed between its registration and its first word: there is nothing to end, though nobody was fenced."""
    append(segment, batch(1, UNFENCED))
    append(segment, batch(2, REGISTERED, whatever(9)))
    assert Registration(tmp_path).ended() is True


def test_half_a_batch_says_nothing(segment: Path, tmp_path: Path) -> None:
    """Killed while it wrote: the word is there and its batch is not, and Kafka goes on at the batch's beginning."""
    append(segment, batch(1, UNFENCED))
    registration = Registration(tmp_path)
    assert registration.ended() is False
    size = segment.stat().st_size
    whole = batch(2, FENCED, whatever(20))
    append(segment, batch(2, whatever(300)))
    assert registration.ended() is False, "bytes of another record"
    segment.write_bytes(segment.read_bytes()[:size])
    registration = Registration(tmp_path)
    append(segment, whole[:-1])
    assert FENCED in segment.read_bytes()
    assert registration.ended() is False
    segment.write_bytes(segment.read_bytes()[:size])
    append(segment, batch(2, whatever(200)) + batch(3, FENCED))
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
    segment.unlink()
    segment.with_name(f"{7:020}.log").write_bytes(batch(7, whatever(90)))
    assert Registration(tmp_path).ended() is None
