"""Faust's consumer with its traps taken out: who is a member, what is assigned, and by whom it is committed.

Each override names its trap.  The consumer keeps Faust's membership, subscription and rebalance callbacks; it does not commit
(L1-L6, L11, L12: the checkpoint does), does not track acknowledgements, and does not read: the reader does, from the positions that
were restored (reader.py, feed.py).

Hazard: a generation ends in `on_partitions_revoked` and begins in `seek_to_committed`; the reader is forgotten in the one and
opened in the other, with the epoch of the assignment, and nothing else may do either but `start_over`, which does both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import aiokafka
import faust
import structlog
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from faust.tables import TableManager
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from services.router.checkpoint.backlog import Backlog
from services.router.checkpoint.checkpointer import Checkpointer
from services.router.checkpoint.fatal import die
from services.router.checkpoint.reader import Batch, Reader
from services.router.checkpoint.transactions import Membership
from services.router.checkpoint.versions import refuse_settings, refuse_uncompiled

__all__ = ["Batch", "Consumer", "ConsumerThread", "Member", "NoTables", "Wiring", "install"]

log = structlog.get_logger(__name__)

ALIVE_SECONDS: Final = 1.0
_NO_LIMIT_SECONDS: Final = 86_400.0


@dataclass(slots=True)
class Wiring:
    """What the consumer needs beyond what Faust passes to it."""

    checkpointer: Checkpointer
    connection: Mapping[str, Any]
    """aiokafka connection arguments."""
    group: str
    instance_id: str
    backlog: Backlog
    """Of the topic that leads."""
    reader: Reader
    session_timeout_ms: int = 10_000
    heartbeat_interval_ms: int = 2_000
    rebalance_timeout_ms: int = 60_000


class Member(aiokafka.AIOKafkaConsumer):  # type: ignore[misc]
    """A member of the group that reads nothing."""

    async def start(self) -> None:
        """Join; end the task that would fetch whatever is assigned, from wherever the group stands."""
        await super().start()
        self._fetcher._fetch_task.cancel()  # noqa: SLF001 - there is no other way to have a member that does not fetch

    def alive(self) -> None:
        """Say that the application reads: the coordinator leaves the group of one that has not for long."""
        with self._subscription.fetch_context():
            pass


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread that owns the aiokafka consumer."""

    def __init__(self, *args: Any, wiring: Wiring, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._wiring = wiring

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        """Trap: without tables Faust's assignor does not keep partition numbers together.

        The range assignor gives a worker the same numbers of every topic, since all have the same count; with static
        membership the member ids, and so the assignment, survive a restart.
        """
        wiring = self._wiring
        return Member(
            client_id=f"{wiring.group}-{wiring.instance_id}",
            group_id=wiring.group,
            group_instance_id=wiring.instance_id,
            partition_assignment_strategy=[RangePartitionAssignor],
            enable_auto_commit=False,
            request_timeout_ms=30_000,
            retry_backoff_ms=50,
            session_timeout_ms=wiring.session_timeout_ms,
            heartbeat_interval_ms=wiring.heartbeat_interval_ms,
            rebalance_timeout_ms=wiring.rebalance_timeout_ms,
            # The feed says that it reads; the health check watches for a standstill, and restoring has no time limit.
            max_poll_interval_ms=int(_NO_LIMIT_SECONDS * 1000),
            metadata_max_age_ms=30_000,
            **wiring.connection,
        )

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Faust's watch for slow streams counts what it does not see here; the health check has its own."""


class Consumer(driver.Consumer):
    """Faust's consumer: membership and rebalancing as they are, everything else replaced."""

    wiring: ClassVar[Wiring]

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon, wiring=self.wiring)

    # -- committing: not here -------------------------------------------------------

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:  # noqa: FBT001, FBT002 - Faust's signature
        """Traps L1-L6, L8, L11-L13: whatever Faust would commit, the checkpoint has committed or must not."""
        return True

    async def wait_empty(self) -> None:
        """Trap: has no deadline.  Nothing is acknowledged here; a revocation waits for the checkpoint instead."""

    # -- membership --------------------------------------------------------------------

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Finish or forget this generation's work before anyone else may own the partitions."""
        await self.wiring.checkpointer.revoke()
        self.wiring.reader.forget()
        self.wiring.backlog.reset()
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Capture generation and member id at this moment, and no later."""
        coordinator = self._thread._ensure_consumer()._coordinator  # noqa: SLF001 - this is the fence
        self.wiring.checkpointer.assigned(
            Membership(
                self.wiring.group,
                coordinator.generation,
                coordinator.member_id,
                self.wiring.instance_id,
            )
        )
        log.info(
            "router.assigned",
            generation=coordinator.generation,
            partitions=sorted({tp.partition for tp in assigned}),
        )
        await super().on_partitions_assigned(assigned, generation_id)

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Trap: aiokafka reads committed offsets without waiting for open transactions.

        Called by Faust in a task of its own after every assignment; the positions were found by `take_over` just before.
        """
        epoch, positions = self._taken_over
        assignment = self.assignment()
        checkpointer = self.wiring.checkpointer
        if epoch != checkpointer.epoch or set(positions) != set(assignment):
            # A rebalance began between taking over and here: its own assignment will seek.
            log.info("router.seek_skipped", have=len(positions), assigned=len(assignment))
            return {}
        try:
            await self.wiring.reader.open(
                {(tp.topic, tp.partition): offset for tp, offset in positions.items()}, epoch
            )
        except Exception as error:  # noqa: BLE001 - Faust would log it and go on
            die("reading could not begin", error)
        if epoch == checkpointer.epoch:
            checkpointer.resumed()
        return positions

    _taken_over: tuple[int, Mapping[TP, int]] = (0, {})
    """In which epoch, and where to read on."""

    async def start_over(self) -> None:
        """Begin the generation once more, as an assignment does, after its transaction was given up.

        A rebalance that comes meanwhile begins another epoch, and does the rest itself.
        """
        checkpointer = self.wiring.checkpointer
        epoch = checkpointer.epoch
        self.wiring.reader.forget()
        self.wiring.backlog.reset()
        await checkpointer.settle()
        if epoch == checkpointer.epoch:
            await self.take_over()
            await self.seek_to_committed()

    async def take_over(self) -> None:
        """Restore state and find the positions; connected to Faust's signal before it seeks, which has no time limit."""
        checkpointer = self.wiring.checkpointer
        epoch, assignment = checkpointer.epoch, self.assignment()
        positions = await checkpointer.take_over((tp.topic, tp.partition) for tp in assignment)
        if not assignment and epoch == checkpointer.epoch:
            # Faust seeks nothing then.  A worker to spare is ready: it stands in for the next one that leaves.
            checkpointer.resumed()
        self._taken_over = (
            epoch,
            {TP(topic, number): offset for (topic, number), offset in positions.items()},
        )

    # -- reading ------------------------------------------------------------------------

    async def _drain_messages(self, fetcher: Any) -> None:
        """Trap: Faust cancels this in a rebalance, and takes the cancellation for a crash of the app.

        Nothing is read here.  It says for the feed that the application is alive, and ends when it is told to.
        """
        member: Member = self._thread._ensure_consumer()  # noqa: SLF001 - of ours
        with suppress(asyncio.CancelledError):
            while not (self.should_stop or fetcher.should_stop):
                member.alive()
                await asyncio.sleep(ALIVE_SECONDS)


class NoTables(TableManager):
    """Faust's manager of tables, in an app that has none."""

    async def on_start(self) -> None:
        """Begin at once: Faust waits for a second in which tables may still be declared, at each start."""
        await self._update_channels()
        await self.recovery.start()


def install(app: faust.App, wiring: Wiring) -> None:
    """Give `app` the fenced consumer.

    Raises:
        ConfigurationError: this Faust is not compiled, or the environment has changed its settings.
    """
    refuse_uncompiled()
    refuse_settings(app.conf)
    consumer_class = type("FencedConsumer", (Consumer,), {"wiring": wiring})
    transport_class = type("FencedTransport", (driver.Transport,), {"Consumer": consumer_class})
    app.transport = transport_class(app.conf.broker_consumer, app)

    @app.on_rebalance_complete.connect(weak=False)
    async def _take_over(*_args: Any, **_kwargs: Any) -> None:
        consumer: Any = app.consumer
        await consumer.take_over()
