"""Messages that are read before the complaint they are about, kept until it comes.

A customer's message and the complaint lie in two topics, and a worker that has fallen behind may read them in either order.
It stands apart because it is a small store of its own: rows `m:` by complaint, and an index `x` of when to stop waiting.

Hazard: what the customer wrote is not kept here, as in no row; a dead letter made from such a row names the place of the
whole record instead.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from schemas import codec
from schemas.complaint import ComplaintMessagedV1
from schemas.envelope import Envelope
from services.router.checkpoint.partition import Partition
from services.router.stages import rows
from services.router.stages.base import Record

PATIENCE: Final = timedelta(hours=1)
"""Since the message was written.  Only a lag between two topics is bridged: the complaint was accepted before its message."""
_ANY: Final = "early"


@dataclass(slots=True)
class KeptRecord:
    """A consumed record as it was kept, without the customer's words."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Iterable[tuple[str, bytes | None]]
    timestamp: int


def keep(partition: Partition, record: Record, envelope: Envelope[ComplaintMessagedV1]) -> None:
    """Keep a message about a complaint that is not known yet."""
    complaint = envelope.data.complaint_id
    wordless = envelope.data.model_copy(update={"text": None})
    row = {
        "topic": record.topic,
        "partition": record.partition,
        "timestamp": record.timestamp,
        "value": wordless.model_dump_json(),
        "headers": [
            [name, None if value is None else base64.b64encode(value).decode()]
            for name, value in record.headers
        ],
    }
    until = record.timestamp + int(PATIENCE.total_seconds() * 1000)
    item = rows.number(record.offset)
    partition.store.put(rows.EARLY + complaint.encode(), item, json.dumps(row).encode())
    partition.store.put(rows.UNTIL, rows.number(until) + item + complaint.encode(), b"1")
    partition.memory[_ANY] = True


def take(partition: Partition, complaint: str) -> Iterator[Envelope[ComplaintMessagedV1]]:
    """The messages that came before their complaint, in their order; they are kept no longer."""
    if not _any(partition):
        return
    group = rows.EARLY + complaint.encode()
    for item, row in partition.store.items(group):
        partition.store.delete(group, item)
        record = _record(complaint, item, row)
        yield codec.decode(
            (ComplaintMessagedV1,), key=record.key, value=record.value, headers=record.headers
        )


def _any(partition: Partition) -> bool:
    """Whether a message may be kept in this partition: mostly none is, and no complaint need look for its own."""
    found: bool | None = partition.memory.get(_ANY)
    if found is None:
        found = partition.memory[_ANY] = bool(partition.store.items(rows.UNTIL, most=1))
    return found


def expired(partition: Partition, now: int) -> Iterator[KeptRecord]:
    """Messages whose complaint has not come in time; they are kept no longer.

    Args:
        partition: whose.
        now: epoch microseconds.
    """
    for index, _row in partition.store.items(rows.UNTIL, below=rows.number(now // 1000)):
        partition.store.delete(rows.UNTIL, index)
        item, complaint = index[rows.DIGITS : 2 * rows.DIGITS], index[2 * rows.DIGITS :].decode()
        group = rows.EARLY + complaint.encode()
        row = partition.store.get(group, item)
        # Without a row it was taken: its complaint came.
        if row is not None:
            partition.store.delete(group, item)
            yield _record(complaint, item, row)


def _record(complaint: str, item: bytes, row: bytes) -> KeptRecord:
    kept = json.loads(row)
    return KeptRecord(
        topic=kept["topic"],
        partition=kept["partition"],
        offset=int(item),
        key=complaint.encode(),
        value=kept["value"].encode(),
        headers=tuple(
            (name, None if value is None else base64.b64decode(value))
            for name, value in kept["headers"]
        ),
        timestamp=kept["timestamp"],
    )
