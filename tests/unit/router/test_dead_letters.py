"""What cannot be handled is put aside, whole and with its place, and stops nothing behind it."""

from __future__ import annotations

import pytest

from schemas import topics
from services.chassis.partitioner import partition_for
from services.router.stages.base import FORWARDED
from tests.support.stage_pipeline import GOOD, PARTITIONS, PREFIX, Pipeline, late_packing


@pytest.mark.parametrize("what", ["complaint", "event"])
def test_one_id_with_two_contents_is_a_conflict(pipeline: Pipeline, what: str) -> None:
    """The first content stands; the second lies whole among the dead letters."""
    if what == "complaint":
        pipeline.complains()
        pipeline.complains(body_digest="another")
    else:
        pipeline.happens("packed", 10)
        pipeline.happens("packed", 10, attributes={"by": "someone else"})

    (letter,) = pipeline.dead_letters
    assert letter.reason == "conflict"


@pytest.mark.parametrize(
    ("value", "headers", "reason"),
    [
        (None, GOOD.headers, "missing_value"),
        (b"\xff\xfe{", GOOD.headers, "invalid_data"),
        (GOOD.value[:40], GOOD.headers, "invalid_data"),
        (b'{"case_id": "INV-1"}', GOOD.headers, "invalid_data"),
        (GOOD.value, (), "missing_header"),
        (GOOD.value, (*GOOD.headers[:3], ("ce_type", b"refund.promised")), "unknown_type"),
        (
            GOOD.value,
            (
                *(pair for pair in GOOD.headers if pair[0] != "ce_dataschema"),
                ("ce_dataschema", b"process.observed.v9"),
            ),
            "unknown_version",
        ),
        (GOOD.value, (*GOOD.headers[:1], ("ce_id", b"\xff"), *GOOD.headers[2:]), "bad_header"),
        (GOOD.value.replace(b"INV-1", b"INV-2"), GOOD.headers, "wrong_key"),
    ],
)
def test_poison_is_kept_whole(
    pipeline: Pipeline,
    value: bytes | None,
    headers: tuple[tuple[str, bytes | None], ...],
    reason: str,
) -> None:
    """What breaks its contract lies among the dead letters with its place and the reason; nothing raises."""
    pipeline.raw(topics.PROCESS_OBSERVED, GOOD.key, value, headers)

    (letter,) = pipeline.dead_letters
    assert letter.reason == reason
    assert letter.topic == PREFIX + topics.PROCESS_OBSERVED.name
    assert (letter.value is None) == (value is None)


@pytest.mark.parametrize(("size", "kept"), [(600_000, True), (990_000, False)])
@pytest.mark.parametrize("misplaced", [False, True])
def test_a_record_that_no_row_could_hold_is_put_aside(
    pipeline: Pipeline, size: int, kept: bool, misplaced: bool
) -> None:
    """A megabyte fits neither into the changelog nor, in base64, into a dead letter: it stays where it lies."""
    more = b', "attributes": {"note": "' + b"x" * size + b'"}}'
    partition = (partition_for(GOOD.key, PARTITIONS) + misplaced) % PARTITIONS
    value = GOOD.value.removesuffix(b"}").replace(b',"attributes":{}', b"") + more
    pipeline.raw(topics.PROCESS_OBSERVED, GOOD.key, value, GOOD.headers, partition=partition)

    (letter,) = pipeline.dead_letters
    assert letter.reason == "too_large"
    assert (letter.value is not None) == kept
    assert letter.offset == 0
    assert PREFIX + topics.PROCESS_OBSERVED.name not in pipeline.written


def test_a_case_without_end_stays_bounded(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A source that repeats itself under new ids fills the case once; what follows is put aside, not traced."""
    monkeypatch.setattr("services.router.stages.evidence.MOST_EVENTS", 10)
    late_packing(pipeline)
    pipeline.complains()
    for number in range(5):
        pipeline.happens("delivered", 90 - number, event_id=f"again-{number}")

    assert [letter.reason for letter in pipeline.dead_letters] == ["case_full"] * 3


def test_a_record_in_the_wrong_partition_is_forwarded_once(pipeline: Pipeline) -> None:
    """It goes to its own partition and counts there; one that is wrong again is a dead letter."""
    wrong = (partition_for(GOOD.key, PARTITIONS) + 1) % PARTITIONS
    pipeline.raw(topics.PROCESS_OBSERVED, GOOD.key, GOOD.value, GOOD.headers, partition=wrong)

    (forwarded,) = pipeline.written[PREFIX + topics.PROCESS_OBSERVED.name]
    assert (FORWARDED, f"{wrong}:0".encode()) in forwarded.headers
    assert pipeline.dead_letters == []

    marked = (*GOOD.headers, (FORWARDED, b"0:0"))
    pipeline.raw(topics.PROCESS_OBSERVED, GOOD.key, GOOD.value, marked, partition=wrong)
    (letter,) = pipeline.dead_letters
    assert letter.reason == "wrong_partition"


def test_a_core_that_fails_costs_one_record(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record that the core cannot take is put aside without a trace of it in the rows; the next one counts."""
    late_packing(pipeline)
    pipeline.complains()
    before = len(pipeline.decisions)

    def fails(*_args: object) -> None:
        raise ZeroDivisionError("a defect")

    with monkeypatch.context() as patched:
        patched.setattr("services.router.stages.evidence.tracer.trace", fails)
        pipeline.happens("delivered", 90, event_id="poison")
    (letter,) = pipeline.dead_letters
    assert letter.reason == "core_failed"
    stored = [
        item
        for partition in pipeline.partitions.values()
        for item, _row in partition.store.items(b"e:INV-1")
    ]
    assert b"poison" not in stored

    pipeline.happens("delivered", 95, event_id="sound")
    assert len(pipeline.dead_letters) == 1
    assert len(pipeline.decisions) >= before


@pytest.mark.parametrize(
    "at",
    [
        '"0001-01-01T00:00:00+14:00"',
        '"9999-12-31T23:59:59-12:00"',
        '"2199-12-31T23:59:59-12:00"',
        '"1900-01-01T00:00:00+07:00"',
        "1772355600",
        '"1772355600"',
    ],
)
def test_times_that_no_clock_shows_are_put_aside(pipeline: Pipeline, at: str) -> None:
    """A time outside of 1900 to 2200, or a bare number, breaks the contract and stops nothing."""
    value = GOOD.value.replace(b'"2026-03-20T05:00:00Z"', at.encode(), 1)
    assert value != GOOD.value
    pipeline.raw(topics.PROCESS_OBSERVED, GOOD.key, value, GOOD.headers)

    (letter,) = pipeline.dead_letters
    assert letter.reason == "invalid_data"


def test_a_decision_that_breaks_its_contract_is_put_aside(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What we would say wrongly is a dead letter of what led to it; the worker lives, and says which field."""
    late_packing(pipeline)
    monkeypatch.setattr("services.router.mapping.decisions._time", lambda _value: "never")
    pipeline.complains()

    (letter,) = pipeline.dead_letters
    assert letter.reason == "invalid_output"
    assert "as_of" in letter.detail
    assert pipeline.decisions == []
