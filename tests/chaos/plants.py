"""Ways to break a flawless history: each spoils the evidence in one place.

Most are made for a place (`drop(topic)`); those of one story alone are functions of the evidence, or of what the clients asked.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.chaos.checks.state import key_of
from tests.chaos.fabricated import START
from tests.chaos.journal import Answer, Evidence, Record, Request, Seen

TRACED, STATUS, TOLD = "complaint.traced", "complaint.status", "notification.recorded"
OBSERVED = "process.observed"
Plant = Callable[[Evidence], None]


def both(*plants: Plant) -> Plant:
    """One after the other."""

    def plant(evidence: Evidence) -> None:
        for each in plants:
            each(evidence)

    return plant


# -- records of the topics ----------------------------------------------------------------------------


def last(evidence: Evidence, topic: str) -> Record:
    """The record at the end of a topic."""
    return evidence.topics[topic][-1]


def drop(topic: str, number: int = -1) -> Plant:
    """Take a record away, as if no reader had ever seen it."""

    def plant(evidence: Evidence) -> None:
        record = evidence.topics[topic].pop(number)
        evidence.seen[:] = [
            s for s in evidence.seen if (s.topic, s.offset) != (topic, record.offset)
        ]

    return plant


def change(topic: str, number: int = -1, **fields: Any) -> Plant:
    """Change data; `key`, `timestamp`, `headers` with an underscore before them change the record."""

    def plant(evidence: Evidence) -> None:
        record = evidence.topics[topic][number]
        outer = {name[1:]: value for name, value in fields.items() if name.startswith("_")}
        inner = {name: value for name, value in fields.items() if not name.startswith("_")}
        if "headers" in outer:
            merged = {**record.headers, **outer["headers"]}
            outer["headers"] = {k: v for k, v in merged.items() if v is not None}
        value = json.dumps({**record.data, **inner}).encode()
        replaced = replace(record, value=value, **outer)
        evidence.topics[topic][number] = replaced
        evidence.seen[:] = [
            replace(s, digest=replaced.digest)
            if (s.topic, s.offset) == (topic, record.offset)
            else s
            for s in evidence.seen
        ]

    return plant


def again(topic: str, number: int = -1, *, identity: str | None = None, **fields: Any) -> Plant:
    """Write a record once more, at the end of its topic."""

    def plant(evidence: Evidence) -> None:
        record = evidence.topics[topic][number]
        tail = last(evidence, topic)
        headers = dict(record.headers)
        if identity is not None:
            headers["ce_id"] = identity
        evidence.topics[topic].append(
            replace(
                record,
                offset=tail.offset + 2,
                timestamp=tail.timestamp + 1000,
                headers=headers,
                value=json.dumps({**record.data, **fields}).encode(),
            )
        )

    return plant


def dead_letter(topic: str, key: str) -> Plant:
    """Put a record of this topic and key aside."""

    def plant(evidence: Evidence) -> None:
        letter = {
            "origin": f"{topic}:0:0",
            "topic": topic,
            "key": base64.b64encode(key.encode()).decode(),
            "reason": "conflict",
            "detail": "planted",
        }
        headers = {"ce_id": "dead", "ce_type": "dead.lettered"}
        record = Record("router.dlq", 0, 2, START, "origin", headers, json.dumps(letter).encode())
        evidence.topics["router.dlq"].append(record)

    return plant


def undecided(evidence: Evidence) -> None:
    """As if nobody had ever looked at `b`."""
    for topic in ("trace.requested", "trace.answered", "complaint.traced", "complaint.status"):
        evidence.topics[topic] = [
            r for r in evidence.topics[topic] if r.data["complaint_id"] != "b"
        ]


def unanswered(evidence: Evidence) -> None:
    """The question about `b` was asked, and that is all."""
    for topic in ("trace.answered", "complaint.traced"):
        evidence.topics[topic] = [r for r in evidence.topics[topic] if r.key != "b"]
    row(b"t:case-b", b"b")(evidence)


def no_status(evidence: Evidence) -> None:
    """Nobody was ever told where `b` stands."""
    evidence.topics["complaint.status"] = [
        r for r in evidence.topics["complaint.status"] if r.key != "b"
    ]


def ended_before(evidence: Evidence) -> None:
    """As if `b` had been ended before its last decision, which then opened something."""
    cause = last(evidence, "complaint.traced").headers["ce_causationid"]
    again(STATUS, identity="end", state="closed")(evidence)
    record = last(evidence, STATUS)
    headers = {**record.headers, "ce_causationid": cause}
    evidence.topics[STATUS][-1] = replace(record, key="b", headers=headers)


def sent_on_twice(evidence: Evidence) -> None:
    """The record that lay in a wrong partition is in its own one twice."""
    records = evidence.topics["process.observed"]
    records.append(replace(records[1], offset=records[-1].offset + 2))


# -- what a reader saw of them ------------------------------------------------------------------------


def seen(plant_in: Callable[[list[Seen]], Any]) -> Plant:
    """Spoil the list of sights."""

    def plant(evidence: Evidence) -> None:
        plant_in(evidence.seen)

    return plant


# -- webhooks -----------------------------------------------------------------------------------------


def call(number: int = -1, **fields: Any) -> Plant:
    """Change a call that a receiver got."""

    def plant(evidence: Evidence) -> None:
        evidence.calls[number] = replace(evidence.calls[number], **fields)

    return plant


def call_again(**fields: Any) -> Plant:
    """The last call once more."""

    def plant(evidence: Evidence) -> None:
        evidence.calls.append(replace(evidence.calls[-1], **fields))

    return plant


# -- what the clients asked, and were told ------------------------------------------------------------


def client(plant_in: Callable[[dict[str, Request]], Any]) -> Plant:
    """Spoil the requests, by their keys."""

    def plant(evidence: Evidence) -> None:
        plant_in(evidence.client.requests)

    return plant


def refused(requests: dict[str, Request]) -> None:
    """Complaint `b` was not taken."""
    requests["key-b"].answers[:] = [Answer(1.0, 422)]


def two_ids(requests: dict[str, Request]) -> None:
    """Complaint `b` was given another id at the second attempt."""
    requests["key-b"].answers.append(Answer(1.0, 202, complaint_id="c"))


def one_id(requests: dict[str, Request]) -> None:
    """Complaint `b` was given the id of `a`."""
    requests["key-b"].answers[:] = [Answer(1.0, 202, complaint_id="a")]


def long_ago(requests: dict[str, Request]) -> None:
    """The events of `b`'s order were acknowledged ten seconds earlier."""
    answers = requests["case-b/1"].answers
    answers[:] = [replace(answer, at=answer.at - 10) for answer in answers]


# -- the router's rows --------------------------------------------------------------------------------


def row(group: bytes, item: bytes = b"", **fields: Any) -> Plant:
    """Take a row of the router away; with fields, change its JSON, with `to` all of it."""

    def plant(evidence: Evidence) -> None:
        assert evidence.state is not None
        rows: Any = evidence.state.rows[0]
        key = key_of(group, item)
        if "to" in fields:
            rows[key] = fields["to"]
        elif fields:
            rows[key] = json.dumps({**json.loads(rows[key]), **fields}).encode()
        else:
            del rows[key]

    return plant


def unreadable(evidence: Evidence) -> None:
    """A row whose key promises a longer group than it has."""
    assert evidence.state is not None
    rows: Any = evidence.state.rows[0]
    rows[b"\x00\xff"] = b"1"
