"""The ledger: every notification, what became of it, and the events that still have to be told.

It stands apart because the promise of this service is one property of these tables: a delivery's state, the offset of the
record that led to it and the outgoing event that tells of it change in the same SQL transaction or not at all.  Every
function here works within a transaction that the caller owns.

Hazard: `outbox.sequence` is the position that the relay commits to Kafka.  It is counted in a row of its own, whose lock
orders it by commit, since a database's own sequences are not; and it never goes back, not even in a new database.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    bindparam,
    delete,
    func,
    insert,
    null,
    select,
    update,
)

from schemas.codec import EncodedRecord
from schemas.vocabulary import NotificationOutcome, NotificationStage
from services.chassis.database import ForEach
from services.chassis.offsets import Offsets
from services.chassis.records import Outgoing
from services.notifier.delivery import Alert, Known

VERSION: Final = 1

metadata = MetaData()
offsets = Offsets(metadata)

_deliveries = Table(
    "deliveries",
    metadata,
    Column("notification_id", String(64), primary_key=True),
    Column("assignment_id", String(256), nullable=False),
    Column("complaint_id", String(256), nullable=False),
    Column("department", String(64), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("stage", String(64), nullable=False),
    Column("receiver", String(255), nullable=False),
    # The event that led to it, and its trace context.
    Column("causation_id", String(256)),
    Column("traceparent", String(64)),
    # False while only `notification.recorded` has told of it.
    Column("planned", Boolean, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("outcome", String(16)),
    Column("attempts", Integer, nullable=False),
    # Epoch microseconds; empty when nothing more will be tried.
    Column("due_at", BigInteger),
    # Empty when nothing more will be sent.
    Column("body", LargeBinary),
    Index("deliveries_due", "due_at"),
)
_outbox = Table(
    "outbox",
    metadata,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("topic", String(255), nullable=False),
    Column("key", LargeBinary, nullable=False),
    Column("value", LargeBinary, nullable=False),
    Column("headers", Text, nullable=False),
)
_counters = Table(
    "counters",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", BigInteger, nullable=False),
)
_gone = Table(
    "gone_receivers",
    metadata,
    Column("receiver", String(255), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
)
# The statements of every attempt, built once: building one costs more than running it.
_TAKE: Final = (
    update(_counters)
    .where(_counters.c.name == bindparam("counter"))
    .values(value=_counters.c.value + bindparam("count"))
    .returning(_counters.c.value)
)
_ADD: Final = ForEach(insert(_deliveries))
_PUT: Final = ForEach(insert(_outbox))
_WHERE: Final = _deliveries.c.notification_id == bindparam("id")
_OPEN: Final = ForEach(
    update(_deliveries)
    .where(_WHERE)
    .values(outcome=bindparam("ended"), attempts=bindparam("made"), due_at=bindparam("due"))
)
_CLOSE: Final = ForEach(
    update(_deliveries)
    .where(_WHERE)
    .values(outcome=bindparam("ended"), attempts=bindparam("made"), due_at=null(), body=null())
)
_IN_ONE_QUERY: Final = 500
"""SQLite refuses statements with too many parameters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A notification that is to be sent."""

    notification_id: str
    alert: Alert
    receiver: str
    causation_id: str | None
    traceparent: str | None
    number: int
    """Order of planning; deliveries about one assignment go out in it."""
    attempts: int
    """Made so far, and recorded."""
    due_at: int
    """Epoch microseconds."""
    body: bytes


@dataclass(frozen=True, slots=True)
class Settlement:
    """How an attempt ended."""

    notification_id: str
    outcome: NotificationOutcome
    attempts: int
    """Made so far, with this one."""
    due_at: int | None
    """Of the next, epoch microseconds; None when nothing more is to be sent."""


def prepare(connection: Connection) -> None:
    """Create the tables; raises `ConfigurationError` for those of another version."""
    offsets.prepare(connection, version=VERSION)
    for name in ("number", "outbox"):
        if connection.scalar(select(_counters.c.value).where(_counters.c.name == name)) is None:
            connection.execute(insert(_counters).values(name=name, value=0))


def known(connection: Connection, notification_ids: Sequence[str]) -> dict[str, Known]:
    """What the ledger has about these notifications."""
    found: dict[str, Known] = {}
    for start in range(0, len(notification_ids), _IN_ONE_QUERY):
        part = notification_ids[start : start + _IN_ONE_QUERY]
        rows = connection.execute(
            select(
                _deliveries.c.notification_id, _deliveries.c.outcome, _deliveries.c.planned
            ).where(_deliveries.c.notification_id.in_(part))
        )
        for row in rows:
            outcome = None if row.outcome is None else NotificationOutcome(row.outcome)
            found[row.notification_id] = Known(outcome, bool(row.planned))
    return found


def numbers(connection: Connection, count: int) -> range:
    """The next `count` planning numbers."""
    return _take(connection, "number", count)


def add(connection: Connection, deliveries: Sequence[Delivery]) -> None:
    """Note deliveries that are to be sent and were never attempted."""
    _ADD.run(
        connection,
        [
            _row(delivery.alert, delivery.notification_id, delivery.receiver)
            | {
                "causation_id": delivery.causation_id,
                "traceparent": delivery.traceparent,
                "planned": True,
                "number": delivery.number,
                "outcome": None,
                "attempts": delivery.attempts,
                "due_at": delivery.due_at,
                "body": delivery.body,
            }
            for delivery in deliveries
        ],
    )


def resume(connection: Connection, delivery: Delivery) -> Delivery:
    """Give a delivery that an earlier life attempted its message back; its own schedule goes on."""
    where = _deliveries.c.notification_id == delivery.notification_id
    row = connection.execute(
        select(_deliveries.c.attempts, _deliveries.c.due_at).where(where)
    ).one()
    connection.execute(
        update(_deliveries)
        .where(where)
        .values(
            planned=True,
            number=delivery.number,
            body=delivery.body,
            due_at=func.coalesce(_deliveries.c.due_at, delivery.due_at),
            causation_id=delivery.causation_id,
            traceparent=delivery.traceparent,
        )
    )
    return Delivery(
        notification_id=delivery.notification_id,
        alert=delivery.alert,
        receiver=delivery.receiver,
        causation_id=delivery.causation_id,
        traceparent=delivery.traceparent,
        number=delivery.number,
        attempts=row.attempts,
        due_at=delivery.due_at if row.due_at is None else row.due_at,
        body=delivery.body,
    )


def close_unsent(
    connection: Connection,
    notification_id: str,
    alert: Alert,
    receiver: str,
    *,
    number: int,
    known_before: bool,
) -> None:
    """Note that a notification is suppressed before anything was sent in this life."""
    if known_before:
        connection.execute(
            update(_deliveries)
            .where(_deliveries.c.notification_id == notification_id)
            .values(planned=True, outcome=NotificationOutcome.SUPPRESSED.value, due_at=None)
        )
        return
    connection.execute(
        insert(_deliveries).values(
            **_row(alert, notification_id, receiver),
            planned=True,
            number=number,
            outcome=NotificationOutcome.SUPPRESSED.value,
            attempts=0,
        )
    )


def mark_planned(connection: Connection, notification_ids: Iterable[str]) -> None:
    """Their inbox records have been seen."""
    rows = [{"id": notification_id} for notification_id in notification_ids]
    if rows:
        connection.execute(
            update(_deliveries)
            .where(_deliveries.c.notification_id == bindparam("id"))
            .values(planned=True),
            rows,
        )


def settle(connection: Connection, settlements: Sequence[Settlement]) -> None:
    """Note how attempts ended, at most one of each notification; a message without `due_at` is forgotten."""
    rows = [
        {"id": one.notification_id, "ended": one.outcome.value, "made": one.attempts}
        | ({} if one.due_at is None else {"due": one.due_at})
        for one in settlements
    ]
    _CLOSE.run(connection, [row for row in rows if "due" not in row])
    _OPEN.run(connection, [row for row in rows if "due" in row])


def remember(
    connection: Connection,
    alert: Alert,
    *,
    notification_id: str,
    receiver: str,
    outcome: NotificationOutcome,
    attempts: int,
    due_at: int | None,
) -> None:
    """Take in what `notification.recorded` says, if it says more than the ledger knows."""
    where = _deliveries.c.notification_id == notification_id
    row = connection.execute(
        select(_deliveries.c.outcome, _deliveries.c.attempts).where(where)
    ).one_or_none()
    if row is None:
        connection.execute(
            insert(_deliveries).values(
                **_row(alert, notification_id, receiver),
                planned=False,
                number=0,
                outcome=outcome.value,
                attempts=attempts,
                due_at=due_at,
            )
        )
        return
    before = Known(None if row.outcome is None else NotificationOutcome(row.outcome), True)
    if not before.final and (
        attempts > row.attempts or outcome is not NotificationOutcome.ATTEMPTED
    ):
        settle(connection, [Settlement(notification_id, outcome, attempts, due_at)])


def open_deliveries(connection: Connection) -> list[Delivery]:
    """All that is still to be sent, in order of planning."""
    rows = connection.execute(
        select(_deliveries)
        .where(_deliveries.c.due_at.is_not(None), _deliveries.c.body.is_not(None))
        .order_by(_deliveries.c.number)
    )
    return [
        Delivery(
            notification_id=row.notification_id,
            alert=Alert(
                row.assignment_id,
                row.complaint_id,
                row.department,
                row.revision,
                NotificationStage(row.stage),
            ),
            receiver=row.receiver,
            causation_id=row.causation_id,
            traceparent=row.traceparent,
            number=row.number,
            attempts=row.attempts,
            due_at=row.due_at,
            body=row.body,
        )
        for row in rows
    ]


def tell(connection: Connection, events: Sequence[tuple[str, EncodedRecord]]) -> None:
    """Put events, each with its topic, into the outbox."""
    if not events:
        return
    sequences = _take(connection, "outbox", len(events))
    _PUT.run(
        connection,
        [
            {
                "sequence": sequence,
                "topic": topic,
                "key": record.key,
                "value": record.value,
                "headers": json.dumps([(name, value.decode()) for name, value in record.headers]),
            }
            for sequence, (topic, record) in zip(sequences, events, strict=True)
        ],
    )


def untold(connection: Connection, *, after: int, most: int) -> list[tuple[int, Outgoing]]:
    """The next events of the outbox, in order, with their sequence."""
    rows = connection.execute(
        select(_outbox).where(_outbox.c.sequence > after).order_by(_outbox.c.sequence).limit(most)
    )
    return [
        (
            row.sequence,
            Outgoing(
                row.topic,
                row.key,
                row.value,
                tuple((name, value.encode()) for name, value in json.loads(row.headers)),
            ),
        )
        for row in rows
    ]


def told(connection: Connection, position: int) -> None:
    """Forget what was published, and never give its sequence numbers again."""
    connection.execute(delete(_outbox).where(_outbox.c.sequence <= position))
    connection.execute(
        update(_counters)
        .where(_counters.c.name == "outbox", _counters.c.value < position)
        .values(value=position)
    )


def gone(connection: Connection) -> Mapping[str, str]:
    """Receivers that answered 410, with the fingerprint of the address that did."""
    return {row.receiver: row.fingerprint for row in connection.execute(select(_gone))}


def mark_gone(connection: Connection, receiver: str, fingerprint: str) -> None:
    """Note that a receiver answered 410."""
    connection.execute(delete(_gone).where(_gone.c.receiver == receiver))
    connection.execute(insert(_gone).values(receiver=receiver, fingerprint=fingerprint))


def _row(alert: Alert, notification_id: str, receiver: str) -> dict[str, object]:
    return {
        "notification_id": notification_id,
        "assignment_id": alert.assignment_id,
        "complaint_id": alert.complaint_id,
        "department": alert.department,
        "revision": alert.revision,
        "stage": alert.stage.value,
        "receiver": receiver,
    }


def _take(connection: Connection, name: str, count: int) -> range:
    last = int(connection.execute(_TAKE, {"counter": name, "count": count}).scalar_one())
    return range(last - count + 1, last + 1)
