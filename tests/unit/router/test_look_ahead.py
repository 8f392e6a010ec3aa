"""Complaints read together, and rows read quickly: the same as each by itself, whatever is among them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import codec, topics
from schemas.complaint import ComplaintReceivedV1
from schemas.envelope import EARLIEST, LATEST
from schemas.process import ProcessObservedV1
from schemas.vocabulary import Transition
from services.chassis.clock import microseconds
from services.router import mapping
from services.router.checkpoint.partition import Partition
from services.router.checkpoint.store import PartitionStore, SharedMemory
from services.router.checkpoint.transactions import Output
from services.router.loopback import LocalRecord
from services.router.stages.lifecycle import LifecycleStage
from services.router.tracing import symptoms
from tests.support import companies

NOW = datetime(2026, 11, 16, 12, tzinfo=UTC)
TEXTS = (
    ("paketnya lama banget sampainya", None),
    ("my card was charged twice", "en"),
    ("paketnya lama banget sampainya", None),
    ("zzz", "xx"),
    ("barangnya pecah semua", "id"),
)


def _record(number: int, text: str, language: str | None) -> LocalRecord:
    data = ComplaintReceivedV1(
        complaint_id=f"C-{number}",
        channel="web",
        text=text,
        language=language,
        occurred_at=NOW,
        received_at=NOW,
        body_digest="d",
    )
    record = codec.encode(codec.wrap(data, id=f"r{number}", source="/test", time=NOW))
    return LocalRecord(
        topics.COMPLAINT_RECEIVED.name,
        0,
        microseconds(NOW) // 1000,
        record.key,
        record.value,
        record.headers,
        number,
    )


def _outputs(folder: Path, records: list[LocalRecord], *, ahead: bool) -> list[Output]:
    """What the stage writes for some records."""
    stage = LifecycleStage(companies.company("shop"), physical=str, partitions=1)
    outputs: list[Output] = []
    store = PartitionStore(folder, SharedMemory(1 << 20, 1 << 20))
    partition = Partition(0, store, outputs)
    if ahead:
        stage.look_ahead(partition, records)
    for record in records:
        stage.handle(partition, record)
    store.close()
    return outputs


BROKEN = (
    b"",
    b"nonsense",
    b"[]",
    b'"text"',
    b'{"text": 3}',
    b'{"text": "telat", "language": 7}',
    b'{"language": "id"}',
    b"\xff\xfe",
)


def test_records_read_ahead_lead_to_the_same(tmp_path: Path) -> None:
    """Also if some break their contract: these are put aside as ever."""
    records = [_record(number, *text) for number, text in enumerate(TEXTS)]
    for number, value in enumerate(BROKEN):
        record = _record(100 + number, "telat", None)
        record.value = value
        records.insert(number % len(TEXTS), record)
    records.append(LocalRecord(topics.COMPLAINT_RECEIVED.name, 0, 0, b"k", None, offset=99))
    with_it = _outputs(tmp_path / "ahead", records, ahead=True)
    assert with_it == _outputs(tmp_path / "alone", records, ahead=False)
    put_aside = [output for output in with_it if output.topic == topics.ROUTER_DLQ.name]
    # The last one has no value at all.
    assert len(put_aside) == len(BROKEN) + 1


def test_texts_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read ahead is not read again; what comes without is."""
    asked: list[int] = []
    read = symptoms.read

    def counting(texts: Any, rules: Any) -> Any:
        asked.append(len(texts))
        return read(texts, rules)

    monkeypatch.setattr(symptoms, "read", counting)
    records = [_record(number, *text) for number, text in enumerate(TEXTS)]
    _outputs(tmp_path / "ahead", records, ahead=True)
    assert asked == [len(set(TEXTS))]
    asked.clear()
    _outputs(tmp_path / "alone", records, ahead=False)
    assert asked == [1] * len(TEXTS)


