"""One lane for each receiver, so that a department that is dead or slow delays nobody else.

It stands apart because it is where deliveries wait: in memory what is due and in which order, in the ledger what that
means.  Messages about one assignment go out one after another; of those that failed, only the newest is tried again.

Waiting is measured on the monotonic clock: the wall clock may jump, and an alert that was planned while it was an hour ahead
would be due an hour later.  Wall-clock times are for the ledger, and for what is taken up from it.

Hazard: everything here is lost when the process ends.  It may be, because an attempt counts only once it is recorded; an
attempt that was made and not recorded is made again, with the same id and the same bytes.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from uuid import UUID

from schemas.vocabulary import NotificationOutcome
from services.chassis import ids, metrics
from services.chassis.clock import Clock, microseconds
from services.chassis.retry import RetryPolicy
from services.notifier.delivery import Answer, Verdict, judge, superseded
from services.notifier.ledger import Delivery
from services.notifier.receivers import Receiver

Post = Callable[[Receiver, str, bytes], Awaitable[Answer]]

TRIP_AFTER: Final = 10
"""Failures in a row after which a receiver is only probed, one message at a time."""
LONGEST_PROBE_SECONDS: Final = 30.0
_AT_ONCE: Final = float("-inf")
_LONGEST_SLEEP: Final = 30.0
"""Look again at least this often."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What is to be recorded about one delivery."""

    delivery: Delivery
    number: int
    """Counts from 1; for a message that is given up unsent, the attempts made so far."""
    verdict: Verdict
    status_code: int | None
    at: datetime
    gone_fingerprint: str | None = None
    """Of the address that answered 410."""


Record = Callable[[Attempt], Awaitable[None]]
"""Stores an attempt; when it returns, it is stored."""


@dataclass(slots=True)
class _Waiting:
    delivery: Delivery
    attempts: int
    due: float
    """On the monotonic clock."""
    in_flight: bool = False
    entry: tuple[float, int, str] | None = None
    """Its place in the lane's order; any other that is found there is out of date."""


@dataclass(slots=True)
class Lanes:
    """All lanes; they come into being as deliveries are added.

    Attributes:
        post: Makes one attempt.
        receivers: The receivers as configured now.
        is_gone: Whether a receiver has answered 410 and has the same address still.
        record: Stores what became of an attempt.
        policy: When to try again.
        clock: What is due, and when it was tried.
        parallel: Attempts under way at once for one receiver.
    """

    post: Post
    receivers: Callable[[], Mapping[str, Receiver]]
    is_gone: Callable[[Receiver], bool]
    record: Record
    policy: RetryPolicy
    clock: Clock
    parallel: int
    _lanes: dict[str, Lane] = field(default_factory=dict)
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    def add(self, deliveries: Sequence[Delivery]) -> None:
        """Take deliveries up, in order of planning; call it on the event loop's thread."""
        for delivery in deliveries:
            lane = self._lanes.get(delivery.receiver)
            if lane is None:
                lane = self._lanes[delivery.receiver] = Lane(self)
                self._tasks[delivery.receiver] = asyncio.create_task(
                    lane.run(), name=f"lane-{delivery.receiver}"
                )
            lane.add(delivery)

    def waiting(self) -> int:
        """Deliveries that are not settled."""
        return sum(lane.size for lane in self._lanes.values())

    def failed(self) -> BaseException | None:
        """The defect that ended a lane, if one did."""
        for task in self._tasks.values():
            if task.done() and not task.cancelled() and task.exception() is not None:
                return task.exception()
        return None

    async def drain(self, seconds: float) -> None:
        """Start nothing more, and give attempts under way that long to end."""
        for task in self._tasks.values():
            task.cancel()
        under_way = [attempt for lane in self._lanes.values() for attempt in lane.under_way]
        if under_way:
            await asyncio.wait(under_way, timeout=seconds)


