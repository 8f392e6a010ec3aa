"""Reads in the metadata log whether the broker's last registration has ended (is "fenced", in Kafka's words).

It stands apart because what the controller says is not what it has written: it logs the word first.  A record counts here
once its batch is in the file to its last byte, which survives the end of whoever wrote it.

Batches follow each other; a batch that a crash cut off is where Kafka will go on writing.  The metadata log is not compressed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

METADATA_LOG: Final = "__cluster_metadata-0"
_FIRST: Final = f"{0:020}.log"
_OURS: Final = struct.pack(">i", 1)
"""The id of the only broker."""

_HEAD: Final = 61
"""Bytes of a batch before its records."""
_LENGTH_AT: Final = 8
_BEFORE_LENGTH: Final = 12
_ATTRIBUTES_AT: Final = 21
_CONTROL: Final = 0x20
_LEAST: Final = 80
"""A smaller batch is one record that says nothing: Kafka writes two each second."""

_REGISTERED: Final = 0
_CHANGED: Final = 17
_FENCED: Final = b"\x00\x01\x01"
"""Of a changed registration its first tagged field, number 0, of one byte: 1 fenced,"""
_UNFENCED: Final = b"\x00\x01\xff"
"""and -1 unfenced."""


class Registration:
    """What the log has said so far; each question reads on where the last one ended."""

    def __init__(self, logs: Path) -> None:
        self._folder = logs / METADATA_LOG
        self._segment = ""
        self._position = 0
        # A log that reaches back to its beginning and has no registration that came to life: none ever did.
        self._ended: bool | None = True if (self._folder / _FIRST).exists() else None

    def ended(self) -> bool | None:
        """Whether the last life's registration has ended; `None` if the log does not reach back to it."""
        for ended in self.changes():
            self._ended = ended
        return self._ended

    def changes(self) -> Iterator[bool]:
        """What was written since the last question: True for each end (and each new beginning, which does not serve yet)."""
        for segment in sorted(self._folder.glob("*.log")):
            if segment.name < self._segment:
                continue
            if segment.name > self._segment:
                self._segment, self._position = segment.name, 0
            with segment.open("rb") as file:
                file.seek(self._position)
                content = file.read()
            for begin, end in _whole_batches(content):
                self._position += end - begin
                if end - begin >= _LEAST and not content[begin + _ATTRIBUTES_AT + 1] & _CONTROL:
                    yield from _told(content[begin + _HEAD : end])


def _whole_batches(content: bytes) -> Iterator[tuple[int, int]]:
    begin = 0
    while begin + _HEAD <= len(content):
        (length,) = struct.unpack_from(">i", content, begin + _LENGTH_AT)
        end = begin + _BEFORE_LENGTH + length
        if end < begin + _HEAD or end > len(content):
            return
        yield begin, end
        begin = end


def _told(records: bytes) -> Iterator[bool]:
    at = 0
    while at < len(records):
        length, at = _signed(records, at)
        end = at + length
        _, value = _signed(records, at + 1)  # behind the attributes: the time
        _, value = _signed(records, value)  # the offset
        size, value = _signed(records, value)
        value += max(0, size)  # the key
        _, value = _signed(records, value)
        _frame, value = _unsigned(records, value)
        kind, value = _unsigned(records, value)
        _version, value = _unsigned(records, value)
        if records.startswith(_OURS, value):
            if kind == _REGISTERED:
                yield True
            elif kind == _CHANGED:
                # Behind the broker's id its epoch, and how many tagged fields there are.
                found = records[value + 13 : value + 16]
                if found in (_FENCED, _UNFENCED):
                    yield found == _FENCED
        at = end


def _unsigned(content: bytes, at: int) -> tuple[int, int]:
    """A varint, and where it ends."""
    value = shift = 0
    while True:
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _signed(content: bytes, at: int) -> tuple[int, int]:
    value, at = _unsigned(content, at)
    return (value >> 1) ^ -(value & 1), at
