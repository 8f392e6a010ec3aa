"""Takes a fence out, to show that it is one: only tests can, and nothing in the product asks whether they did.

Each removal puts in place of a fence what stock Faust, or the obvious simpler code, would do.  In a test: `with without(name):`.
In a worker process that a test starts: `AKAR_TEST_WITHOUT=name`, which tests/support/fenced_worker.py reads.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import confluent_kafka
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from faust.transport import consumer as stock

from services.router import agents
from services.router.checkpoint import checkpointer as checkpointers
from services.router.checkpoint import fences, transaction_thread, transactions
from services.router.checkpoint.buffer import Buffer
from services.router.checkpoint.checkpointer import Checkpointer
from services.router.checkpoint.partition import Partition
from services.router.checkpoint.reader import Reader
from services.router.checkpoint.restore import Restorer
from services.router.checkpoint.store import PartitionStore
from services.router.checkpoint.transactions import Membership, TransactionalProducer, Work
from services.router.stages.base import Stage
from tests.support import kafka_model

Patches = list[AbstractContextManager[Any]]


def _nothing(*_args: Any, **_more: Any) -> None:
    return None


def _an_agent_that_goes_on() -> Patches:
    def note(reason: str, error: BaseException | None = None) -> None:
        fences.log.warning("agent.failed", reason=reason, error=repr(error))

    return [patch.object(agents, "die", note)]


def _faust_commits() -> Patches:
    return [patch.object(fences.Consumer, "commit", stock.Consumer.commit)]


def _waiting_for_acknowledgements() -> Patches:
    return [patch.object(fences.Consumer, "wait_empty", stock.Consumer.wait_empty)]


def _reads_everything() -> Patches:
    real = Reader.__init__

    def init(self: Reader, *args: Any, **more: Any) -> None:
        real(self, *args, **more)
        self._settings["isolation.level"] = "read_uncommitted"

    return [patch.object(Reader, "__init__", init)]


def _offsets_apart() -> Patches:
    """Offsets are committed by themselves, before the transaction that they belong to."""

    def send(self: Any, offsets: Any, _metadata: bytes, _timeout: float = 0) -> None:
        self._step("offsets")
        for each in offsets:
            self._broker.committed[each.topic, each.partition] = each.offset

    class Apart:
        """A producer whose offsets are in a transaction of another id, as Faust's are."""

        def __init__(self, producer: Any, settings: dict[str, Any]) -> None:
            self._producer = producer
            self._offsets = confluent_kafka.Producer(settings)

        def init_transactions(self, timeout: float) -> None:
            self._producer.init_transactions(timeout)
            self._offsets.init_transactions(timeout)

        def send_offsets_to_transaction(self, offsets: Any, metadata: Any, timeout: float) -> None:
            self._offsets.begin_transaction()
            self._offsets.send_offsets_to_transaction(offsets, metadata, timeout)
            self._offsets.commit_transaction(timeout)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._producer, name)

    real = TransactionalProducer.__init__

    def init(self: Any, connection: Any, *, transactional_id: str, **more: Any) -> None:
        real(self, connection, transactional_id=transactional_id, **more)
        if isinstance(self._producer, confluent_kafka.Producer):
            settings = {**connection, "transactional.id": f"{transactional_id}-offsets"}
            self._producer = Apart(self._producer, settings)

    return [
        patch.object(kafka_model.Producer, "send_offsets_to_transaction", send),
        patch.object(TransactionalProducer, "__init__", init),
    ]


def _offsets_without_generation() -> Patches:
    """As aiokafka's own `send_offsets_to_transaction(offsets, group_id)` does."""

    def metadata(self: Membership) -> bytes:
        # No generation, no member, no instance: the broker takes it for a consumer outside of any group.
        return b"CGMDv2:" + struct.pack("<i", -1) + self.group.encode() + b"\0\0\x01"

    return [patch.object(Membership, "metadata", metadata)]


def _offsets_as_they_are() -> Patches:
    """As aiokafka reads them: a transaction that is still open does not count, and is not waited for."""
    real = Restorer.positions

    def positions(self: Restorer, partitions: Any) -> Any:
        consumer = self._consumer
        with patch.object(self, "_consumer", lambda _isolation: consumer("read_uncommitted")):
            return real(self, partitions)

    return [patch.object(Restorer, "positions", positions)]


def _up_to_the_stable_end() -> Patches:
    real = Restorer._end

    def end(self: Restorer, partition: int) -> Any:
        consumer = self._consumer
        with patch.object(self, "_consumer", lambda _isolation: consumer("read_committed")):
            return real(self, partition)

    return [patch.object(Restorer, "_end", end)]


def _aborted_rows_too() -> Patches:
    real = Restorer._apply

    def apply(self: Restorer, *args: Any) -> Any:
        consumer = self._consumer
        with patch.object(self, "_consumer", lambda _isolation: consumer("read_uncommitted")):
            return real(self, *args)

    return [patch.object(Restorer, "_apply", apply)]


def _records_counted() -> Patches:
    real = Restorer._consumer

    class WithoutEnds:
        """A consumer that tells nothing of a partition's end."""

        def __init__(self, consumer: Any) -> None:
            self._consumer = consumer

        def consume(self, most: int, timeout: float) -> Any:
            return [m for m in self._consumer.consume(most, timeout=timeout) if m.error() is None]

        def __getattr__(self, name: str) -> Any:
            return getattr(self._consumer, name)

    return [
        patch.object(Restorer, "_consumer", lambda self, how: WithoutEnds(real(self, how))),
    ]


