"""The short way of question and answer says the same as the long way over Kafka."""

from __future__ import annotations

from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from schemas import topics
from schemas.vocabulary import Outcome
from services.chassis.errors import PermanentError
from services.chassis.partitioner import partition_for
from services.router.lifecycle import machine
from services.router.lifecycle.model import Life
from services.router.loopback import LocalRecord, Loopback
from services.router.stages.base import HANDLED
from tests.support.stage_pipeline import GOOD, NOW, PARTITIONS, PREFIX, Pipeline, late_packing, tick
from tests.unit.router.test_sizes import grown

LOOPED = {PREFIX + topics.TRACE_REQUESTED.name, PREFIX + topics.TRACE_ANSWERED.name}


class ShortPipeline(Pipeline):
    """As a worker that owns some of the partitions: what it can, it handles within the record's own step."""

    owned: frozenset[int] = frozenset(range(PARTITIONS))
    behind = False

    def _handle(self, topic, key, value, headers, partition, at):  # type: ignore[no-untyped-def]
        loopback = Loopback(
            self.stages,
            {number: self.partitions[number] for number in self.owned},
            count=PARTITIONS,
            physical=lambda name: PREFIX + name,
            behind=lambda _number, _asked: self.behind,
        )
        super()._handle(topic, key, value, headers, partition, at)
        place = partition_for(key, PARTITIONS) if partition is None else partition
        read = LocalRecord(topic, place, int(at.timestamp() * 1000), key, value, headers, offset=0)
        loopback.carry(self.partitions[place], read)


def said(pipeline: Pipeline) -> dict[str, list[tuple[bytes | None, bytes | None]]]:
    """Everything written for others, by topic, in order, without headers."""
    return {
        topic: [(output.key, output.value) for output in outputs]
        for topic, outputs in pipeline.written.items()
        if topic not in LOOPED
    }


@pytest.mark.parametrize("owned", [set(range(PARTITIONS)), {0, 1}, {2, 3}, set()])
def test_both_ways_write_the_same(tmp_path: Path, owned: set[int]) -> None:
    """Whatever a worker owns, others read the same records with the same bytes; what it handled itself is not written."""
    long, short = Pipeline(tmp_path / "long"), ShortPipeline(tmp_path / "short")
    short.owned = frozenset(owned)
    for pipeline in (long, short):
        late_packing(pipeline)
        pipeline.complains()
        pipeline.happens("delivered", 90, event_id="a later scan")

    assert said(short) == said(long)
    written = LOOPED & short.written.keys()
    if len(owned) == PARTITIONS:
        assert not written
    if not owned:
        assert written == LOOPED
    for pipeline in (long, short):
        pipeline.close()


def test_every_cause_is_in_the_log(tmp_path: Path) -> None:
    """What followed from a question or an answer that is not written names the record that was read."""
    pipeline = ShortPipeline(tmp_path)
    late_packing(pipeline)
    pipeline.complains()

    headers = [dict(output.headers) for outputs in pipeline.written.values() for output in outputs]
    ids = {header["ce_id"] for header in headers}
    causes = {header["ce_causationid"] for header in headers}
    assert causes - ids == {b"received-1"}, "only the complaint, which was read, lies elsewhere"
    pipeline.close()


def test_a_question_in_the_log_has_its_answer_there(tmp_path: Path) -> None:
    """Where only the question went over Kafka, the answer is handled at once, and written with the mark for its reader."""
    pipeline = ShortPipeline(tmp_path)
    late_packing(pipeline)
    pipeline.behind = True
    pipeline.complains()

    (question,) = pipeline.written[PREFIX + topics.TRACE_REQUESTED.name]
    (answer,) = pipeline.written[PREFIX + topics.TRACE_ANSWERED.name]
    headers = dict(answer.headers)
    assert headers["ce_causationid"] == dict(question.headers)["ce_id"]
    assert headers[HANDLED] == b"1"
    by_first = list(pipeline.written)
    assert by_first.index(PREFIX + topics.TRACE_ANSWERED.name) < by_first.index(
        PREFIX + topics.COMPLAINT_TRACED.name
    ), "what it led to is written before it"
    assert len(pipeline.decisions) == 1
    pipeline.close()


