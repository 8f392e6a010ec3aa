"""A stage that does in small what the router's stages do, so that what comes out can be reckoned from what went in.

It counts records of their key in the partition's rows, answers each with the count, and takes a second record straight on to the
neighbouring partition where this worker owns that one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.router.checkpoint.partition import Partition
from services.router.checkpoint.transactions import Output
from tests.support.kafka_model import Entry

PARTITIONS = 2
INPUT, CROSS, OUTPUT, LETTERS, CHANGELOG = "in", "cross", "out", "letters", "state"
POISON = b"poison"
HANDLED = "handled"
GROUP = "router"


class Record:
    """A consumed record, as far as a stage looks at it."""

    def __init__(self, topic: str, partition: int, entry: Entry) -> None:
        self.topic, self.partition, self.offset = topic, partition, entry.offset
        self.key, self.value, self.headers = entry.key, entry.value, entry.headers
        self.timestamp = 0


class FoldStage:
    """Counts, answers, and takes on to the neighbouring partition."""

    topics = (INPUT, CROSS)

    def __init__(self, owned: Mapping[int, Partition]) -> None:
        self._owned = owned

    def look_ahead(self, _partition: Partition, _records: Any) -> None:
        """Nothing here takes less time for many."""

    def handle(self, partition: Partition, record: Any) -> None:
        """Take one record."""
        if record.topic == CROSS:
            if not any(name == HANDLED for name, _value in record.headers):
                _add(partition, b"cross:" + record.key)
            return
        partition.begin()
        count = _add(partition, b"count:" + record.key)
        partition.emit(Output(OUTPUT, record.key, record.value + b" %d" % count, []))
        if record.value.startswith(POISON):
            partition.roll_back()
            partition.emit(Output(LETTERS, record.key, record.value, []))
            return
        neighbour = (partition.number + 1) % PARTITIONS
        headers: list[tuple[str, Any]] = []
        if neighbour in self._owned:
            _add(self._owned[neighbour], b"cross:" + record.key)
            headers.append((HANDLED, b"1"))
        partition.emit(Output(CROSS, record.key, record.value, headers, partition=neighbour))


def _add(partition: Partition, row: bytes) -> int:
    count = int(partition.store.get(row) or b"0") + 1
    partition.store.put(row, b"", b"%d" % count)
    return count