def test_what_was_read_ahead_and_not_come_to_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A chunk may end within what was read: the next one goes on with it."""
    asked: list[Any] = []
    read = symptoms.read

    def counting(texts: Any, rules: Any) -> Any:
        asked.append([text for text, _ in texts])
        return read(texts, rules)

    monkeypatch.setattr(symptoms, "read", counting)
    stage = LifecycleStage(companies.company("shop"), physical=str, partitions=1)
    store = PartitionStore(tmp_path / "rows", SharedMemory(1 << 20, 1 << 20))
    partition = Partition(0, store, [])
    records = [_record(number, f"telat {number}", None) for number in range(6)]
    stage.look_ahead(partition, records[:4])
    stage.handle(partition, records[0])
    stage.look_ahead(partition, records[1:])
    for record in records[1:]:
        stage.handle(partition, record)
    assert asked == [[f"telat {number}" for number in range(4)], ["telat 4", "telat 5"]]
    assert len(stage._read) == 5
    store.close()


def test_a_text_that_cannot_be_read_holds_up_none_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The core fails for one of several texts: that one is put aside."""
    read = symptoms.read

    def failing(texts: Any, rules: Any) -> Any:
        if any("pecah" in text for text, _ in texts):
            raise ZeroDivisionError
        return read(texts, rules)

    failing.__qualname__ = "read"
    monkeypatch.setattr(symptoms, "read", failing)
    records = [_record(number, *text) for number, text in enumerate(TEXTS)]
    outputs = _outputs(tmp_path / "rows", records, ahead=True)
    put_aside = [output for output in outputs if output.topic == topics.ROUTER_DLQ.name]
    assert len(put_aside) == 1
    assert json.loads(put_aside[0].value or b"")["reason"] == "core_failed"
    decided = {output.key for output in outputs if output.topic == topics.COMPLAINT_TRACED.name}
    assert len(decided) == len(TEXTS) - 1


def test_what_was_read_for_others_is_not_used_for_these(tmp_path: Path) -> None:
    """A company may have changed in between: each time starts anew, also for a single record."""
    stage = LifecycleStage(companies.company("shop"), physical=str, partitions=1)
    store = PartitionStore(tmp_path / "rows", SharedMemory(1 << 20, 1 << 20))
    partition = Partition(0, store, [])
    records = [_record(number, *text) for number, text in enumerate(TEXTS)]
    stage.look_ahead(partition, records)
    assert len(stage._read) == len(set(TEXTS))
    stage.look_ahead(partition, records[:1])
    assert stage._read == {}
    store.close()


TIMES = st.datetimes(
    min_value=EARLIEST.replace(tzinfo=None) + timedelta(days=2),
    max_value=LATEST.replace(tzinfo=None) - timedelta(days=2),
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=7)), timezone(-timedelta(hours=3.5))]),
)
SCALARS = st.one_of(st.text(max_size=9), st.integers(), st.booleans(), st.floats(-1e9, 1e9))


@given(
    at=TIMES,
    due=st.none() | TIMES,
    source=st.none() | st.just("wms"),
    transition=st.sampled_from(Transition),
    attributes=st.dictionaries(st.text(min_size=1, max_size=9), SCALARS, max_size=4),
    objects=st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
    written=st.sampled_from(["contract", "json", "spaces", "minutes"]),
)
def test_a_stored_event_is_read_as_its_contract_reads_it(
    at: datetime,
    due: datetime | None,
    source: str | None,
    transition: Transition,
    attributes: dict[str, Any],
    objects: dict[str, str],
    written: str,
) -> None:
    """However a system wrote the times that its contract took."""
    said: dict[str, Any] = {
        "event_id": "e",
        "case_id": "c",
        "activity": "packed",
        "transition": transition.value,
        "at": at.isoformat(),
        "attributes": attributes,
        "objects": objects,
        "unknown": [1],
    }
    if due is not None:
        said["due_at"] = due.isoformat().replace("T", " " if written == "spaces" else "t")
    if source is not None:
        said["source"] = source
    if written == "minutes":
        said["at"] = at.replace(microsecond=0, second=0).strftime("%Y-%m-%dT%H:%MZ")
    value = json.dumps(said).encode()
    if written == "contract":
        value = ProcessObservedV1.model_validate_json(value).model_dump_json().encode()
    row = mapping.event_row(5, value)
    expected = mapping.process_event(ProcessObservedV1.model_validate_json(value), 5)
    assert mapping.event_from_row(row) == expected