def test_what_fails_goes_the_long_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A question on which the core fails is written; read from Kafka, it is put aside with its place."""
    pipeline = ShortPipeline(tmp_path)

    def fails(*_args: object, **_options: object) -> None:
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr("services.router.stages.evidence.tracer.trace", fails)
    late_packing(pipeline)
    pipeline.complains()

    (question,) = pipeline.written[PREFIX + topics.TRACE_REQUESTED.name]
    assert question.value is not None
    (letter,) = pipeline.dead_letters
    assert letter.reason == "core_failed"
    assert letter.offset == 0
    pipeline.close()


def test_what_fails_at_a_tick_takes_no_others_question_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two complaints that fall due at one tick the second fails, when the first has handed over its question."""
    pipeline = ShortPipeline(tmp_path)
    place = partition_for(b"C-1", PARTITIONS)
    behind = next(
        name for n in count(2) if partition_for((name := f"C-{n}").encode(), PARTITIONS) == place
    )
    pipeline.happens("order_placed", 3)
    pipeline.complains()
    pipeline.happens("order_placed", 1, case_id="INV-2")
    pipeline.complains(complaint_id=behind, case_id="INV-2")
    assert [each.outcome for each in pipeline.decisions] == [Outcome.WAITING] * 2
    due = machine.due

    def fails(life: Life, *, as_of: int) -> machine.Step:
        if life.complaint_id == behind:
            raise PermanentError("core_failed", "a defect")
        return due(life, as_of=as_of)

    monkeypatch.setattr(machine, "due", fails)
    tick(pipeline, NOW + timedelta(days=30))

    (letter,) = pipeline.dead_letters
    assert behind in letter.detail
    assert [each.complaint_id for each in pipeline.decisions[2:]] == ["C-1"]
    pipeline.close()


def test_an_outside_writer_cannot_have_a_record_passed_over(tmp_path: Path) -> None:
    """The mark counts only in topics that nobody but the router writes."""
    pipeline = Pipeline(tmp_path)
    late_packing(pipeline)
    pipeline.complains()
    pipeline.raw(topics.PROCESS_OBSERVED, GOOD.key, GOOD.value, (*GOOD.headers, (HANDLED, b"1")))

    stored = [
        item
        for partition in pipeline.partitions.values()
        for item, _row in partition.store.items(b"e:INV-1")
    ]
    assert b"e" in stored
    pipeline.close()


def test_a_partition_that_is_behind_is_asked_the_long_way(tmp_path: Path) -> None:
    """While events older than the question are yet to be read, it is left to Kafka, where it waits for them."""
    pipeline = ShortPipeline(tmp_path)
    late_packing(pipeline)
    pipeline.behind = True
    pipeline.complains()

    assert len(pipeline.written[PREFIX + topics.TRACE_REQUESTED.name]) == 1
    pipeline.close()


def test_what_cannot_be_written_after_all_leaves_a_letter(tmp_path: Path) -> None:
    """An answer that is neither to be handled here nor small enough for the log is told of, by the record in hand."""
    pipeline = ShortPipeline(tmp_path)
    pipeline.owned = frozenset({partition_for(b"INV-1", PARTITIONS)})
    assert partition_for(b"C-2", PARTITIONS) not in pipeline.owned
    late_packing(pipeline)
    with grown(PREFIX + topics.TRACE_ANSWERED.name):  # type: ignore[attr-defined]
        pipeline.complains(complaint_id="C-2")

    (letter,) = pipeline.dead_letters
    assert letter.reason == "output_too_large"
    assert letter.topic == PREFIX + topics.COMPLAINT_RECEIVED.name
    assert letter.offset == 0
    pipeline.close()
