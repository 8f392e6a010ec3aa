"""The ledger's promises, on SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from schemas.assignment import AssignmentOpenedV1
from schemas.codec import EncodedRecord, encode, wrap
from schemas.topics import DEPARTMENT_INBOX, NOTIFICATION_RECORDED, NOTIFIER_DLQ
from schemas.vocabulary import NotificationOutcome, Role
from services.chassis import database, ids
from services.chassis.clock import FixedClock
from services.chassis.errors import ConfigurationError
from services.chassis.records import Received
from services.notifier import ledger
from services.notifier.agents import Inboxes, Voice
from services.notifier.ledger import Delivery, Settlement
from services.notifier.receivers import Receiver
from services.notifier.signing import Secret

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
EVENT = (NOTIFICATION_RECORDED.name, EncodedRecord(b"k", b"{}", (("ce_id", b"1"),)))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A fresh database."""
    made = database.create(database.sqlite_url(tmp_path / "ledger.sqlite3"))
    with made.begin() as connection:
        ledger.prepare(connection)
    yield made
    made.dispose()


def inbox_record(n: int, offset: int) -> Received:
    """The n-th assignment as it lies in packing's inbox."""
    complaint = ids.complaint_id("web", f"n{n}")
    data = AssignmentOpenedV1(
        assignment_id=ids.assignment_id(complaint, "packing", 1),
        complaint_id=complaint,
        case_id=None,
        department="packing",
        roles=(Role.CAUSE,),
        lead=True,
        share=1.0,
        revision=1,
        decision_id="d",
        confidence=1.0,
        symptoms=(),
        evidence=(),
        explanation={},
        opened_at=AT,
    )
    record = encode(wrap(data, id=f"e{n}", source="/akar/router", time=AT))
    topic = DEPARTMENT_INBOX.for_department("packing").name
    return Received(topic, 0, offset, record.key, record.value, record.headers, AT)


def inboxes(*, receiver: bool = True) -> Inboxes:
    """Planning with or without a receiver for packing."""
    known = (
        {"packing": Receiver("packing", "https://x.example", (Secret(b"k" * 32),))}
        if receiver
        else {}
    )
    return Inboxes(
        receivers=lambda: known,
        is_gone=lambda _: False,
        voice=Voice(("id",), None),
        clock=FixedClock(AT),
    )


def take_in(engine: Engine, records: list[Received], *, receiver: bool = True) -> list[Delivery]:
    """One batch, stored."""
    with engine.begin() as connection:
        return inboxes(receiver=receiver).change(records)(connection)


def outbox(engine: Engine, after: int = 0) -> list[int]:
    """Sequences of what is to be published."""
    with engine.begin() as connection:
        return [sequence for sequence, _ in ledger.untold(connection, after=after, most=1000)]


def test_a_record_is_planned_once_however_often_it_comes(engine: Engine) -> None:
    """Twice in one batch, and again in the next: one delivery."""
    assert len(take_in(engine, [inbox_record(1, 0), inbox_record(1, 1)])) == 1
    assert take_in(engine, [inbox_record(1, 2)]) == []
    with engine.begin() as connection:
        assert len(ledger.open_deliveries(connection)) == 1
        assert ledger.offsets.load(connection) == {(inbox_record(1, 0).topic, 0): 3}


def test_a_change_that_fails_leaves_neither_effect_nor_offset(engine: Engine) -> None:
    """Delivery, event and offset stand and fall together."""

    def fail() -> None:
        with engine.begin() as connection:
            inboxes(receiver=False).change([inbox_record(1, 0)])(connection)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with engine.begin() as connection:
        assert ledger.offsets.load(connection) == {}
    assert outbox(engine) == []


def test_a_suppressed_alert_is_told(engine: Engine) -> None:
    """Without a receiver there is an event and nothing to send."""
    assert take_in(engine, [inbox_record(1, 0)], receiver=False) == []
    assert outbox(engine) == [1]


