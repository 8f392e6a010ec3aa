"""Writing events: acknowledged by all replicas, or an error within a deadline of our own.

It stands apart because callers wait no longer than they said, whatever the client does: from an event loop or from a thread, for
one record or for many.  How records go to librdkafka and what it reports is the sender's affair (sender.py).

Hazard: after `BrokerUnavailable` the record may be stored all the same, now or a little later.  Send it again with the same
ids; readers recognise the repeat.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable, Sequence
from typing import Self

from services.chassis.clock import Clock, SystemClock
from services.chassis.errors import BrokerUnavailable, PermanentError
from services.chassis.loops import LoopInbox, Slots
from services.chassis.records import Ack, Outgoing
from services.chassis.sender import Delivery, Result, Sender
from services.chassis.settings import KafkaSettings


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
        self._deadline = deadline_seconds
        self._clock: Clock = clock or SystemClock()
        self._sender = Sender(
            settings,
            name=name,
            max_in_flight=max_in_flight,
            give_up_seconds=give_up_seconds,
            clock=self._clock,
        )
        self._batch_slots = Slots(max(1, max_in_flight // 2))
        self._inboxes: dict[int, LoopInbox[Ack]] = {}

    def start(self) -> Self:
        """Begin to connect, in the background."""
        self._sender.start()
        return self

    def close(self, timeout: float = 5.0) -> None:
        """Take nothing more, wait for acknowledgements up to `timeout` seconds, and stop."""
        self._sender.close(timeout)

    @property
    def in_flight(self) -> int:
        """Records that were taken and are not acknowledged."""
        return self._sender.in_flight

    @property
    def seconds_since_ack(self) -> float:
        """Age of the last acknowledgement; very large before the first."""
        return self._sender.seconds_since_ack

    def check(self) -> str | None:
        """A live check: the thread that takes acknowledgements is running."""
        return None if self._sender.alive else "the publisher's thread has ended"

    # -- from an event loop ----------------------------------------------------------------------------------------

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
        delivery = Delivery(record, self._inbox(loop).teller(future))
        for refusal in self._sender.submit([delivery]):
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
        ready: list[Delivery] = []
        for record in records:
            future: asyncio.Future[Ack] = loop.create_future()
            futures.append(future)
            if not self._batch_slots.take_now():
                self._sender.submit(ready)
                ready = []
                if not await self._batch_slots.take(ends - loop.time()):
                    future.set_exception(BrokerUnavailable(f"no room within {limit:g} s; not sent"))
                    continue
            future.add_done_callback(self._batch_slots.give)
            ready.append(Delivery(record, inbox.teller(future)))
        self._sender.submit(ready)
        if futures:
            await asyncio.wait(futures, timeout=max(0.0, ends - loop.time()))
        results: list[Result] = []
        for future in futures:
            _expire(future, limit)
            error = future.exception()
            if error is None:
                results.append(future.result())
            elif isinstance(error, PermanentError | BrokerUnavailable):
                results.append(error)
            else:
                raise error
        return results

    def _inbox(self, loop: asyncio.AbstractEventLoop) -> LoopInbox[Ack]:
        inbox = self._inboxes.get(id(loop))
        if inbox is None or inbox.loop is not loop:
            inbox = self._inboxes[id(loop)] = LoopInbox(loop)
        return inbox

    # -- from a thread ---------------------------------------------------------------------------------------------

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
        deliveries: list[Delivery] = []
        waiting: list[concurrent.futures.Future[Result]] = []
        for record in records:
            settled: concurrent.futures.Future[Result] = concurrent.futures.Future()
            deliveries.append(Delivery(record, _first(settled)))
            waiting.append(settled)
        for refusal in self._sender.submit(deliveries):
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


def _expire(future: asyncio.Future[Ack], seconds: float) -> None:
    if not future.done():
        future.set_exception(BrokerUnavailable(f"no acknowledgement within {seconds:g} s"))


def _first(settled: concurrent.futures.Future[Result]) -> Callable[[Result], None]:
    def tell(result: Result) -> None:
        if not settled.done():
            settled.set_result(result)

    return tell
