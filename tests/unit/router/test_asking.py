"""A department is asked for the one fact that decides: once, until it answers or its time is over; also after a restart."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from schemas.assignment import AssignmentOpenedV1, AssignmentWithdrawnV1
from schemas.vocabulary import ComplaintState, LocatedBy, Outcome, Role, Transition
from services.router.checkpoint.partition import Partition
from services.router.checkpoint.store import PartitionStore, SharedMemory
from services.router.stages import rows
from tests.support import companies, stage_pipeline
from tests.support.stage_pipeline import NOW, Pipeline, tick
from tests.unit.router.test_finding import IN_TIME, PHONE, ambiguous, complains, order, says

WITHOUT_PICKING = (
    ("order_placed", 200.0),
    ("payment_received", 199.0),
    ("payment_verified", 198.0),
    ("confirmed", 196.0),
    ("packed", 80.0),
    ("handed_over", 74.0),
    ("delivered", 10.0),
)
"""When the goods were picked decides between the warehouse and packing, and nobody has recorded it."""


def restart(pipeline: Pipeline) -> None:
    """Another worker reads the rows from the disk."""
    memory = SharedMemory(1 << 20, 1 << 20)
    for number, partition in list(pipeline.partitions.items()):
        store = partition.store
        store.freeze()
        store.applied(store.next_offset + 1, touched=1)
        store.close()
        again = PartitionStore(pipeline.folder / str(number), memory)
        pipeline.partitions[number] = Partition(number, again, pipeline.outputs)


def answers(
    pipeline: Pipeline, hours_ago: float, at: datetime, department: str = "warehouse"
) -> None:
    """A department says when it was picked."""
    pipeline.happens(
        "picked",
        hours_ago,
        event_id=f"the answer of {department}",
        recorded_at=at,
        attributes={"answered_by": department},
    )


def questions(pipeline: Pipeline, department: str = "warehouse") -> list[AssignmentOpenedV1]:
    """Every question that a department was asked."""
    return [
        each
        for each in pipeline.inbox(department)
        if isinstance(each, AssignmentOpenedV1) and Role.ANSWER in each.roles
    ]


def test_a_second_tap_is_no_conflict(pipeline: Pipeline) -> None:
    """The same link, tapped again a minute later and dated by that: the first one counts, and nothing is put aside."""
    order(pipeline, "INV-1", WITHOUT_PICKING)
    pipeline.complains()
    answers(pipeline, 60, NOW)
    first = pipeline.decisions[-1]
    answers(pipeline, 59, NOW + timedelta(minutes=1))
    assert pipeline.dead_letters == []
    assert pipeline.decisions[-1] == first


def test_the_department_is_asked_once_and_its_answer_decides(pipeline: Pipeline) -> None:
    """One question in its inbox; unrelated news does not repeat it; the answer makes a new revision."""
    order(pipeline, "INV-1", WITHOUT_PICKING)
    pipeline.complains()
    assert pipeline.status.state is ComplaintState.ASKED
    (asked,) = questions(pipeline)
    assert asked.question is not None
    assert (asked.question.activity, asked.question.department) == ("picked", "warehouse")
    assert asked.question.text

    pipeline.happens("delivered", 9, event_id="a second scan")
    assert len(questions(pipeline)) == 1

    answers(pipeline, 84, NOW + timedelta(hours=4))
    last = pipeline.decisions[-1]
    assert last.outcome is Outcome.ASSIGNED
    assert last.causes[0].department == "warehouse"
    told = pipeline.inbox("warehouse")[-1]
    assert isinstance(told, AssignmentOpenedV1)
    assert told.assignment_id == asked.assignment_id
    assert told.updated
    assert Role.ANSWER not in told.roles


def test_who_publishes_a_promise_says_by_when_it_was_due(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A company whose promises are dates that its systems tell, and none is on record: asked once, and the date decides."""
    shop = companies.company("shop")
    promise = replace(shop.rules.promises["delivery"], start=None, within=None, withins=())
    rules = replace(shop.rules, promises={**shop.rules.promises, "delivery": promise})
    monkeypatch.setattr(stage_pipeline, "SHOP", replace(shop, rules=rules))
    pipeline = Pipeline(tmp_path)
    order(pipeline, "INV-1", (*WITHOUT_PICKING[:4], ("picked", 84.0), *WITHOUT_PICKING[4:]))
    pipeline.complains()
    (asked,) = questions(pipeline, "digital")
    assert asked.question is not None
    assert (asked.question.fact, asked.question.activity) == ("due", "delivered")

    pipeline.happens(
        "delivered",
        -4,
        event_id="the date",
        transition=Transition.SCHEDULE,
        due_at=NOW - timedelta(hours=52),
        attributes={"answered_by": "digital"},
    )
    told = pipeline.inbox("digital")[-1]
    assert isinstance(told, AssignmentWithdrawnV1)
    assert told.reason == "answered"
    last = pipeline.decisions[-1]
    assert (last.outcome, last.causes[0].department) == (Outcome.ASSIGNED, "warehouse")
    pipeline.close()


