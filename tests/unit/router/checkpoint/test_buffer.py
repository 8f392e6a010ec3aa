"""What goes into a transaction: everything that was handled, once, and an offset of each partition that it touched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.router.checkpoint.buffer import Buffer
from services.router.checkpoint.partition import Partition
from services.router.checkpoint.store import PartitionStore, SharedMemory
from services.router.checkpoint.transactions import Output

STATUS = "complaint.status"


class Worker:
    """Two partitions and what they were made to do."""

    def __init__(self, folder: Path) -> None:
        memory, outputs = SharedMemory(1 << 20, 1 << 20), list[Output]()
        self.partitions = {
            number: Partition(number, PartitionStore(folder / str(number), memory), outputs)
            for number in range(2)
        }
        self.buffer = Buffer(self.partitions, outputs, compacted=frozenset({STATUS}))
        self.buffer.read_from({("a", 0): 10, ("b", 0): 20, ("a", 1): 30, ("b", 1): 40})

    def says(self, topic: str, key: bytes, value: bytes) -> None:
        """Emit a record."""
        self.partitions[0].emit(Output(topic, key, value, []))

    def close(self) -> None:
        """Close the databases."""
        for partition in self.partitions.values():
            partition.store.close()


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    """One that has read nothing yet."""
    made = Worker(tmp_path)
    yield made
    made.close()


def test_of_a_compacted_topic_the_last_record_of_each_key_is_written(worker: Worker) -> None:
    """In its own place among the others; of any other topic everything is."""
    worker.says(STATUS, b"x", b"1")
    worker.says("inbox", b"x", b"1")
    worker.says(STATUS, b"y", b"1")
    worker.says("inbox", b"x", b"1")
    worker.says(STATUS, b"x", b"2")
    worker.buffer.consumed("a", 0, 11, 1)

    written = [(each.topic, each.key, each.value) for each in worker.buffer.freeze().outputs]

    assert written == [
        ("inbox", b"x", b"1"),
        (STATUS, b"y", b"1"),
        ("inbox", b"x", b"1"),
        (STATUS, b"x", b"2"),
    ]


def test_a_partition_that_was_touched_has_its_own_position_staged(worker: Worker) -> None:
    """Where nothing of it was read, as far as it was read before; one without changes is left alone."""
    worker.partitions[1].store.put(b"row", b"", b"1")
    worker.buffer.consumed("b", 0, 21, 1)
    work = worker.buffer.freeze()
    assert work.offsets == {("b", 0): 21, ("a", 1): 30}
    assert set(work.changelog) == {1}
    worker.partitions[1].store.applied(1, touched=1)

    worker.buffer.consumed("a", 1, 33, 3)
    worker.partitions[1].store.put(b"row", b"", b"2")
    assert worker.buffer.freeze().offsets == {("a", 1): 33}
    worker.partitions[1].store.applied(2, touched=1)

    worker.partitions[1].store.put(b"row", b"", b"3")
    worker.buffer.consumed("b", 0, 22, 1)
    assert worker.buffer.freeze().offsets == {("b", 0): 22, ("a", 1): 33}


def test_what_comes_after_it_was_frozen_belongs_to_the_next(worker: Worker) -> None:
    """Nothing is in two transactions."""
    worker.says("inbox", b"x", b"1")
    worker.buffer.consumed("a", 0, 12, 2)
    assert (worker.buffer.records, worker.buffer.size, worker.buffer.changes) == (2, 2, True)
    first = worker.buffer.freeze()
    assert (worker.buffer.records, worker.buffer.size, worker.buffer.changes) == (0, 0, False)
    assert worker.buffer.empty

    worker.says("inbox", b"x", b"22")
    worker.buffer.consumed("a", 0, 13, 1)
    second = worker.buffer.freeze()

    assert [each.value for each in first.outputs] == [b"1"]
    assert [each.value for each in second.outputs] == [b"22"]
    assert (first.offsets, second.offsets) == ({("a", 0): 12}, {("a", 0): 13})


def test_what_is_forgotten_was_never_there(worker: Worker) -> None:
    """Rows that were frozen, rows that were not, outputs and offsets; the next owner reads it again."""
    worker.partitions[0].store.put(b"row", b"", b"1")
    worker.buffer.consumed("a", 0, 11, 1)
    worker.buffer.freeze()
    worker.partitions[0].store.put(b"row", b"", b"2")
    worker.partitions[0].memory["kept"] = 1
    worker.says("inbox", b"x", b"1")
    worker.buffer.consumed("a", 0, 12, 1)

    worker.buffer.forget()

    assert worker.buffer.empty
    assert (worker.buffer.records, worker.buffer.size, worker.buffer.changes) == (0, 0, False)
    assert worker.partitions[0].store.get(b"row") is None
    assert worker.partitions[0].memory == {}
    assert worker.buffer.freeze().outputs == []
