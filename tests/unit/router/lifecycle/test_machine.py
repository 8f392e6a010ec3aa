"""The life of a complaint, transition by transition and in any order."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from schemas.vocabulary import CauseKind, ComplaintState, MessageKind, NotificationOutcome, Role
from services.router.lifecycle import machine
from services.router.lifecycle.model import (
    OpenAssignment,
    PublishDecision,
    PublishStatus,
    RequestTrace,
    Target,
    Verdict,
    WithdrawAssignment,
)
from tests.support.lives import a_life

DEPARTMENTS = ("packing", "warehouse", "finance")


def new_id(complaint: str, department: str, revision: int) -> str:
    """An id that shows what it was made from."""
    return f"{complaint}/{department}/{revision}"


def a_verdict(material: str, *departments: str, **changes: object) -> Verdict:
    """A decision for these departments; the first leads."""
    verdict = Verdict(
        outcome=ComplaintState.ASSIGNED,
        material=material,
        targets=tuple(
            Target(name, (Role.CAUSE,), lead=index == 0, parts=5_000, kind=CauseKind.DELAY)
            for index, name in enumerate(departments)
        ),
        who_can_help=departments[0] if departments else None,
        waiting_until=None,
        customer_words={},
    )
    return replace(verdict, **changes)  # type: ignore[arg-type]


def test_a_located_complaint_asks_for_its_trace() -> None:
    """With a case known, the first thing is one question as of the customer's own time."""
    life, effects = machine.received(a_life())

    assert life.state is ComplaintState.LOCATED
    assert effects == (RequestTrace(1, 1_000, "received"), PublishStatus())


def test_the_first_decision_opens_assignments() -> None:
    """Revision 1 is published, every department asked gets an assignment of its own."""
    life, effects = machine.decided(
        a_life(), a_verdict("m1", "packing", "warehouse"), at=9, new_id=new_id
    )

    assert life.revision == 1
    assert life.state is ComplaintState.ASSIGNED
    assert set(life.assignments) == {"packing", "warehouse"}
    assert [type(effect) for effect in effects] == [
        PublishDecision,
        OpenAssignment,
        OpenAssignment,
        PublishStatus,
    ]


def test_an_equal_decision_changes_nothing() -> None:
    """The same material again is no revision and alerts nobody."""
    life, _ = machine.decided(a_life(), a_verdict("m1", "packing"), at=9, new_id=new_id)

    assert machine.decided(life, a_verdict("m1", "packing"), at=10, new_id=new_id) == (life, ())


def test_a_changed_decision_takes_the_wrong_assignment_back() -> None:
    """Later evidence moves the cause: the first department's assignment is withdrawn, the other's opens."""
    life, _ = machine.decided(a_life(), a_verdict("m1", "packing"), at=9, new_id=new_id)

    life, effects = machine.decided(life, a_verdict("m2", "warehouse"), at=10, new_id=new_id)

    withdrawn = [effect for effect in effects if isinstance(effect, WithdrawAssignment)]
    opened = [effect for effect in effects if isinstance(effect, OpenAssignment)]
    assert [effect.assignment.assignment_id for effect in withdrawn] == ["c1/packing/1"]
    assert [effect.assignment.assignment_id for effect in opened] == ["c1/warehouse/2"]
    assert life.revision == 2


def test_a_department_that_stays_keeps_its_assignment() -> None:
    """The id of an assignment is that of its opening revision, and a small change of share is not told."""
    life, _ = machine.decided(a_life(), a_verdict("m1", "packing"), at=9, new_id=new_id)
    again = a_verdict("m2", "packing", "finance")

    life, effects = machine.decided(life, again, at=10, new_id=new_id)

    opened = [effect for effect in effects if isinstance(effect, OpenAssignment)]
    assert [effect.assignment.target.department for effect in opened] == ["finance"]
    assert life.assignments["packing"].assignment_id == "c1/packing/1"


def test_waiting_ends_at_its_time_and_not_before() -> None:
    """A decision that waits is traced again as of the time it waited for, once."""
    verdict = a_verdict("m1", outcome=ComplaintState.WAITING, waiting_until=5_000)
    life, _ = machine.decided(a_life(sequence=1), verdict, at=9, new_id=new_id)

    assert machine.due(life, as_of=4_999) == (life, ())
    life, effects = machine.due(life, as_of=7_000)
    assert effects == (RequestTrace(2, 5_000, "due"),)
    assert machine.due(life, as_of=8_000) == (life, ())