def test_a_person_s_answer_is_not_its_source_speaking(pipeline: Pipeline) -> None:
    """Whoever says "not done yet" about one order tells nothing of the others that the system is silent about."""
    order(pipeline, "INV-1", WITHOUT_PICKING)
    pipeline.complains()

    def marks() -> list[list[tuple[bytes, bytes]]]:
        return [
            [*partition.store.items(rows.WATERMARKS), *partition.store.items(rows.HEARD)]
            for partition in pipeline.partitions.values()
        ]

    before = marks()
    assert any(before)
    pipeline.happens(
        "picked",
        -1,
        event_id="not done yet",
        transition=Transition.START,
        recorded_at=NOW + timedelta(hours=1),
        attributes={"answered_by": "warehouse"},
    )
    assert marks() == before


def test_news_that_makes_the_question_needless_takes_it_back(pipeline: Pipeline) -> None:
    """A scan that was on its way tells what was asked: the warehouse need not answer any more."""
    order(pipeline, "INV-1", WITHOUT_PICKING)
    pipeline.complains()
    (asked,) = questions(pipeline)
    pipeline.happens("picked", 190, event_id="scan", recorded_at=NOW - timedelta(hours=100))

    told = pipeline.inbox("warehouse")[-1]
    assert isinstance(told, AssignmentWithdrawnV1)
    assert (told.assignment_id, told.reason) == (asked.assignment_id, "retraced")
    assert pipeline.decisions[-1].causes[0].department == "packing"


def test_an_answer_to_a_question_taken_back_is_one_more_fact(pipeline: Pipeline) -> None:
    """What adds nothing moves nothing; against its sender's interest it counts, and nobody is asked for it again."""
    order(pipeline, "INV-1", WITHOUT_PICKING)
    pipeline.complains()
    pipeline.happens("picked", 190, event_id="scan", recorded_at=NOW - timedelta(hours=100))
    told = len(pipeline.inbox("warehouse"))
    decided = len(pipeline.decisions)
    answers(pipeline, 190, NOW + timedelta(hours=1))
    assert (len(pipeline.inbox("warehouse")), len(pipeline.decisions)) == (told, decided)
    assert pipeline.dead_letters == []

    pipeline.happens(
        "picked",
        84,
        event_id="another link",
        recorded_at=NOW + timedelta(hours=2),
        attributes={"answered_by": "warehouse"},
    )
    assert pipeline.decisions[-1].causes[0].department == "warehouse"
    assert len(questions(pipeline)) == 1
    assert pipeline.status.state is not ComplaintState.ASKED


