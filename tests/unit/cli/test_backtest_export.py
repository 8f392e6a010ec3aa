"""What the router decided, exported from its topics and decided again: the same, for the same reasons."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from schemas import topics
from schemas.vocabulary import Outcome, Transition
from services.chassis.clock import microseconds
from services.chassis.partitioner import partition_for
from services.chassis.records import Received
from services.cli.backtest_export import begin, keep, rows, sources_of
from services.cli.backtest_files import line, sample
from services.router.backtest import decide
from services.router.tracing.company import Rules
from services.router.tracing.model import HOUR
from services.router.tracing.symptoms import classify
from tests.support import companies, stage_pipeline
from tests.support.stage_pipeline import NOW, PARTITIONS, PREFIX, Pipeline

QUICK = (
    ("order_placed", 200.0),
    ("payment_received", 199.0),
    ("payment_verified", 198.0),
    ("confirmed", 196.0),
)
NEIGHBOUR = next(
    case
    for number in count(2)
    if partition_for((case := f"INV-{number}").encode(), PARTITIONS)
    == partition_for(b"INV-1", PARTITIONS)
)
"""A case of the same partition: what its events tell of a source, they tell of it for all."""


@dataclass
class Overheard(Pipeline):
    """A pipeline whose incoming records are kept, as they lie in the topics."""

    read: list[Received] = field(default_factory=list)

    def raw(
        self,
        topic: topics.Topic,
        key: bytes | None,
        value: bytes | None,
        headers: tuple[tuple[str, bytes | None], ...] = (),
        *,
        partition: int | None = None,
        at: datetime = NOW,
    ) -> None:
        number = partition_for(key or b"", PARTITIONS) if partition is None else partition
        self.read.append(Received(topic.name, number, len(self.read), key, value, headers, at))
        super().raw(topic, key, value, headers, partition=partition, at=at)

    def exported(self, rules: Rules) -> list[dict[str, Any]]:
        """The lines that an export of all topics writes."""
        traced = topics.COMPLAINT_TRACED.name
        records = [
            Received(traced, 0, place, each.key, each.value, (), NOW)
            for place, each in enumerate(self.written[PREFIX + traced])
        ]
        with closing(sqlite3.connect(":memory:")) as store:
            begin(store)
            for record in (*self.read, *records):
                keep(store, record, sources_of(rules))
            return [json.loads(line(row)) for row in rows(store, PARTITIONS, {})]


def attested(source: str) -> Rules:
    """The shop, did one of its sources tell every other night."""
    shop = companies.rules("shop")
    rule = replace(shop.sources[source], assumed=False, every=48 * HOUR)
    return replace(shop, sources={**shop.sources, source: rule})


def happen(pipeline: Pipeline, *events: tuple[str, float]) -> None:
    for activity, hours_ago in events:
        heard = NOW - timedelta(hours=hours_ago) + timedelta(seconds=2)
        pipeline.happens(activity, hours_ago, recorded_at=heard)


def an_answer(pipeline: Pipeline) -> None:
    """Four hours after it was asked the warehouse says when it picked."""
    happen(pipeline, *QUICK, ("packed", 80), ("handed_over", 74), ("delivered", 10))
    pipeline.complains()
    pipeline.happens(
        "picked",
        84,
        recorded_at=NOW + timedelta(hours=4),
        attributes={"answered_by": "warehouse"},
    )


def news_afterwards(pipeline: Pipeline) -> None:
    """An order goes on after the complaint, too late, and each step is heard of two seconds after it was done."""
    happen(pipeline, ("order_placed", 5), ("payment_received", 4.5), ("payment_verified", 4))
    pipeline.complains()
    happen(pipeline, ("confirmed", -30), ("picked", -200), ("packed", -201), ("handed_over", -202))


def a_word_without_a_source(pipeline: Pipeline) -> None:
    """Another order's scan shows that the warehouse's system has spoken, so that packing is overdue."""
    happen(pipeline, *QUICK, ("picked", 195))
    pipeline.happens("picked", 1, case_id=NEIGHBOUR)
    pipeline.complains()


def a_neighbour_s_answer(pipeline: Pipeline) -> None:
    """That somebody says of another order "not done yet" is not the warehouse's system speaking: packing is not overdue by it."""
    happen(pipeline, *QUICK, ("picked", 195))
    pipeline.happens(
        "picked",
        1,
        case_id=NEIGHBOUR,
        transition=Transition.START,
        attributes={"answered_by": "warehouse"},
    )
    pipeline.complains()


