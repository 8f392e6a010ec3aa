"""What the evidence stage remembers of events that sources lost."""

import json
from pathlib import Path

from services.chassis.partitioner import partition_for
from services.router.stages import rows

from .test_stages import PARTITIONS, Pipeline


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


def test_an_event_alone_costs_no_count(tmp_path: Path) -> None:
    """Cases that nobody asks about are not counted: an event stays two look-ups and one row."""
    pipeline = Pipeline(tmp_path)
    for hours in range(5):
        pipeline.happens("packed", 10 + hours)
    assert kept(pipeline) == {}
    pipeline.close()
