"""From inbox records to planned deliveries: decode, decide, store; one SQL transaction for each batch.

It stands apart because this is the one place where a record's effects and its offset become one.  Hazard: nothing may be
sent before that transaction is stored, and everything that has to be sent is in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from functools import lru_cache

from sqlalchemy import Connection

from schemas.codec import ContractViolation, EncodedRecord, decode, encode
from schemas.envelope import Contract, Envelope
from schemas.topics import DEPARTMENT_INBOX, NOTIFICATION_RECORDED, NOTIFIER_DLQ
from schemas.vocabulary import NotificationOutcome
from services.chassis import ids, metrics
from services.chassis.clock import Clock, microseconds
from services.chassis.dead_letters import dead_letter
from services.chassis.logs import get_logger
from services.chassis.records import Place, Received
from services.notifier import ledger
from services.notifier.delivery import Action, Alert, plan
from services.notifier.ledger import Delivery
from services.notifier.mapping import alert_from, notice_from, recorded
from services.notifier.messages import body
from services.notifier.receivers import Receiver

SERVICE = "notifier"

log = get_logger(__name__)


@lru_cache(maxsize=1024)
def _inbox(department: str) -> str:
    return DEPARTMENT_INBOX.for_department(department).name


@dataclass(frozen=True, slots=True)
class Voice:
    """How messages are worded."""

    languages: tuple[str, ...]
    console_url: str | None
    intake_url: str | None = None
    """Where answers to questions are posted."""
    zone: tzinfo = UTC
    """In which sentences name times."""
    answer_secret: bytes | None = field(default=None, repr=False)
    """Signs links to answers; without it there are none."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """One inbox record, decoded."""

    alert: Alert
    notification_id: str
    envelope: Envelope[Contract]


class Inboxes:
    """Plans what inbox records ask for.

    Args:
        receivers: The receivers as configured now.
        is_gone: Whether a receiver has answered 410 and has the same address still.
        voice: How messages are worded.
        clock: Time of planning.
    """

    def __init__(
        self,
        *,
        receivers: Callable[[], Mapping[str, Receiver]],
        is_gone: Callable[[Receiver], bool],
        voice: Voice,
        clock: Clock,
    ) -> None:
        self._receivers = receivers
        self._is_gone = is_gone
        self._voice = voice
        self._clock = clock

    def change(self, records: Sequence[Received]) -> Callable[[Connection], list[Delivery]]:
        """The ledger change that these records make; it gives the deliveries to send once it is stored."""
        asked: list[_Asked] = []
        dead: list[tuple[str, EncodedRecord]] = []
        for record in records:
            try:
                asked.append(self._decode(record))
            except ContractViolation as violation:
                dead.append((NOTIFIER_DLQ.name, self._bury(record, violation)))
        positions: dict[Place, int] = {record.place: record.offset + 1 for record in records}

        def apply(connection: Connection) -> list[Delivery]:
            deliveries = self._plan(connection, asked)
            ledger.tell(connection, dead)
            ledger.offsets.store(connection, positions)
            return deliveries

        return apply

    def _decode(self, record: Received) -> _Asked:
        envelope = decode(
            DEPARTMENT_INBOX.contracts, key=record.key, value=record.value, headers=record.headers
        )
        alert = alert_from(envelope.data)
        if _inbox(alert.department) != record.topic:
            raise ContractViolation(
                "wrong_inbox", "/department", "is not the department of this inbox"
            )
        # A department's receiver has the department's name: the id stays the same whatever its address becomes.
        notification_id = ids.notification_id(
            alert.assignment_id, alert.revision, alert.department, alert.stage.value
        )
        return _Asked(alert, notification_id, envelope)

    def _bury(self, record: Received, violation: ContractViolation) -> EncodedRecord:
        log.warning(
            "a record cannot be read and is put aside",
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            reason=violation.code,
        )
        metrics.DEAD_LETTERS.labels(SERVICE, violation.code).inc()
        return encode(
            dead_letter(
                record,
                service=SERVICE,
                reason=violation.code,
                detail=str(violation),
                failed_at=self._clock.now(),
            )
        )

    def _plan(self, connection: Connection, asked: Sequence[_Asked]) -> list[Delivery]:
        # A record that comes twice within one batch is planned once.
        unique = list({one.notification_id: one for one in asked}.values())
        known = ledger.known(connection, [one.notification_id for one in unique])
        numbers = iter(ledger.numbers(connection, len(unique)))
        now = self._clock.now()
        fresh: list[Delivery] = []
        resumed: list[Delivery] = []
        repeated: list[str] = []
        events: list[tuple[str, EncodedRecord]] = []
        for one in unique:
            receiver = self._receivers().get(one.alert.department)
            before = known.get(one.notification_id)
            decided = plan(
                known=before,
                receiver=receiver is not None,
                gone=receiver is not None and self._is_gone(receiver),
            )
            number = next(numbers)
            if decided.action is Action.SKIP:
                if before is not None and not before.planned:
                    repeated.append(one.notification_id)
            elif decided.action is Action.SUPPRESS:
                ledger.close_unsent(
                    connection,
                    one.notification_id,
                    one.alert,
                    one.alert.department,
                    number=number,
                    known_before=before is not None,
                )
                events.append((NOTIFICATION_RECORDED.name, self._suppressed(one, decided.reason)))
            else:
                delivery = Delivery(
                    notification_id=one.notification_id,
                    alert=one.alert,
                    receiver=one.alert.department,
                    causation_id=one.envelope.id,
                    traceparent=one.envelope.traceparent,
                    number=number,
                    attempts=0,
                    due_at=microseconds(now),
                    body=body(
                        notice_from(one.envelope.data),
                        languages=self._voice.languages,
                        console_url=self._voice.console_url,
                        intake_url=self._voice.intake_url,
                        zone=self._voice.zone,
                        answer_secret=self._voice.answer_secret,
                    ),
                )
                if decided.action is Action.CONTINUE:
                    resumed.append(ledger.resume(connection, delivery))
                else:
                    fresh.append(delivery)
        ledger.add(connection, fresh)
        ledger.mark_planned(connection, repeated)
        ledger.tell(connection, events)
        return sorted(fresh + resumed, key=lambda delivery: delivery.number)

    def _suppressed(self, one: _Asked, reason: str) -> EncodedRecord:
        metrics.NOTIFICATIONS.labels(
            one.alert.department, NotificationOutcome.SUPPRESSED.value
        ).inc()
        return encode(
            recorded(
                one.alert,
                notification_id=one.notification_id,
                receiver=one.alert.department,
                outcome=NotificationOutcome.SUPPRESSED,
                attempt=0,
                at=self._clock.now(),
                detail=reason,
                causation_id=one.envelope.id,
                traceparent=one.envelope.traceparent,
            )
        )
