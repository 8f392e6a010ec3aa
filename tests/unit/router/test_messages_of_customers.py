"""What a customer says after the complaint: it counts once, whenever it is read, and only from its own channel."""

from __future__ import annotations

from datetime import timedelta

from schemas import topics
from schemas.assignment import AssignmentWithdrawnV1
from schemas.complaint import ComplaintMessagedV1
from schemas.vocabulary import ComplaintState, MessageKind
from tests.support.stage_pipeline import NOW, PREFIX, Pipeline, late_packing, tick


def test_the_customers_word_ends_it(pipeline: Pipeline) -> None:
    """Withdrawn by the customer: every department is told, and later evidence changes nothing."""
    late_packing(pipeline)
    pipeline.complains()

    pipeline.says(MessageKind.WITHDRAW)

    assert pipeline.status.state is ComplaintState.WITHDRAWN
    assert isinstance(pipeline.inbox("packing")[-1], AssignmentWithdrawnV1)


SATISFIED = ComplaintMessagedV1(
    complaint_id="C-1",
    message_id="m1",
    channel="web",
    kind=MessageKind.SATISFIED,
    text="sudah sampai, CANARY",
    sent_at=NOW,
)


def test_a_message_that_is_read_before_its_complaint_takes_effect_all_the_same(
    pipeline: Pipeline,
) -> None:
    """Two topics, one worker that is behind: the message waits for its complaint, and counts once."""
    late_packing(pipeline)
    pipeline.send(topics.COMPLAINT_MESSAGED, SATISFIED, "m1")
    pipeline.send(topics.COMPLAINT_MESSAGED, SATISFIED, "m1")
    tick(pipeline, NOW + timedelta(minutes=59))
    for partition in pipeline.partitions.values():
        assert all(b"CANARY" not in (value or b"") for _key, value in partition.store.freeze())
        partition.store.applied(1, touched=1)

    pipeline.complains()

    assert pipeline.status.state is ComplaintState.CLOSED
    states = [event.data.state for event in pipeline.events(topics.COMPLAINT_STATUS)]
    assert states.count(ComplaintState.CLOSED) == 1
    tick(pipeline, NOW + timedelta(hours=2))
    assert pipeline.dead_letters == []


def test_a_message_about_no_complaint_is_put_aside_in_the_end(pipeline: Pipeline) -> None:
    """After an hour nobody waits any more: a dead letter with its place, and nothing stays behind."""
    pipeline.send(topics.COMPLAINT_MESSAGED, SATISFIED, "m1")
    assert pipeline.dead_letters == []

    tick(pipeline, NOW + timedelta(hours=1, seconds=1))

    (letter,) = pipeline.dead_letters
    assert (letter.reason, letter.offset) == ("unknown_complaint", 0)
    assert letter.topic == PREFIX + topics.COMPLAINT_MESSAGED.name
    pipeline.complains()
    tick(pipeline, NOW + timedelta(hours=3))
    assert pipeline.status.state is not ComplaintState.CLOSED
    assert len(pipeline.dead_letters) == 1


def test_another_channel_cannot_speak_for_the_customer(pipeline: Pipeline) -> None:
    """A message about a complaint of another channel changes nothing."""
    late_packing(pipeline)
    pipeline.complains()
    before = pipeline.status

    pipeline.says(MessageKind.WITHDRAW, channel="stranger")

    assert pipeline.status == before
