"""The groups of rows that the stages keep, and to which key each row belongs.

One place, because two things have to know all of them: retention, which passes over every row, and the raising of partitions,
which moves each row to where its key lies then.  A stage with a new kind of row adds it here; raising refuses what it does
not know.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

EVENTS: Final = b"e:"
"""And the case: one row per event."""
TRACES: Final = b"t:"
"""And the case: one row per complaint about it; the row without an item says that there is one (`asked`)."""
WATERMARKS: Final = b"w"
"""One row per source: up to when this partition has heard of it."""
HEARD: Final = b"h"
"""One row per source: when this partition last heard of it, to the minute; µs."""
LOSSES: Final = b"l"
"""One row: by source, what must have happened in the cases asked about in this partition, and how much of it was never told."""
NAMED: Final = b"o:"
"""And the case: one row per customer that an event of it named, with when that was last announced; µs."""
CUSTOMERS: Final = b"u:"
"""And the customer: one row per case, with when it was last seen; µs."""
SEARCHES: Final = b"s:"
"""And the customer: one row per complaint that searches for its case, with when it asked; µs."""
LIVES: Final = b"c:"
"""And the complaint: one row."""
DUE: Final = b"d"
"""By time, then complaint."""
EARLY: Final = b"m:"
"""And the complaint: messages that came before it."""
UNTIL: Final = b"x"
"""When to stop waiting with such a message: time, offset, complaint."""
SWEEP: Final = b"r"
"""Where the partition's retention stands."""
REGISTRY: Final = b"registry"
"""The digest of the contents that decide in this partition."""

DIGITS: Final = 20
"""Of a number in an item, so that items sort by it."""

_KEYED: Final = (EVENTS, TRACES, NAMED, CUSTOMERS, SEARCHES, LIVES, EARLY)
_INDEXES: Final = {DUE: DIGITS, UNTIL: 2 * DIGITS}
OF_PARTITION: Final = frozenset({WATERMARKS, HEARD, LOSSES, SWEEP, REGISTRY})
"""Rows of the partition itself, whatever keys lie in it."""


class UnknownGroup(ValueError):
    """A row of a kind that is not declared here."""


def key_of(group: bytes, item: bytes) -> bytes | None:
    """The record key that a row belongs to; None for a row of the partition itself.

    Raises:
        UnknownGroup: nobody declared such rows.
    """
    if group in OF_PARTITION:
        return None
    digits = _INDEXES.get(group)
    if digits is not None:
        return item[digits:]
    if group.startswith(_KEYED):
        return group[2:]
    raise UnknownGroup(f"rows of group {group[:40]!r} are not declared in {__name__}")


def joined(group: bytes, values: Sequence[bytes | None]) -> bytes | None:
    """What a row of the partition itself is in a partition whose keys lay in several before; None: there is none.

    Args:
        group: of the row.
        values: of each partition that the keys came from; the first is the one that most of it continues.
    """
    if group == WATERMARKS:
        # Heard of by all of them up to then: a source that one of them has not read so far must not look silent.
        known = [int(value) for value in values if value is not None]
        return str(min(known)).encode() if len(known) == len(values) else None
    if group == HEARD:
        return str(max(int(value) for value in values if value is not None)).encode()
    return values[0] if group == REGISTRY else None


def number(value: int) -> bytes:
    """Sorts like the number; one below 0 sorts as 0."""
    return f"{max(value, 0):0{DIGITS}d}".encode()


def due_item(due: int, complaint: str) -> bytes:
    """An item of the due index."""
    return number(due) + complaint.encode()


OPEN: Final = b"1"
FULL: Final = b"full"


def asked(at: int, *, full: bool = False) -> bytes:
    """The row that says that there is a complaint about a case, and when the last one came; µs."""
    return (FULL if full else OPEN) + b" %d" % at


def asked_at(row: bytes | None) -> int:
    """When somebody complained last; 0 if nobody did."""
    return int(row.partition(b" ")[2] or 0) if row else 0


def is_full(row: bytes | None) -> bool:
    """Whether the case takes no more events."""
    return row is not None and row.startswith(FULL)
