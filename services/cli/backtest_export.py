"""Writes the file of past complaints: from the topics, through a file on disk, or from generated cases.

It stands apart because it is the only part of a backtest that talks to Kafka.  Hazard: a source's watermark is rebuilt from
the events of the complaint's partition, as the router keeps it; with another number of partitions than then it may differ.
What was known at a decision is what was recorded by its `traced_at`: its `as_of` lies before every event that was told late.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from schemas import codec, topics
from schemas.complaint import ComplaintReceivedV1
from schemas.process import ProcessObservedV1
from schemas.tracing import ComplaintTracedV1
from schemas.vocabulary import VerdictKind
from services.chassis.clock import microseconds
from services.chassis.consumer import PartitionReader
from services.chassis.errors import ConfigurationError
from services.chassis.partitioner import partition_for
from services.chassis.records import Received
from services.chassis.settings import KafkaSettings
from services.cli.backtest_files import line
from services.cli.causes_running import counts_before
from services.cli.company import folder_of, load_company
from services.cli.connection import running_here
from services.cli.logs import to_stderr
from services.cli.verdicts import read_verdicts
from services.router.rules import rules_from
from services.router.tracing.company import Rules
from services.router.tracing.losses import Losses
from services.simulator.proof.generate import generate
from services.simulator.proof.model import ProofCase

_SCHEMA: Final = """
CREATE TABLE complaint (id TEXT PRIMARY KEY, case_id TEXT, body TEXT) WITHOUT ROWID;
CREATE TABLE event (case_id TEXT, event_id TEXT, recorded INTEGER, body TEXT, PRIMARY KEY (case_id, event_id)) WITHOUT ROWID;
CREATE TABLE decision (id TEXT PRIMARY KEY, revision INTEGER, case_id TEXT, as_of INTEGER, known INTEGER) WITHOUT ROWID;
CREATE TABLE named (id TEXT, event_id TEXT, PRIMARY KEY (id, event_id)) WITHOUT ROWID;
CREATE TABLE mark (part INTEGER, source TEXT, recorded INTEGER, at INTEGER);
CREATE TABLE asked (part INTEGER, known INTEGER, id TEXT);
CREATE TABLE heard (id TEXT PRIMARY KEY, watermarks TEXT, heard TEXT) WITHOUT ROWID;
"""
_READ: Final = (topics.COMPLAINT_RECEIVED, topics.PROCESS_OBSERVED, topics.COMPLAINT_TRACED)
_MINUTE: Final = 60_000_000


@contextmanager
def exported(data_dir: Path | None, registry: str | None = None) -> Iterator[Path]:
    """A temporary export of the topics."""
    with tempfile.TemporaryDirectory(prefix="akar-backtest-") as folder:
        path = Path(folder) / "cases.ndjson"
        from_topics(path, verdicts=None, data_dir=data_dir, registry=registry)
        yield path


def from_topics(
    output: Path, *, verdicts: Path | None, data_dir: Path | None, registry: str | None = None
) -> None:
    """Write every complaint of the topics that was decided, with its case as known then.

    The registry says by which source an event speaks that names none.

    Raises:
        BrokerUnavailable: The cluster does not answer.
        ConfigurationError: No pipeline runs here and none is named, or the registry cannot be used.
    """
    settings, running = _settings(data_dir)
    sources = sources_of(rules_from(load_company(folder_of(registry or running))))
    to_stderr()
    found = {} if verdicts is None else read_verdicts(verdicts)
    with (
        tempfile.TemporaryDirectory(prefix="akar-export-") as folder,
        closing(sqlite3.connect(Path(folder) / "export.db")) as store,
    ):
        begin(store)
        partitions = _gather(settings, store, sources)
        count = _write(output, rows(store, partitions, found))
    print(f"{output}: {count:,} complaints")


def generated(
    company: str, output: Path, *, orders: int, seed: int, missing: float, late: float
) -> None:
    """Write generated cases with the verdicts that people who know the truth would give.

    Without those for which the company would have declared its sources otherwise than its registry does.
    """
    cases = [
        case
        for case in generate(company, orders=orders, seed=seed, missing=missing, late=late)
        if not case.attested
    ]
    lost = counts_before(cases, rules_from(load_company(folder_of(company))))
    count = _write(output, (generated_row(case, lost[case.key]) for case in cases))
    print(f"{output}: {count:,} complaints")


def generated_row(case: ProofCase, lost: Losses | None = None) -> dict[str, Any]:
    """A generated case as a line of the file, with what others show of lost events."""
    cause = (
        "nobody"
        if not case.truth.shares
        else max(sorted(case.truth.shares), key=lambda name: case.truth.shares[name])
    )
    row: dict[str, Any] = {
        "complaint_id": case.key,
        "case_id": case.case_id,
        "text": case.text,
        "occurred_at": microseconds(case.complained_at),
        "as_of": microseconds(case.asked_at),
        "events": [
            {
                "event_id": one.event_id,
                "activity": one.activity,
                "transition": one.transition,
                "at": microseconds(one.at),
                "recorded_at": microseconds(one.known_at),
                **({} if one.due_at is None else {"due_at": microseconds(one.due_at)}),
                "source": one.source,
                **({"attributes": one.attributes} if one.attributes else {}),
                **({"objects": one.objects} if one.objects else {}),
            }
            for one in case.told
            if one.known_at <= case.asked_at
        ],
        "watermarks": {source: microseconds(at) for source, at in sorted(case.heard.items())},
        **({"losses": dict(sorted(lost.items()))} if lost else {}),
    }
    if case.case_id is not None:
        row["verdict"] = {"kind": VerdictKind.RULED.value, "cause": cause}
    return row


def _settings(data_dir: Path | None) -> tuple[KafkaSettings, str | None]:
    """The cluster, and the registry of the pipeline that runs here."""
    settings = KafkaSettings()
    if "bootstrap_servers" in settings.model_fields_set:
        return settings, None
    running = running_here(data_dir)
    if running is None:
        raise ConfigurationError(
            "no pipeline runs here: start akar up in this folder, name its --data-dir, or set KAFKA_BOOTSTRAP_SERVERS"
        )
    found = {"bootstrap_servers": running.kafka, "topic_prefix": running.topic_prefix}
    return settings.model_copy(update=found), running.registry


def sources_of(rules: Rules) -> Mapping[str, str]:
    """Activity -> the source that speaks for it, as the router takes it for an event that names none."""
    return {key: rule.source for key, rule in rules.activities.items()}


def begin(store: sqlite3.Connection) -> None:
    """Prepare an empty file for records."""
    store.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;" + _SCHEMA)


def keep(store: sqlite3.Connection, record: Received, sources: Mapping[str, str]) -> None:
    """Keep what a record of one of the topics says.

    Raises:
        ContractViolation: It breaks its contract.
    """
    if record.topic == topics.PROCESS_OBSERVED.name:
        _event(store, record, sources)
    elif record.topic == topics.COMPLAINT_RECEIVED.name:
        _complaint(store, record)
    else:
        _decision(store, record)


def rows(
    store: sqlite3.Connection, partitions: int, verdicts: Mapping[str, Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Every decided complaint of what was kept, by case."""
    _hear(store, partitions)
    return _rows(store, verdicts)