def test_withdrawn_by_the_customer_takes_everything_back() -> None:
    """The customer's word ends the complaint and frees every department."""
    life, _ = machine.decided(a_life(), a_verdict("m1", "packing", "finance"), at=9, new_id=new_id)

    life, effects = machine.messaged(life, MessageKind.WITHDRAW, at=20)

    assert life.over
    assert sum(isinstance(effect, WithdrawAssignment) for effect in effects) == 2
    assert machine.decided(life, a_verdict("m3", "packing"), at=21, new_id=new_id) == (life, ())


def test_reopening_traces_again() -> None:
    """A closed complaint that is opened again is traced again, and an equal answer counts as new."""
    life, _ = machine.decided(a_life(), a_verdict("m1", "packing"), at=9, new_id=new_id)
    life, _ = machine.messaged(life, MessageKind.SATISFIED, at=20)

    life, effects = machine.messaged(life, MessageKind.REOPEN, at=30)

    assert isinstance(effects[0], RequestTrace)
    life, effects = machine.decided(life, a_verdict("m1", "packing"), at=31, new_id=new_id)
    assert life.revision == 2
    assert any(isinstance(effect, OpenAssignment) for effect in effects)


happenings = st.lists(
    st.one_of(
        st.tuples(
            st.just("decided"),
            st.sampled_from(("m1", "m2", "m3")),
            st.lists(st.sampled_from(DEPARTMENTS), unique=True, max_size=3),
        ),
        st.tuples(st.just("message"), st.sampled_from(list(MessageKind))),
        st.tuples(st.just("notified"), st.sampled_from(list(NotificationOutcome))),
        st.tuples(st.just("due"), st.integers(0, 10_000)),
    ),
    max_size=20,
)


@given(happenings)
def test_any_order_of_happenings_keeps_the_books(story: list[tuple[object, ...]]) -> None:
    """Revisions grow by one, an assignment opens once and closes at most once, an end is an end."""
    life, _ = machine.received(a_life())
    open_now: dict[str, str] = {}
    at = 100
    for happening in story:
        at += 1
        before = life
        match happening:
            case ("decided", str(material), list(departments)):
                verdict = a_verdict(material, *departments)
                life, effects = machine.decided(life, verdict, at=at, new_id=new_id)
            case ("message", MessageKind() as kind):
                life, effects = machine.messaged(life, kind, at=at)
            case ("notified", NotificationOutcome() as outcome):
                life, effects = machine.notified(life, outcome, at=at)
            case ("due", int(as_of)):
                life, effects = machine.due(life, as_of=as_of)
            case other:
                raise AssertionError(other)
        assert life.revision - before.revision in (0, 1)
        assert (life.revision > before.revision) == any(
            isinstance(effect, PublishDecision) for effect in effects
        )
        if before.over and life.over:
            assert effects == ()
        if before.over and not life.over:
            # The end closed the books: departments were told with the end itself, or had finished.
            open_now.clear()
        for effect in effects:
            if isinstance(effect, OpenAssignment):
                assignment = effect.assignment
                department = assignment.target.department
                assert effect.updated == (department in open_now)
                assert (
                    open_now.get(department, assignment.assignment_id) == assignment.assignment_id
                )
                open_now[department] = assignment.assignment_id
            if isinstance(effect, WithdrawAssignment):
                del open_now[effect.assignment.target.department]
        if not life.over:
            assert {d: a.assignment_id for d, a in life.assignments.items()} == open_now


def test_a_complaint_that_ends_before_its_decision_is_decided_all_the_same() -> None:
    """Satisfied, or withdrawn, before the answer came: one decision, nobody told, then the end."""
    for kind, end in (
        (MessageKind.SATISFIED, ComplaintState.CLOSED),
        (MessageKind.WITHDRAW, ComplaintState.WITHDRAWN),
    ):
        life, _ = machine.received(a_life())
        life, effects = machine.messaged(life, kind, at=20)
        assert not life.over
        assert effects == ()

        life, effects = machine.decided(life, a_verdict("m1", "packing"), at=30, new_id=new_id)

        assert (life.state, life.revision, life.assignments) == (end, 1, {})
        assert effects == (PublishDecision(1), PublishStatus())
        assert machine.decided(life, a_verdict("m2"), at=31, new_id=new_id) == (life, ())


def test_reopened_before_the_decision_is_as_if_it_had_never_ended() -> None:
    """Satisfied, and not after all, before the answer: the decision is made as for any other."""
    life, _ = machine.received(a_life())
    life, _ = machine.messaged(life, MessageKind.SATISFIED, at=20)
    life, effects = machine.messaged(life, MessageKind.REOPEN, at=21)
    assert effects == ()

    life, effects = machine.decided(life, a_verdict("m1", "packing"), at=30, new_id=new_id)

    assert life.state is ComplaintState.ASSIGNED
    assert set(life.assignments) == {"packing"}
