"""Every complaint is decided, once for each revision, on all that was known, and right: I2, I10, I11, I12."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final

from tests.chaos.checks.base import (
    ANSWERED,
    RECEIVED,
    REQUESTED,
    STATUS,
    TERMINAL,
    TRACED,
    Result,
    by_key,
    states,
)
from tests.chaos.checks.state import State
from tests.chaos.journal import Evidence, Record

JUST_NOW_SECONDS: Final = 2.0
"""Events as young as this may be read after a question: whoever wrote them may have another clock."""
LONGEST_WAIT_SECONDS: Final = 50.0
"""A question that waits for ever would be worse: where no event is handled for a minute, the router goes on with what it has."""


def decided(evidence: Evidence) -> Result:
    """I2: one decision per revision, revisions without a gap, no decision without its complaint."""
    result = Result("I2", "every complaint is decided, once per revision")
    topics = evidence.topics
    received = by_key(topics.get(RECEIVED, []))
    traced = by_key(topics.get(TRACED, []))
    known = states(topics.get(STATUS, []))
    dead = _dead_letters(evidence)
    ids: Counter[str] = Counter()
    for identity in received:
        result.examined += 1
        decisions = traced.get(identity, [])
        if decisions:
            result.count("complaints with a decision")
        elif identity in dead:
            result.broken("dead letter instead of a decision", identity, dead[identity])
        else:
            result.broken("complaint without a decision", identity, received[identity][0].place)
        _revisions(identity, decisions, known.get(identity, []), ids, result)
    for identity, decisions in traced.items():
        if identity not in received:
            result.broken("decision without a complaint", identity, decisions[0].place)
    for decision, count in ids.items():
        if count > 1:
            result.broken("one decision id twice", decision, f"{count} records")
    led_to = {record.headers.get("ce_causationid") for record in evidence.records()}
    for record in topics.get(REQUESTED, []):
        result.examined += 1
        if record.id in led_to or record.data.get("reason") == "forgotten":
            continue
        # An answer that changed nothing is in the router's rows only.
        if evidence.state is not None and not _answered(evidence.state, record.data):
            result.broken("question without an answer", record.data["complaint_id"], record.place)
    return result


def _revisions(
    identity: str,
    decisions: list[Record],
    known: list[str],
    ids: Counter[str],
    result: Result,
) -> None:
    revisions = [record.data["revision"] for record in decisions]
    for record in decisions:
        ids[record.data["decision_id"]] += 1
        if record.data["complaint_id"] != identity:
            result.broken("decision under another key", identity, record.place)
    result.count("decisions", len(decisions))
    result.count("re-traced complaints", int(len(set(revisions)) > 1))
    for revision, count in Counter(revisions).items():
        if count > 1:
            places = [r.place for r in decisions if r.data["revision"] == revision]
            result.broken("two decisions for one revision", identity, f"{revision}: {places}")
    if sorted(set(revisions)) != list(range(1, len(set(revisions)) + 1)):
        result.broken("gap in the revisions", identity, f"{revisions}")
    elif revisions != sorted(revisions):
        result.broken("revisions out of order", identity, f"{revisions}")
    if "reopened" in known:
        return
    for before, after in pairwise(decisions):
        if before.data.get("material") and before.data["material"] == after.data.get("material"):
            result.broken("revision without a change", identity, f"{before.place}, {after.place}")


def _dead_letters(evidence: Evidence) -> dict[str, str]:
    """Complaint -> why it is a dead letter."""
    dead: dict[str, str] = {}
    for topic, records in evidence.topics.items():
        if not topic.endswith(".dlq"):
            continue
        for record in records:
            letter = record.data
            if str(letter.get("topic", "")).endswith(RECEIVED) and letter.get("key"):
                key = base64.b64decode(letter["key"]).decode("utf-8", "replace")
                dead[key] = f"{record.place}: {letter.get('reason')}: {letter.get('detail')}"
    return dead


def _answered(state: State, question: Mapping[str, Any]) -> bool:
    group = b"t:" + question["case_id"].encode()
    row = state.find(group, question["complaint_id"].encode())
    if row is None:
        return False
    return bool(json.loads(row.partition(b"\n")[2])["sequence"] >= question["sequence"])


def unhurried(evidence: Evidence) -> Result:
    """I10: no decision had to be changed for an event that was stored well before its complaint was sent.

    Sound, because it asks for a proof: a later revision whose cause is such an event.  The router reads questions and events
    from two topics; it lets questions wait for events that are older, as long as it gets on with them.
    """
    result = Result("I10", "nobody decided before evidence that was there")
    stored: dict[str, float] = {}
    for request in evidence.client.of("events"):
        for answer in request.answers:
            for identity in answer.stored:
                stored[identity] = min(stored.get(identity, answer.at), answer.at)
    sent = {
        str(request.accepted[0].complaint_id): min(request.sent_at)
        for request in evidence.client.of("complaint")
        if request.accepted
    }
    causes = {
        record.id: record.headers.get("ce_causationid")
        for record in evidence.topics.get(ANSWERED, [])
    }
    taken_back = Counter(
        (record.key, record.data["revision"])
        for record in evidence.inboxes()
        if record.type == "assignment.withdrawn"
    )
    first: dict[str, Record] = {}
    for record in evidence.topics.get(TRACED, []):
        result.examined += 1
        before = first.setdefault(record.key, record)
        cause = record.headers.get("ce_causationid")
        cause = causes.get(str(cause), cause)
        if record is before or cause not in stored or record.key not in sent:
            continue
        early = sent[record.key] - stored[str(cause)]
        if early <= 0:
            continue
        result.count("decided before evidence that was there")
        result.count("alerts withdrawn for it", taken_back[record.key, record.data["revision"]])
        oldest = "milliseconds before its complaint, the oldest of that evidence"
        result.facts[oldest] = max(result.facts.get(oldest, 0), round(early * 1000))
        waited = before.timestamp / 1000 - sent[record.key]
        if early >= JUST_NOW_SECONDS and waited < LONGEST_WAIT_SECONDS and not evidence.clocks_jump:
            result.broken(
                "decided before evidence that was there",
                record.key,
                f"{before.place} came {waited:.1f} s after the complaint, and did not know {cause}, "
                f"stored {early:.1f} s before it: {record.place}",
            )
    return result


def answered_for(evidence: Evidence) -> Result:
    """I11: where the load knows the cause and gave all the evidence first, the last decision names it."""
    result = Result("I11", "the planted cause is the one that is named")
    last: dict[str, Record] = {}
    for record in evidence.topics.get(TRACED, []):
        if record.key not in last or record.data["revision"] > last[record.key].data["revision"]:
            last[record.key] = record
    for request in evidence.client.of("complaint"):
        if request.expect is None or not request.accepted:
            continue
        decision = last.get(str(request.accepted[0].complaint_id))
        if decision is None:
            continue
        result.examined += 1
        causes = sorted(decision.data["causes"], key=lambda cause: -cause["share"])
        first = causes[0]["department"] if causes else None
        if first != request.expect:
            found = f"{decision.data['outcome']}, {first}; planted {request.expect}"
            result.broken("another cause", decision.key, f"{decision.place}: {found}")
    return result


def heard(evidence: Evidence) -> Result:
    """I12: what the customer said later took effect: no message ends as a dead letter."""
    result = Result("I12", "every 202'd message took effect")
    causes = {
        record.headers.get("ce_causationid")
        for record in [*evidence.topics.get(STATUS, []), *evidence.inboxes()]
    }
    known = states(evidence.topics.get(STATUS, []))
    for request in evidence.client.of("message"):
        for answer in request.accepted[:1]:
            result.examined += 1
            if answer.message_id in causes:
                continue
            if not TERMINAL & set(known.get(str(request.complaint_id), ())):
                result.broken(
                    "message without effect",
                    str(answer.message_id),
                    f"about {request.complaint_id}",
                )
    for topic, records in evidence.topics.items():
        if topic.endswith(".dlq"):
            for record in records:
                letter = record.data
                result.broken(
                    "dead letter",
                    str(letter.get("origin")),
                    f"{record.place}: {letter.get('reason')}: {letter.get('detail')}",
                )
    return result