def test_what_was_recorded_before_the_ledger_was_lost_counts(engine: Engine) -> None:
    """Delivered before: skipped.  Attempted before: goes on with the number and time that were recorded."""
    first = take_in(engine, [inbox_record(1, 0), inbox_record(2, 1)])
    fresh = database.create("sqlite:///" + str(engine.url.database) + "2")
    with fresh.begin() as connection:
        ledger.prepare(connection)
        for delivery, outcome, due in (
            (first[0], NotificationOutcome.DELIVERED, None),
            (first[1], NotificationOutcome.ATTEMPTED, 123),
        ):
            ledger.remember(
                connection,
                delivery.alert,
                notification_id=delivery.notification_id,
                receiver="packing",
                outcome=outcome,
                attempts=3,
                due_at=due,
            )
        assert ledger.open_deliveries(connection) == []
    again = take_in(fresh, [inbox_record(1, 0), inbox_record(2, 1)])
    assert [(one.notification_id, one.attempts, one.due_at) for one in again] == [
        (first[1].notification_id, 3, 123)
    ]
    with fresh.begin() as connection:
        resumed = ledger.open_deliveries(connection)
    assert [(one.attempts, one.due_at, one.body) for one in resumed] == [(3, 123, first[1].body)]
    fresh.dispose()


def test_older_news_never_takes_back_what_is_known(engine: Engine) -> None:
    """A replay of an attempt does not reopen what was delivered since."""
    (delivery,) = take_in(engine, [inbox_record(1, 0)])
    with engine.begin() as connection:
        ended = Settlement(delivery.notification_id, NotificationOutcome.DELIVERED, 2, None)
        ledger.settle(connection, [ended])
        ledger.remember(
            connection,
            delivery.alert,
            notification_id=delivery.notification_id,
            receiver="packing",
            outcome=NotificationOutcome.ATTEMPTED,
            attempts=1,
            due_at=5,
        )
        assert ledger.open_deliveries(connection) == []


def test_sequences_never_come_twice(engine: Engine) -> None:
    """Not after what was published is forgotten, and not in a new database whose position the broker knows."""
    with engine.begin() as connection:
        ledger.tell(connection, [EVENT, EVENT])
    with engine.begin() as connection:
        ledger.told(connection, 2)
        ledger.tell(connection, [EVENT])
    assert outbox(engine) == [3]
    with engine.begin() as connection:
        ledger.told(connection, 1000)
        ledger.tell(connection, [EVENT])
    assert outbox(engine) == [1001]


def test_an_event_leaves_the_outbox_as_it_went_in(engine: Engine) -> None:
    """Key, value and headers are the same bytes."""
    with engine.begin() as connection:
        ledger.tell(connection, [EVENT])
        ((_, record),) = ledger.untold(connection, after=0, most=10)
    assert (record.topic, record.key, record.value, record.headers) == (
        EVENT[0],
        EVENT[1].key,
        EVENT[1].value,
        EVENT[1].headers,
    )


def test_tables_of_another_version_are_refused(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is migrated by guess: the error says what to do."""
    monkeypatch.setattr(ledger, "VERSION", 99)

    def prepare() -> None:
        with engine.begin() as connection:
            ledger.prepare(connection)

    with pytest.raises(ConfigurationError, match="schema version 1"):
        prepare()


def test_a_record_too_large_to_be_kept_whole_is_put_aside_without_its_value(engine: Engine) -> None:
    """A dead letter always fits through the broker: one that did not would block the outbox for ever."""
    record = replace(inbox_record(1, 0), value=b"x" * 1_000_000)
    assert take_in(engine, [record]) == []
    with engine.begin() as connection:
        ((_, letter),) = ledger.untold(connection, after=0, most=10)
    assert letter.topic == NOTIFIER_DLQ.name
    assert len(letter.value or b"") < 1_000_000
    assert b"1000000 bytes is left out" in (letter.value or b"")
