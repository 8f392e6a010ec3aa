"""Reads in the metadata log whether the broker's last registration has ended (is "fenced", in Kafka's words).

It stands apart because what the controller says is not what it has written: it logs the word first.  A record counts here
once its batch is in the file to its last byte, which survives the end of whoever wrote it.

Batches follow each other; a batch that a crash cut off is where Kafka will go on writing.  The metadata log is not compressed.
"""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Final

METADATA_LOG: Final = "__cluster_metadata-0"
_CHANGE: Final = re.compile(
    rb"\x01\x11[\x00-\x03]\x00\x00\x00\x01.{8}[\x01-\x04]\x00\x01([\x01\xff])", re.DOTALL
)
"""BrokerRegistrationChange: frame version, kind, version, broker 1, its epoch, and the tagged field 0: 1 fenced, -1 unfenced."""
_FENCED: Final = b"\x01"
_FIRST: Final = f"{0:020}.log"
_HEAD: Final = 12
_LENGTH_AT: Final = 8


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
        for segment in sorted(self._folder.glob("*.log")):
            if segment.name < self._segment:
                continue
            if segment.name > self._segment:
                self._segment, self._position = segment.name, 0
            with segment.open("rb") as file:
                file.seek(self._position)
                content = file.read()
            whole = content[: _whole_batches(content)]
            self._position += len(whole)
            for found in _CHANGE.finditer(whole):
                self._ended = found[1] == _FENCED
        return self._ended


def _whole_batches(content: bytes) -> int:
    end = 0
    while end + _HEAD <= len(content):
        (length,) = struct.unpack_from(">i", content, end + _LENGTH_AT)
        if length <= 0 or end + _HEAD + length > len(content):
            break
        end += _HEAD + length
    return end
