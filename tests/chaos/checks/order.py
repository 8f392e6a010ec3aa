"""Causes before effects, nothing after an end, nothing taken back: I5, R."""

from __future__ import annotations

from collections import defaultdict

from tests.chaos.checks.base import (
    FROM_OUTSIDE,
    STATUS,
    TERMINAL,
    TRACED,
    Result,
    by_key,
)
from tests.chaos.journal import Evidence, Record


def ordered(evidence: Evidence) -> Result:
    """I5: every effect has its cause in the log, and comes after it; nothing follows an end."""
    result = Result("I5", "causes before effects; nothing after an end")
    first: dict[str, int] = {}
    for record in evidence.records():
        first[record.id] = min(first.get(record.id, record.timestamp), record.timestamp)
    for record in evidence.records():
        cause = record.headers.get("ce_causationid")
        if cause is None:
            if record.topic not in FROM_OUTSIDE and not record.topic.endswith((".dlq", ".tick")):
                result.broken("effect without a cause", record.id, record.place)
            continue
        result.examined += 1
        if cause not in first:
            result.broken("cause is not in the log", record.id, f"{record.place} names {cause}")
        elif record.timestamp + evidence.tolerance_ms < first[cause]:
            result.broken("effect before its cause", record.id, record.place)
        complaint = record.data.get("complaint_id")
        if record.headers.get("ce_correlationid", complaint) != complaint:
            result.broken("correlated with another complaint", record.id, record.place)
    _after_an_end(evidence, result)
    _after_a_withdrawal(evidence, result)
    return result


def _after_an_end(evidence: Evidence, result: Result) -> None:
    ended: dict[str, Record] = {}
    for identity, records in by_key(evidence.topics.get(STATUS, [])).items():
        for record in records:
            state = record.data.get("state")
            if identity in ended and state != "reopened":
                result.broken("status after an end", identity, record.place)
            elif identity in ended:
                del ended[identity]
            if state in TERMINAL:
                ended[identity] = record
    result.count("complaints that have ended", len(ended))
    for record in [*evidence.topics.get(TRACED, []), *evidence.inboxes()]:
        end = ended.get(record.key)
        if end is None or record.type == "assignment.withdrawn":
            continue
        if record.timestamp > end.timestamp + evidence.tolerance_ms:
            result.broken("event after an end", record.key, f"{record.place} after {end.place}")


def _after_a_withdrawal(evidence: Evidence, result: Result) -> None:
    withdrawn: set[str] = set()
    last: dict[str, int] = {}
    for record in evidence.inboxes():
        assignment, revision = record.data["assignment_id"], record.data["revision"]
        if assignment in withdrawn:
            result.broken("assignment lives on after its withdrawal", assignment, record.place)
        if revision < last.get(assignment, revision):
            result.broken("inbox out of order", assignment, record.place)
        last[assignment] = revision
        if record.type == "assignment.withdrawn":
            withdrawn.add(assignment)


def stable_reads(evidence: Evidence) -> Result:
    """R: what a reader saw during the faults is in the final log, in that order, with nothing slipped in between."""
    result = Result("R", "nothing seen during the faults was taken back, changed or reordered")
    final: dict[tuple[str, int], dict[int, Record]] = defaultdict(dict)
    for record in evidence.records():
        final[record.topic, record.partition][record.offset] = record
    position: dict[tuple[str, int], int] = {}
    for seen in evidence.seen:
        if seen.topic in evidence.forgetful:
            continue
        result.examined += 1
        place = (seen.topic, seen.partition)
        name = f"{seen.topic}[{seen.partition}]@{seen.offset}"
        record = final[place].get(seen.offset)
        if record is None:
            result.broken("seen and taken back", name)
        elif record.digest != seen.digest:
            result.broken("seen and changed", name)
        before = position.get(place, -1)
        if seen.offset <= before:
            result.broken("read out of order", name, f"after {before}")
        position[place] = max(before, seen.offset)
    offsets = {(seen.topic, seen.partition, seen.offset) for seen in evidence.seen}
    for place, last in position.items():
        for offset in final[place]:
            if offset < last and (*place, offset) not in offsets:
                result.broken("hidden from the reader", f"{place[0]}[{place[1]}]@{offset}")
    return result
