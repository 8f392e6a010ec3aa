"""The checker itself on trial: a flawless history passes, and each way to break a promise is planted and found."""

from __future__ import annotations

import ast
import base64
import json
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.checker import document, sources_of, table, violations
from tests.chaos.checks.base import FORWARDED, microseconds
from tests.chaos.checks.state import State, key_of, partition_of
from tests.chaos.invariants import judge
from tests.chaos.journal import (
    Answer,
    Call,
    ClientLog,
    Evidence,
    Journal,
    Planted,
    Record,
    Request,
    Seen,
    Stood,
    read_client_log,
    read_seen_log,
    read_webhook_log,
)

START = 1_800_000_000_000
INBOX = "department.packing.inbox"
OTHER_INBOX = "department.warehouse.inbox"
ROOT = Path(__file__).parents[2]
HAPPENED, RECORDED, HEARD = "2026-03-02T02:00:00Z", "2026-03-02T02:00:01Z", "2026-03-09T02:00:00Z"
UNTIL = "2030-01-01T00:00:00Z"


class World:
    """Writes a history record by record, the way the pipeline would."""

    def __init__(self) -> None:
        self.client = ClientLog()
        self.calls: list[Call] = []
        self.topics: dict[str, list[Record]] = {}
        self.clock = START

    def put(
        self,
        topic: str,
        key: str,
        identity: str,
        data: dict[str, Any],
        *,
        cause: str | None = None,
        type: str | None = None,
    ) -> Record:
        self.clock += 5
        headers = {"ce_id": identity, "ce_type": type or topic}
        if cause is not None:
            headers |= {"ce_causationid": cause, "ce_correlationid": data.get("complaint_id", key)}
        records = self.topics.setdefault(topic, [])
        record = Record(
            topic, 0, 2 * len(records), self.clock, key, headers, json.dumps(data).encode()
        )
        records.append(record)
        return record

    def accept(self, key: str, what: Any, body: Any, **answer: Any) -> Request:
        request = Request(key, what, body, sent_at=[self.clock / 1000])
        request.answers.append(Answer(self.clock / 1000, 202, **answer))
        self.client.requests[key] = request
        return request

    def order(self, case: str, events: int) -> None:
        body = [
            {
                "case_id": case,
                "event_id": f"{case}-{n}",
                "activity": "packed",
                "at": "2026-03-02T09:00:00+07:00",
            }
            for n in range(events)
        ]
        stored = tuple(event["event_id"] for event in body)
        self.accept(f"{case}/1", "events", body, stored=stored)
        for event in body:
            at = {"at": HAPPENED, "recorded_at": RECORDED}
            self.put("process.observed", case, event["event_id"], {**event, **at})

    def complain(self, name: str) -> str:
        body = {"text": "telat", "case_id": f"case-{name}", "channel_ref": f"key-{name}"}
        request = self.accept(f"key-{name}", "complaint", body, complaint_id=name)
        request.expect = "packing"
        times = {"occurred_at": HEARD, "received_at": HEARD}
        data = {"complaint_id": name, "channel": "web", "body_digest": "d", **body, **times}
        self.put("complaint.received", name, f"received-{name}", data)
        return f"received-{name}"

    def status(
        self, name: str, state: str, cause: str, revision: int = 0, department: str | None = None
    ) -> None:
        departments = [] if department is None else [department]
        data = {
            "complaint_id": name,
            "state": state,
            "revision": revision,
            "departments": departments,
        }
        self.put("complaint.status", name, f"status-{name}-{cause}", data, cause=cause)

    def trace(self, name: str, sequence: int, cause: str) -> str:
        data = {"complaint_id": name, "case_id": f"case-{name}", "sequence": sequence}
        asked = f"asked-{name}-{sequence}"
        self.put("trace.requested", f"case-{name}", asked, data, cause=cause)
        return self.answer(name, sequence, asked)

    def answer(self, name: str, sequence: int, cause: str) -> str:
        data = {"complaint_id": name, "sequence": sequence}
        answered = f"answered-{name}-{cause}"
        self.put("trace.answered", name, answered, data, cause=cause)
        return answered

    def decide(self, name: str, revision: int, cause: str, outcome: str = "assigned") -> None:
        data = {
            "complaint_id": name,
            "revision": revision,
            "decision_id": f"decision-{name}-{revision}",
            "case_id": f"case-{name}",
            "outcome": outcome,
            "material": f"m{revision}",
            "waiting_until": UNTIL if outcome == "waiting" else None,
            "evidence": [{"event_id": None}, {"event_id": f"case-{name}-2"}],
            "causes": [
                {"department": "courier", "share": 0.2},
                {"department": "packing", "share": 0.8},
            ],
        }
        self.put("complaint.traced", name, data["decision_id"], data, cause=cause)

    def inbox(
        self,
        name: str,
        revision: int,
        cause: str,
        *,
        topic: str = INBOX,
        type: str = "assignment.opened",
        **more: Any,
    ) -> None:
        department = topic.split(".")[1]
        assignment = f"assignment-{name}-{department}"
        data = {
            "assignment_id": assignment,
            "complaint_id": name,
            "department": department,
            "revision": revision,
            "decision_id": f"decision-{name}-{revision}",
            **more,
        }
        stage = type.removeprefix("assignment.")
        if more.get("updated"):
            stage = "updated"
        identity = f"{stage}-{assignment}-{revision}"
        self.put(topic, name, identity, data, cause=cause, type=type)
        notification = f"n-{identity}"
        message = {"type": f"assignment.{stage}", "data": data}
        self.calls.append(
            Call(notification, self.clock / 1000, f"/{department}", 204, json.dumps(message))
        )
        told = {
            "notification_id": notification,
            "assignment_id": assignment,
            "complaint_id": name,
            "revision": revision,
            "receiver": department,
            "stage": stage,
            "outcome": "delivered",
            "attempt": 1,
        }
        self.put("notification.recorded", name, f"told-{notification}", told, cause=identity)

    def evidence(self) -> Evidence:
        seen = [
            Seen(record.topic, record.partition, record.offset, record.digest)
            for records in self.topics.values()
            for record in records
        ]
        return Evidence(
            self.client,
            self.calls,
            self.topics,
            seen,
            state=self.state(),
            sources={"packed": "wms"},
            stood=[Stood("kill -9 router-0", 2.0, 4.0, 10.0)],
        )

    # -- what the router would have of it ---------------------------------------------------------

    def state(self) -> State:
        rows: dict[bytes, bytes] = {key_of(b"w", b"wms"): b"%d" % microseconds(HAPPENED)}
        for record in self.topics["process.observed"][1:]:
            group = b"e:" + record.key.encode()
            recorded = struct.pack(">q", microseconds(RECORDED))
            rows[key_of(group, record.id.encode())] = recorded + (record.value or b"")
        until = microseconds(UNTIL)
        rows |= self.life("a", "closed", 1, {"assignment-a-packing": "packing"})
        rows |= self.life("b", "notified", 2, {"assignment-b-packing": "packing"})
        rows |= self.life("c", "waiting", 1, {}, due=until)
        rows[key_of(b"d", f"{until:020d}c".encode())] = b"1"
        return State({0: rows})

    def life(
        self,
        name: str,
        state: str,
        revision: int,
        assignments: dict[str, str],
        due: int | None = None,
    ) -> dict[bytes, bytes]:
        row = {
            "channel": "web",
            "body_digest": "d",
            "case_id": f"case-{name}",
            "occurred_at": microseconds(HEARD),
            "received_at": microseconds(HEARD),
            "state": state,
            "revision": revision,
            "material": f"m{revision}",
            "due": due,
            "assignments": [
                {"assignment_id": assignment, "department": department}
                for assignment, department in assignments.items()
            ],
        }
        asked = f"m{revision}\n".encode() + json.dumps({"sequence": 1}).encode()
        return {
            key_of(b"c:" + name.encode()): json.dumps(row).encode(),
            key_of(b"t:case-" + name.encode()): b"1 0",
            key_of(b"t:case-" + name.encode(), name.encode()): asked,
        }


