"""A record that would be too large for the broker stops nobody: what led to it is put aside, and the next one is handled."""

from __future__ import annotations

from unittest.mock import patch

import pytest

from schemas import topics
from services.chassis.dead_letters import HEADERS_LIMIT, KEY_LIMIT, VALUE_LIMIT, keep
from services.chassis.errors import PermanentError
from services.chassis.partitioner import partition_for
from services.router.checkpoint import partition as partitions
from services.router.checkpoint.partition import Partition
from services.router.checkpoint.store import LARGEST_ROW
from services.router.checkpoint.transactions import LARGEST_RECORD, Output
from tests.support.stage_pipeline import GOOD, PARTITIONS, PREFIX, Pipeline, late_packing

WRITTEN = (
    topics.TRACE_REQUESTED,
    topics.TRACE_ANSWERED,
    topics.COMPLAINT_TRACED,
    topics.COMPLAINT_STATUS,
    topics.DEPARTMENT_INBOX.for_department("packing"),
)
BROKER_TAKES = 1_048_588
"""Bytes of a batch, by default."""


def grown(topic: str) -> object:
    """`Partition.emit` for which whatever goes to this topic is too large."""
    real = Partition.emit

    def emit(self: Partition, output: Output, *, at: int | None = None) -> None:
        largest = 0 if output.topic == topic else LARGEST_RECORD
        with patch.object(partitions, "LARGEST_RECORD", largest):
            real(self, output, at=at)

    return patch.object(Partition, "emit", emit)


@pytest.mark.parametrize("topic", WRITTEN, ids=lambda topic: topic.name)
def test_an_output_that_is_too_large_puts_its_cause_aside(
    pipeline: Pipeline, topic: topics.Topic
) -> None:
    """The record that led to it becomes a dead letter and leaves no row and no other output; the next complaint is traced."""
    late_packing(pipeline)
    with grown(PREFIX + topic.name):  # type: ignore[attr-defined]
        pipeline.complains()
    assert {letter.reason for letter in pipeline.dead_letters} == {"output_too_large"}
    assert PREFIX + topic.name not in pipeline.written
    if topic in (topics.COMPLAINT_TRACED, WRITTEN[-1]):
        assert pipeline.decisions == [], "a part of the decision came out"
    put_aside = len(pipeline.dead_letters)

    pipeline.complains(complaint_id="C-2", body_digest="d2")

    assert pipeline.decisions[-1].complaint_id == "C-2"
    assert len(pipeline.dead_letters) == put_aside


def test_a_row_that_is_too_large_is_refused(pipeline: Pipeline) -> None:
    """It is refused before it is in a buffer, and so before a checkpoint could fail with it."""
    partition = pipeline.partitions[0]
    partition.store.put(b"g", b"", b"x" * (LARGEST_ROW - 1))
    partition.store.discard()
    with pytest.raises(PermanentError, match="row_too_large"):
        partition.store.put(b"g", b"i", b"x" * LARGEST_ROW)
    assert not partition.store.dirty


@pytest.mark.parametrize("misplaced", [False, True])
@pytest.mark.parametrize(
    ("key", "headers"),
    [
        (GOOD.key, (("note", b"x" * 900_000),)),
        (GOOD.key, tuple((f"n{number}", b"") for number in range(100_000))),
        (b"k" * 1_000_000, ()),
    ],
    ids=["large header", "many headers", "large key"],
)
def test_what_a_writer_may_do_to_keys_and_headers_stops_nobody(
    pipeline: Pipeline,
    misplaced: bool,
    key: bytes,
    headers: tuple[tuple[str, bytes | None], ...],
) -> None:
    """A record with a broken value, or in a wrong partition, is put aside in a letter that a broker takes."""
    partition = (partition_for(key, PARTITIONS) + misplaced) % PARTITIONS
    pipeline.raw(topics.PROCESS_OBSERVED, key, b"{", headers, partition=partition)

    (letter,) = pipeline.dead_letters
    assert "left out" in letter.detail
    assert letter.origin.endswith(":0")
    (output,) = pipeline.written[PREFIX + topics.ROUTER_DLQ.name]
    assert size_of(output) < BROKER_TAKES


def size_of(output: Output) -> int:
    """Bytes of a record with its headers, as a batch has them."""
    headers = sum(len(name) + len(value or b"") + 8 for name, value in output.headers)
    return len(output.key or b"") + len(output.value or b"") + headers


def test_the_largest_letter_fits() -> None:
    """Key, value and headers, each as large as a letter keeps: base64 and JSON included it is a record that may be written."""
    name = "\x01" * (HEADERS_LIMIT - 8)
    kept = keep(
        "topic:0:0",
        key=b"k" * KEY_LIMIT,
        value=b"v" * VALUE_LIMIT,
        headers=[(name, None)],
        detail="d",
    )
    assert kept.detail == "d"
    assert (len(kept.key or b""), len(kept.value or b"")) == (KEY_LIMIT, VALUE_LIMIT)
    written = 4 * (KEY_LIMIT + VALUE_LIMIT + 4) // 3 + 6 * HEADERS_LIMIT + 4_000
    assert written < LARGEST_RECORD
