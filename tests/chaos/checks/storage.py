"""What was accepted is stored as it was sent, nothing else is, and nothing twice: I1, I7, I8."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from tests.chaos.checks.base import (
    FORWARDED,
    FROM_OUTSIDE,
    MESSAGED,
    OBSERVED,
    RECEIVED,
    Result,
    by_key,
)
from tests.chaos.journal import Evidence, Record, Request


def kept(evidence: Evidence) -> Result:
    """I1: what was answered 202 is stored, with the content that was sent."""
    result = Result("I1", "every 202 is stored, as it was sent")
    topics = evidence.topics
    received = by_key(topics.get(RECEIVED, []))
    owners: dict[str, str] = {}
    for request in evidence.client.of("complaint"):
        ids = {answer.complaint_id for answer in request.accepted}
        if not ids:
            continue
        result.examined += 1
        result.count("complaints answered 202")
        if len(ids) > 1:
            result.broken("two ids for one key", request.key, f"{sorted(map(str, ids))}")
        identity = str(request.accepted[0].complaint_id)
        other = owners.setdefault(identity, request.key)
        if other != request.key:
            result.broken("one id for two keys", identity, f"{other} and {request.key}")
        if identity not in received:
            result.broken("lost complaint", identity, f"key {request.key} was answered 202")
    for request in evidence.client.of("complaint"):
        for record in _records_of(request, received):
            for problem in differences(request.body, record.data):
                result.broken("stored with other content", record.key, f"{record.place}: {problem}")
    _kept_events(evidence, result)
    _kept_bulk(evidence, result)
    messages = {record.id for record in topics.get(MESSAGED, [])}
    for request in evidence.client.of("message"):
        for answer in request.accepted:
            result.examined += 1
            result.count("messages answered 202")
            if answer.message_id not in messages:
                result.broken("lost message", str(answer.message_id), f"key {request.key}")
    if not result.facts.get("complaints answered 202"):
        result.broken("nothing to judge", "client log", "no complaint was answered 202")
    return result


def _records_of(request: Request, received: Mapping[str, list[Record]]) -> list[Record]:
    ids = {str(answer.complaint_id) for answer in request.accepted}
    return [record for identity in sorted(ids) for record in received.get(identity, [])]


def _kept_bulk(evidence: Evidence, result: Result) -> None:
    for bulk in evidence.client.bulk:
        found = {
            (record.key, record.id)
            for record in evidence.topics.get(OBSERVED, [])
            if record.key.startswith(bulk.prefix)
        }
        result.examined += bulk.events
        result.count("process events written in bulk", bulk.events)
        if len(found) != bulk.events:
            result.broken("lost process event", bulk.prefix, f"{len(found)} of {bulk.events}")


def _kept_events(evidence: Evidence, result: Result) -> None:
    stored = {(record.key, record.id): record for record in evidence.topics.get(OBSERVED, [])}
    for request in evidence.client.of("events"):
        accepted = {identity for answer in request.answers for identity in answer.stored}
        for event in request.body:
            if event["event_id"] not in accepted:
                continue
            result.examined += 1
            result.count("process events answered 202")
            record = stored.get((event["case_id"], event["event_id"]))
            if record is None:
                result.broken("lost process event", event["event_id"], f"of {event['case_id']}")
                continue
            for problem in differences(event, record.data):
                result.broken("stored with other content", record.id, f"{record.place}: {problem}")


def differences(sent: Mapping[str, Any], stored: Mapping[str, Any]) -> Iterator[str]:
    for name, value in sent.items():
        if not _same(value, stored.get(name)):
            yield f"{name} was sent as {value!r} and is stored as {stored.get(name)!r}"


def _same(sent: Any, stored: Any) -> bool:
    if sent == stored:
        return True
    try:
        return datetime.fromisoformat(str(sent)) == datetime.fromisoformat(str(stored))
    except (ValueError, TypeError):
        return False


def no_phantoms(evidence: Evidence) -> Result:
    """I7: nothing is in the log that nobody sent."""
    result = Result("I7", "no complaint and no process event that nobody sent")
    complaints = {request.key: request for request in evidence.client.of("complaint")}
    for record in evidence.topics.get(RECEIVED, []):
        result.examined += 1
        request = complaints.get(str(record.data.get("channel_ref")))
        if request is None:
            result.broken("complaint that nobody sent", record.key, record.place)
            continue
        if request.outcome == "fail":
            result.broken("refused and stored all the same", record.key, record.place)
        for problem in differences(request.body, record.data):
            result.broken("complaint that nobody sent", record.key, f"{record.place}: {problem}")
    sent = {
        (event["case_id"], event["event_id"])
        for request in evidence.client.of("events")
        for event in request.body
    }
    for record in evidence.topics.get(OBSERVED, []):
        result.examined += 1
        if (record.key, record.id) not in sent and not evidence.is_bulk(record):
            result.broken("process event that nobody sent", record.id, record.place)
    return result


def once(evidence: Evidence) -> Result:
    """I8: no event is in a topic twice, but for what a client itself sent twice for want of an answer."""
    result = Result("I8", "no event twice in any topic, under read_committed")
    attempts: Counter[str] = Counter()
    for request in evidence.client.requests.values():
        if request.what == "events":
            for event in request.body:
                attempts[event["event_id"]] += request.attempts
        else:
            for answer in request.accepted:
                identity = answer.message_id or answer.complaint_id
                attempts[str(identity)] = request.attempts
    for topic, records in evidence.topics.items():
        groups: dict[str, list[Record]] = defaultdict(list)
        for record in records:
            result.examined += 1
            if FORWARDED in record.headers:
                # The same record in its right partition; what became of it there is the oracle's affair.
                result.count("records forwarded to their partition")
                continue
            if not record.id:
                result.broken("event without an id", topic, record.place)
            groups[record.id].append(record)
        for identity, group in groups.items():
            if len(group) == 1:
                continue
            places = ", ".join(record.place for record in group)
            if topic not in FROM_OUTSIDE:
                result.broken("event twice", identity, places)
                continue
            result.count(f"repeats in {topic} after a missing answer", len(group) - 1)
            sent = attempts[group[0].key if topic == RECEIVED else identity]
            if len(group) > max(1, sent):
                result.broken(
                    "stored more often than sent", identity, f"sent {sent} times: {places}"
                )
            if len({_content(record) for record in group}) > 1:
                result.broken("a repeat says something else", identity, places)
    for topic, count in evidence.raw.items():
        if topic.endswith(".tick"):
            continue  # goes on while we count
        result.count("records that were aborted", count - len(evidence.topics.get(topic, [])))
    return result


def _content(record: Record) -> str:
    """What has to be the same in a repeat: all but the times of receipt."""
    ours = {"received_at", "recorded_at"}
    if record.topic == RECEIVED and record.data.get("occurred_at") == record.data.get(
        "received_at"
    ):
        ours.add("occurred_at")
    if record.topic == MESSAGED:
        ours.add("sent_at")
    return repr(sorted((k, v) for k, v in record.data.items() if k not in ours))
