"""Fences in the stages and in Faust's consumer that need no broker: with each and without it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import faust
import pytest
from faust.types import TP

from schemas import topics
from services.chassis.partitioner import partition_for
from services.router.checkpoint.fences import Wiring, install
from services.router.stages.base import HANDLED
from tests.support.removals import without
from tests.support.stage_pipeline import GOOD, PARTITIONS, PREFIX, Pipeline, late_packing

# -- the stages -------------------------------------------------------------------------------


def test_what_cannot_be_decoded_is_put_aside(pipeline: Pipeline) -> None:
    """L9: it is a dead letter in the record's own transaction, and nothing is raised."""
    pipeline.raw(topics.PROCESS_OBSERVED, GOOD.key, b"{", GOOD.headers)

    assert len(pipeline.dead_letters) == 1


def test_without_dead_letters_one_record_ends_every_start(pipeline: Pipeline) -> None:
    """Without that the same record is met, and raises, after every start."""
    with without("dead letter in the transaction"):
        for _start in range(2):
            with pytest.raises(RuntimeError):
                pipeline.raw(topics.PROCESS_OBSERVED, GOOD.key, b"{", GOOD.headers)


def rows_in_a_wrong_partition(pipeline: Pipeline) -> bool:
    """Write a record into a partition that is not its key's; whether its rows are there."""
    wrong = (partition_for(GOOD.key, PARTITIONS) + 1) % PARTITIONS
    pipeline.raw(topics.PROCESS_OBSERVED, GOOD.key, GOOD.value, GOOD.headers, partition=wrong)
    return pipeline.partitions[wrong].store.dirty


def test_a_record_in_a_wrong_partition_leaves_no_rows_there(pipeline: Pipeline) -> None:
    """P9: it is sent on, and counts where its case is."""
    assert not rows_in_a_wrong_partition(pipeline)
    assert pipeline.partitions[partition_for(GOOD.key, PARTITIONS)].store.dirty


def test_without_forwarding_a_case_is_split(pipeline: Pipeline) -> None:
    """Without that its rows lie where no complaint about the case looks."""
    with without("forward to its own partition"):
        assert rows_in_a_wrong_partition(pipeline)
    assert not pipeline.partitions[partition_for(GOOD.key, PARTITIONS)].store.dirty


def answers_to_a_question_read_again(pipeline: Pipeline) -> int:
    """Read a question that was handled in the transaction that wrote it; how many answers that adds."""
    late_packing(pipeline)
    pipeline.complains()
    asked = pipeline.written[PREFIX + topics.TRACE_REQUESTED.name][0]
    answered = pipeline.written[PREFIX + topics.TRACE_ANSWERED.name]
    before = len(answered)
    headers = (*asked.headers, (HANDLED, b"1"))
    pipeline.raw(topics.TRACE_REQUESTED, asked.key, asked.value, headers)  # type: ignore[arg-type]
    return len(answered) - before


def test_a_question_that_was_handled_is_passed_over(pipeline: Pipeline) -> None:
    """P14: the mark tells its reader that it is done."""
    assert answers_to_a_question_read_again(pipeline) == 0


def test_without_the_mark_it_is_answered_again(pipeline: Pipeline) -> None:
    """Without looking at the mark the evidence stage answers a second time."""
    with without("handled once"):
        assert answers_to_a_question_read_again(pipeline) > 0


# -- Faust's consumer ---------------------------------------------------------------------------

TP0 = TP("in", 0)


class FaustAtWork:
    """The fenced consumer inside a real Faust app, with its thread replaced by a list of what was committed."""

    def __init__(self, folder: Path) -> None:
        self.app = faust.App(
            "fenced",
            broker="kafka://127.0.0.1:1",
            store="memory://",
            datadir=str(folder),
            topic_allow_declare=False,
            topic_disable_leader=True,
            web_enabled=False,
            stream_wait_empty=False,
            table_standby_replicas=0,
        )
        nothing: Any = None
        install(self.app, Wiring(nothing, {}, "g", "w0", nothing, nothing))
        self.committed: list[dict[TP, int]] = []
        self.consumer: Any = self.app.transport.create_consumer(
            lambda _message: None,
            on_partitions_revoked=lambda _tps: None,
            on_partitions_assigned=lambda _tps: None,
        )
        # The thread would have a loop of its own.
        self.consumer._thread.thread_loop.close()
        self.consumer._thread = SimpleNamespace(
            assignment=lambda: {TP0}, commit=self._commit, partitions=lambda: {TP0}
        )

    async def _commit(self, offsets: dict[TP, int]) -> bool:
        self.committed.append(dict(offsets))
        return True


class Flushed:
    """A producer whose flush gives up without an error, as Faust's does after 100 ms."""

    async def flush(self) -> None:
        """Return with records still queued."""


@pytest.fixture
async def at_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FaustAtWork:
    """Record 0 is being handled, its changelog is not written yet, and records 1 to 9 are acknowledged."""
    made = FaustAtWork(tmp_path)
    made.consumer._acked[TP0] = list(range(1, 10))
    made.consumer._acked_index[TP0] = set(range(1, 10))
    monkeypatch.setattr(type(made.app), "producer", Flushed())
    return made


async def test_faust_commits_nothing(at_work: FaustAtWork) -> None:
    """L3 to L7, L11, L12: whatever was acknowledged, flushed or not, Faust's own commit does nothing."""
    assert await at_work.consumer.commit()

    assert at_work.committed == []


async def test_without_that_fence_faust_commits_over_a_record_in_hand(at_work: FaustAtWork) -> None:
    """Stock Faust commits 10 while record 0 is in hand and its changelog still queued: a crash now loses both."""
    with without("Faust does not commit"):
        await at_work.consumer.commit()

    assert at_work.committed == [{TP0: 10}]


class InHand:
    """A record that nobody acknowledges."""

    refcount = 1
    acked = False


async def test_a_revocation_does_not_wait_for_acknowledgements(at_work: FaustAtWork) -> None:
    """R1: with a record in hand, Faust's part of a revocation returns at once."""
    record = InHand()
    at_work.consumer._unacked_messages.add(record)

    async with asyncio.timeout(0.5):
        await at_work.consumer.wait_empty()


async def test_without_that_fence_it_waits_without_end(at_work: FaustAtWork) -> None:
    """Stock Faust waits for as long as the record is in hand, while the group waits for this worker."""
    record = InHand()
    at_work.consumer._unacked_messages.add(record)

    with without("no waiting for acknowledgements"):
        waiting = asyncio.create_task(at_work.consumer.wait_empty())
        _done, pending = await asyncio.wait({waiting}, timeout=0.5)
    assert pending
    # It swallows a cancellation too; only the acknowledgement ends it.
    record.acked = True
    async with asyncio.timeout(5):
        await waiting
