"""From a complaint and its events to a decision: all stages together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from schemas.assignment import AssignmentOpenedV1, AssignmentWithdrawnV1
from schemas.envelope import LATEST
from schemas.vocabulary import ComplaintState, Outcome, Transition
from tests.support.stage_pipeline import NOW, SHOP, Pipeline, late_packing


def test_a_late_order_is_traced_to_its_department(pipeline: Pipeline) -> None:
    """The department whose own delay made the order late gets the assignment, with the evidence."""
    late_packing(pipeline)
    pipeline.complains()

    (decision,) = pipeline.decisions
    assert decision.outcome is Outcome.ASSIGNED
    assert [(cause.department, cause.share) for cause in decision.causes] == [("packing", 1.0)]
    assert decision.revision == 1
    # With what it was made: the company, and within it the version of what verdicts taught.
    assert decision.registry_digest == SHOP.rules.digest
    assert decision.learned == SHOP.rules.learned != {}
    (opened,) = pipeline.inbox("packing")
    assert isinstance(opened, AssignmentOpenedV1)
    assert opened.share == 1.0
    assert any(each.event_id == "packed-150" for each in opened.evidence)
    assert pipeline.status.state is ComplaintState.ASSIGNED
    assert pipeline.dead_letters == []


def test_the_order_of_arrival_makes_no_difference(tmp_path: Path) -> None:
    """Complaint first or events first, the last decision is the same in all that matters."""
    first, second = Pipeline(tmp_path / "a"), Pipeline(tmp_path / "b")
    late_packing(first)
    first.complains()
    second.complains()
    late_packing(second)

    assert second.decisions[-1].material == first.decisions[-1].material
    assert second.decisions[-1].causes == first.decisions[-1].causes
    revisions = [decision.revision for decision in second.decisions]
    assert revisions == list(range(1, len(revisions) + 1))
    first.close()
    second.close()


def test_later_evidence_withdraws_the_wrong_assignment(pipeline: Pipeline) -> None:
    """When the missing scan arrives and clears packing, its assignment is taken back with the reason."""
    for activity, hours_ago in (
        ("order_placed", 300),
        ("payment_received", 299.5),
        ("payment_verified", 299),
        ("confirmed", 298),
        ("packed", 150),
        ("handed_over", 149),
        ("delivered", 100),
    ):
        pipeline.happens(activity, hours_ago)
    pipeline.happens("picked", 297, event_id="picked-early")
    pipeline.complains()
    assert {cause.department for cause in pipeline.decisions[0].causes} == {"packing"}

    # The warehouse's export corrects it: picking was done only shortly before packing.
    pipeline.happens(
        "picked",
        151,
        event_id="picked-wrong",
        transition=Transition.FAIL,
        attributes={"fault": "wrong_item_picked"},
    )
    pipeline.happens("picked", 150.5, event_id="picked-again")

    last = pipeline.decisions[-1]
    told = pipeline.inbox("packing")
    if last.causes[0].department == "packing":
        assert not any(isinstance(each, AssignmentWithdrawnV1) for each in told)
    else:
        assert isinstance(told[-1], AssignmentWithdrawnV1)
        assert told[-1].assignment_id == told[0].assignment_id
        assert told[-1].reason == "retraced"


def test_a_decision_is_dated_by_when_its_cause_was_heard_of(pipeline: Pipeline) -> None:
    """An event that happened days ago and is recorded now makes a decision of now, not of then."""
    for activity, hours_ago in (
        ("order_placed", 300),
        ("payment_received", 299.5),
        ("payment_verified", 299),
        ("confirmed", 298),
        ("picked", 296),
    ):
        pipeline.happens(activity, hours_ago)
    pipeline.complains()
    heard = NOW + timedelta(hours=1)
    for activity, hours_ago in (("packed", 150), ("handed_over", 149), ("delivered", 100)):
        pipeline.happens(activity, hours_ago, recorded_at=heard)

    assert len(pipeline.decisions) > 1
    assert pipeline.decisions[0].traced_at == NOW
    assert {decision.traced_at for decision in pipeline.decisions[1:]} == {heard}


def test_repeats_change_nothing(pipeline: Pipeline) -> None:
    """The same event, question or complaint again writes nothing at all."""
    late_packing(pipeline)
    pipeline.complains()
    before = {topic: len(outputs) for topic, outputs in pipeline.written.items()}

    late_packing(pipeline)
    pipeline.complains()

    assert {topic: len(outputs) for topic, outputs in pipeline.written.items()} == before


def test_an_event_recorded_twice_is_the_same_event(pipeline: Pipeline) -> None:
    """A repeat that was recorded at another time is still a repeat, not a conflict."""
    pipeline.happens("packed", 10)
    pipeline.happens("packed", 10, recorded_at=NOW)

    assert pipeline.dead_letters == []


def test_without_a_case_a_person_decides(pipeline: Pipeline) -> None:
    """No case, no blame: a triage desk gets it, and no department is named as the cause."""
    late_packing(pipeline)
    pipeline.complains(case_id=None)

    (decision,) = pipeline.decisions
    assert decision.outcome is Outcome.TRIAGE
    assert pipeline.inbox("packing") == []
    (opened,) = pipeline.inbox(SHOP.rules.policy.triage)
    assert isinstance(opened, AssignmentOpenedV1)
    assert opened.share == 0.0


def test_old_complaints_are_dated_by_their_receipt(pipeline: Pipeline) -> None:
    """A complaint of last month that is handed in now is decided as of then, and dated now."""
    late_packing(pipeline)
    pipeline.complains(occurred_at=NOW - timedelta(hours=20))

    (decision,) = pipeline.decisions
    assert decision.as_of == NOW - timedelta(hours=20)
    assert decision.traced_at == NOW


def test_no_row_or_question_carries_the_customers_words(pipeline: Pipeline) -> None:
    """The text stays in complaint.received: neither the router's rows nor its outputs repeat it."""
    secret = "paket belum sampai hubungi 0812-CANARY"
    late_packing(pipeline)
    pipeline.complains(text=secret)

    for outputs in pipeline.written.values():
        assert all(b"CANARY" not in (output.value or b"") for output in outputs)
    for partition in pipeline.partitions.values():
        assert all(b"CANARY" not in (value or b"") for _key, value in partition.store.freeze())


@pytest.mark.parametrize("last", [datetime(2199, 12, 31, 23, 59, 59, tzinfo=UTC), NOW])
def test_what_follows_from_the_last_times_is_decided(pipeline: Pipeline, last: datetime) -> None:
    """A step that begins in the last second that a contract takes is allowed until then, and the complaint is decided."""
    for hours, activity in enumerate(("order_placed", "payment_received", "payment_verified")):
        at = last - timedelta(hours=3 - hours)
        pipeline.happens(activity, 0, event_id=activity, at=at, recorded_at=at, due_at=last)
    pipeline.complains(occurred_at=last, received_at=last)

    assert pipeline.dead_letters == []
    (decision,) = pipeline.decisions
    allowed = [bar.allowed_until for bar in decision.timeline]
    assert (LATEST in allowed) == (last != NOW)