def _rows_at_once() -> Patches:
    real = PartitionStore.freeze

    def freeze(self: PartitionStore) -> Any:
        rows = real(self)
        self.write(rows, self.next_offset, touched=self.touched)
        return rows

    return [patch.object(PartitionStore, "freeze", freeze)]


def _no_undo() -> Patches:
    return [patch.object(Partition, "roll_back", _nothing)]


def _buffers_kept() -> Patches:
    return [patch.object(Checkpointer, "_forget", _nothing)]


def _given_up_within_its_epoch() -> Patches:
    real = Checkpointer._give_up

    def give_up(self: Checkpointer) -> None:
        epoch = self._epoch
        real(self)
        self._epoch = epoch

    return [patch.object(Checkpointer, "_give_up", give_up)]


def _batches_of_any_epoch() -> Patches:
    real = agents.take

    async def take(batch: Any, stage: Any, checkpointer: Checkpointer, *more: Any) -> None:
        if batch.partition in checkpointer.partitions:
            now = agents.Batch(batch.topic, batch.partition, batch.records, checkpointer.epoch)
            await real(now, stage, checkpointer, *more)

    return [patch.object(agents, "take", take)]


def _errors_passed_over() -> Patches:
    """As Faust does with a transaction: abort it, say so, go on with the next records."""
    real = TransactionalProducer.commit

    def commit(self: TransactionalProducer, work: Work, membership: Membership) -> dict[int, int]:
        try:
            return real(self, work, membership)
        except Exception as error:  # noqa: BLE001 - that is the point
            transactions_log(repr(error))
            self._producer.abort_transaction()
            return dict.fromkeys(work.changelog, 0)

    return [patch.object(TransactionalProducer, "commit", commit)]


def transactions_log(text: str) -> None:
    """What Faust would have logged."""
    checkpointers.log.warning("transaction.failed", error=text)


def _no_deadline() -> Patches:
    return [patch.object(transaction_thread, "LONGEST_COMMIT_SECONDS", 3600.0)]


def _another_id_each_time() -> Patches:
    real = TransactionalProducer.__init__

    def init(self: Any, *args: Any, transactional_id: str, **more: Any) -> None:
        real(self, *args, transactional_id=f"{transactional_id}-{time.monotonic_ns()}", **more)

    return [patch.object(TransactionalProducer, "__init__", init)]


def _rows_of_any_life() -> Patches:
    def never(self: Restorer, store: PartitionStore, **_more: Any) -> str | None:
        return "new" if store.origin is None else None

    return [patch.object(Restorer, "_why_start_over", never)]


def _own_partition_taken_for_granted() -> Patches:
    from services.router.stages import base

    class Anywhere:
        """Every partition is right."""

        def __eq__(self, _other: object) -> bool:
            return True

        def __ne__(self, _other: object) -> bool:
            return False

        __hash__ = None  # type: ignore[assignment]

    return [patch.object(base, "partition_for", lambda *_args: Anywhere())]


def _handled_again() -> Patches:
    from services.router.stages import base

    return [patch.object(base, "_OURS", frozenset())]


def _letters_escape() -> Patches:
    def refuse(
        self: Stage, _partition: Any, _record: Any, reason: str, detail: str, **_: Any
    ) -> None:
        raise RuntimeError(f"{reason}: {detail}")

    return [patch.object(Stage, "dead_letter", refuse)]


def _librdkafkas_partitioner() -> Patches:
    real = confluent_kafka.Producer

    def make(settings: dict[str, Any]) -> Any:
        return real({**settings, "partitioner": "consistent_random"})

    return [patch.object(transactions, "Producer", make)]


REMOVALS: dict[str, Callable[[], Patches]] = {
    "nothing escapes an agent": _an_agent_that_goes_on,
    "Faust does not commit": _faust_commits,
    "no waiting for acknowledgements": _waiting_for_acknowledgements,
    "dead letter in the transaction": _letters_escape,
    "read_committed": _reads_everything,
    "same numbers of every topic": lambda: [
        patch.object(fences, "RangePartitionAssignor", RoundRobinPartitionAssignor)
    ],
    "one transaction": _offsets_apart,
    "generation of the assignment": _offsets_without_generation,
    "stable offsets": _offsets_as_they_are,
    "up to the high watermark": _up_to_the_stable_end,
    "committed rows only": _aborted_rows_too,
    "markers count": _records_counted,
    "rows after the commit": _rows_at_once,
    "an offset of every partition touched": lambda: [
        patch.object(Buffer, "_stage_touched", _nothing)
    ],
    "forget at revocation": _buffers_kept,
    "batches have an epoch": _batches_of_any_epoch,
    "undo of a record": _no_undo,
    "the end after an error": _errors_passed_over,
    "a commit has a deadline": _no_deadline,
    "what is given up ends its epoch": _given_up_within_its_epoch,
    "the predecessor is fenced": _another_id_each_time,
    "rows of another life are dropped": _rows_of_any_life,
    "forward to its own partition": _own_partition_taken_for_granted,
    "handled once": _handled_again,
    "murmur2": _librdkafkas_partitioner,
}
"""One for every fence of services/router/checkpoint/traps.py whose kind is `fenced`."""


@contextmanager
def without(name: str | None) -> Iterator[None]:
    """Take the fence of this name out, or none."""
    with ExitStack() as stack:
        for each in REMOVALS[name]() if name else ():
            stack.enter_context(each)
        yield
