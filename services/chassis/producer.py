"""Writing events with librdkafka: acknowledged by all replicas, or an error within a deadline of our own.

It stands apart because callers wait no longer than they said, whatever the client does, and because what is unacknowledged is
bounded.  Records go to librdkafka on the caller's own thread, which never blocks; one thread takes its reports and hands them
on (ADR 27).  A caller is told at the deadline; should a record stay open far beyond it, or the client end up in a state that it
cannot leave, the client is thrown away and made anew.

Hazard: after `BrokerUnavailable` the record may be stored all the same, now or a little later.  Send it again with the same
ids; readers recognise the repeat.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, Self

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from services.chassis import metrics
from services.chassis.clock import Clock, SystemClock
from services.chassis.errors import BrokerUnavailable, Overloaded, PermanentError
from services.chassis.logs import get_logger
from services.chassis.records import Ack, Outgoing
from services.chassis.settings import KafkaSettings

Result = Ack | PermanentError | BrokerUnavailable

MISSING_TOPIC_SECONDS: Final = 5.0
TURN_SECONDS: Final = 0.25
"""How long the thread waits for reports before it looks at its own clock."""
_SETTINGS: Final[Mapping[str, Any]] = {
    "acks": "all",
    "enable.idempotence": True,
    # What lies there when it is sent goes together; nobody is waited for.
    "linger.ms": 0,
    # As every writer of keyed topics: see `schemas.topics`.
    "partitioner": "murmur2_random",
    "message.max.bytes": 1 << 20,
    "allow.auto.create.topics": False,
    # A topic that the metadata does not name is taken for missing after it.
    "topic.metadata.propagation.max.ms": 2000,
    # A broker that does not answer is given up early enough for another try within a caller's patience.
    "request.timeout.ms": 5000,
    "enable.metrics.push": False,
}
_TOO_LARGE: Final = KafkaError.MSG_SIZE_TOO_LARGE
_NO_TOPIC: Final = frozenset(
    {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001 - confluent-kafka's public constants begin with _
    }
)

log = get_logger(__name__)


class _Delivery:
    """One record on its way; whoever settles it first wins."""

    __slots__ = ("record", "sent_at", "tell")

    def __init__(self, record: Outgoing, tell: Callable[[Result], None]) -> None:
        self.record = record
        self.sent_at = 0.0
        self.tell = tell


class EventPublisher:
    """Writes records and hands back the broker's acknowledgements; for threads and for event loops.

    Topic names are those of `schemas.topics`; the cluster's prefix is put on here.

    Args:
        settings: The cluster.
        name: Shown to the broker as the client's name.
        deadline_seconds: Longest wait for one acknowledgement; the record may be stored all the same.
        max_in_flight: Most records without acknowledgement; one more is refused with `Overloaded`.
        give_up_seconds: Age of the oldest open record at which the client is thrown away.
        clock: Time for deadlines.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        name: str,
        deadline_seconds: float = 5.0,
        max_in_flight: int = 500,
        give_up_seconds: float = 30.0,
        clock: Clock | None = None,
    ) -> None:
        self._settings = settings
        self._name = name
        self._deadline = deadline_seconds
        self._max_in_flight = max_in_flight
        self._give_up = give_up_seconds
        self._clock: Clock = clock or SystemClock()
        self._lock = threading.Lock()
        # Insertion order is age: the first is the oldest.  An entry leaves only when librdkafka reports on it (or its
        # client is thrown away), so that the bound holds for what the client really keeps in memory.
        self._open: dict[int, _Delivery] = {}
        self._producer: Producer | None = None
        self._broken = False
        self._closing = False
        self._stop = threading.Event()
        self._last_ack = -1e9
        self._missing: dict[str, float] = {}
        self._topics: dict[str, str] = {}
        self._batch_slots = _Slots(max(1, max_in_flight // 2))
        self._inboxes: dict[int, _LoopInbox] = {}
        metrics.PRODUCER_IN_FLIGHT.set_function(lambda: self.in_flight)
        self._thread = threading.Thread(target=self._run, name=f"{name}-publisher", daemon=True)

    def start(self) -> Self:
        """Begin to connect, in the background."""
        self._producer = self._make()
        self._thread.start()
        return self

    def close(self, timeout: float = 5.0) -> None:
        """Take nothing more, wait for acknowledgements up to `timeout` seconds, and stop."""
        with self._lock:
            self._closing = True
            producer = self._producer
        if producer is not None:
            producer.flush(timeout)
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(TURN_SECONDS + 5.0)

    @property
    def in_flight(self) -> int:
        """Records that were taken and are not acknowledged."""
        return len(self._open)

    @property
    def seconds_since_ack(self) -> float:
        """Age of the last acknowledgement; very large before the first."""
        return self._clock.monotonic() - self._last_ack

    def check(self) -> str | None:
        """A live check: the thread that takes acknowledgements is running."""
        return None if self._thread.is_alive() else "the publisher's thread has ended"

    def publish(
        self,
        topic: str,
        key: bytes,
        value: bytes | None,
        headers: tuple[tuple[str, bytes], ...] = (),
        partition: int | None = None,
    ) -> asyncio.Future[Ack]:
        """Send from an event loop; the result is awaited, so that many may be sent before the first is awaited.

        Returns:
            A future with the acknowledgement, or with `BrokerUnavailable` after the deadline, or with
            `PermanentError` (`record_too_large`).

        Raises:
            Overloaded: Too much is unacknowledged; nothing was sent.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Ack] = loop.create_future()
        record = Outgoing(topic, key, value, headers, partition)
        delivery = _Delivery(record, self._inbox(loop).teller(future))
        for refusal in self._submit([delivery]):
            future.cancel()
            raise refusal
        timer = loop.call_later(self._deadline, _expire, future, self._deadline)
        future.add_done_callback(lambda _: timer.cancel())
        return future

    async def publish_many(
        self, records: Sequence[Outgoing], *, deadline_seconds: float | None = None
    ) -> list[Result]:
        """Send all, in order, then wait for all; one result per record.

        A sequence longer than the bound goes in as fast as acknowledgements come back, and batches together use half of
        the bound, so that single records still get in.
        """
        loop = asyncio.get_running_loop()
        limit = self._deadline if deadline_seconds is None else deadline_seconds
        ends = loop.time() + limit
        inbox = self._inbox(loop)
        futures: list[asyncio.Future[Ack]] = []
        ready: list[_Delivery] = []
        for record in records:
            future: asyncio.Future[Ack] = loop.create_future()
            futures.append(future)
            if not self._batch_slots.take_now():
                self._submit(ready)
                ready = []
                if not await self._batch_slots.take(ends - loop.time()):
                    future.set_exception(BrokerUnavailable(f"no room within {limit:g} s; not sent"))
                    continue
            future.add_done_callback(self._batch_slots.give)
            ready.append(_Delivery(record, inbox.teller(future)))
        self._submit(ready)
        if futures:
            await asyncio.wait(futures, timeout=max(0.0, ends - loop.time()))
        results: list[Result] = []
        for future in futures:
            if not future.done():
                future.set_exception(BrokerUnavailable(f"no acknowledgement within {limit:g} s"))
            error = future.exception()
            if error is None:
                results.append(future.result())
            elif isinstance(error, PermanentError | BrokerUnavailable):
                results.append(error)
            else:
                raise error
        return results

    def publish_sync(self, record: Outgoing, *, deadline_seconds: float | None = None) -> Ack:
        """Send from a thread and wait.

        Raises:
            BrokerUnavailable: No acknowledgement within the deadline.
            Overloaded: Too much is unacknowledged; nothing was sent.
            PermanentError: The record is too large.
        """
        return self.publish_all_sync([record], deadline_seconds=deadline_seconds)[0]

    def publish_all_sync(
        self, records: Sequence[Outgoing], *, deadline_seconds: float | None = None
    ) -> list[Ack]:
        """Send all from a thread, in order, then wait for all.

        Raises:
            BrokerUnavailable: One of them has no acknowledgement; others may be stored.
            PermanentError: One of them is too large; others may be stored.
        """
        limit = self._deadline if deadline_seconds is None else deadline_seconds
        ends = self._clock.monotonic() + limit
        deliveries: list[_Delivery] = []
        waiting: list[concurrent.futures.Future[Result]] = []
        for record in records:
            settled: concurrent.futures.Future[Result] = concurrent.futures.Future()
            deliveries.append(_Delivery(record, _first(settled)))
            waiting.append(settled)
        for refusal in self._submit(deliveries):
            raise refusal
        acks: list[Ack] = []
        for settled in waiting:
            try:
                result = settled.result(max(0.0, ends - self._clock.monotonic()))
            except TimeoutError:
                raise BrokerUnavailable(f"no acknowledgement within {limit:g} s") from None
            if not isinstance(result, Ack):
                raise result
            acks.append(result)
        return acks

    def _submit(self, deliveries: Sequence[_Delivery]) -> list[BrokerUnavailable]:
        """Send them, in order; tell and return a refusal for each that there is no room for."""
        if not deliveries:
            return []
        now = self._clock.monotonic()
        hopeless: list[tuple[_Delivery, Result]] = []
        with self._lock:
            producer = self._producer
            stopping = producer is None or self._closing or not self._thread.is_alive()
            room = 0 if stopping else self._max_in_flight - len(self._open)
            taken = deliveries[: max(0, room)]
            for delivery in taken:
                assert producer is not None
                delivery.sent_at = now
                if (result := self._send(producer, delivery, now)) is not None:
                    hopeless.append((delivery, result))
        for delivery, result in hopeless:
            delivery.tell(result)
        refusals: list[BrokerUnavailable] = []
        for delivery in deliveries[len(taken) :]:
            refusal: BrokerUnavailable = Overloaded(
                f"{self._max_in_flight} records await acknowledgement"
            )
            if stopping:
                refusal = BrokerUnavailable("this process is stopping; not sent")
            refusals.append(refusal)
            delivery.tell(refusal)
        return refusals

    def _send(self, producer: Producer, delivery: _Delivery, now: float) -> Result | None:
        """Hand a record over, or tell why that is of no use."""
        record = delivery.record
        if self._missing and self._missing.get(record.topic, 0.0) > now:
            return BrokerUnavailable(f"topic {record.topic} is not there", "topic_missing")
        topic = self._topics.get(record.topic)
        if topic is None:
            topic = self._topics[record.topic] = self._settings.topic(record.topic)
        options: dict[str, Any] = (
            {} if record.partition is None else {"partition": record.partition}
        )
        self._open[id(delivery)] = delivery
        try:
            producer.produce(
                topic,
                record.value,
                record.key,
                headers=list(record.headers),
                on_delivery=partial(self._reported, delivery),
                **options,
            )
        except KafkaException as error:
            del self._open[id(delivery)]
            return self._result(delivery, error.args[0])
        except BufferError:
            del self._open[id(delivery)]
            return Overloaded("librdkafka's queue is full")
        return None

    def _inbox(self, loop: asyncio.AbstractEventLoop) -> _LoopInbox:
        inbox = self._inboxes.get(id(loop))
        if inbox is None or inbox.loop is not loop:
            inbox = self._inboxes[id(loop)] = _LoopInbox(loop)
        return inbox

    # -- the publisher's thread ------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                producer = self._producer
                assert producer is not None
                producer.poll(TURN_SECONDS)
                if self._broken or self._stuck():
                    log.error(
                        "kafka client is stuck and will be made anew", open_records=len(self._open)
                    )
                    metrics.PRODUCER_RECREATED.inc()
                    self._replace(self._make(), "the kafka client was made anew")
        finally:
            self._replace(None, "the publisher has stopped")

    def _make(self) -> Producer:
        return Producer(
            {
                **self._settings.for_librdkafka(),
                **_SETTINGS,
                "client.id": self._name,
                # Trap: a record that expires in the queue leaves a gap in its partition's sequence, over which librdkafka begins
                # a new epoch, and sends again what may be stored.  So none does before the client itself is thrown away.
                "message.timeout.ms": int(2 * self._give_up * 1000),
                "error_cb": self._disturbed,
            },
            logger=logging.getLogger("librdkafka"),
        )

    def _disturbed(self, error: KafkaError) -> None:
        if error.fatal():
            self._broken = True
        log.warning("writing is disturbed", error=error.name(), detail=error.str())

    def _reported(self, delivery: _Delivery, error: KafkaError | None, message: Message) -> None:
        with self._lock:
            if self._open.pop(id(delivery), None) is None:
                return
        if error is not None:
            delivery.tell(self._result(delivery, error))
            return
        now = self._clock.monotonic()
        self._last_ack = now
        metrics.ACK_SECONDS.observe(now - delivery.sent_at)
        delivery.tell(Ack(delivery.record.topic, message.partition(), message.offset()))  # type: ignore[arg-type]

    def _result(self, delivery: _Delivery, error: KafkaError) -> PermanentError | BrokerUnavailable:
        code = error.code()
        if code == _TOO_LARGE:
            return PermanentError("record_too_large", "larger than the broker takes")
        if code == KafkaError._UNKNOWN_PARTITION:  # noqa: SLF001 - as above
            return PermanentError("invalid_record", "the topic has no such partition")
        if code == KafkaError._MSG_TIMED_OUT:  # noqa: SLF001
            return BrokerUnavailable(f"no acknowledgement within {self._deadline:g} s")
        if code in _NO_TOPIC:
            # Nobody waits for its metadata again for a while.
            self._missing[delivery.record.topic] = self._clock.monotonic() + MISSING_TOPIC_SECONDS
            return BrokerUnavailable(f"topic {delivery.record.topic} is not there", "topic_missing")
        self._broken = self._broken or error.fatal()
        return BrokerUnavailable(error.name())

    def _stuck(self) -> bool:
        with self._lock:
            oldest = next(iter(self._open.values()), None)
        return oldest is not None and self._clock.monotonic() - oldest.sent_at > self._give_up

    def _replace(self, fresh: Producer | None, reason: str) -> None:
        """Go on with a fresh client; the records of the present one fail here and now."""
        with self._lock:
            old, self._producer = self._producer, fresh
            left = list(self._open.values())
            self._open.clear()
            self._broken = False
        for delivery in left:
            delivery.tell(BrokerUnavailable(reason))
        if old is not None:
            # What it still reports is not heard any more.
            old.purge()
            old.poll(0)


class _LoopInbox:
    """Carries results from the publisher's thread to one event loop, many per wake-up."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._lock = threading.Lock()
        self._arrived: list[tuple[asyncio.Future[Ack], Result]] = []

    def teller(self, future: asyncio.Future[Ack]) -> Callable[[Result], None]:
        def tell(result: Result) -> None:
            with self._lock:
                self._arrived.append((future, result))
                if len(self._arrived) > 1:
                    return
            try:
                self.loop.call_soon_threadsafe(self._deliver)
            except RuntimeError:
                # The loop is closed: nobody waits any more.
                self._arrived.clear()

        return tell

    def _deliver(self) -> None:
        with self._lock:
            arrived, self._arrived = self._arrived, []
        for future, result in arrived:
            if future.done():
                continue
            if isinstance(result, Ack):
                future.set_result(result)
            else:
                future.set_exception(result)


class _Slots:
    """A bound that waits, for one event loop at a time."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    def take_now(self) -> bool:
        if self._taken >= self._count or self._waiting:
            return False
        self._taken += 1
        return True

    async def take(self, timeout: float) -> bool:
        if self._taken >= self._count:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            done, _ = await asyncio.wait([turn], timeout=max(0.0, timeout))
            if not done:
                turn.cancel()
                return False
        self._taken += 1
        return True

    def give(self, _: object = None) -> None:
        self._taken -= 1
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return


def _expire(future: asyncio.Future[Ack], seconds: float) -> None:
    if not future.done():
        future.set_exception(BrokerUnavailable(f"no acknowledgement within {seconds:g} s"))


def _first(settled: concurrent.futures.Future[Result]) -> Callable[[Result], None]:
    def tell(result: Result) -> None:
        if not settled.done():
            settled.set_result(result)

    return tell
