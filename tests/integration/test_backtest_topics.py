"""A backtest from the topics of a real broker: the same complaints as from a file, as known when they were decided."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from schemas import topics
from schemas.codec import encode, wrap
from schemas.complaint import ComplaintReceivedV1
from schemas.envelope import Contract
from schemas.process import ProcessObservedV1
from schemas.tracing import ComplaintTracedV1
from schemas.vocabulary import Outcome, Transition
from services.chassis.partitioner import partition_for
from services.chassis.provision import provision
from services.chassis.records import Outgoing
from services.chassis.settings import KafkaSettings
from services.cli import backtest_export, backtest_run
from services.registry import example_folder, load
from services.router.tracing.model import HOUR
from tests.support.companies import rules

CASES = 66
"""Two of each kind of planted fault."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SHOP = rules("shop")


@pytest.fixture
def kafka(broker: str, topic_prefix: str, monkeypatch: pytest.MonkeyPatch) -> KafkaSettings:
    """Topics of this test alone, which the command finds by its environment."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", broker)
    monkeypatch.setenv("KAFKA_TOPIC_PREFIX", topic_prefix)
    settings = KafkaSettings(bootstrap_servers=broker, topic_prefix=topic_prefix)
    provision(settings, load(example_folder("shop")).inboxes())
    return settings


@pytest.fixture
def rows(tmp_path: Path) -> list[dict[str, Any]]:
    """Generated complaints with their cases, as a file would have them, with `as_of` for when each was last decided.

    Without what topics do not hold.
    """
    path = tmp_path / "generated.ndjson"
    backtest_export.generated("shop", path, orders=CASES, seed=3, missing=0.0, late=0.1)
    found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for row in found:
        if row["case_id"] is not None:
            scan_told_late(row)
    # Events copied under one id count once in the topics too; of losses they tell nothing.
    return [{k: v for k, v in row.items() if k not in {"losses", "watermarks"}} for row in found]


def scan_told_late(row: dict[str, Any]) -> None:
    """Let a scan from before the complaint be heard of twenty minutes after it, and lead to the last decision."""
    row["as_of"] += HOUR // 3
    scan = {
        "event_id": f"{row['case_id']}-scan",
        "activity": "in_transit",
        "transition": "complete",
        "at": row["occurred_at"] - HOUR // 12,
        "recorded_at": row["as_of"],
        "source": "courier-api",
    }
    row["events"].append(scan)


def test_topics_tell_what_a_file_would(
    kafka: KafkaSettings,
    rows: list[dict[str, Any]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each decided complaint with the events recorded when it was last decided, and no other; both registries decide them."""
    broken = Outgoing(topics.PROCESS_OBSERVED.name, b"nobody", b"{}")
    write(kafka, [broken, *(record for row in rows for record in records(row))])
    exported = tmp_path / "exported.ndjson"
    backtest_export.from_topics(exported, verdicts=None, data_dir=None)
    assert "1 of the records break their contract" in capsys.readouterr().out
    lines = exported.read_text(encoding="utf-8").splitlines()
    found = {row["complaint_id"]: row for row in map(json.loads, lines)}
    assert found.keys() == {row["complaint_id"] for row in rows}
    for row in rows:
        one = found[row["complaint_id"]]
        assert (one["text"], one["as_of"], one["case_id"]) == (
            row["text"],
            decided_as_of(row),
            row["case_id"],
        )
        assert one["received_at"] - one["occurred_at"] == 60_000_000
        assert {e["event_id"]: e["at"] for e in one["events"]} == {
            e["event_id"]: e["at"] for e in row["events"]
        }
        assert (one["watermarks"], one["heard"]) == spoken(rows, row, kafka.partitions)
    assert any(
        event["recorded_at"] > one["as_of"] for one in found.values() for event in one["events"]
    )
    shop = str(example_folder("shop"))
    with backtest_export.exported(None) as again:
        told = backtest_run.compare(live=shop, candidate=shop, file=again, workers=1)
    assert told["complaints"] == len(rows)
    assert told["moved"] == told["changed"] == 0
    assert sum(told["alerts"]["live"].values()) > len(rows) // 4


def decided_as_of(row: dict[str, Any]) -> int:
    """As of when the router would decide: never later than what it decides by happened, however late it was told."""
    known = [min(event["at"], event["recorded_at"]) for event in row["events"]]
    return max([row["occurred_at"], *known])


