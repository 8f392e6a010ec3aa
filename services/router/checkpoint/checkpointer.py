"""Buffers what the stages did, and turns it into one transaction per checkpoint.

Everything here runs on the event loop except the blocking calls (transaction, restore), which run on one thread each.  A stage
handles a record without awaiting anything, so that its state changes, outputs and offset always fall into the same
checkpoint.

The order of one checkpoint, and what a crash after each step leaves:

1. freeze the buffers                          nothing: the offsets are not committed, the records come again
2. transaction: changelog, outputs, offsets    an open transaction, which the next start or the broker's time-out aborts
3. commit                                      RocksDB is behind the changelog; restore brings it up
4. apply to RocksDB, with the changelog offset nothing
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import structlog

from services.chassis import metrics
from services.chassis.errors import ConfigurationError, PermanentError
from services.chassis.memory import give_back
from services.router.checkpoint.fatal import die
from services.router.checkpoint.faults import fault_point
from services.router.checkpoint.pace import Pace
from services.router.checkpoint.restore import RestoreAbandoned, Restorer
from services.router.checkpoint.store import PartitionStore, SharedMemory
from services.router.checkpoint.transactions import (
    LARGEST_RECORD,
    Membership,
    Output,
    TransactionalProducer,
    Work,
)

log = structlog.get_logger(__name__)

OFFSETS_ALONE_SECONDS: Final = 1.0
"""How long a checkpoint that would change nothing but offsets waits for one that does: ticks, repeats."""
LONGEST_COMMIT_SECONDS: Final = 6.0
"""Far more than any takes.  A worker that starts again finds out what became of the transaction."""

LONGEST_WITHOUT_BROKER_SECONDS: Final = 1.5
"""Once every broker was lost in the middle of it; the worker waits for one, and starts its generation over."""
LOOK_SECONDS: Final = 0.5

TopicPartitionKey = tuple[str, int]
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class CheckpointSettings:
    """How often, how much, and where."""

    state_dir: Path
    group: str
    instance_id: str
    transactional_id: str
    changelog_topic: str
    interval_seconds: float = 0.01
    """The least time between the end of one checkpoint and the start of the next (pace.py)."""
    most_records: int = 20_000
    """Stages wait when so many records are buffered beyond the checkpoint under way,"""
    most_bytes: int = 3 << 20
    """or so much in rows and outputs: a complaint leads to twenty times what an event does."""
    compacted: frozenset[str] = frozenset()
    """Topics of which only the last record of each key is written in one checkpoint."""


class Partition:
    """What a stage sees of one partition: its rows, and somewhere to put outputs.

    Attributes:
        number: the partition's number, the same for every topic.
        store: its rows.
        memory: a place for what a stage keeps in memory for this partition (rebuilt from rows at need); it is forgotten
            with the partition.
        handovers: what the record in hand leads to in other stages of this worker, until it is carried on (loopback.py).
    """

    __slots__ = ("_begun", "_handed", "_outputs", "handovers", "memory", "number", "store")

    def __init__(self, number: int, store: PartitionStore, outputs: list[Output]) -> None:
        self.number = number
        self.store = store
        self.memory: dict[str, Any] = {}
        self._outputs = outputs
        self.handovers: list[Any] = []
        self._begun = 0
        self._handed = 0

    def begin(self) -> None:
        """A record begins, or a part of one that stands by itself."""
        self.store.begin()
        self._begun = len(self._outputs)
        self._handed = len(self.handovers)

    def roll_back(self) -> None:
        """Take back every row, output and handover of the record in hand, or of its part."""
        self.store.roll_back()
        del self._outputs[self._begun :]
        del self.handovers[self._handed :]
        self.memory.clear()

    @property
    def emitted(self) -> int:
        """How many outputs the open checkpoint has: a place among them."""
        return len(self._outputs)

    def emit(self, output: Output, *, at: int | None = None) -> None:
        """Send a record, within the transaction that commits the offset of the record in hand.

        Args:
            output: what.
            at: before those that were emitted since that place; behind all of them by default.

        Raises:
            PermanentError: it is larger than a record may be.  No transaction could be made with it, in any life of this
                worker; so the record in hand is one that cannot be handled.
        """
        size = output.size
        if size > LARGEST_RECORD:
            detail = f"{size} bytes for {output.topic}; a record may have {LARGEST_RECORD}"
            raise PermanentError("output_too_large", detail)
        self._outputs.insert(len(self._outputs) if at is None else at, output)


class TransactionLost(Exception):
    """Every broker was lost in the middle of a transaction, so that it is not known what became of it."""


class Checkpointer:
    """The checkpoint protocol of one worker.

    Args:
        settings: see `CheckpointSettings`.
        connection: librdkafka connection settings.
        wall_seconds: epoch seconds.
    """

    def __init__(
        self,
        settings: CheckpointSettings,
        connection: Mapping[str, Any],
        *,
        wall_seconds: Callable[[], int],
    ) -> None:
        self._settings = settings
        self._wall_seconds = wall_seconds
        self._connect = partial(
            TransactionalProducer,
            connection,
            transactional_id=settings.transactional_id,
            changelog_topic=settings.changelog_topic,
        )
        self._producer = self._connect()
        self._restorer = Restorer(
            connection,
            group=settings.group,
            changelog_topic=settings.changelog_topic,
            wall_seconds=wall_seconds,
        )
        self._memory = SharedMemory()
        self._partitions: dict[int, Partition] = {}
        self._outputs: list[Output] = []
        self._offsets: dict[TopicPartitionKey, int] = {}
        self._buffered = 0
        self._weighed, self._weight = 0, 0
        # Where each assigned (topic, partition) stands, committed or about to be.
        self._known: dict[TopicPartitionKey, int] = {}
        self._membership: Membership | None = None
        self._epochs = itertools.count(1)
        self._epoch = 0
        self._positioned = False
        self._read = asyncio.Event()
        self._changed = asyncio.Event()
        self._pace = Pace(
            settings.interval_seconds,
            most_records=settings.most_records,
            most_bytes=settings.most_bytes,
        )
        # Held while a transaction and its application are under way; a revocation waits for it.
        self._committing = asyncio.Lock()
        self._transactions = ThreadPoolExecutor(1, "checkpoint")
        self._restores = ThreadPoolExecutor(1, "restore")
        self._stopping = False

    # -- life -----------------------------------------------------------------

    async def start(self, topics: Iterable[str], partitions: int) -> None:
        """Check the topics, and fence the worker's own predecessor before anything is read.

        Raises:
            ConfigurationError: a topic is missing or has another number of partitions.
        """
        names = [*topics, self._settings.changelog_topic]
        try:
            await self._blocking(
                self._restores, self._restorer.refuse_other_counts, names, partitions
            )
            await self._blocking(self._transactions, self._producer.start)
        except ConfigurationError:
            raise
        except Exception as error:  # noqa: BLE001 - as in run; most often a broker that is away
            die("start failed", error)

    async def run(self, start_over: Callable[[], Awaitable[None]]) -> None:
        """Make checkpoints until `finish`; never returns otherwise.

        Args:
            start_over: called after a transaction was given up: to `settle` it, take the same partitions over once more, and
                read on from there.
        """
        lost = False
        while not self._stopping:
            try:
                if lost:
                    await start_over()
                    lost = False
                await self._due()
                started = time.monotonic()
                await self._reach()
                await self.checkpoint()
            except TransactionLost:
                lost = True
                continue
            except Exception as error:  # noqa: BLE001 - outermost loop: every failure here ends the process
                die("checkpoint failed", error)
            await self._pace.pause(time.monotonic() - started)

    async def _reach(self) -> None:
        """Wait for a broker that was lost between two transactions."""
        if self._producer.lost():
            await self._answered()

    async def _answered(self) -> None:
        """Wait until a broker answers; the end of the process need not wait for it."""
        await self._blocking(self._transactions, self._producer.reach, lambda: not self._stopping)

    def _give_up(self) -> None:
        """Forget the generation's work, and leave librdkafka and its thread to wait for whatever they wait for.

        Nothing of it can come into effect once another client has begun under the same transactional id.
        """
        log.warning("router.transaction_given_up", reason="the broker was lost")
        self._epoch = next(self._epochs)
        self._positioned = False
        self._forget()
        self._transactions = ThreadPoolExecutor(1, "checkpoint")
        self._producer = self._connect()

    async def settle(self) -> None:
        """End what was given up, committed or aborted; waits for a broker for as long as that takes.

        Raises:
            TransactionLost: the broker was lost once more.
            KafkaException: it refuses.
        """
        await self._answered()
        starting = asyncio.ensure_future(self._blocking(self._transactions, self._producer.start))
        try:
            await self._ended(starting)
        except TransactionLost:
            self._give_up()
            raise

    async def _due(self) -> None:
        """Wait until rows or outputs are to be committed, or offsets alone for long enough."""
        await self._read.wait()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), OFFSETS_ALONE_SECONDS)

    async def finish(self) -> None:
        """Commit what is buffered and close the state, for a clean end of the process."""
        self._stopping = True
        try:
            await self.checkpoint()
        except TransactionLost as error:
            die("the last checkpoint failed", error)
        async with self._committing:
            self._close_partitions()

    # -- membership ---------------------------------------------------------------

    @property
    def epoch(self) -> int:
        """Grows at each assignment and revocation; what was fetched in another one is not for us."""
        return self._epoch

    @property
    def positioned(self) -> bool:
        """Whether the assigned partitions are restored and being read."""
        return self._positioned

    @property
    def partitions(self) -> Mapping[int, Partition]:
        """The partitions of this worker that are restored."""
        return self._partitions

    def assigned(self, membership: Membership) -> None:
        """Remember who we are in this generation; to be called at assignment, with the values of that moment."""
        self._epoch = next(self._epochs)
        self._membership = membership
        fault_point("assigned")

    async def revoke(self) -> None:
        """Finish or forget everything of this generation; returns when no transaction of ours is under way."""
        fault_point("revoked")
        if self._offsets:
            # What is buffered may still be committed: the generation is not over until this callback returns.
            try:
                await self.checkpoint()
            except Exception as error:  # noqa: BLE001 - as in run
                die("checkpoint at revocation failed", error)
        # Before the lock: a restore holds it until it sees that its epoch is over.
        self._epoch = next(self._epochs)
        self._positioned = False
        async with self._committing:
            self._membership = None
            self._forget()

    def _forget(self) -> None:
        for partition in self._partitions.values():
            partition.store.discard()
            partition.memory.clear()
        self._empty()
        self._read.clear()
        self._changed.clear()

    async def take_over(
        self, partitions: Iterable[TopicPartitionKey]
    ) -> dict[TopicPartitionKey, int]:
        """Restore the state of the assigned partitions and tell where to read on.

        Returns:
            The next offset for every (topic, partition); empty when another rebalance began meanwhile.
        """
        epoch = self._epoch
        wanted = list(partitions)
        numbers = {number for _topic, number in wanted}

        def restore() -> dict[TopicPartitionKey, int]:
            # Offsets first: they wait for transactions that are still open (restore.py says why).
            positions = self._restorer.positions(wanted) if wanted else {}
            for number in sorted(numbers):
                store = self._store(number)
                done = self._restorer.restore(
                    number, store, wanted=lambda: self._epoch == epoch and not self._stopping
                )
                log.info(
                    "router.restored",
                    partition=number,
                    records=done.records,
                    seconds=round(done.seconds, 3),
                    started_over=done.started_over,
                )
            give_back()
            return positions

        async with self._committing:
            self._forget()
            for number in list(self._partitions):
                if number not in numbers:
                    self._partitions.pop(number).store.close()
            try:
                self._known = await self._blocking(self._restores, restore)
                return dict(self._known)
            except RestoreAbandoned:
                return {}
            except Exception as error:  # noqa: BLE001 - as in run
                die("restore failed", error)

    def _store(self, number: int) -> PartitionStore:
        if number not in self._partitions:
            store = PartitionStore(self._settings.state_dir / f"partition-{number}", self._memory)
            self._partitions[number] = Partition(number, store, self._outputs)
        return self._partitions[number].store

    def resumed(self) -> None:
        """Reading goes on: say so to whoever asks for readiness."""
        self._positioned = True

    def _close_partitions(self) -> None:
        for number in list(self._partitions):
            self._partitions.pop(number).store.close()

    # -- records ---------------------------------------------------------------------

    async def room(self) -> None:
        """Wait until another batch may be buffered."""
        await self._pace.room()

    def consumed(self, topic: str, partition: int, next_offset: int, records: int) -> None:
        """Note that the records before `next_offset` are handled; to be called in the same step as their effects."""
        self._offsets[topic, partition] = next_offset
        self._buffered += records
        self._read.set()
        if not self._changed.is_set() and (
            self._outputs or any(each.store.dirty for each in self._partitions.values())
        ):
            self._changed.set()
        self._pace.filled(self._buffered, self._bytes())

    def _bytes(self) -> int:
        """Of what is buffered, about."""
        self._weight += sum(output.size for output in self._outputs[self._weighed :])
        self._weighed = len(self._outputs)
        return self._weight + sum(each.store.written for each in self._partitions.values())

    # -- checkpoints -------------------------------------------------------------------

    async def checkpoint(self) -> None:
        """Commit everything buffered so far.

        Raises:
            TransactionLost: it is not known what became of it, and nothing is buffered any more; to be started over.
            KafkaException, RuntimeError: the same, and the caller ends the process.
        """
        async with self._committing:
            membership = self._membership
            self._read.clear()
            self._changed.clear()
            if not self._offsets or membership is None:
                return
            started = time.monotonic()
            records = self._buffered
            work = self._freeze()
            committing = asyncio.ensure_future(
                self._blocking(self._transactions, self._producer.commit, work, membership)
            )
            try:
                next_changelog = await self._ended(committing)
            except TransactionLost:
                self._give_up()
                raise
            touched = self._wall_seconds()
            for number in work.changelog:
                self._partitions[number].store.applied(next_changelog[number], touched=touched)
            fault_point("store.applied")
            metrics.CHECKPOINT_SECONDS.observe(time.monotonic() - started)
            metrics.CHECKPOINT_RECORDS.observe(records)

    async def _ended(self, committing: asyncio.Future[R]) -> R:
        """Wait for a transaction, and not for ever.

        Seen when the broker is killed in the middle: librdkafka waits for a coordinator without end, whatever time-out it was
        given.

        Raises:
            TransactionLost: every broker was lost, and it has not ended since.
        """
        began, lost = time.monotonic(), None
        while True:
            wait = min(LOOK_SECONDS, LONGEST_COMMIT_SECONDS)
            done, _pending = await asyncio.wait({committing}, timeout=wait)
            if done:
                return committing.result()
            now = time.monotonic()
            if lost is None and self._producer.lost():
                lost = now
            if lost is not None and now - lost >= LONGEST_WITHOUT_BROKER_SECONDS:
                committing.add_done_callback(_note_late_end)
                raise TransactionLost("a transaction did not end: the broker was lost")
            if now - began >= LONGEST_COMMIT_SECONDS:
                die("a transaction did not end", TimeoutError())

    def _freeze(self) -> Work:
        work = Work(offsets=self._offsets, outputs=_latest(self._outputs, self._settings.compacted))
        for number, partition in self._partitions.items():
            if partition.store.dirty:
                work.changelog[number] = partition.store.freeze()
        self._known.update(self._offsets)
        self._stage_touched(work)
        self._empty()
        return work

    def _empty(self) -> None:
        self._outputs.clear()
        self._offsets = {}
        self._buffered = 0
        self._weighed, self._weight = 0, 0
        self._pace.emptied()

    def _stage_touched(self, work: Work) -> None:
        """Stage an offset of every partition whose rows change, its own position if nothing of it was read.

        Whoever takes a partition over asks for its offsets first and is answered only when no transaction that staged
        one is open.  Without it, rows written by the way of another partition could come after the new owner had restored.
        """
        read = {number for _topic, number in work.offsets}
        for number in work.changelog.keys() - read:
            place = min(place for place in self._known if place[1] == number)
            work.offsets[place] = self._known[place]

    async def _blocking(
        self, executor: ThreadPoolExecutor, function: Callable[..., R], *args: Any
    ) -> R:
        return await asyncio.get_running_loop().run_in_executor(executor, function, *args)


def _note_late_end(given_up: asyncio.Future[Any]) -> None:
    error = given_up.exception()
    log.info("router.given_up_ended", error=None if error is None else str(error))


def _latest(outputs: list[Output], compacted: frozenset[str]) -> list[Output]:
    """All outputs, in order, without those of a compacted topic that a later one of the same key replaces."""
    last = {
        (output.topic, output.key): index
        for index, output in enumerate(outputs)
        if output.topic in compacted
    }
    return [
        output
        for index, output in enumerate(outputs)
        if output.topic not in compacted or last[output.topic, output.key] == index
    ]
