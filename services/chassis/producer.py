"""Writing events with kafka-python: acknowledged by all replicas, or an error within a deadline of our own.

It stands apart because the client alone cannot be relied on: its constructor and `send` block, and a future it gave may
never resolve (measured: 36 of 37 still open 28 s after the broker's disk was full, in spite of its delivery timeout).  So
one thread owns the client, callers wait no longer than they said, what is unacknowledged is bounded, and a client with a
record that stays open for too long is thrown away and made anew.

Hazard: after `BrokerUnavailable` the record may be stored all the same, now or a little later.  Send it again with the same
ids; readers recognise the repeat.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, Self

from kafka.errors import KafkaError, KafkaTimeoutError, MessageSizeTooLargeError

from services.chassis import metrics
from services.chassis.clients import close_producer, make_producer
from services.chassis.clock import Clock, SystemClock
from services.chassis.errors import BrokerUnavailable, Overloaded, PermanentError
from services.chassis.logs import get_logger
from services.chassis.records import Ack, Outgoing
from services.chassis.settings import KafkaSettings

Result = Ack | PermanentError | BrokerUnavailable

BOOTSTRAP_SECONDS: Final = 3.0
RECONNECT_SECONDS: Final = 0.5
METADATA_SECONDS: Final = 2.0
MISSING_TOPIC_SECONDS: Final = 5.0

log = get_logger(__name__)


class _Delivery:
    """One record on its way; whoever settles it first wins."""

    __slots__ = ("expires_at", "record", "sent_at", "tell")

    def __init__(self, record: Outgoing, expires_at: float, tell: Callable[[Result], None]) -> None:
        self.record = record
        self.expires_at = expires_at
        self.sent_at = 0.0
        self.tell = tell


class EventPublisher:
    """Writes records and hands back the broker's acknowledgements; for threads and for event loops.

    Topic names are those of `schemas.topics`; the cluster's prefix is put on here.

    Args:
        settings: The cluster.
        name: Shown to the broker as the client's name.
        deadline_seconds: Longest wait for one acknowledgement.
        max_in_flight: Most records without acknowledgement; one more is refused with `Overloaded`.
        give_up_seconds: Age of the oldest open record at which the client is thrown away.
        linger_ms: How long kafka-python waits for more records before it sends a batch.
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
        linger_ms: int = 0,
        clock: Clock | None = None,
    ) -> None:
        self._settings = settings
        self._name = name
        self._deadline = deadline_seconds
        self._max_in_flight = max_in_flight
        self._give_up = give_up_seconds
        self._linger_ms = linger_ms
        self._clock: Clock = clock or SystemClock()
        self._changed = threading.Condition()
        self._queue: deque[_Delivery] = deque()
        # Insertion order is age: the first is the oldest.  An entry leaves only when kafka-python settles it (or its
        # client is thrown away), so that the bound holds for what the client really keeps in memory.
        self._open: dict[int, _Delivery] = {}
        self._closing = False
        self._expired = False
        self._last_ack = -1e9
        self._missing: dict[str, float] = {}
        self._batch_slots = _Slots(max(1, max_in_flight // 2))
        self._inboxes: dict[int, _LoopInbox] = {}
        metrics.PRODUCER_IN_FLIGHT.set_function(lambda: self.in_flight)
        self._thread = threading.Thread(target=self._run, name=f"{name}-publisher", daemon=True)

    def start(self) -> Self:
        """Begin to connect, in the background."""
        self._thread.start()
        return self

    def close(self, timeout: float = 5.0) -> None:
        """Send what is queued, wait for acknowledgements up to `timeout` seconds, and stop."""
        with self._changed:
            self._closing = True
            self._closing_by = self._clock.monotonic() + timeout
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout + BOOTSTRAP_SECONDS + 2.0)

    @property
    def in_flight(self) -> int:
        """Records that are queued or sent, and not acknowledged."""
        return len(self._queue) + len(self._open)

    @property
    def seconds_since_ack(self) -> float:
        """Age of the last acknowledgement; very large before the first."""
        return self._clock.monotonic() - self._last_ack

    def check(self) -> str | None:
        """A live check: the thread that sends is running."""
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
        expires_at = self._clock.monotonic() + self._deadline
        delivery = _Delivery(record, expires_at, self._inbox(loop).teller(future))
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
            expires_at = self._clock.monotonic() + ends - loop.time()
            ready.append(_Delivery(record, expires_at, inbox.teller(future)))
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
            deliveries.append(_Delivery(record, ends, _first(settled)))
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
        """Queue them, in order; tell and return a refusal for each that there is no room for."""
        if not deliveries:
            return []
        with self._changed:
            stopping = self._closing or not self._thread.is_alive()
            room = 0 if stopping else self._max_in_flight - self.in_flight
            taken = deliveries[: max(0, room)]
            self._queue.extend(taken)
            self._changed.notify()
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

    def _inbox(self, loop: asyncio.AbstractEventLoop) -> _LoopInbox:
        inbox = self._inboxes.get(id(loop))
        if inbox is None or inbox.loop is not loop:
            inbox = self._inboxes[id(loop)] = _LoopInbox(loop)
        return inbox

    # -- the publisher's thread ------------------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._finished():
                producer = self._connect()
                if producer is None:
                    continue
                try:
                    self._serve(producer)
                finally:
                    self._discard(producer)
        finally:
            self._fail_all("the publisher has stopped")

    def _finished(self) -> bool:
        with self._changed:
            if not self._closing:
                return False
            return not (self._queue or self._open) or self._clock.monotonic() >= self._closing_by

    def _connect(self) -> Any:
        try:
            return make_producer(
                self._settings,
                name=self._name,
                seconds=BOOTSTRAP_SECONDS,
                acks="all",
                enable_idempotence=True,
                allow_auto_create_topics=False,
                linger_ms=self._linger_ms,
                # A broker that does not answer is given up early enough for another try within a caller's patience.
                request_timeout_ms=5000,
                delivery_timeout_ms=10_000,
                max_block_ms=int(METADATA_SECONDS * 1000),
            )
        except (KafkaError, OSError) as error:
            log.warning("kafka is not reachable", error=str(error))
            self._drop_expired()
            with self._changed:
                self._changed.wait_for(lambda: self._closing, RECONNECT_SECONDS)
            return None

    def _serve(self, producer: Any) -> None:
        self._expired = False
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._closing, 0.5)
                batch = list(self._queue)
                self._queue.clear()
                for delivery in batch:
                    self._open[id(delivery)] = delivery
            for delivery in batch:
                self._send(producer, delivery)
            if self._expired or self._stuck():
                log.error(
                    "kafka client is stuck and will be made anew", open_records=len(self._open)
                )
                metrics.PRODUCER_RECREATED.inc()
                return
            if self._closing:
                if self._finished():
                    return
                with self._changed:
                    self._changed.wait(0.05)

    def _send(self, producer: Any, delivery: _Delivery) -> None:
        record = delivery.record
        now = self._clock.monotonic()
        delivery.sent_at = now
        if now >= delivery.expires_at:
            # Its caller has been told that it failed: sending it now would only surprise.
            self._settle(delivery, BrokerUnavailable("too late to send it"))
            return
        if self._missing.get(record.topic, 0.0) > now:
            self._settle(
                delivery, BrokerUnavailable(f"topic {record.topic} is not there", "topic_missing")
            )
            return
        try:
            future = producer.send(
                self._settings.topic(record.topic),
                key=record.key,
                value=record.value,
                headers=list(record.headers),
                partition=record.partition,
            )
        except MessageSizeTooLargeError:
            self._settle(
                delivery, PermanentError("record_too_large", "larger than the broker takes")
            )
            return
        except KafkaTimeoutError:
            # No metadata for it: either the broker is away, or the topic does not exist.  Either way the next records
            # for it must not block this thread again.
            self._missing[record.topic] = self._clock.monotonic() + MISSING_TOPIC_SECONDS
            self._settle(delivery, BrokerUnavailable(f"no metadata for topic {record.topic}"))
            return
        except KafkaError as error:
            self._settle(delivery, BrokerUnavailable(type(error).__name__))
            return
        except ValueError as error:
            # A partition that the topic does not have.
            self._settle(delivery, PermanentError("invalid_record", str(error)))
            return
        future.add_callback(self._acked, delivery)
        future.add_errback(self._failed, delivery)

    def _acked(self, delivery: _Delivery, metadata: Any) -> None:
        now = self._clock.monotonic()
        self._last_ack = now
        metrics.ACK_SECONDS.observe(now - delivery.sent_at)
        self._settle(delivery, Ack(delivery.record.topic, metadata.partition, metadata.offset))

    def _failed(self, delivery: _Delivery, error: BaseException) -> None:
        if isinstance(error, MessageSizeTooLargeError):
            self._settle(
                delivery, PermanentError("record_too_large", "larger than the broker takes")
            )
        else:
            # A batch that the idempotent client gave up leaves a gap in its sequence: what follows stays open long after
            # the broker is back (measured: 18 s, until the oldest was 30 s old).
            self._expired = self._expired or isinstance(error, KafkaTimeoutError)
            self._settle(delivery, BrokerUnavailable(type(error).__name__))

    def _settle(self, delivery: _Delivery, result: Result) -> None:
        with self._changed:
            self._open.pop(id(delivery), None)
        delivery.tell(result)

    def _stuck(self) -> bool:
        with self._changed:
            oldest = next(iter(self._open.values()), None)
        return oldest is not None and self._clock.monotonic() - oldest.sent_at > self._give_up

    def _drop_expired(self) -> None:
        now = self._clock.monotonic()
        with self._changed:
            expired = [delivery for delivery in self._queue if delivery.expires_at <= now]
            self._queue = deque(delivery for delivery in self._queue if delivery.expires_at > now)
        for delivery in expired:
            delivery.tell(BrokerUnavailable("kafka is not reachable"))

    def _fail_all(self, reason: str) -> None:
        with self._changed:
            left = [*self._open.values(), *self._queue]
            self._open.clear()
            self._queue.clear()
        for delivery in left:
            delivery.tell(BrokerUnavailable(reason))

    def _discard(self, producer: Any) -> None:
        close_producer(producer, seconds=2)
        with self._changed:
            left = list(self._open.values())
            self._open.clear()
        for delivery in left:
            delivery.tell(BrokerUnavailable("the kafka client was made anew"))


class _LoopInbox:
    """Carries results from kafka-python's thread to one event loop, many per wake-up."""

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