def flawless() -> Evidence:
    """Three complaints: one waits; one is decided once, then satisfied; one is re-traced, withdrawn here and opened there.

    And a broken record that was put aside, and one that lay in a wrong partition.
    """
    world = World()
    broken = world.put("process.observed", "case-x", "broken", {})
    world.topics["process.observed"][0] = replace(broken, value=b"{")
    world.client.planted.append(Planted("garbage", "process.observed", 0, 0))
    letter = {"origin": "process.observed:0:0", "value": base64.b64encode(b"{").decode()}
    world.put("router.dlq", "process.observed:0:0", "letter", letter)
    world.put("clock.tick", "clock", "tick", {})
    world.order("case-c", 3)
    sent_on = world.topics["process.observed"][1]
    sent_on.headers[FORWARDED] = "3:7"  # type: ignore[index]
    world.client.planted.append(Planted("misplaced", "process.observed", 3, 7, misplaced=True))
    received = world.complain("c")
    answered = world.trace("c", 1, received)
    world.decide("c", 1, answered, "waiting")
    world.status("c", "waiting", answered, 1)
    for name in ("a", "b"):
        world.order(f"case-{name}", 3)
        received = world.complain(name)
        world.status(name, "located", received)
        answered = world.trace(name, 1, received)
        world.decide(name, 1, answered)
        if name == "a":
            world.inbox(name, 1, answered)
        else:
            world.inbox(name, 1, answered, topic=OTHER_INBOX)
        world.status(name, "assigned", answered, 1, "packing" if name == "a" else "warehouse")
    again = world.answer("b", 1, "case-b-2")
    world.decide("b", 2, again)
    world.inbox("b", 2, again, topic=OTHER_INBOX, type="assignment.withdrawn")
    world.inbox("b", 2, again)
    world.status("b", "notified", again, 2, "packing")
    message = world.accept(
        "key-a-satisfied", "message", {"kind": "satisfied"}, complaint_id="a", message_id="msg-a"
    )
    message.complaint_id = "a"
    data = {"complaint_id": "a", "kind": "satisfied", "sent_at": "x"}
    world.put("complaint.messaged", "a", "msg-a", data)
    world.status("a", "closed", "msg-a", 1, "packing")
    return world.evidence()


