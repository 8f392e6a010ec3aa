"""The router's rows as anybody can read them: the last record of each key in `router.state`, taken apart.

A key is two bytes of length, so many bytes of group, and the item.  It stands apart because it is written from the
description in docs/verification.md and shares no code with whoever writes the rows: what both misread alike would stay hidden.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

_MASK: Final = 0xFFFFFFFF
_M: Final = 0x5BD1E995


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the router's state."""

    partition: int
    group: bytes
    item: bytes
    value: bytes

    @property
    def name(self) -> str:
        """For people."""
        return f"router.state[{self.partition}] {self.group!r} {self.item!r}"


@dataclass
class State:
    """All rows, by partition and key."""

    rows: Mapping[int, Mapping[bytes, bytes]]
    unreadable: list[str] = field(default_factory=list)
    """Keys that are none."""

    @cached_property
    def groups(self) -> dict[bytes, list[Row]]:
        """Rows by group."""
        found: dict[bytes, list[Row]] = {}
        for partition, rows in self.rows.items():
            for key, value in rows.items():
                row = _row(partition, key, value)
                if row is None:
                    self.unreadable.append(f"router.state[{partition}] {key!r}")
                else:
                    found.setdefault(row.group, []).append(row)
        return found

    def of(self, kind: bytes) -> Iterator[Row]:
        """The rows whose group begins with `kind`."""
        for group, rows in self.groups.items():
            if group.startswith(kind):
                yield from rows

    def find(self, group: bytes, item: bytes = b"") -> bytes | None:
        """One row's value."""
        for row in self.groups.get(group, ()):
            if row.item == item:
                return row.value
        return None


def key_of(group: bytes, item: bytes = b"") -> bytes:
    """The changelog key of a row."""
    return struct.pack(">H", len(group)) + group + item


def _row(partition: int, key: bytes, value: bytes) -> Row | None:
    if len(key) < 3:
        return None
    (size,) = struct.unpack_from(">H", key)
    group = key[2 : 2 + size]
    if not size or len(group) != size:
        return None
    return Row(partition, group, key[2 + size :], value)


def partition_of(key: str, count: int) -> int:
    """Where a record with that key belongs: murmur2 with the seed of the Java client."""
    data = key.encode()
    length = len(data)
    h = (0x9747B28C ^ length) & _MASK
    for at in range(0, length - length % 4, 4):
        k = int.from_bytes(data[at : at + 4], "little") * _M & _MASK
        k ^= k >> 24
        h = (h * _M & _MASK) ^ (k * _M & _MASK)
    rest = data[length - length % 4 :]
    if rest:
        h = ((h ^ int.from_bytes(rest, "little")) * _M) & _MASK
    h ^= h >> 13
    h = h * _M & _MASK
    h ^= h >> 15
    return (h & 0x7FFFFFFF) % count
