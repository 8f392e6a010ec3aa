"""The read model's promises, on SQLite."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from services.console import readmodel
from services.console.handlers import decode_cursor, encode_cursor
from services.console.projection import Fact, Kind


def fact(
    event_id: str,
    at: int,
    *,
    kind: Kind = Kind.MESSAGED,
    complaint: str = "c1",
    cause: str | None = None,
    topic: str = "t",
    data: dict[str, Any] | None = None,
) -> Fact:
    """One event."""
    return Fact(event_id, kind, kind.value, complaint, at, topic, 0, at, "/test", cause, data or {})


def status(complaint: str, at: int, state: str, *departments: str) -> Fact:
    """A complaint's state."""
    data = {
        "channel": "web",
        "state": state,
        "revision": 1,
        "since": "x",
        "departments": list(departments),
    }
    return fact(f"{complaint}-{at}", at, kind=Kind.STATUS, complaint=complaint, data=data)


def absorb(engine: Engine, *facts: Fact) -> int:
    """One batch, stored."""
    with engine.begin() as connection:
        return readmodel.absorb(connection, facts, {("t", 0): 1})


def test_an_event_counts_once(engine: Engine) -> None:
    """Twice in a batch and again in the next: one event, the first one's place."""
    assert absorb(engine, fact("a", 1), fact("a", 2)) == 1
    assert absorb(engine, fact("a", 3), fact("b", 4)) == 1
    with engine.begin() as connection:
        assert [(one.event_id, one.at) for one in readmodel.story(connection, "c1")] == [
            ("a", 1),
            ("b", 4),
        ]


def test_events_and_offset_stand_and_fall_together(engine: Engine) -> None:
    """A batch that fails leaves neither."""

    def fail() -> None:
        with engine.begin() as connection:
            readmodel.absorb(connection, [fact("a", 1)], {("t", 0): 1})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with engine.begin() as connection:
        assert readmodel.story(connection, "c1") == []
        assert readmodel.offsets.load(connection) == {}


def test_what_led_to_an_event_comes_before_it() -> None:
    """Within one instant, cause before effect, whatever the topics are called; a loop of causes breaks nothing."""
    effect = fact("effect", 5, cause="cause", topic="a")
    cause = fact("cause", 5, cause="root", topic="b")
    root = fact("root", 5, topic="c")
    assert [one.event_id for one in readmodel.in_order([effect, cause, root])] == [
        "root",
        "cause",
        "effect",
    ]
    loop = [fact("x", 1, cause="y"), fact("y", 1, cause="x")]
    assert {one.event_id for one in readmodel.in_order(loop)} == {"x", "y"}


def test_time_goes_before_cause() -> None:
    """An event whose cause is said to be later stays at its own time."""
    found = readmodel.in_order([fact("early", 1, cause="late"), fact("late", 9)])
    assert [one.event_id for one in found] == ["early", "late"]


def test_lists_follow_a_complaint_as_it_moves(engine: Engine) -> None:
    """A new status takes it out of one list and puts it into another."""
    absorb(engine, status("c1", 1, "assigned", "packing"), status("c2", 2, "assigned", "finance"))
    absorb(engine, status("c1", 3, "resolved", "finance"))
    with engine.begin() as connection:

        def listed(**wanted: Any) -> list[str]:
            return [one.complaint_id for one in readmodel.latest(connection, limit=10, **wanted)]

        assert listed() == ["c2", "c1"]
        assert listed(state="assigned") == ["c2"]
        assert listed(department="finance") == ["c2", "c1"]
        assert listed(department="packing") == []
        assert readmodel.counts(connection) == {"assigned": 1, "resolved": 1}
        assert readmodel.counts_by_department(connection) == {"finance": 2}


def test_large_batches_fit(engine: Engine) -> None:
    """More events than one statement takes parameters for."""
    facts = [fact(f"e{n}", n, complaint=f"c{n}") for n in range(3000)]
    assert absorb(engine, *facts) == 3000
    assert absorb(engine, *facts) == 0


@given(st.integers(-(1 << 53), 1 << 53), st.text(max_size=100))
def test_a_cursor_survives_the_way_through_a_url(at: int, id_: str) -> None:
    """What is written is read."""
    text = encode_cursor((at, id_))
    assert text.replace("-", "").replace("_", "").isalnum()
    assert decode_cursor(text) == (at, id_)


@given(st.text(max_size=80))
def test_no_cursor_can_break_it(text: str) -> None:
    """A foreign word is no cursor, and no defect."""
    found = decode_cursor(text)
    assert found is None or isinstance(found[0], int)


@pytest.mark.parametrize(
    "written", ["W3RydWUsICJ4Il0", "WzFlOTksICJ4Il0", "WzksIDld", "e30", "MQ", "\udcff"]
)
def test_cursors_of_other_shapes_are_refused(written: str) -> None:
    """Booleans, floats, numbers for ids, other documents."""
    assert decode_cursor(written) is None


def test_at_one_instant_the_writers_clock_orders() -> None:
    """A replayed history has one time for many events: they come as they were written, decisions first among equals."""
    located = replace(fact("located", 5, kind=Kind.STATUS), recorded_at=10)
    traced = replace(fact("traced", 5, kind=Kind.TRACED), recorded_at=20)
    assigned = replace(fact("assigned", 5, kind=Kind.STATUS), recorded_at=20)
    found = readmodel.in_order([assigned, traced, located])
    assert [one.event_id for one in found] == ["located", "traced", "assigned"]


def test_tables_of_another_version_are_built_again(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A read model is a copy: another version starts empty, and reads everything again."""
    absorb(engine, fact("a", 1))
    monkeypatch.setattr(readmodel, "VERSION", 99)
    with engine.begin() as connection:
        readmodel.prepare(connection)
        assert readmodel.story(connection, "c1") == []
        assert readmodel.offsets.load(connection) == {}