# -- tools to break it with ---------------------------------------------------------------------------


def last(evidence: Evidence, topic: str) -> Record:
    return evidence.topics[topic][-1]


def drop(topic: str, number: int = -1) -> Callable[[Evidence], None]:
    def plant(evidence: Evidence) -> None:
        record = evidence.topics[topic].pop(number)
        evidence.seen[:] = [
            s for s in evidence.seen if (s.topic, s.offset) != (topic, record.offset)
        ]

    return plant


def change(topic: str, number: int = -1, **fields: Any) -> Callable[[Evidence], None]:
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


def again(topic: str, number: int = -1, *, identity: str | None = None, **fields: Any):
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


def call(number: int = -1, **fields: Any) -> Callable[[Evidence], None]:
    def plant(evidence: Evidence) -> None:
        evidence.calls[number] = replace(evidence.calls[number], **fields)

    return plant


def call_again(**fields: Any) -> Callable[[Evidence], None]:
    def plant(evidence: Evidence) -> None:
        evidence.calls.append(replace(evidence.calls[-1], **fields))

    return plant


def client(plant_in: Callable[[dict[str, Request]], Any]) -> Callable[[Evidence], None]:
    def plant(evidence: Evidence) -> None:
        plant_in(evidence.client.requests)

    return plant


def dead_letter(topic: str, key: str) -> Callable[[Evidence], None]:
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


def both(*plants: Callable[[Evidence], None]) -> Callable[[Evidence], None]:
    def plant(evidence: Evidence) -> None:
        for each in plants:
            each(evidence)

    return plant


def undecided(evidence: Evidence) -> None:
    for topic in ("trace.requested", "trace.answered", "complaint.traced", "complaint.status"):
        evidence.topics[topic] = [
            r for r in evidence.topics[topic] if r.data["complaint_id"] != "b"
        ]


def refused(requests: dict[str, Request]) -> None:
    requests["key-b"].answers[:] = [Answer(1.0, 422)]