def spoken(
    rows: list[dict[str, Any]], row: dict[str, Any], partitions: int
) -> tuple[dict[str, int], dict[str, int]]:
    """How far and when each source had spoken in this complaint's partition when it was decided, the plain way."""
    far: dict[str, int] = {}
    last: dict[str, int] = {}
    if row["case_id"] is None:
        return far, last
    part = partition_for(row["case_id"].encode(), partitions)
    for other in rows:
        if other["case_id"] is None or partition_for(other["case_id"].encode(), partitions) != part:
            continue
        after = {"event_id": "after", "at": other["occurred_at"], "source": "courier-api"}
        after["recorded_at"] = other["as_of"] + HOUR
        events = {event["event_id"]: event for event in reversed([*other["events"], after])}
        for event in events.values():
            if event["recorded_at"] <= row["as_of"]:
                source, recorded = event["source"], event["recorded_at"]
                far[source] = max(min(event["at"], recorded), far.get(source, 0))
                last[source] = max(recorded - recorded % 60_000_000, last.get(source, 0))
    return far, last


def records(row: dict[str, Any]) -> list[Outgoing]:
    """A complaint, its case with an event that is recorded after the last of two decisions, and an undecided complaint.

    Every other event names no source: it is a word of its activity's.
    """
    case, complaint = row["case_id"], row["complaint_id"]
    occurred, decided = at(row["occurred_at"]), at(row["as_of"])
    received = ComplaintReceivedV1(
        complaint_id=complaint,
        channel="web",
        text=row["text"],
        case_id=case,
        occurred_at=occurred,
        received_at=occurred + timedelta(minutes=1),
        body_digest="0" * 64,
    )
    undecided = received.model_copy(update={"complaint_id": f"{complaint}-undecided"})
    made = [
        outgoing(topics.COMPLAINT_RECEIVED.name, each, occurred) for each in (received, undecided)
    ]
    for number, event in enumerate(row["events"]):
        if number % 2 and event["source"] == SHOP.activities[event["activity"]].source:
            event = {**event, "source": None}  # noqa: PLW2901 - the same event, as another system would tell it
        times = {key: at(event[key]) for key in ("at", "recorded_at", "due_at") if key in event}
        observed = ProcessObservedV1(case_id=case, **{**event, **times})
        made.append(outgoing(topics.PROCESS_OBSERVED.name, observed, observed.at))
    if case is not None:
        unknown = ProcessObservedV1(
            event_id=f"{case}-after",
            case_id=case,
            activity="delivered",
            transition=Transition.COMPLETE,
            at=occurred,
            recorded_at=decided + timedelta(hours=1),
        )
        made.append(outgoing(topics.PROCESS_OBSERVED.name, unknown, occurred))
    # Of several decisions the last one says when, whatever was known at the first.
    first = occurred - timedelta(hours=1)
    for revision, when, as_of in ((1, first, first), (2, decided, at(decided_as_of(row)))):
        traced = ComplaintTracedV1(
            complaint_id=complaint,
            case_id=case,
            decision_id=f"{complaint}-{revision}",
            revision=revision,
            traced_at=when,
            as_of=as_of,
            outcome=Outcome.TRIAGE,
            causes=(),
            recovery=None,
            confidence=0.0,
            symptoms=(),
            evidence=(),
            missing=(),
            explanation={},
            registry_digest="a" * 64,
            engine_version="1",
            material="b" * 64,
        )
        made.append(outgoing(topics.COMPLAINT_TRACED.name, traced, when))
    return made


def outgoing(topic: str, data: Contract, when: datetime) -> Outgoing:
    """A record as a service would write it."""
    name = f"{data.event_type}/{getattr(data, data.subject_field)}/{when.isoformat()}"
    envelope = wrap(data, id=name, source="/akar/test", time=when, correlationid="test")
    return Outgoing.of(topic, encode(envelope))


def write(kafka: KafkaSettings, found: list[Outgoing]) -> None:
    """Write records, each to the partition of its key."""
    producer = Producer({**kafka.for_librdkafka(), "partitioner": "murmur2_random"})
    for each in found:
        producer.produce(kafka.topic(each.topic), each.value, each.key, headers=list(each.headers))
        producer.poll(0)
    assert producer.flush(60) == 0


def at(micros: int) -> datetime:
    """µs since 1970 as a time."""
    return EPOCH + timedelta(microseconds=micros)
