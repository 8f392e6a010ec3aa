"""Faust's consumer with its traps taken out: what is read, when, and by whom it is committed.

Each override names its trap.  The consumer keeps Faust's membership, subscription and rebalance callbacks; it does not commit
(L1-L6, L11, L12: the checkpoint does), does not track acknowledgements, and hands whole fetched batches of one partition to a
stage instead of one future per record (speed).

Hazard: between a fetch and a seek, records of the old position may be in flight.  Every fetch is tagged, on the thread that
fetches and seeks, with the number of the last seek; a batch with another tag is dropped, and the seek has already made sure
that its records come again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import aiokafka
import faust
import structlog
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from faust import streams
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from services.chassis.errors import ConfigurationError
from services.router.checkpoint.backlog import Backlog
from services.router.checkpoint.checkpointer import Checkpointer
from services.router.checkpoint.fatal import die
from services.router.checkpoint.transactions import Membership

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one partition of one topic, in order, fetched in one epoch."""

    topic: str
    partition: int
    records: list[Any]
    """aiokafka's `ConsumerRecord`s."""
    epoch: int


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
    leading_topic: str
    """Whose records are handled before the ones that ask about them."""
    asking_topic: str
    """Not fetched for a partition in which the leading topic is behind."""
    deliver: Callable[[Batch], Any] | None = None
    """Coroutine function that takes a batch; set once the agents exist."""
    session_timeout_ms: int = 10_000
    heartbeat_interval_ms: int = 2_000
    rebalance_timeout_ms: int = 60_000
    max_poll_records: int = 1_000
    seek_tag: int = 0
    """Which seek the main thread is at; a fetch with an older tag is dropped."""


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread that owns the aiokafka consumer."""

    def __init__(self, *args: Any, wiring: Wiring, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._wiring = wiring
        self._tag = 0

    def _create_worker_consumer(self, transport: Any) -> aiokafka.AIOKafkaConsumer:
        """Trap: Faust reads uncommitted records, and without tables its assignor does not keep partition numbers together.

        The range assignor gives a worker the same numbers of every topic, since all have the same count; with static
        membership the member ids, and so the assignment, survive a restart.
        """
        wiring = self._wiring
        return aiokafka.AIOKafkaConsumer(
            client_id=f"{wiring.group}-{wiring.instance_id}",
            group_id=wiring.group,
            group_instance_id=wiring.instance_id,
            partition_assignment_strategy=[RangePartitionAssignor],
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_poll_records=wiring.max_poll_records,
            max_partition_fetch_bytes=4 << 20,
            # One fetch at a time is under way to a broker, without the partitions whose last records are being handled: those
            # wait until it returns.  A parked fetch of 500 ms would cost every hop of a complaint half of that.
            fetch_max_wait_ms=20,
            request_timeout_ms=30_000,
            retry_backoff_ms=50,
            session_timeout_ms=wiring.session_timeout_ms,
            heartbeat_interval_ms=wiring.heartbeat_interval_ms,
            rebalance_timeout_ms=wiring.rebalance_timeout_ms,
            # Stages take turns on one loop and are bounded by checkpoints; the health check watches for a standstill.
            max_poll_interval_ms=600_000,
            metadata_max_age_ms=30_000,
            **wiring.connection,
        )

    async def _fetch_records(
        self,
        consumer: aiokafka.AIOKafkaConsumer,
        active_partitions: Any,
        timeout: float | None = None,
        max_records: int | None = None,
    ) -> Any:
        records = await super()._fetch_records(
            consumer, active_partitions, timeout=timeout, max_records=max_records
        )
        # No await between the records leaving the fetcher and these lines: tag and lag are those of their position.
        return self._tag, records, self._lags(consumer)

    def _lags(self, consumer: aiokafka.AIOKafkaConsumer) -> dict[int, int]:
        lags: dict[int, int] = {}
        for tp in consumer.assignment():
            if tp.topic != self._wiring.leading_topic:
                continue
            end = consumer.last_stable_offset(tp)
            state = consumer._subscription.subscription.assignment.state_value(tp)  # noqa: SLF001 - no public one is without await
            if end is not None and end >= 0 and state is not None and state.has_valid_position:
                lags[tp.partition] = end - state.position
        return lags

    async def seek_all(self, positions: Mapping[TP, int], tag: int) -> None:
        """Seek every partition and tag all later fetches."""
        await self.call_thread(self._seek_all, positions, tag)

    async def _seek_all(self, positions: Mapping[TP, int], tag: int) -> None:
        consumer = self._ensure_consumer()
        for tp, offset in positions.items():
            consumer.seek(driver.ensure_aiokafka_TP(tp), offset)
        self._tag = tag

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
        self.wiring.seek_tag += 1
        await self.wiring.checkpointer.revoke()
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

        Called by Faust in a task of its own after every assignment; `positions` were read by `take_over` just before.
        """
        positions = self._positions
        assignment = self.assignment()
        if set(positions) != set(assignment):
            # A rebalance began between taking over and here: its own assignment will seek.
            log.info("router.seek_skipped", have=len(positions), assigned=len(assignment))
            return {}
        tag = self.wiring.seek_tag = self.wiring.seek_tag + 1
        # Before the seek: what is fetched after it carries the new tag and must be taken.
        self.wiring.checkpointer.resumed()
        await self._thread.seek_all(positions, tag)  # type: ignore[attr-defined]
        return positions

    _positions: Mapping[TP, int] = {}

    async def take_over(self) -> None:
        """Restore state and find the positions; connected to Faust's signal before it seeks, which has no time limit."""
        assignment = self.assignment()
        positions = await self.wiring.checkpointer.take_over(
            (tp.topic, tp.partition) for tp in assignment
        )
        self._positions = {
            TP(topic, number): offset for (topic, number), offset in positions.items()
        }

    # -- reading ------------------------------------------------------------------------

    async def _drain_messages(self, fetcher: Any) -> None:
        """Replaces four futures, an event and a stream step per record by one hand-over per fetched batch."""
        try:
            while not (self.should_stop or fetcher.should_stop):
                await self._drain_once()
        except self.consumer_stopped_errors:
            if not self.app.should_stop:
                raise
        except asyncio.CancelledError:
            if not self.app.should_stop:
                raise
        except Exception as error:  # noqa: BLE001 - outermost loop of reading
            die("reading failed", error)

    async def _drain_once(self) -> None:
        if not self.flow_active:
            await self.wait(self.can_resume_flow)  # type: ignore[arg-type]
        wiring = self.wiring
        active = {
            tp
            for tp in self._get_active_partitions()
            if tp.topic != wiring.asking_topic or not wiring.backlog.behind(tp.partition)
        }
        if not active:
            await asyncio.sleep(0.05)
            return
        fetched: Any = await self._getmany(active_partitions=active, timeout=1.0)
        if not fetched:
            # Not flowing: Faust's own answer, before ours.
            await asyncio.sleep(0.01)
            return
        tag, records, lags = fetched
        if tag != wiring.seek_tag or not wiring.checkpointer.positioned:
            return
        epoch = wiring.checkpointer.epoch
        deliver = wiring.deliver
        if deliver is None:
            raise RuntimeError("no agent takes batches")
        wiring.backlog.fetched(lags)
        leading = wiring.leading_topic
        # Stable: what leads first, otherwise as fetched.
        for tp, batch in sorted(records.items(), key=lambda pair: pair[0].topic != leading):
            if epoch != wiring.checkpointer.epoch:
                # A rebalance began while an agent's channel was full: the rest comes again.
                return
            if batch:
                if tp.topic == leading:
                    wiring.backlog.delivered(tp.partition)
                await deliver(Batch(tp.topic, tp.partition, batch, epoch))


def install(app: faust.App, wiring: Wiring) -> None:
    """Give `app` the fenced consumer.

    Raises:
        ConfigurationError: trap L14, Faust without its compiled stream iterator acknowledges what it skipped.
    """
    if getattr(streams, "_CStreamIterator", None) is None:
        raise ConfigurationError(
            "this faust-streaming has no compiled extensions; install a wheel (unset NO_CYTHON) for this platform"
        )
    consumer_class = type("FencedConsumer", (Consumer,), {"wiring": wiring})
    transport_class = type("FencedTransport", (driver.Transport,), {"Consumer": consumer_class})
    app.transport = transport_class(app.conf.broker_consumer, app)

    @app.on_rebalance_complete.connect(weak=False)
    async def _take_over(*_args: Any, **_kwargs: Any) -> None:
        consumer: Any = app.consumer
        await consumer.take_over()