def two_ids(requests: dict[str, Request]) -> None:
    requests["key-b"].answers.append(Answer(1.0, 202, complaint_id="c"))


def one_id(requests: dict[str, Request]) -> None:
    requests["key-b"].answers[:] = [Answer(1.0, 202, complaint_id="a")]


def row(group: bytes, item: bytes = b"", **fields: Any) -> Callable[[Evidence], None]:
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
    assert evidence.state is not None
    rows: Any = evidence.state.rows[0]
    rows[b"\x00\xff"] = b"1"


def no_status(evidence: Evidence) -> None:
    evidence.topics["complaint.status"] = [
        r for r in evidence.topics["complaint.status"] if r.key != "b"
    ]


def long_ago(requests: dict[str, Request]) -> None:
    answers = requests["case-b/1"].answers
    answers[:] = [replace(answer, at=answer.at - 10) for answer in answers]


def unanswered(evidence: Evidence) -> None:
    for topic in ("trace.answered", "complaint.traced"):
        evidence.topics[topic] = [r for r in evidence.topics[topic] if r.key != "b"]
    row(b"t:case-b", b"b")(evidence)


def sent_on_twice(evidence: Evidence) -> None:
    records = evidence.topics["process.observed"]
    records.append(replace(records[1], offset=records[-1].offset + 2))


def ended_before(evidence: Evidence) -> None:
    """As if `b` had been ended before its last decision, which then opened something."""
    cause = last(evidence, "complaint.traced").headers["ce_causationid"]
    again(STATUS, identity="end", state="closed")(evidence)
    record = last(evidence, STATUS)
    headers = {**record.headers, "ce_causationid": cause}
    evidence.topics[STATUS][-1] = replace(record, key="b", headers=headers)


def seen(plant_in: Callable[[list[Seen]], Any]) -> Callable[[Evidence], None]:
    def plant(evidence: Evidence) -> None:
        plant_in(evidence.seen)

    return plant