def a_word_of_last_night(pipeline: Pipeline) -> None:
    """The ledger speaks again two days after it last spoke, not two days after what it told."""
    happen(pipeline, *QUICK, ("picked", 194), ("packed", 190), ("handed_over", 188))
    happen(pipeline, ("delivered", 150), ("refund_requested", 110), ("refund_approved", 100))
    pipeline.happens("refund_paid", 30, case_id=NEIGHBOUR, recorded_at=NOW - timedelta(hours=20))
    pipeline.complains("refund saya belum masuk juga")


def a_scan_told_late(pipeline: Pipeline) -> None:
    """What nothing is measured by is news all the same: whoever was asked has a day from then."""
    happen(pipeline, *QUICK, ("packed", 80), ("handed_over", 74), ("delivered", 10))
    pipeline.complains()
    pipeline.happens("in_transit", 40, recorded_at=NOW + timedelta(hours=2))


def a_worker_that_was_behind(pipeline: Pipeline) -> None:
    """The router reads of the delivery before it reads the complaint, which had come earlier."""
    happen(pipeline, *QUICK, ("picked", 194), ("packed", 80), ("handed_over", 74))
    pipeline.happens("delivered", 10, recorded_at=NOW + timedelta(hours=1))
    pipeline.complains()


def a_letter(pipeline: Pipeline) -> None:
    """What people entered before the letter arrived was not said knowing of it."""
    happen(pipeline, *QUICK, ("packed", 80), ("handed_over", 74), ("delivered", 30))
    pipeline.happens(
        "picked",
        190,
        recorded_at=NOW - timedelta(hours=10),
        attributes={"entered": "manual"},
    )
    pipeline.complains(occurred_at=NOW - timedelta(hours=20))


@pytest.mark.parametrize(
    ("story", "rules", "outcome"),
    [
        (an_answer, companies.rules("shop"), Outcome.ASSIGNED),
        (news_afterwards, companies.rules("shop"), Outcome.ASSIGNED),
        (a_word_without_a_source, attested("wms"), Outcome.ASSIGNED),
        (a_neighbour_s_answer, attested("wms"), Outcome.ASKED),
        (a_word_of_last_night, attested("ledger"), Outcome.WAITING),
        (a_scan_told_late, companies.rules("shop"), Outcome.ASKED),
        (a_worker_that_was_behind, companies.rules("shop"), Outcome.ASSIGNED),
        (a_letter, companies.rules("shop"), Outcome.ASSIGNED),
    ],
)
def test_what_was_decided_live_is_decided_again(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    story: Callable[[Pipeline], None],
    rules: Rules,
    outcome: Outcome,
) -> None:
    """The export has what the last decision rested on, so the same registry comes to the same."""
    monkeypatch.setattr(stage_pipeline, "SHOP", replace(companies.company("shop"), rules=rules))
    pipeline = Overheard(tmp_path)
    story(pipeline)
    (row,) = pipeline.exported(rules)
    live = pipeline.decisions[-1]
    pipeline.close()
    one = sample(row)
    again = decide(one, rules, classify(one.text, one.language, rules))
    assert (again.outcome, live.outcome) == (outcome, outcome)
    assert again.digest() == live.material
    assert one.as_of == microseconds(live.as_of)
