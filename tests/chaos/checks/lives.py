"""What became of each complaint, worked out from the topics: the part of the oracle that is about people.

It stands apart from oracle.py because it follows the contracts of decisions, notifications and messages, not of rows.

Hazard: complaints, messages, answers and notifications lie in topics without a common order; where two orders lead to two states,
both are allowed, and nothing else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.chaos.checks.base import MESSAGED, NOTIFIED, STATUS, TRACED, by_key, microseconds, states
from tests.chaos.journal import Evidence, Record

WORTH_TELLING: Final = frozenset({"assigned", "external", "triage", "asked"})
"""Outcomes that become `notified` with the first alert that arrived."""
AWAITING: Final = frozenset({"waiting", "asked"})
ENDS: Final = {"satisfied": "closed", "withdraw": "withdrawn"}


@dataclass(slots=True)
class Complaint:
    """One complaint as the topics tell of it."""

    identity: str
    received: Record
    decisions: list[Record]
    inbox: list[Record]
    delivered: set[int]
    """Revisions of which an alert has arrived."""
    messages: list[Record]
    reopened: bool
    now: int
    """The last tick; µs."""
    open_now: dict[str, str] = field(default_factory=dict)
    """assignment -> department."""

    @property
    def last(self) -> Mapping[str, Any]:
        """The decision that stands; empty when there is none."""
        return max((r.data for r in self.decisions), key=lambda d: int(d["revision"]), default={})

    @property
    def over(self) -> bool:
        """Whether the customer has ended it."""
        return bool(self.endings) and not self.reopened

    @property
    def endings(self) -> set[str]:
        """As what it may have ended: the first word counts, and which one was first is not always known."""
        return {ENDS[m.data["kind"]] for m in self.messages if m.data["kind"] in ENDS}

    @property
    def states(self) -> set[str]:
        """The states that it may be in."""
        if self.over:
            return self.endings
        outcome = self.last.get("outcome")
        if outcome is None:
            return {"received", "located"}
        if outcome not in WORTH_TELLING or not self.delivered:
            return {outcome}
        if int(self.last["revision"]) in self.delivered:
            return {"notified"}
        # An alert of an earlier revision may have been recorded before or after this one.
        return {outcome, "notified"}


def complaints_of(evidence: Evidence, received: Mapping[str, Record]) -> Iterator[Complaint]:
    """Every complaint that was received."""
    traced = by_key(evidence.topics.get(TRACED, []))
    messages = by_key(evidence.topics.get(MESSAGED, []))
    known = states(evidence.topics.get(STATUS, []))
    inbox = by_key(evidence.inboxes())
    delivered: dict[str, set[int]] = defaultdict(set)
    for record in evidence.topics.get(NOTIFIED, []):
        if record.data["outcome"] == "delivered":
            delivered[record.key].add(record.data["revision"])
    now = max((r.timestamp * 1000 for r in evidence.topics.get("clock.tick", [])), default=0)
    for identity, record in received.items():
        complaint = Complaint(
            identity,
            record,
            traced.get(identity, []),
            inbox.get(identity, []),
            delivered[identity],
            messages.get(identity, []),
            "reopened" in known.get(identity, ())
            or any(m.data["kind"] == "reopen" for m in messages.get(identity, [])),
            now,
        )
        for told in complaint.inbox:
            if told.type == "assignment.withdrawn":
                complaint.open_now.pop(told.data["assignment_id"], None)
            else:
                complaint.open_now[told.data["assignment_id"]] = told.data["department"]
        yield complaint


def differences_of(complaint: Complaint, life: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Where the router's row says something else: what it is about, and both words."""
    data = complaint.received.data
    for name in ("channel", "case_id", "body_digest"):
        if life[name] != data.get(name):
            yield "content", f"{name} is {life[name]!r}, received {data.get(name)!r}"
    for name in ("occurred_at", "received_at"):
        if life[name] != microseconds(data[name]):
            yield "content", f"{name} is {life[name]}, received {data[name]}"
    last = complaint.last
    if life["revision"] != last.get("revision", 0):
        yield "decision", f"revision is {life['revision']}, published {last.get('revision', 0)}"
    if complaint.reopened:
        return  # what stands after it depends on an order that nobody knows
    if life["material"] != last.get("material", ""):
        yield "decision", f"material is {life['material']}, published {last.get('material')}"
    ours = {each["assignment_id"]: each["department"] for each in life["assignments"]}
    if ours != complaint.open_now:
        yield "assignments", f"open are {ours}, told {complaint.open_now}"
    if life["state"] not in complaint.states:
        yield "state", f"is {life['state']}, follows as {sorted(complaint.states)}"
    awaited = last.get("waiting_until") if last.get("outcome") in AWAITING else None
    allowed: set[int | None] = {None}
    if awaited is not None and not complaint.over:
        # Once it has come, the router has asked again, and may have been told nothing new.
        at = microseconds(awaited)
        allowed = {at} if at > complaint.now else {at, None}
    if life["due"] not in allowed:
        yield "due", f"is {life['due']}, follows as {awaited}"
