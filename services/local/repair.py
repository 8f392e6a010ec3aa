"""Mends, before a start, the small files that Kafka ends at when they are unreadable, and could work out anew.

It stands apart because Kafka does not: one garbled line in a checkpoint, and "all log dirs have failed"; a `partition.metadata`
that is missing, and the partition's records are put aside as stray and deleted a minute later.  Kafka flushes these files before
it renames them, so a disk that keeps its word leaves none of them broken; after a power cut not every disk, file system or
copy of a virtual machine has kept it.

Only what can be had again is touched: checkpoints that a single broker works out from its records are put aside, as
`NAME.broken`, and topic ids are read from the metadata log.  Segments, indexes and snapshots are Kafka's own to mend; it does.
Hazard: a wrong id would make Kafka delete a partition, so one that is not found is not guessed.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from services.local.registration import METADATA_LOG

CLEAN_SHUTDOWN: Final = ".kafka_cleanshutdown"
_METADATA_TOPIC_ID: Final = bytes(15) + b"\x01"
_OFFSETS: Final = (
    "cleaner-offset-checkpoint",
    "log-start-offset-checkpoint",
    "recovery-point-offset-checkpoint",
    "replication-offset-checkpoint",
)
_EPOCHS: Final = "leader-epoch-checkpoint"
_TOPIC_ID: Final = "partition.metadata"
_QUORUM: Final = "quorum-state"
_OFFSET_LINE: Final = re.compile(r"\S+\s+\d+\s+-?\d+")
_EPOCH_LINE: Final = re.compile(r"-?\d+\s+-?\d+")
_ID_FILE: Final = re.compile(r"version: \d+\ntopic_id: [\w-]{22}\n?")
_PARTITION: Final = re.compile(r"(?P<topic>[\w.-]+)-\d+")
_TOPIC_RECORD: Final = b"\x01\x02\x00"
"""How a record of the metadata log begins that gives a topic its id: its frame's version, its kind, its version."""


def mend(logs: Path) -> list[str]:
    """Mend what a power cut may have broken below a broker's storage; nothing after a clean shutdown.

    Args:
        logs: Kafka's log directory; no broker runs on it.

    Returns:
        A sentence for each file that was mended.
    """
    if not logs.is_dir() or (logs / CLEAN_SHUTDOWN).exists():
        return []
    done = [
        _aside(logs / name) for name in _OFFSETS if _unreadable(logs / name, _is_list(_OFFSET_LINE))
    ]
    ids = _TopicIds(logs / METADATA_LOG)
    for folder in sorted(path for path in logs.iterdir() if path.is_dir()):
        named = _PARTITION.fullmatch(folder.name)
        if named is None:  # what Kafka is about to delete, or has put aside, is named otherwise
            continue
        if _unreadable(folder / _EPOCHS, _is_list(_EPOCH_LINE)):
            done.append(_aside(folder / _EPOCHS))
        if _unreadable(folder / _QUORUM, _is_quorum):
            done.append(_aside(folder / _QUORUM))
        file = folder / _TOPIC_ID
        if not file.exists() or _unreadable(file, _is_topic_id):
            topic_id = ids.of(named["topic"])
            if topic_id is not None:
                _write(file, topic_id)
                done.append(f"{_short(file)} was lost or unreadable: written anew")
    return done


# -- what is readable, as Kafka reads it ----------------------------------------------------------------


def _unreadable(file: Path, readable: Callable[[str], bool]) -> bool:
    try:
        text = file.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return False
    except UnicodeDecodeError:
        return True
    return not readable(text)


def _is_list(entry: re.Pattern[str]) -> Callable[[str], bool]:
    """A version, a count, and as many entries; an empty file is what Kafka makes itself when there is none."""

    def readable(text: str) -> bool:
        lines = text.splitlines()
        if not lines:
            return True
        if lines[0] != "0":
            return False
        return len(lines) == 1 or (
            lines[1].isdecimal()
            and int(lines[1]) == len(lines) - 2
            and all(entry.fullmatch(line) for line in lines[2:])
        )

    return readable


def _is_quorum(text: str) -> bool:
    # For a quorum of one, whose epoch the metadata log has too, no vote can be forgotten.
    try:
        found = json.loads(text)
    except ValueError:
        return False
    return isinstance(found, dict) and isinstance(found.get("leaderEpoch"), int)


def _is_topic_id(text: str) -> bool:
    return _ID_FILE.fullmatch(text) is not None


# -- ids of topics -------------------------------------------------------------------------------------------


class _TopicIds:
    """The ids that the metadata log has given, read when the first one is asked for.

    Its records are not compressed; the last one of a name counts, since a name may be used again.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._found: list[bytes] | None = None

    def of(self, topic: str) -> bytes | None:
        if f"{topic}-0" == METADATA_LOG:
            return _METADATA_TOPIC_ID
        if self._found is None:
            self._found = [file.read_bytes() for file in self._newest_first()]
        name = topic.encode()
        record = _TOPIC_RECORD + _compact_length(name) + name
        for content in self._found:
            at = content.rfind(record)
            topic_id = content[at + len(record) : at + len(record) + 16] if at >= 0 else b""
            if len(topic_id) == 16 and any(topic_id):
                return topic_id
        return None

    def _newest_first(self) -> Iterator[Path]:
        # Named after offsets: a snapshot covers what lies below its own, segments go on from theirs.
        segments = sorted(self._folder.glob("*.log"), reverse=True)
        snapshots = sorted(self._folder.glob("*.checkpoint"), reverse=True)
        yield from (*segments, *snapshots)


def _compact_length(name: bytes) -> bytes:
    # An unsigned varint of one more than the length; a topic's name has at most 249 characters.
    length = len(name) + 1
    return bytes([length]) if length < 0x80 else bytes([length & 0x7F | 0x80, length >> 7])


# -- files ------------------------------------------------------------------------------------------------------


def _aside(file: Path) -> str:
    file.replace(file.with_name(f"{file.name}.broken"))
    return f"{_short(file)} was unreadable: put aside, Kafka works it out anew"


def _write(file: Path, topic_id: bytes) -> None:
    text = f"version: 0\ntopic_id: {base64.urlsafe_b64encode(topic_id).decode().rstrip('=')}"
    new = file.with_name(f"{file.name}.new")
    with new.open("w", encoding="utf-8") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
    new.replace(file)


def _short(file: Path) -> str:
    return f"{file.parent.name}/{file.name}"
