"""O: the router's rows, worked out anew from its input topics, have to be the rows that it has.

Written from the contracts and from docs/verification.md, which has the rows; nothing of the product is asked.  What it works
out is exact: every event of every case, how far each source was heard, and for each complaint its revision, its open
assignments, its state and what it waits for.  What a decision says is not worked out again: for that there is the planted cause.

Hazard: it looks at a pipeline that has come to rest.  Rows change in the transaction that moves the offsets, so what
was not handled yet is not in them.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.chaos.checks.base import (
    OBSERVED,
    RECEIVED,
    STATUS,
    TRACED,
    Result,
    by_key,
    microseconds,
)
from tests.chaos.checks.lives import Complaint, complaints_of, differences_of
from tests.chaos.checks.state import Row, State, partition_of
from tests.chaos.journal import Evidence, Record

NUMBER: Final = 20
"""Digits of a time in an item of the due index."""
LATE_SECONDS: Final = 60.0
"""What was due so long before the last tick has been forgotten."""


def oracle(evidence: Evidence) -> Result:
    """O: events, watermarks, complaints and what is due, each worked out from the topics and compared."""
    result = Result("O", "the router's rows are what its input topics imply")
    state = evidence.state
    if state is None:
        return result
    expected = _expected(evidence)
    _events(expected, state, result)
    _watermarks(expected, state, result)
    _evidence(evidence, expected, result)
    _complaints(evidence, expected, state, result)
    _placed(evidence, state, result)
    for name in state.unreadable:
        result.broken("row that cannot be read", name)
    result.count("rows of the router", sum(len(rows) for rows in state.groups.values()))
    return result


@dataclass(slots=True)
class Expected:
    """What the inputs imply."""

    events: dict[str, dict[str, Record]] = field(default_factory=lambda: defaultdict(dict))
    """case -> event id -> the first record of it."""
    recorded: dict[tuple[str, str], int] = field(default_factory=dict)
    """(case, event id) -> when it was recorded; µs."""
    heard: dict[tuple[int, str], int] = field(default_factory=dict)
    """(partition, source) -> the latest time that it spoke of; µs."""
    received: dict[str, Record] = field(default_factory=dict)
    """complaint -> the first record of it."""


def in_place(evidence: Evidence, records: list[Record]) -> Iterator[Record]:
    """Those that lie where their key belongs and were not put aside: the router sends the others on, and reads them then."""
    for record in records:
        if partition_of(record.key, evidence.partitions) == record.partition and record.value:
            yield record


def _expected(evidence: Evidence) -> Expected:
    found = Expected()
    for record in in_place(evidence, evidence.topics.get(OBSERVED, [])):
        data = record.data
        known = found.events[data["case_id"]]
        if data["event_id"] in known:
            continue
        known[data["event_id"]] = record
        told = data.get("recorded_at")
        recorded = microseconds(told) if told else record.timestamp * 1000
        found.recorded[data["case_id"], data["event_id"]] = recorded
        source = data.get("source") or evidence.sources.get(data["activity"])
        if source is not None and "answered_by" not in data.get("attributes", {}):
            place = record.partition, source
            at = min(microseconds(data["at"]), recorded)
            found.heard[place] = max(found.heard.get(place, 0), at)
    for record in in_place(evidence, evidence.topics.get(RECEIVED, [])):
        found.received.setdefault(record.key, record)
    return found


def _events(expected: Expected, state: State, result: Result) -> None:
    stored: dict[str, dict[str, Row]] = defaultdict(dict)
    for row in state.of(b"e:"):
        stored[row.group[2:].decode()][row.item.decode()] = row
    for case, events in expected.events.items():
        rows = stored.pop(case, {})
        for identity, record in events.items():
            result.examined += 1
            found = rows.pop(identity, None)
            if found is None:
                result.broken("event that the router does not have", identity, record.place)
                continue
            recorded, value = int.from_bytes(found.value[:8], "big", signed=True), found.value[8:]
            if value != record.value or recorded != expected.recorded[case, identity]:
                result.broken("event that the router has otherwise", identity, record.place)
        stored[case] = rows
    for rows in stored.values():
        for identity, row in rows.items():
            result.broken("event that is in no topic", identity, row.name)


def _watermarks(expected: Expected, state: State, result: Result) -> None:
    stored = {
        (row.partition, row.item.decode()): int(row.value)
        for row in state.of(b"w")
        if row.group == b"w"
    }
    for place in expected.heard.keys() | stored.keys():
        result.examined += 1
        if expected.heard.get(place) != stored.get(place):
            detail = f"is {stored.get(place)}, follows as {expected.heard.get(place)}"
            result.broken("another watermark", f"{place}", detail)


def _evidence(evidence: Evidence, expected: Expected, result: Result) -> None:
    for record in evidence.topics.get(TRACED, []):
        known = expected.events.get(str(record.data.get("case_id")), {})
        for piece in record.data.get("evidence", ()):
            identity = piece["event_id"]
            if identity is None:
                continue
            result.examined += 1
            source = known.get(identity)
            if source is None:
                result.broken("evidence that is in no topic", record.key, record.place)
            elif source.timestamp > record.timestamp + evidence.tolerance_ms:
                result.broken("evidence that came later", record.key, record.place)


def _complaints(evidence: Evidence, expected: Expected, state: State, result: Result) -> None:
    lives = {row.group[2:].decode(): row for row in state.of(b"c:")}
    told = by_key(evidence.topics.get(STATUS, []))
    due: set[tuple[int, bytes]] = set()
    asked = {
        (row.group[2:].decode(), row.item.decode()): row for row in state.of(b"t:") if row.item
    }
    for complaint in complaints_of(evidence, expected.received):
        result.examined += 1
        row = lives.pop(complaint.identity, None)
        if row is None:
            result.broken(
                "complaint that the router does not have",
                complaint.identity,
                complaint.received.place,
            )
            continue
        life = json.loads(row.value)
        for what, detail in differences_of(complaint, life):
            # Written out for test_checker.py, which reads the names of all violations.
            match what:
                case "content":
                    result.broken("complaint that the router has otherwise", row.name, detail)
                case "decision":
                    result.broken("another decision", row.name, detail)
                case "assignments":
                    result.broken("other assignments", row.name, detail)
                case "state":
                    result.broken("another state", row.name, detail)
                case "due":
                    result.broken("waits for another time", row.name, detail)
        _status(complaint, life, told, result)
        if life["due"] is not None:
            item = f"{life['due']:0{NUMBER}d}{complaint.identity}".encode()
            due.add((row.partition, item))
        _question(complaint, life, asked, result)
    for identity, row in lives.items():
        result.broken("complaint that is in no topic", identity, row.name)
    for case, identity in asked:
        result.broken("question about no complaint", identity, case)
    _due(evidence, due, state, result)
    for row in state.of(b"m:"):
        result.broken("message that still waits for its complaint", row.name)


def _status(
    complaint: Complaint,
    life: Mapping[str, Any],
    told: Mapping[str, list[Record]],
    result: Result,
) -> None:
    records = told.get(complaint.identity)
    if not records:
        result.broken("complaint without a status", complaint.identity)
        return
    last = records[-1].data
    ours = life["state"], life["revision"], sorted(e["department"] for e in life["assignments"])
    theirs = last["state"], last.get("revision"), sorted(last.get("departments", ()))
    if ours != theirs:
        result.broken("status says something else", records[-1].place, f"{theirs}; row {ours}")


def _question(
    complaint: Complaint,
    life: Mapping[str, Any],
    asked: dict[tuple[str, str], Row],
    result: Result,
) -> None:
    """The evidence stage's last answer is the one that the lifecycle has."""
    case = complaint.received.data.get("case_id")
    if case is None:
        return
    row = asked.pop((case, complaint.identity), None)
    if row is None:
        result.broken("question that the router does not have", complaint.identity, case)
        return
    material = row.value.partition(b"\n")[0].decode()
    if not complaint.over and life["material"] and material != life["material"]:
        result.broken("the two stages disagree", complaint.identity, row.name)


def _due(
    evidence: Evidence, expected: set[tuple[int, bytes]], state: State, result: Result
) -> None:
    stored = {(row.partition, row.item) for row in state.of(b"d") if row.group == b"d"}
    for partition, item in expected ^ stored:
        result.broken("due index differs", f"{partition}", f"{item!r}")
    ticks: dict[int, int] = {}
    for record in evidence.topics.get("clock.tick", []):
        ticks[record.partition] = max(ticks.get(record.partition, 0), record.timestamp)
    for partition, item in stored:
        result.examined += 1
        late = ticks.get(partition, 0) / 1000 - int(item[:NUMBER]) / 1_000_000
        if late > LATE_SECONDS:
            result.broken("due and forgotten", f"{partition}", f"{item!r} is {late:.0f} s late")


def _placed(evidence: Evidence, state: State, result: Result) -> None:
    for row in (*state.of(b"e:"), *state.of(b"c:"), *state.of(b"t:")):
        if partition_of(row.group[2:].decode(), evidence.partitions) != row.partition:
            result.broken("row in another partition", row.name)
