"""The checker itself on trial: a flawless history passes, and each way to break a promise is planted and found."""

from __future__ import annotations

import ast
import base64
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.chaos import invariants
from tests.chaos.checker import document, table, violations
from tests.chaos.invariants import judge
from tests.chaos.journal import (
    Answer,
    Call,
    ClientLog,
    Evidence,
    Journal,
    Record,
    Request,
    Seen,
    read_client_log,
    read_seen_log,
    read_webhook_log,
)

START = 1_800_000_000_000
INBOX = "department.packing.inbox"
OTHER_INBOX = "department.warehouse.inbox"


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
            {"case_id": case, "event_id": f"{case}-{n}", "at": "2026-03-02T09:00:00+07:00"}
            for n in range(events)
        ]
        stored = tuple(event["event_id"] for event in body)
        self.accept(f"{case}/1", "events", body, stored=stored)
        for event in body:
            at = {"at": "2026-03-02T02:00:00Z", "recorded_at": f"{self.clock}"}
            self.put("process.observed", case, event["event_id"], {**event, **at})

    def complain(self, name: str) -> str:
        body = {"text": "telat", "case_id": f"case-{name}", "channel_ref": f"key-{name}"}
        request = self.accept(f"key-{name}", "complaint", body, complaint_id=name)
        request.expect = "packing"
        times = {"occurred_at": f"{self.clock}", "received_at": f"{self.clock}"}
        data = {"complaint_id": name, **body, **times}
        self.put("complaint.received", name, f"received-{name}", data)
        return f"received-{name}"

    def status(self, name: str, state: str, cause: str) -> None:
        data = {"complaint_id": name, "state": state}
        self.put("complaint.status", name, f"status-{name}-{cause}", data, cause=cause)

    def trace(self, name: str, sequence: int, cause: str) -> str:
        data = {"complaint_id": name, "sequence": sequence}
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
            "outcome": outcome,
            "material": f"m{revision}",
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
        return Evidence(self.client, self.calls, self.topics, seen)


def flawless() -> Evidence:
    """Two complaints: one decided once, then satisfied; one re-traced, its assignment withdrawn and another opened."""
    world = World()
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
        world.status(name, "assigned", answered)
    again = world.answer("b", 1, "case-b-2")
    world.decide("b", 2, again)
    world.inbox("b", 2, again, topic=OTHER_INBOX, type="assignment.withdrawn")
    world.inbox("b", 2, again)
    world.status("b", "assigned", again)
    message = world.accept(
        "key-a-satisfied", "message", {"kind": "satisfied"}, complaint_id="a", message_id="msg-a"
    )
    message.complaint_id = "a"
    data = {"complaint_id": "a", "kind": "satisfied", "sent_at": "x"}
    world.put("complaint.messaged", "a", "msg-a", data)
    world.status("a", "closed", "msg-a")
    world.topics["router.dlq"] = []
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
        record = Record("router.dlq", 0, 0, START, "origin", headers, json.dumps(letter).encode())
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
    ("I2", "question without an answer", drop("trace.answered", 1)),
    ("I2", "decision under another key", change(TRACED, complaint_id="a")),
    ("I2", "two decisions for one revision", again(TRACED)),
    ("I2", "two decisions for one revision", again(TRACED, identity="other", decision_id="other")),
    ("I2", "gap in the revisions", change(TRACED, revision=3)),
    ("I2", "gap in the revisions", change(TRACED, 0, revision=0)),
    (
        "I2",
        "revisions out of order",
        both(change(TRACED, 1, revision=2), change(TRACED, 2, revision=1)),
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
    ("I4", "second id for one alert", call_again(webhook_id="another")),
    ("I4", "second id for one alert", again(TOLD, identity="x", notification_id="another")),
    ("I4", "webhook and topic name other ids", call(webhook_id="another")),
    ("I4", "called, never recorded", drop(TOLD)),
    ("I4", "recorded as delivered twice", again(TOLD, identity="told-again", attempt=2)),
    ("I5", "effect without a cause", change(TRACED, _headers={"ce_causationid": None})),
    ("I5", "cause is not in the log", change(TRACED, _headers={"ce_causationid": "nowhere"})),
    ("I5", "effect before its cause", change(TRACED, _timestamp=START)),
    ("I5", "correlated with another complaint", change(TRACED, _headers={"ce_correlationid": "a"})),
    ("I5", "status after an end", again(STATUS, 0, identity="late")),
    ("I5", "event after an end", again(TRACED, 0, identity="late", revision=2, decision_id="d")),
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
    ("I11", "another cause", change(TRACED, causes=[{"department": "courier", "share": 1.0}])),
    ("I12", "message without effect", drop(STATUS)),
    ("I12", "dead letter", dead_letter("complaint.messaged", "a")),
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
    tree = ast.parse(Path(str(invariants.__file__)).read_text(encoding="utf-8"))
    known = {
        node.args[0].value
        for node in ast.walk(tree)
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


def test_a_complaint_that_was_closed_before_its_decision_needs_none() -> None:
    """A customer may be content before anyone has looked."""
    evidence = flawless()
    undecided(evidence)
    for topic in (INBOX, OTHER_INBOX, TOLD):
        evidence.topics[topic] = [
            r for r in evidence.topics[topic] if r.data["complaint_id"] != "b"
        ]
    evidence.calls[:] = [each for each in evidence.calls if "-b-" not in each.webhook_id]
    evidence.seen.clear()
    assert {each.what for each in violations(judge(evidence))} == {"complaint without a decision"}

    received = evidence.topics["complaint.received"][-1]
    headers = {"ce_id": "s", "ce_type": STATUS, "ce_causationid": received.id}
    closed = replace(
        received,
        topic=STATUS,
        offset=100,
        timestamp=received.timestamp + 1,
        headers=headers,
        value=json.dumps({"complaint_id": "b", "state": "closed"}).encode(),
    )
    evidence.topics[STATUS].append(closed)

    assert violations(judge(evidence)) == []


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