def _gather(settings: KafkaSettings, store: sqlite3.Connection, sources: Mapping[str, str]) -> int:
    """Read the topics once, from their beginning to where they end now."""
    reader = PartitionReader(
        settings, [topic.name for topic in _READ], name="backtest", max_records=5_000
    )
    broken = 0
    with reader:
        ends = reader.end_offsets()
        while any(reader.position(*place) < end for place, end in ends.items()):
            for record in reader.poll(1.0):
                try:
                    keep(store, record, sources)
                except codec.ContractViolation:
                    broken += 1
        store.commit()
        if broken:
            print(f"left out, as by the router: {broken:,} of the records break their contract")
        return len({part for topic, part in ends if topic == topics.PROCESS_OBSERVED.name}) or 1


def _complaint(store: sqlite3.Connection, record: Received) -> None:
    data = codec.decode_data(ComplaintReceivedV1, record.value)
    body = {
        "text": data.text,
        "language": data.language,
        "occurred_at": microseconds(min(data.occurred_at, data.received_at)),
        "received_at": microseconds(data.received_at),
    }
    store.execute(
        "INSERT OR IGNORE INTO complaint VALUES (?, ?, ?)",
        (data.complaint_id, data.case_id, json.dumps(body, ensure_ascii=False)),
    )


def _event(store: sqlite3.Connection, record: Received, sources: Mapping[str, str]) -> None:
    data = codec.decode_data(ProcessObservedV1, record.value)
    recorded = microseconds(data.recorded_at or record.timestamp)
    body = {
        "event_id": data.event_id,
        "activity": data.activity,
        "transition": data.transition.value,
        "at": microseconds(data.at),
        "recorded_at": recorded,
        **({} if data.due_at is None else {"due_at": microseconds(data.due_at)}),
        **({} if data.source is None else {"source": data.source}),
        **({"attributes": data.attributes} if data.attributes else {}),
        **({"objects": data.objects} if data.objects else {}),
    }
    new = store.execute(
        "INSERT OR IGNORE INTO event VALUES (?, ?, ?, ?)",
        (data.case_id, data.event_id, recorded, json.dumps(body, ensure_ascii=False)),
    )
    source = data.source or sources.get(data.activity)
    # A person's answer is not its source speaking, as in the router.
    if new.rowcount and source is not None and "answered_by" not in data.attributes:
        at = min(microseconds(data.at), recorded)
        store.execute(
            "INSERT INTO mark VALUES (?, ?, ?, ?)", (record.partition, source, recorded, at)
        )


