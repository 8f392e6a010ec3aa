"""What the evidence stage remembers of events that sources lost."""

import json
from datetime import timedelta
from pathlib import Path

from services.chassis.clock import from_microseconds
from services.chassis.partitioner import partition_for
from services.router.stages import rows
from tests.support.stage_pipeline import NOW, PARTITIONS, Pipeline


def kept(pipeline: Pipeline) -> dict[str, list[int]]:
    partition = pipeline.partitions[partition_for(b"INV-1", PARTITIONS)]
    value = partition.store.get(rows.LOSSES)
    return {} if value is None else dict(json.loads(value))


def test_a_case_that_is_asked_about_shows_what_its_sources_lost_once(tmp_path: Path) -> None:
    """Picked without a confirmation on record: counted with the complaint, not again with further events or another asking."""
    pipeline = Pipeline(tmp_path)
    pipeline.happens("order_placed", 300)
    pipeline.happens("payment_received", 299)
    pipeline.happens("payment_verified", 298)
    pipeline.happens("picked", 290)
    assert kept(pipeline) == {}
    pipeline.complains()
    first = kept(pipeline)
    assert first == {"storefront": [2, 1], "payment-gateway": [2, 0]}
    pipeline.happens("packed", 100)
    assert kept(pipeline) == first
    assert rows.key_of(rows.LOSSES, b"") is None
    pipeline.close()


def test_what_other_cases_show_meanwhile_is_no_news_of_this_one(tmp_path: Path) -> None:
    """A case is traced again with the counts it was first answered with: neither its own lost events nor other cases' move it."""
    pipeline = Pipeline(tmp_path)
    for activity, hours in (
        ("order_placed", 200),
        ("payment_received", 199),
        ("payment_verified", 198),
        ("confirmed", 196),
        ("packed", 170),
    ):
        pipeline.happens(activity, hours)
    pipeline.complains()
    first = pipeline.decisions[-1]
    for number in range(20):
        case = f"INV-{number + 2}"
        if partition_for(case.encode(), PARTITIONS) == partition_for(b"INV-1", PARTITIONS):
            pipeline.happens("order_placed", 300, case_id=case, event_id=f"a{number}")
            pipeline.happens("packed", 290, case_id=case, event_id=f"b{number}")
            pipeline.complains(complaint_id=f"D-{number}", case_id=case)
    before = len(pipeline.decisions)
    pipeline.happens("invoice_issued", 195)
    again = [each for each in pipeline.decisions[before:] if each.complaint_id == "C-1"]
    assert [each.causes for each in again] in ([], [first.causes])
    pipeline.close()


def test_the_sources_last_word_is_kept_to_the_minute(tmp_path: Path) -> None:
    """When it was told, whatever it told of; a repeat or an older word changes nothing."""
    pipeline = Pipeline(tmp_path)
    told = NOW - timedelta(hours=1, seconds=NOW.second + 7)
    pipeline.happens("packed", 10, recorded_at=told)
    pipeline.happens("picked", 12, recorded_at=told - timedelta(minutes=5))
    partition = pipeline.partitions[partition_for(b"INV-1", PARTITIONS)]
    value = partition.store.get(rows.HEARD, b"wms")
    assert value is not None
    assert from_microseconds(int(value)) == told.replace(second=0, microsecond=0)
    assert rows.joined(rows.HEARD, [value, None, b"1"]) == value
    pipeline.close()


def test_an_event_alone_costs_no_count(tmp_path: Path) -> None:
    """Cases that nobody asks about are not counted: an event stays two look-ups and one row."""
    pipeline = Pipeline(tmp_path)
    for hours in range(5):
        pipeline.happens("packed", 10 + hours)
    assert kept(pipeline) == {}
    pipeline.close()