TRACED, STATUS, TOLD = "complaint.traced", "complaint.status", "notification.recorded"
OBSERVED = "process.observed"
PLANTED: list[tuple[str, str, Callable[[Evidence], None]]] = [
    ("I1", "two ids for one key", client(two_ids)),
    ("I1", "one id for two keys", client(one_id)),
    ("I1", "lost complaint", drop("complaint.received")),
    ("I1", "stored with other content", change("complaint.received", text="else")),
    ("I1", "stored with other content", change(OBSERVED, at="2026-03-02T02:00:01Z")),
    ("I1", "lost process event", drop(OBSERVED)),
    ("I1", "lost message", drop("complaint.messaged")),
    ("I1", "nothing to judge", client(dict.clear)),
    ("I2", "complaint without a decision", undecided),
    (
        "I2",
        "dead letter instead of a decision",
        both(undecided, dead_letter("complaint.received", "b")),
    ),
    ("I2", "decision without a complaint", drop("complaint.received")),
    ("I2", "one decision id twice", change(TRACED, decision_id="decision-b-1")),
    ("I2", "question without an answer", unanswered),
    ("I2", "decision under another key", change(TRACED, complaint_id="a")),
    ("I2", "two decisions for one revision", again(TRACED)),
    ("I2", "two decisions for one revision", again(TRACED, identity="other", decision_id="other")),
    ("I2", "gap in the revisions", change(TRACED, revision=3)),
    ("I2", "gap in the revisions", change(TRACED, 1, revision=0)),
    (
        "I2",
        "revisions out of order",
        both(change(TRACED, 2, revision=2), change(TRACED, 3, revision=1)),
    ),
    ("I2", "revision without a change", change(TRACED, material="m1")),
    ("I3", "in limbo", drop(TOLD)),
    ("I3", "in limbo", change(TOLD, outcome="attempted")),
    ("I3", "not delivered", change(TOLD, outcome="abandoned")),
    ("I3", "not delivered", change(TOLD, 2, outcome="suppressed")),
    ("I3", "recorded as delivered, not received", call(status=503)),
    ("I3", "recorded as delivered, not received", lambda e: e.calls.pop()),
    ("I3", "assignment without its decision", change(INBOX, decision_id="other")),
    ("I3", "assigned to nobody", drop(INBOX, 0)),
    ("I3", "assigned while waiting", change(TRACED, outcome="waiting")),
    ("I3", "assigned after its end", ended_before),
    ("I3", "transaction left open", lambda e: e.open_transactions.append("t[0]")),
    (
        "I4",
        "a repeat says something else",
        call_again(
            body=json.dumps(
                {
                    "type": "x",
                    "data": {"assignment_id": "1", "revision": 1, "department": "packing"},
                }
            )
        ),
    ),
    ("I4", "call that cannot be read", call_again(body="")),
    ("I4", "one id for two alerts", call(webhook_id="n-opened-assignment-a-packing-1")),
    ("I4", "an alert nobody asked for", drop(INBOX)),
    ("I4", "an alert nobody asked for", change(TOLD, revision=9)),
    (
        "I4",
        "two open assignments of one department",
        again(INBOX, identity="other", assignment_id="other"),
    ),
    ("I4", "second id for one alert", call_again(webhook_id="another")),
    ("I4", "second id for one alert", again(TOLD, identity="x", notification_id="another")),
    ("I4", "webhook and topic name other ids", call(webhook_id="another")),
    ("I4", "called, never recorded", drop(TOLD)),
    ("I4", "recorded as delivered twice", again(TOLD, identity="told-again", attempt=2)),
    ("I5", "effect without a cause", change(TRACED, _headers={"ce_causationid": None})),
    ("I5", "cause is not in the log", change(TRACED, _headers={"ce_causationid": "nowhere"})),
    ("I5", "effect before its cause", change(TRACED, _timestamp=START)),
    ("I5", "correlated with another complaint", change(TRACED, _headers={"ce_correlationid": "a"})),
    ("I5", "status after an end", again(STATUS, 1, identity="late")),
    ("I5", "event after an end", again(TRACED, 1, identity="late", revision=2, decision_id="d")),
    (
        "I5",
        "assignment lives on after its withdrawal",
        again(OTHER_INBOX, 0, identity="late", revision=3),
    ),
    ("I5", "inbox out of order", again(OTHER_INBOX, 0, identity="late")),
    ("I7", "complaint that nobody sent", client(lambda requests: requests.pop("key-b"))),
    ("I7", "complaint that nobody sent", change("complaint.received", case_id="other")),
    ("I7", "refused and stored all the same", client(refused)),
    ("I7", "process event that nobody sent", client(lambda requests: requests.pop("case-b/1"))),
    ("I8", "event without an id", change(TRACED, _headers={"ce_id": None})),
    ("I8", "event twice", again(TRACED)),
    ("I8", "event twice", again(INBOX)),
    ("I8", "event twice", again(TOLD)),
    ("I8", "stored more often than sent", again("complaint.received")),
    ("I8", "stored more often than sent", again(OBSERVED)),
    ("I8", "a repeat says something else", again("complaint.received", text="else")),
    ("I10", "decided before evidence that was there", client(long_ago)),
    ("I11", "another cause", change(TRACED, causes=[{"department": "courier", "share": 1.0}])),
    ("I12", "message without effect", drop(STATUS)),
    ("I12", "dead letter", dead_letter("complaint.messaged", "a")),
    ("O", "event that the router does not have", row(b"e:case-a", b"case-a-1")),
    ("O", "event that the router has otherwise", row(b"e:case-a", b"case-a-1", to=b"12345678{}")),
    ("O", "event that is in no topic", row(b"e:case-a", b"other", to=b"12345678{}")),
    ("O", "another watermark", row(b"w", b"wms", to=b"7")),
    ("O", "another watermark", row(b"w", b"ledger", to=b"7")),
    ("O", "evidence that is in no topic", change(TRACED, evidence=[{"event_id": "nowhere"}])),
    ("O", "evidence that came later", change(OBSERVED, _timestamp=START + 1_000_000)),
    ("O", "complaint that the router does not have", row(b"c:b")),
    ("O", "complaint that the router has otherwise", row(b"c:b", case_id="other")),
    ("O", "complaint that is in no topic", row(b"c:z", to=b"{}")),
    ("O", "another decision", row(b"c:b", revision=1)),
    ("O", "another decision", row(b"c:b", material="other")),
    ("O", "other assignments", row(b"c:b", assignments=[])),
    ("O", "another state", row(b"c:b", state="assigned")),
    ("O", "another state", row(b"c:a", state="notified")),
    ("O", "waits for another time", row(b"c:c", due=None)),
    ("O", "waits for another time", row(b"c:b", due=7)),
    ("O", "complaint without a status", no_status),
    ("O", "status says something else", change(STATUS, departments=[])),
    ("O", "question that the router does not have", row(b"t:case-b", b"b")),
    ("O", "question about no complaint", row(b"t:case-b", b"z", to=b"m\n{}")),
    ("O", "the two stages disagree", row(b"t:case-b", b"b", to=b"other\n{}")),
    ("O", "due index differs", row(b"d", b"1", to=b"1")),
    ("O", "due and forgotten", change("clock.tick", _timestamp=2_000_000_000_000)),
    ("O", "message that still waits for its complaint", row(b"m:b", b"7", to=b"{}")),
    ("O", "row in another partition", lambda e: setattr(e, "partitions", 5)),
    ("O", "row that cannot be read", unreadable),
    ("D", "broken record that was not put aside", drop("router.dlq")),
    ("D", "broken record that was put aside twice", again("router.dlq")),
    ("D", "broken record that was put aside in part", change("router.dlq", value="")),
    (
        "D",
        "record that was not sent on",
        lambda e: e.topics["process.observed"][1].headers.pop(FORWARDED),
    ),
    ("D", "record that was sent on twice", sent_on_twice),
    (
        "S",
        "stood still for too long",
        lambda e: e.stood.append(Stood("kill -9 kafka", 1.0, 11.0, 10.0)),
    ),
    (
        "S",
        "stood still for too long",
        lambda e: e.stood.append(Stood("kill -9 kafka", 11.0, 1.0, 10.0)),
    ),
    ("R", "seen and taken back", lambda e: e.topics[TRACED].pop()),
    ("R", "seen and changed", seen(lambda rows: rows.append(replace(rows.pop(), digest="other")))),
    ("R", "read out of order", seen(lambda rows: rows.append(rows[0]))),
    ("R", "hidden from the reader", seen(lambda rows: rows.pop(0))),
]