def test_an_answer_that_clears_its_sender_is_traced_at_once(pipeline: Pipeline) -> None:
    """The warehouse says that it was in time: it need not answer again, and packing is asked, with as much time."""
    order(pipeline, "INV-1", WITHOUT_PICKING)
    pipeline.complains()
    answered_at = NOW + timedelta(hours=4)
    answers(pipeline, 186, answered_at)

    told = pipeline.inbox("warehouse")[-1]
    assert isinstance(told, AssignmentWithdrawnV1)
    assert told.reason == "answered"
    (asked,) = questions(pipeline, "packing")
    assert asked.question is not None
    assert (asked.question.fact, asked.question.claimed) == ("confirm", NOW - timedelta(hours=186))
    assert pipeline.status.state is ComplaintState.ASKED
    assert pipeline.status.next_check_at == answered_at + timedelta(hours=24)

    answers(pipeline, 186, answered_at + timedelta(hours=1), "packing")
    last = pipeline.decisions[-1]
    assert last.outcome is Outcome.ASSIGNED
    assert last.causes[0].department == "packing"


def test_two_answers_that_contradict_each_other_are_left_to_a_person(pipeline: Pipeline) -> None:
    """Each clears its own sender: nobody is asked a second time, and nobody is named."""
    order(pipeline, "INV-1", WITHOUT_PICKING)
    pipeline.complains()
    answers(pipeline, 186, NOW + timedelta(hours=4))
    answers(pipeline, 84, NOW + timedelta(hours=5), "packing")

    assert pipeline.status.state is ComplaintState.TRIAGE
    assert pipeline.status.next_check_at is None
    assert len(questions(pipeline)) == len(questions(pipeline, "packing")) == 1
    assert isinstance(pipeline.inbox("packing")[-1], AssignmentWithdrawnV1)


def test_without_an_answer_a_person_decides_and_nobody_is_asked_again(pipeline: Pipeline) -> None:
    """At the deadline, after a restart, the question is taken back; later news does not bring it up again."""
    order(pipeline, "INV-1", WITHOUT_PICKING)
    pipeline.complains()
    until = pipeline.status.next_check_at
    assert until is not None
    restart(pipeline)
    tick(pipeline, until + timedelta(seconds=1))

    assert pipeline.status.state is ComplaintState.TRIAGE
    assert pipeline.status.next_check_at is None
    told = pipeline.inbox("warehouse")[-1]
    assert isinstance(told, AssignmentWithdrawnV1)
    assert told.reason == "unanswered"

    later = until + timedelta(hours=2)
    pipeline.happens("refund_requested", (NOW - later) / timedelta(hours=1))
    assert len(questions(pipeline)) == 1
    assert pipeline.status.state is ComplaintState.TRIAGE

    answers(pipeline, 84, later + timedelta(hours=1))
    assert pipeline.decisions[-1].outcome is Outcome.ASSIGNED
    assert len(questions(pipeline)) == 1


def test_a_located_case_waits_and_is_traced_again_after_a_restart(pipeline: Pipeline) -> None:
    """Found by telephone and still in time: looked at again by itself when the promise runs out, by another worker."""
    order(pipeline, "INV-20001", tuple((name, h + 40) for name, h in IN_TIME[:-1]), PHONE)
    complains(pipeline, PHONE)
    assert pipeline.status.located_by is LocatedBy.CUSTOMER
    assert pipeline.decisions[-1].outcome is Outcome.WAITING
    due = pipeline.status.next_check_at
    assert due is not None
    restart(pipeline)
    tick(pipeline, due + timedelta(hours=1))

    assert len(pipeline.decisions) == 2
    assert pipeline.decisions[-1].as_of == due
    assert pipeline.decisions[-1].case_id == "INV-20001"


def test_a_customer_s_answer_counts_after_a_restart(pipeline: Pipeline) -> None:
    """What was asked is known to the worker that reads the answer."""
    ambiguous(pipeline)
    restart(pipeline)
    says(pipeline, "B")

    assert pipeline.status.case_id == "INV-20004"
    assert pipeline.status.located_by is LocatedBy.ANSWERED