def _decision(store: sqlite3.Connection, record: Received) -> None:
    data = codec.decode_data(ComplaintTracedV1, record.value)
    as_of = microseconds(data.as_of)
    known = max(as_of, microseconds(data.traced_at))
    # The last one is told; what was known at any of them was known at the last, also where records came out of order.
    store.execute(
        "INSERT INTO decision VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET known = max(known, excluded.known)",
        (data.complaint_id, data.revision, data.case_id, as_of, known),
    )
    store.execute(
        "UPDATE decision SET revision = ?, case_id = ?, as_of = ? WHERE id = ? AND revision < ?",
        (data.revision, data.case_id, as_of, data.complaint_id, data.revision),
    )
    store.executemany(
        "INSERT OR IGNORE INTO named VALUES (?, ?)",
        ((data.complaint_id, each.event_id) for each in data.evidence if each.event_id is not None),
    )


def _hear(store: sqlite3.Connection, partitions: int) -> None:
    """Note for each decided complaint how far each source had spoken in its case's partition by then, and when it last had.

    A worker that is behind may read an event before a complaint that is older: what a decision names was known to it.
    Questions and words are gone through side by side in order of time: once each, however many there are.
    """
    store.execute(
        "UPDATE decision SET known = max(known, coalesce((SELECT max(e.recorded) FROM named n JOIN event e "
        "ON e.event_id = n.event_id AND e.case_id = decision.case_id WHERE n.id = decision.id), known))"
    )
    decided = store.execute(
        "SELECT c.id, coalesce(d.case_id, c.case_id) AS own, d.known FROM complaint c JOIN decision d ON d.id = c.id "
        "WHERE own IS NOT NULL"
    )
    store.executemany(
        "INSERT INTO asked VALUES (?, ?, ?)",
        ((partition_for(case.encode(), partitions), known, id_) for id_, case, known in decided),
    )
    marks = store.execute("SELECT part, recorded, source, at FROM mark ORDER BY part, recorded")
    word = marks.fetchone()
    here, spoken, heard = -1, dict[str, int](), dict[str, int]()
    for part, known, id_ in store.execute("SELECT part, known, id FROM asked ORDER BY part, known"):
        if part != here:
            here, spoken, heard = part, {}, {}
        while word is not None and word[:2] <= (part, known):
            if word[0] == part:
                _, recorded, source, at = word
                spoken[source] = max(at, spoken.get(source, at))
                # To the minute, as the router keeps it.
                heard[source] = recorded - recorded % _MINUTE
            word = marks.fetchone()
        store.execute(
            "INSERT INTO heard VALUES (?, ?, ?)",
            (id_, json.dumps(spoken, sort_keys=True), json.dumps(heard, sort_keys=True)),
        )


def _rows(
    store: sqlite3.Connection, verdicts: Mapping[str, Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Every decided complaint, by case; one case's events are in memory at a time."""
    decided = store.execute(
        "SELECT c.id, coalesce(d.case_id, c.case_id), d.as_of, d.known, c.body, h.watermarks, h.heard FROM complaint c "
        "JOIN decision d ON d.id = c.id LEFT JOIN heard h ON h.id = c.id ORDER BY coalesce(d.case_id, c.case_id), c.id"
    )
    for complaint, case, as_of, known, body, watermarks, heard in decided:
        events = store.execute(
            "SELECT body FROM event WHERE case_id = ? AND recorded <= ? ORDER BY recorded, event_id",
            (case, known),
        )
        row = {
            "complaint_id": complaint,
            "case_id": case,
            **json.loads(body),
            "as_of": as_of,
            "events": [json.loads(each) for (each,) in events],
            "watermarks": {} if watermarks is None else json.loads(watermarks),
            "heard": {} if heard is None else json.loads(heard),
        }
        if complaint in verdicts:
            row["verdict"] = dict(verdicts[complaint])
        yield row


def _write(output: Path, rows: Iterable[Mapping[str, Any]]) -> int:
    count = 0
    with output.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(line(dict(row)))
            count += 1
    return count