class Lane:
    """The deliveries of one receiver."""

    def __init__(self, lanes: Lanes) -> None:
        self._shared = lanes
        self._due: list[tuple[float, int, str]] = []
        self._by_id: dict[str, _Waiting] = {}
        self._queues: dict[str, deque[_Waiting]] = {}
        self._changed = asyncio.Event()
        self._failures = 0
        self._probe_at = 0.0
        self.under_way: set[asyncio.Task[None]] = set()

    @property
    def size(self) -> int:
        """Deliveries that are not settled."""
        return len(self._by_id)

    def add(self, delivery: Delivery) -> None:
        """Put a delivery behind those about the same assignment."""
        if delivery.notification_id in self._by_id:
            return
        waiting = _Waiting(delivery, delivery.attempts, self._when(delivery))
        self._by_id[delivery.notification_id] = waiting
        queue = self._queues.setdefault(delivery.alert.assignment_id, deque())
        queue.append(waiting)
        # Either it is the first, or the one before it may have to give way.
        self._schedule(queue[0])
        metrics.NOTIFICATIONS_DUE.inc()

    def _when(self, delivery: Delivery) -> float:
        """On the monotonic clock; what was never tried is due now, whatever the wall clock said when it was planned."""
        clock = self._shared.clock
        ahead = (delivery.due_at - microseconds(clock.now())) / 1e6 if delivery.attempts else 0.0
        return clock.monotonic() + max(0.0, ahead)

    async def run(self) -> None:
        """Attempt what is due, for ever."""
        while True:
            waiting = await self._next()
            waiting.in_flight = True
            task = asyncio.create_task(
                self._attempt(waiting), name=waiting.delivery.notification_id
            )
            self.under_way.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self.under_way.discard(task)
        self._changed.set()
        if not task.cancelled():
            # A defect, or a ledger that cannot be written: raised where the loop's owner sees it.
            error = task.exception()
            if error is not None:
                asyncio.get_running_loop().call_exception_handler(
                    {"message": "delivery failed", "exception": error}
                )

    async def _next(self) -> _Waiting:
        while True:
            self._changed.clear()
            pause = self._pause()
            if pause is None:
                first = self._first()
                if first is not None:
                    ahead = first[0] - self._shared.clock.monotonic()
                    if ahead <= 0:
                        waiting = self._by_id[heapq.heappop(self._due)[2]]
                        waiting.entry = None
                        return waiting
                    pause = min(ahead, _LONGEST_SLEEP)
            try:
                await asyncio.wait_for(self._changed.wait(), pause)
            except TimeoutError:
                continue

    def _first(self) -> tuple[float, int, str] | None:
        while self._due:
            waiting = self._by_id.get(self._due[0][2])
            if waiting is not None and waiting.entry is self._due[0]:
                return self._due[0]
            heapq.heappop(self._due)
        return None

    def _pause(self) -> float | None:
        """Seconds to wait whatever is due; None for not at all."""
        if self._failures < TRIP_AFTER:
            return None if len(self.under_way) < self._shared.parallel else _LONGEST_SLEEP
        if self.under_way:
            return _LONGEST_SLEEP
        ahead = self._probe_at - self._shared.clock.monotonic()
        return ahead if ahead > 0 else None

    def _schedule(self, waiting: _Waiting) -> None:
        """Make the head of an assignment's queue due."""
        if waiting.in_flight:
            return
        queue = self._queues[waiting.delivery.alert.assignment_id]
        due = waiting.due
        if superseded(attempts=waiting.attempts, newer_waits=len(queue) > 1):
            due = _AT_ONCE  # to be given up
        waiting.entry = (due, waiting.delivery.number, waiting.delivery.notification_id)
        heapq.heappush(self._due, waiting.entry)
        self._changed.set()

    async def _attempt(self, waiting: _Waiting) -> None:
        delivery = waiting.delivery
        queue = self._queues[delivery.alert.assignment_id]
        receiver = self._shared.receivers().get(delivery.receiver)
        if superseded(attempts=waiting.attempts, newer_waits=len(queue) > 1):
            attempt = self._unsent(waiting, NotificationOutcome.SUPPRESSED, "superseded")
        elif receiver is None:
            attempt = self._unsent(waiting, NotificationOutcome.ABANDONED, "no_receiver")
        elif self._shared.is_gone(receiver):
            attempt = self._unsent(waiting, NotificationOutcome.ABANDONED, "receiver_gone")
        else:
            attempt = await self._send(waiting, receiver)
        await self._shared.record(attempt)
        waiting.in_flight = False
        waiting.attempts = attempt.number
        if attempt.verdict.next_attempt_at is None:
            self._settled(waiting, queue)
        else:
            ahead = (attempt.verdict.next_attempt_at - attempt.at).total_seconds()
            waiting.due = self._shared.clock.monotonic() + ahead
            self._schedule(waiting)
        if attempt.verdict.gone:
            for other in self._by_id.values():
                other.due = _AT_ONCE
            for head in [queue[0] for queue in self._queues.values()]:
                self._schedule(head)

    def _unsent(self, waiting: _Waiting, outcome: NotificationOutcome, detail: str) -> Attempt:
        return Attempt(
            waiting.delivery,
            waiting.attempts,
            Verdict(outcome, detail),
            None,
            self._shared.clock.now(),
        )

    async def _send(self, waiting: _Waiting, receiver: Receiver) -> Attempt:
        delivery, clock = waiting.delivery, self._shared.clock
        number = waiting.attempts + 1
        began = clock.monotonic()
        answer = await self._shared.post(receiver, delivery.notification_id, delivery.body)
        metrics.NOTIFICATION_ATTEMPT_SECONDS.observe(clock.monotonic() - began)
        now = clock.now()
        wait = None
        if not answer.accepted:
            spread = _spread(delivery.notification_id, number)
            wait = self._shared.policy.wait_after(number, spread)
        verdict = judge(answer, wait=wait, now=now)
        if verdict.outcome is NotificationOutcome.DELIVERED:
            self._failures = 0
        else:
            self._failures += 1
            beyond = min(self._failures - TRIP_AFTER, 10)
            self._probe_at = clock.monotonic() + min(LONGEST_PROBE_SECONDS, 2.0 ** max(0, beyond))
        fingerprint = receiver.fingerprint if verdict.gone else None
        return Attempt(delivery, number, verdict, answer.status, now, fingerprint)

    def _settled(self, waiting: _Waiting, queue: deque[_Waiting]) -> None:
        del self._by_id[waiting.delivery.notification_id]
        queue.popleft()
        metrics.NOTIFICATIONS_DUE.dec()
        if queue:
            self._schedule(queue[0])
        else:
            del self._queues[waiting.delivery.alert.assignment_id]


def _spread(notification_id: str, attempt: int) -> float:
    """Where in the jitter an attempt lands, 0..1: spread over notifications, the same at every replay."""
    return (UUID(ids.event_id("spread", notification_id, str(attempt))).int % 10_000) / 10_000
