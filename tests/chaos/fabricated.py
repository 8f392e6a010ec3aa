"""A flawless history, fabricated record by record the way the pipeline would write it, for the checker's own trial.

It shares no code with the product: what it says is what the contracts say.
"""

from __future__ import annotations

import base64
import json
import struct
from dataclasses import replace
from typing import Any

from tests.chaos.checks.base import FORWARDED, microseconds
from tests.chaos.checks.state import State, key_of
from tests.chaos.journal import (
    Answer,
    Call,
    ClientLog,
    Evidence,
    Planted,
    Record,
    Request,
    Seen,
    Stood,
)

START = 1_800_000_000_000
INBOX = "department.packing.inbox"
OTHER_INBOX = "department.warehouse.inbox"
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
