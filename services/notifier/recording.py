"""What became of attempts, stored with the events that tell of them: those of a moment in one change.

It stands apart because an attempt's three statements cost more than the attempt's own work when each has them to itself.
Hazard: an attempt counts once it is stored.  One that was made and is waiting here when the process is killed is made again,
with the same id and the same bytes; so the wait is short, and shorter still when many wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from sqlalchemy import Connection

from schemas.codec import EncodedRecord, encode
from schemas.topics import NOTIFICATION_RECORDED
from services.chassis import metrics
from services.chassis.clock import microseconds
from services.chassis.logs import get_logger
from services.notifier import ledger
from services.notifier.bookkeeping import Bookkeeper
from services.notifier.lanes import Attempt
from services.notifier.ledger import Settlement
from services.notifier.mapping import recorded
from services.notifier.receivers import Receiver

ENOUGH: Final = 8
"""Attempts that wait no longer: a lane makes no more while so many of its own are unstored."""

log = get_logger(__name__)


class Recorder:
    """Stores attempts; its coroutines are called from one event loop.

    Args:
        bookkeeper: Writes to the ledger.
        gather_seconds: How long an attempt may wait for others to be stored with.
    """

    def __init__(self, bookkeeper: Bookkeeper, *, gather_seconds: float = 0.05) -> None:
        self._bookkeeper = bookkeeper
        self._gather = gather_seconds
        self._gone: dict[str, str] = {}
        self._waiting: list[Attempt] = []
        self._stored: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        # A logger that is bound anew for each line takes longer than the line that is left out.
        self._log = log.bind()

    def learn(self, gone: Mapping[str, str]) -> None:
        """Take in which receivers answered 410 in an earlier life, with the fingerprint of the address that did."""
        self._gone.update(gone)

    def is_gone(self, receiver: Receiver) -> bool:
        """Whether a receiver has answered 410 and has the same address still."""
        found = self._gone.get(receiver.name)
        return found is not None and found == receiver.fingerprint

    async def record(self, attempt: Attempt) -> None:
        """Store an attempt with its event; an attempt is made once it is stored."""
        if self._stored is None:
            loop = asyncio.get_running_loop()
            self._stored = loop.create_future()
            self._timer = loop.call_later(self._gather, self._store)
        stored = self._stored
        self._waiting.append(attempt)
        if len(self._waiting) >= ENOUGH:
            self._store()
        # Shared: one that is told to stop must not stop the others.
        await asyncio.shield(stored)
        self._tell(attempt)

    def _store(self) -> None:
        attempts, stored, timer = self._waiting, self._stored, self._timer
        self._waiting, self._stored, self._timer = [], None, None
        assert stored is not None
        if timer is not None:
            timer.cancel()
        done = asyncio.wrap_future(self._bookkeeper.submit(_change(attempts)))
        done.add_done_callback(lambda future: _hand_on(future, stored))

    def _tell(self, attempt: Attempt) -> None:
        delivery, verdict = attempt.delivery, attempt.verdict
        if attempt.gone_fingerprint is not None:
            self._gone[delivery.receiver] = attempt.gone_fingerprint
            self._log.error(
                "a receiver is gone (410): nothing is sent to it until it has another URL",
                receiver=delivery.receiver,
            )
        metrics.NOTIFICATIONS.labels(delivery.alert.department, verdict.outcome.value).inc()
        self._log.info(
            "attempted" if attempt.status_code is not None else "not reached",
            notification=delivery.notification_id,
            complaint=delivery.alert.complaint_id,
            department=delivery.alert.department,
            stage=delivery.alert.stage.value,
            outcome=verdict.outcome.value,
            attempt=attempt.number,
            status=attempt.status_code,
            detail=verdict.detail,
        )


def _change(attempts: Sequence[Attempt]) -> Callable[[Connection], None]:
    settlements = [_settlement(attempt) for attempt in attempts]
    events = [(NOTIFICATION_RECORDED.name, _event(attempt)) for attempt in attempts]
    gone = {
        attempt.delivery.receiver: attempt.gone_fingerprint
        for attempt in attempts
        if attempt.gone_fingerprint is not None
    }

    def apply(connection: Connection) -> None:
        ledger.settle(connection, settlements)
        ledger.tell(connection, events)
        for receiver, fingerprint in gone.items():
            ledger.mark_gone(connection, receiver, fingerprint)

    return apply


def _settlement(attempt: Attempt) -> Settlement:
    due = attempt.verdict.next_attempt_at
    return Settlement(
        attempt.delivery.notification_id,
        attempt.verdict.outcome,
        attempt.number,
        None if due is None else microseconds(due),
    )


def _event(attempt: Attempt) -> EncodedRecord:
    delivery, verdict = attempt.delivery, attempt.verdict
    return encode(
        recorded(
            delivery.alert,
            notification_id=delivery.notification_id,
            receiver=delivery.receiver,
            outcome=verdict.outcome,
            attempt=attempt.number,
            at=attempt.at,
            status_code=attempt.status_code,
            detail=verdict.detail,
            next_attempt_at=verdict.next_attempt_at,
            causation_id=delivery.causation_id,
            traceparent=delivery.traceparent,
        )
    )


def _hand_on(done: asyncio.Future[None], stored: asyncio.Future[None]) -> None:
    if stored.done():
        return
    error = done.exception()
    if error is None:
        stored.set_result(None)
    else:
        stored.set_exception(error)
