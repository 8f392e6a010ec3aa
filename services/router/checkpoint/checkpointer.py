"""The checkpoint protocol of one worker: each generation begins, makes one transaction after another, and ends.

Everything here runs on the event loop and reads in the order of the protocol in docs/delivery.md.  A stage handles a record without
awaiting anything, so that its state changes, outputs and offset always fall into the same checkpoint.  What blocks has a thread of
its own: transactions (transaction_thread.py) and restoring (owned.py).

The order of one checkpoint, and what a crash after each step leaves:

1. freeze the buffers                          nothing: the offsets are not committed, the records come again
2. transaction: changelog, outputs, offsets    an open transaction, which the next start or the broker's time-out aborts
3. commit                                      RocksDB is behind the changelog; restore brings it up
4. apply to RocksDB, with the changelog offset nothing

Hazard: an epoch is over from the moment in which its number changes, and whoever waited meanwhile has to look at it again.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from services.chassis import metrics
from services.chassis.errors import ConfigurationError
from services.router.checkpoint.buffer import Buffer
from services.router.checkpoint.fatal import die
from services.router.checkpoint.faults import fault_point
from services.router.checkpoint.owned import OwnedPartitions
from services.router.checkpoint.pace import Pace
from services.router.checkpoint.partition import Partition
from services.router.checkpoint.restore import RestoreAbandoned, Restorer
from services.router.checkpoint.transaction_thread import TransactionLost, TransactionThread
from services.router.checkpoint.transactions import Membership, Output, Place, TransactionalProducer

log = structlog.get_logger(__name__)


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
        self._changelog_topic = settings.changelog_topic
        self._wall_seconds = wall_seconds
        self._connect = partial(
            TransactionalProducer,
            connection,
            transactional_id=settings.transactional_id,
            changelog_topic=settings.changelog_topic,
        )
        self._transactions = TransactionThread(self._connect())
        restorer = Restorer(
            connection,
            group=settings.group,
            changelog_topic=settings.changelog_topic,
            wall_seconds=wall_seconds,
        )
        outputs: list[Output] = []
        self._owned = OwnedPartitions(restorer, settings.state_dir, outputs)
        self._buffer = Buffer(self._owned.partitions, outputs, compacted=settings.compacted)
        self._pace = Pace(
            settings.interval_seconds,
            most_records=settings.most_records,
            most_bytes=settings.most_bytes,
        )
        self._membership: Membership | None = None
        self._epochs = itertools.count(1)
        self._epoch = 0
        self._positioned = False
        # Held while a transaction and its application are under way; a revocation waits for it.
        self._committing = asyncio.Lock()
        self._stopping = False

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
        return self._owned.partitions

    # -- the worker's life ---------------------------------------------------------------

    async def start(self, topics: Iterable[str], partitions: int) -> None:
        """Check the topics, and fence the worker's own predecessor before anything is read.

        Raises:
            ConfigurationError: a topic is missing or has another number of partitions.
        """
        try:
            await self._owned.refuse_other_counts([*topics, self._changelog_topic], partitions)
            await self._transactions.start()
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
                await self._pace.due()
                started = time.monotonic()
                await self._transactions.reach(self._going_on)
                await self.checkpoint()
            except TransactionLost:
                lost = True
                continue
            except Exception as error:  # noqa: BLE001 - outermost loop: every failure here ends the process
                die("checkpoint failed", error)
            await self._pace.pause(time.monotonic() - started)

    def _going_on(self) -> bool:
        """Whether to wait for a broker that is away: the end of the process does not."""
        return not self._stopping

    async def finish(self) -> None:
        """Commit what is buffered and close the state, for a clean end of the process."""
        self._stopping = True
        try:
            await self.checkpoint()
        except TransactionLost as error:
            die("the last checkpoint failed", error)
        async with self._committing:
            self._owned.close()

    # -- a generation begins -------------------------------------------------------------

    def assigned(self, membership: Membership) -> None:
        """Remember who we are in this generation; to be called at assignment, with the values of that moment."""
        self._epoch = next(self._epochs)
        self._membership = membership
        fault_point("assigned")

    async def take_over(self, partitions: Iterable[Place]) -> dict[Place, int]:
        """Restore the state of the assigned partitions and tell where to read on.

        Returns:
            The next offset for every (topic, partition); empty when another rebalance began meanwhile.
        """
        epoch = self._epoch
        async with self._committing:
            self._forget()
            try:
                positions = await self._owned.take_over(
                    list(partitions), lambda: self._epoch == epoch and not self._stopping
                )
            except RestoreAbandoned:
                return {}
            except Exception as error:  # noqa: BLE001 - as in run
                die("restore failed", error)
            self._buffer.read_from(positions)
            return positions

    def resumed(self) -> None:
        """Reading goes on: say so to whoever asks for readiness."""
        self._positioned = True

    # -- records are handled -------------------------------------------------------------

    async def room(self) -> None:
        """Wait until another batch may be buffered."""
        await self._pace.room()

    def consumed(self, topic: str, partition: int, next_offset: int, records: int) -> None:
        """Note that the records before `next_offset` are handled; to be called in the same step as their effects."""
        buffer = self._buffer
        buffer.consumed(topic, partition, next_offset, records)
        self._pace.filled(buffer.records, buffer.size, changes=buffer.changes)

    # -- and committed -------------------------------------------------------------------

    async def checkpoint(self) -> None:
        """Commit everything buffered so far.

        Raises:
            TransactionLost: it is not known what became of it, and nothing is buffered any more; to be started over.
            KafkaException, RuntimeError: the same, and the caller ends the process.
        """
        async with self._committing:
            membership = self._membership
            self._pace.emptied()
            if self._buffer.empty or membership is None:
                return
            started = time.monotonic()
            records = self._buffer.records
            work = self._buffer.freeze()
            try:
                next_changelog = await self._transactions.commit(work, membership)
            except TransactionLost:
                self._give_up()
                raise
            touched = self._wall_seconds()
            for number in work.changelog:
                store = self._owned.partitions[number].store
                store.applied(next_changelog[number], touched=touched)
            fault_point("store.applied")
            metrics.CHECKPOINT_SECONDS.observe(time.monotonic() - started)
            metrics.CHECKPOINT_RECORDS.observe(records)

    # -- the generation ends -------------------------------------------------------------

    async def revoke(self) -> None:
        """Finish or forget everything of this generation; returns when no transaction of ours is under way."""
        fault_point("revoked")
        if not self._buffer.empty:
            # What is buffered may still be committed: the generation is not over until this callback returns.
            try:
                await self.checkpoint()
            except Exception as error:  # noqa: BLE001 - as in run
                die("checkpoint at revocation failed", error)
        # Before the lock: a restore holds it until it sees that its epoch is over.
        self._end_epoch()
        async with self._committing:
            self._membership = None
            self._forget()

    def _end_epoch(self) -> None:
        self._epoch = next(self._epochs)
        self._positioned = False

    def _forget(self) -> None:
        self._buffer.forget()
        self._pace.emptied()

    # -- or its broker is lost in the middle of a transaction ----------------------------

    def _give_up(self) -> None:
        """Forget the generation's work, and leave librdkafka and its thread to wait for whatever they wait for.

        Nothing of it can come into effect once another client has begun under the same transactional id.
        """
        log.warning("router.transaction_given_up", reason="the broker was lost")
        self._end_epoch()
        self._forget()
        self._transactions = TransactionThread(self._connect())

    async def settle(self) -> None:
        """End what was given up, committed or aborted; waits for a broker for as long as that takes.

        Raises:
            TransactionLost: the broker was lost once more.
            KafkaException: it refuses.
        """
        try:
            await self._transactions.settle(self._going_on)
        except TransactionLost:
            self._give_up()
            raise