def test_a_flawless_history_passes() -> None:
    """Nothing is broken, and every check had something to look at."""
    results = judge(flawless())

    assert violations(results) == []
    assert [result.check for result in results if not result.examined] == []
    assert "I2" in table(results)
    assert document(results)["broken"] == 0


@pytest.mark.parametrize(
    ("check", "what", "plant"),
    PLANTED,
    ids=[f"{check}-{what}-{n}" for n, (check, what, _) in enumerate(PLANTED)],
)
def test_a_planted_violation_is_found(
    check: str, what: str, plant: Callable[[Evidence], None]
) -> None:
    """Whoever breaks this promise is told which one it was."""
    evidence = flawless()
    plant(evidence)

    found = violations(judge(evidence))

    assert (check, what) in {(each.check, each.what) for each in found}


def test_every_violation_that_the_checker_knows_is_planted_here() -> None:
    """A check that was never seen to fail proves nothing."""
    rooms = (Path(__file__).parent / "checks").glob("*.py")
    known = {
        node.args[0].value
        for room in rooms
        for node in ast.walk(ast.parse(room.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "broken"
        and isinstance(node.args[0], ast.Constant)
    }

    assert known == {what for _, what, _ in PLANTED}


def test_a_repeat_that_a_client_sent_twice_is_no_violation() -> None:
    """A complaint sent again for want of an answer may be stored twice; it is counted, not blamed."""
    evidence = flawless()
    evidence.client.requests["key-b"].sent_at.append(2.0)
    again("complaint.received", received_at="later", occurred_at="later")(evidence)

    results = judge(evidence)

    assert violations(results) == []
    facts = {name: count for result in results for name, count in result.facts.items()}
    assert facts["repeats in complaint.received after a missing answer"] == 1


def test_an_alert_that_was_called_twice_under_one_id_is_no_violation() -> None:
    """A notifier that was killed between the answer and its own note calls again, with the same id and bytes."""
    evidence = flawless()
    call_again()(evidence)

    results = judge(evidence)

    assert violations(results) == []
    facts = {name: count for result in results for name, count in result.facts.items()}
    assert facts["repeated calls"] == 1


def test_a_complaint_that_was_ended_before_its_decision_is_told_to_nobody() -> None:
    """Its decision is published with its end, by the same cause; no department hears of it."""
    evidence = flawless()
    ended_before(evidence)
    evidence.topics["complaint.status"].pop(-1 - 1)  # `a` was not closed meanwhile
    found = {each.what for each in violations(judge(evidence)) if "-b-" not in each.subject}

    assert "assigned after its end" in found
    assert "complaint without a decision" not in found


def test_a_record_that_is_young_or_late_enough_is_no_haste() -> None:
    """What was stored a moment before the complaint, or answered after a minute, is counted and not blamed."""
    facts = {
        name: count
        for result in judge(flawless())
        if result.check == "I10"
        for name, count in result.facts.items()
    }

    assert facts["decided before evidence that was there"] == 1
    assert facts["alerts withdrawn for it"] == 1


def test_the_partitioner_is_the_java_clients() -> None:
    """Values of Kafka's own tests of murmur2, as partitions of a topic with very many."""
    most = 2**31 - 1
    assert partition_of("21", most) == (-973932308 & 0x7FFFFFFF) % most
    assert partition_of("foobar", most) == (-790332482 & 0x7FFFFFFF) % most
    assert partition_of("a-little-bit-long-string", most) == (-985981536 & 0x7FFFFFFF) % most


def test_the_company_says_which_system_attests_what() -> None:
    """The oracle's own reading of the registry: an event without a source belongs to its activity's."""
    sources = sources_of(ROOT / "examples" / "shop")

    assert sources["packed"] == "wms"
    assert sources["delivered"] == "courier-api"


def test_journals_come_back_as_they_were_written(tmp_path: Path) -> None:
    """Requests, answers, calls and sights survive the way through their files; a torn last line is left out."""
    journal = Journal(tmp_path / "client")
    journal.write(row="request", what="complaint", key="k", at=1.0, body={"text": "é"}, expect="p")
    journal.write(row="answer", key="k", at=1.5, error="ReadTimeout")
    journal.write(row="request", what="complaint", key="k", at=2.0, body={"text": "é"}, expect="p")
    journal.write(row="answer", key="k", at=2.5, status=202, complaint_id="c")
    journal.close()
    with (tmp_path / "client").open("ab") as file:
        file.write(b'{"row": "requ')
    calls = Journal(tmp_path / "calls")
    calls.write(webhook_id="w", at=2.0, path="/p", status=204, body="{}")
    sights = Journal(tmp_path / "seen")
    sights.write(topic="t", partition=1, offset=2, digest="d")

    request = read_client_log([tmp_path / "client"]).requests["k"]

    assert (request.attempts, request.outcome, request.expect) == (2, "ok", "p")
    assert request.body == {"text": "é"}
    assert [answer.complaint_id for answer in request.accepted] == ["c"]
    assert read_webhook_log([tmp_path / "calls"]) == [Call("w", 2.0, "/p", 204, "{}")]
    assert read_seen_log([tmp_path / "seen"]) == [Seen("t", 1, 2, "d")]


@pytest.mark.parametrize(
    ("statuses", "outcome"),
    [([202], "ok"), ([None, 202], "ok"), ([422], "fail"), ([503], "info"), ([None, 422], "info")],
)
def test_an_answer_says_no_more_than_it_knows(statuses: list[int | None], outcome: str) -> None:
    """Accepted; surely not stored; or unknown, as long as one attempt ended without a word."""
    request = Request("k", "complaint", {}, sent_at=[1.0] * len(statuses))
    request.answers.extend(Answer(1.0, status) for status in statuses)

    assert request.outcome == outcome
