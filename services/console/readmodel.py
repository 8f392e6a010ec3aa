"""The read model: every event of every complaint, and each complaint as it stands.

It stands apart because events, summaries and the offsets they came from change in one SQL transaction: an event counts
once however often it comes.  Hazard: the database is a copy; to change what it holds, raise `VERSION` and let it be built
again from the topics, never repair it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic_core import from_json, to_json
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from services.chassis.database import ForEach
from services.chassis.errors import ConfigurationError
from services.chassis.logs import get_logger
from services.chassis.offsets import Offsets
from services.chassis.records import Place
from services.console.projection import Fact, Kind, Summary, apply

VERSION: Final = 3

log = get_logger(__name__)
metadata = MetaData()
offsets = Offsets(metadata)

_events = Table(
    "events",
    metadata,
    Column("event_id", String(256), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("type", String(64), nullable=False),
    Column("complaint_id", String(256), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("topic", String(255), nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("source", String(255), nullable=False),
    Column("causation_id", String(256)),
    Column("data", Text, nullable=False),
    Index("events_of_complaint", "complaint_id", "at"),
)
_complaints = Table(
    "complaints",
    metadata,
    Column("complaint_id", String(256), primary_key=True),
    Column("opened_at", BigInteger, nullable=False),
    Column("received", Boolean, nullable=False),
    Column("channel", String(64)),
    Column("language", String(35)),
    Column("case_id", String(256)),
    Column("located_by", String(32)),
    Column("state", String(32), nullable=False),
    Column("revision", Integer, nullable=False),
    Column("who_can_help", String(64)),
    Column("departments", Text, nullable=False),
    Column("since", String(40)),
    Column("next_check_at", String(40)),
    Column("customer_words", Text, nullable=False),
    Column("decision", Text),
    Index("complaints_newest", "opened_at", "complaint_id"),
    Index("complaints_by_state", "state", "opened_at"),
)
_involved = Table(
    "involved",
    metadata,
    Column("department", String(64), primary_key=True),
    Column("complaint_id", String(256), primary_key=True),
    Index("involved_of_complaint", "complaint_id"),
)
# The statements of every batch, built once.
_PUT_EVENT: Final = ForEach(insert(_events))
_PUT_COMPLAINT: Final = ForEach(insert(_complaints))
_CHANGE_COMPLAINT: Final = ForEach(
    update(_complaints).where(_complaints.c.complaint_id == bindparam("id"))
)
_CLEAR_INVOLVED: Final = ForEach(
    delete(_involved).where(_involved.c.complaint_id == bindparam("id"))
)
_PUT_INVOLVED: Final = ForEach(insert(_involved))
_IN_ONE_QUERY: Final = 500
"""SQLite refuses statements with too many parameters."""

_RANK: Final = {kind: rank for rank, kind in enumerate(Kind)}
Cursor = tuple[int, str]
"""`opened_at` and id of the last complaint of a page."""


def prepare(connection: Connection) -> None:
    """Create the tables; those of another version are dropped, and built again from the topics."""
    try:
        offsets.prepare(connection, version=VERSION)
    except ConfigurationError as error:
        log.warning("the read model is built again", reason=error.detail)
        metadata.drop_all(connection)
        offsets.prepare(connection, version=VERSION)


def absorb(connection: Connection, facts: Sequence[Fact], positions: Mapping[Place, int]) -> int:
    """Take in events and note how far the topics are read; gives the number of those that were new."""
    fresh = _unseen(connection, facts)
    if fresh:
        _PUT_EVENT.run(connection, [_event_row(fact) for fact in fresh])
        before = _summaries(connection, sorted({fact.complaint_id for fact in fresh}))
        after: dict[str, Summary] = dict(before)
        for fact in fresh:
            after[fact.complaint_id] = apply(after.get(fact.complaint_id), fact)
        _store(connection, before, after)
    offsets.store(connection, positions)
    return len(fresh)


def summary(connection: Connection, complaint_id: str) -> Summary | None:
    """One complaint as it stands."""
    return _summaries(connection, [complaint_id]).get(complaint_id)


def story(connection: Connection, complaint_id: str) -> list[Fact]:
    """Every event of one complaint, in order of time."""
    rows = connection.execute(select(_events).where(_events.c.complaint_id == complaint_id))
    facts = [
        Fact(
            event_id=row.event_id,
            kind=Kind(row.kind),
            type=row.type,
            complaint_id=row.complaint_id,
            at=row.at,
            recorded_at=row.recorded_at,
            topic=row.topic,
            partition=row.partition,
            offset=row.offset,
            source=row.source,
            causation_id=row.causation_id,
            data=from_json(row.data),
        )
        for row in rows
    ]
    return in_order(facts)


def in_order(facts: Sequence[Fact]) -> list[Fact]:
    """By time; an event that led to another comes before it even within the same microsecond."""
    waiting = sorted(facts, key=_place)
    by_id = {fact.event_id: fact for fact in waiting}
    placed: dict[str, Fact] = {}

    def place(fact: Fact, above: frozenset[str]) -> None:
        if fact.event_id in placed:
            return
        cause = by_id.get(fact.causation_id or "")
        if cause is not None and cause.event_id not in above and cause.at <= fact.at:
            place(cause, above | {fact.event_id})
        placed[fact.event_id] = fact

    for fact in waiting:
        place(fact, frozenset({fact.event_id}))
    return list(placed.values())


def latest(
    connection: Connection,
    *,
    limit: int,
    department: str | None = None,
    state: str | None = None,
    before: Cursor | None = None,
) -> list[Summary]:
    """Complaints, the newest first; of one department or state; those before a cursor."""
    query = select(_complaints)
    if department is not None:
        query = query.join(_involved, _involved.c.complaint_id == _complaints.c.complaint_id).where(
            _involved.c.department == department
        )
    if state is not None:
        query = query.where(_complaints.c.state == state)
    if before is not None:
        opened_at, complaint_id = before
        query = query.where(
            or_(
                _complaints.c.opened_at < opened_at,
                and_(
                    _complaints.c.opened_at == opened_at, _complaints.c.complaint_id < complaint_id
                ),
            )
        )
    query = query.order_by(_complaints.c.opened_at.desc(), _complaints.c.complaint_id.desc()).limit(
        limit
    )
    return [_summary(row) for row in connection.execute(query)]


def counts(connection: Connection) -> dict[str, int]:
    """How many complaints are in each state."""
    rows = connection.execute(
        select(_complaints.c.state, func.count()).group_by(_complaints.c.state)
    )
    return {str(state): int(count) for state, count in rows}


def counts_by_department(connection: Connection) -> dict[str, int]:
    """How many complaints each department is involved in."""
    rows = connection.execute(
        select(_involved.c.department, func.count()).group_by(_involved.c.department)
    )
    return {str(department): int(count) for department, count in rows}


def _place(fact: Fact) -> tuple[int, int, int, int]:
    return fact.at, fact.recorded_at, _RANK[fact.kind], fact.offset


def _unseen(connection: Connection, facts: Sequence[Fact]) -> list[Fact]:
    unique = list({fact.event_id: fact for fact in reversed(facts)}.values())[::-1]
    seen: set[str] = set()
    for start in range(0, len(unique), _IN_ONE_QUERY):
        part = [fact.event_id for fact in unique[start : start + _IN_ONE_QUERY]]
        seen.update(
            connection.scalars(select(_events.c.event_id).where(_events.c.event_id.in_(part)))
        )
    return [fact for fact in unique if fact.event_id not in seen]


def _event_row(fact: Fact) -> dict[str, Any]:
    return {
        "event_id": fact.event_id,
        "kind": fact.kind.value,
        "type": fact.type,
        "complaint_id": fact.complaint_id,
        "at": fact.at,
        "recorded_at": fact.recorded_at,
        "topic": fact.topic,
        "partition": fact.partition,
        "offset": fact.offset,
        "source": fact.source,
        "causation_id": fact.causation_id,
        "data": _text(fact.data),
    }


def _text(data: Any) -> str:
    return to_json(data).decode()


def _summaries(connection: Connection, complaint_ids: Sequence[str]) -> dict[str, Summary]:
    found: dict[str, Summary] = {}
    for start in range(0, len(complaint_ids), _IN_ONE_QUERY):
        part = complaint_ids[start : start + _IN_ONE_QUERY]
        for row in connection.execute(
            select(_complaints).where(_complaints.c.complaint_id.in_(part))
        ):
            found[row.complaint_id] = _summary(row)
    return found


def _summary(row: Any) -> Summary:
    return Summary(
        complaint_id=row.complaint_id,
        opened_at=row.opened_at,
        received=bool(row.received),
        channel=row.channel,
        language=row.language,
        case_id=row.case_id,
        located_by=row.located_by,
        state=row.state,
        revision=row.revision,
        who_can_help=row.who_can_help,
        departments=tuple(from_json(row.departments)),
        since=row.since,
        next_check_at=row.next_check_at,
        customer_words=from_json(row.customer_words),
        decision=None if row.decision is None else from_json(row.decision),
    )


def _store(
    connection: Connection, before: Mapping[str, Summary], after: Mapping[str, Summary]
) -> None:
    made = [_summary_row(one) for id_, one in after.items() if id_ not in before]
    changed = [
        _summary_row(one) for id_, one in after.items() if id_ in before and one != before[id_]
    ]
    _PUT_COMPLAINT.run(connection, made)
    _CHANGE_COMPLAINT.run(connection, [row | {"id": row.pop("complaint_id")} for row in changed])
    moved = [
        one
        for id_, one in after.items()
        if one.involved != (before[id_].involved if id_ in before else frozenset())
    ]
    _CLEAR_INVOLVED.run(connection, [{"id": one.complaint_id} for one in moved])
    _PUT_INVOLVED.run(
        connection,
        [
            {"department": department, "complaint_id": one.complaint_id}
            for one in moved
            for department in sorted(one.involved)
        ],
    )


def _summary_row(one: Summary) -> dict[str, Any]:
    return {
        "complaint_id": one.complaint_id,
        "opened_at": one.opened_at,
        "received": one.received,
        "channel": one.channel,
        "language": one.language,
        "case_id": one.case_id,
        "located_by": one.located_by,
        "state": one.state,
        "revision": one.revision,
        "who_can_help": one.who_can_help,
        "departments": _text(one.departments),
        "since": one.since,
        "next_check_at": one.next_check_at,
        "customer_words": _text(one.customer_words),
        "decision": None if one.decision is None else _text(one.decision),
    }
