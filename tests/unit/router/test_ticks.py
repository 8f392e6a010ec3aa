"""What falls due by itself: the clock's ticks end a wait, each at its own time."""

from __future__ import annotations

from datetime import timedelta
from itertools import count

import pytest

from schemas import codec, topics
from schemas.clock import ClockTickedV1
from schemas.vocabulary import Outcome
from services.chassis.partitioner import partition_for
from services.router.checkpoint import partition as partitions
from tests.support.stage_pipeline import NOW, PARTITIONS, PREFIX, Pipeline, tick


def test_waiting_ends_by_itself_at_its_time(pipeline: Pipeline) -> None:
    """An order that is still in time is looked at again when the promise runs out, as of that time."""
    for activity, hours_ago in (
        ("order_placed", 100),
        ("payment_received", 99.9),
        ("payment_verified", 99.5),
        ("confirmed", 99),
        ("picked", 98),
        ("packed", 97),
        ("handed_over", 96),
    ):
        pipeline.happens(activity, hours_ago)
    pipeline.complains()
    assert pipeline.decisions[-1].outcome is Outcome.WAITING
    due = pipeline.status.next_check_at
    assert due is not None

    before = due - timedelta(seconds=1)
    pipeline.send(topics.CLOCK_TICK, ClockTickedV1(partition=0, at=before), "t1", at=before)
    assert len(pipeline.decisions) == 1

    for number in range(PARTITIONS):
        later = due + timedelta(hours=1)
        pipeline.send(
            topics.CLOCK_TICK,
            ClockTickedV1(partition=number, at=later),
            f"t2-{number}",
            partition=number,
            at=later,
        )
    assert len(pipeline.decisions) == 2
    assert pipeline.decisions[-1].as_of == due


def test_what_cannot_go_on_when_it_falls_due_holds_up_nothing_behind_it(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two complaints that fall due at one tick the first leads to more than a record takes: it is one dead letter."""
    place = partition_for(b"C-1", PARTITIONS)
    behind = next(
        name for n in count(2) if partition_for((name := f"C-{n}").encode(), PARTITIONS) == place
    )
    long_case = "📦" * 250
    pipeline.happens("order_placed", 3, case_id=long_case)
    pipeline.complains(case_id=long_case)
    pipeline.happens("order_placed", 1)
    pipeline.complains(complaint_id=behind)
    assert [each.outcome for each in pipeline.decisions] == [Outcome.WAITING] * 2
    asked = pipeline.written[PREFIX + topics.TRACE_REQUESTED.name]
    large, small = (len(each.key or b"") + len(each.value or b"") for each in asked)

    later = NOW + timedelta(days=30)
    with monkeypatch.context() as patched:
        patched.setattr(partitions, "LARGEST_RECORD", (large + small) // 2)
        due = ClockTickedV1(partition=place, at=later)
        record = codec.encode(codec.wrap(due, id="due", source="/akar/ticker", time=later))
        name = PREFIX + topics.CLOCK_TICK.name
        pipeline._handle(name, record.key, record.value, record.headers, place, later)
    # What the tick led to is handled, and the next one is as any.
    tick(pipeline, later + timedelta(seconds=1))

    (letter,) = pipeline.dead_letters
    assert letter.reason == "output_too_large"
    assert "C-1" in letter.detail
    assert [each.complaint_id for each in pipeline.decisions[2:]] == [behind]


def test_a_tick_cannot_hasten_time(pipeline: Pipeline) -> None:
    """A tick that claims to come from the future counts as when it was written."""
    pipeline.happens("order_placed", 1)
    pipeline.complains()
    assert pipeline.decisions[-1].outcome is Outcome.WAITING

    future = NOW + timedelta(days=400)
    for number in range(PARTITIONS):
        tick = ClockTickedV1(partition=number, at=future)
        record = codec.encode(codec.wrap(tick, id=f"t{number}", source="/test", time=future))
        pipeline.raw(
            topics.CLOCK_TICK, record.key, record.value, record.headers, partition=number, at=NOW
        )

    assert len(pipeline.decisions) == 1
