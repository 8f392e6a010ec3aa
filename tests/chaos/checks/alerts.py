"""Whoever is assigned is told, once: I3, I4."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping

from tests.chaos.checks.base import (
    NOTIFIED,
    STATUS,
    TERMINAL,
    TRACED,
    Result,
    alert_of,
    by_key,
    states,
)
from tests.chaos.journal import Call, Evidence, Record


def delivered(evidence: Evidence) -> Result:
    """I3: who is assigned has been told, and nothing is left lying about."""
    result = Result("I3", "every assignment has reached its department")
    told = _outcomes(evidence)
    accepted = {call.webhook_id for call in evidence.calls if call.accepted}
    by_assignment: dict[str, list[Record]] = defaultdict(list)
    for record in evidence.inboxes():
        by_assignment[record.data["assignment_id"]].append(record)
    for assignment, records in by_assignment.items():
        reached = False
        for record in records:
            result.examined += 1
            alert = alert_of(record)
            outcomes = told.get(alert, [])
            if not {"delivered", "suppressed", "abandoned"} & {o for o, _ in outcomes}:
                result.broken(
                    "in limbo", assignment, f"{record.place}: {outcomes or 'no attempt recorded'}"
                )
            result.count(f"alerts {alert[2]}")
            reached = reached or "delivered" in {o for o, _ in outcomes}
            if record is not records[-1] or "delivered" in {o for o, _ in outcomes}:
                continue
            # A withdrawal of what nobody was told may be left out; anything else has to arrive.
            if alert[2] != "withdrawn" or reached:
                result.broken("not delivered", assignment, f"{record.place}: {outcomes}")
    for alert, outcomes in told.items():
        for outcome, notification in outcomes:
            if outcome == "delivered" and notification not in accepted:
                result.broken("recorded as delivered, not received", notification, f"{alert}")
    decisions = {
        (record.key, record.data["revision"]): record.data["decision_id"]
        for record in evidence.topics.get(TRACED, [])
    }
    for records in by_assignment.values():
        for record in records:
            expected = decisions.get((record.key, record.data["revision"]))
            if expected != record.data["decision_id"]:
                result.broken("assignment without its decision", record.key, record.place)
    _assigned(evidence, by_assignment, result)
    for behind in evidence.open_transactions:
        result.broken("transaction left open", behind)
    return result


def _assigned(
    evidence: Evidence, by_assignment: Mapping[str, list[Record]], result: Result
) -> None:
    open_now: Counter[str] = Counter()
    for records in by_assignment.values():
        if records[-1].type == "assignment.opened":
            open_now[records[-1].key] += 1
    # Ended by the customer before it was decided: its decision, which came with the end, is told to nobody.
    ended_with = {
        record.key: record.headers.get("ce_causationid")
        for record in evidence.topics.get(STATUS, [])
        if record.value and record.data["state"] in TERMINAL
    }
    known = states(evidence.topics.get(STATUS, []))
    for identity, decisions in by_key(evidence.topics.get(TRACED, [])).items():
        last = max(decisions, key=lambda record: record.data["revision"])
        result.examined += 1
        result.count(f"complaints {last.data['outcome']}")
        withdrawn = "withdrawn" in known.get(identity, ())
        silent = ended_with.get(identity) == last.headers.get("ce_causationid")
        result.count("complaints ended before they were decided", int(silent))
        if last.data["outcome"] != "assigned" or withdrawn:
            pass
        elif silent and open_now[identity]:
            result.broken("assigned after its end", identity, last.place)
        elif not silent and not open_now[identity]:
            result.broken("assigned to nobody", identity, last.place)
        if last.data["outcome"] == "waiting" and open_now[identity]:
            result.broken("assigned while waiting", identity, last.place)


def _outcomes(evidence: Evidence) -> dict[tuple[str, int, str], list[tuple[str, str]]]:
    """(assignment, revision, stage) -> (outcome, notification id) in order."""
    told: dict[tuple[str, int, str], list[tuple[str, str]]] = defaultdict(list)
    for record in evidence.topics.get(NOTIFIED, []):
        data = record.data
        told[data["assignment_id"], data["revision"], data["stage"]].append(
            (data["outcome"], data["notification_id"])
        )
    return told


def one_alert(evidence: Evidence) -> Result:
    """I4: a receiver that drops repeats of a webhook id sees each alert once; never a second id for one alert."""
    result = Result("I4", "one webhook id per alert; a repeat has the same bytes")
    asked = {alert_of(record) for record in evidence.inboxes()}
    told: dict[str, tuple[str, int, str, str]] = {}
    ids: dict[tuple[str, int, str, str], set[str]] = defaultdict(set)
    bodies: dict[str, str] = {}
    for call in evidence.calls:
        result.examined += 1
        try:
            alert = _called(call)
        except (ValueError, KeyError, TypeError):
            result.broken("call that cannot be read", call.webhook_id, call.body[:200])
            continue
        if call.webhook_id in bodies:
            result.count("repeated calls")
        if bodies.setdefault(call.webhook_id, call.body) != call.body:
            result.broken("a repeat says something else", call.webhook_id, f"{alert}")
        if told.setdefault(call.webhook_id, alert) != alert:
            result.broken("one id for two alerts", call.webhook_id, f"{told[call.webhook_id]}")
        ids[alert].add(call.webhook_id)
        if alert[:3] not in asked:
            result.broken("an alert nobody asked for", call.webhook_id, f"{alert}")
    result.count("webhook calls", len(evidence.calls))
    result.count("distinct webhook ids", len(bodies))
    recorded: dict[tuple[str, int, str, str], set[str]] = defaultdict(set)
    ends: Counter[str] = Counter()
    for record in evidence.topics.get(NOTIFIED, []):
        data = record.data
        result.examined += 1
        alert = (data["assignment_id"], data["revision"], data["stage"], data["receiver"])
        recorded[alert].add(data["notification_id"])
        if data["outcome"] == "delivered":
            ends[data["notification_id"]] += 1
        if alert[:3] not in asked:
            result.broken("an alert nobody asked for", data["notification_id"], record.place)
    for source, found in (("webhooks", ids), ("topic", recorded)):
        for alert, several in found.items():
            if len(several) > 1:
                result.broken("second id for one alert", f"{alert}", f"{source}: {sorted(several)}")
    for alert, several in ids.items():
        if alert in recorded and not several <= recorded[alert]:
            result.broken("webhook and topic name other ids", f"{alert}", f"{sorted(several)}")
        if alert not in recorded:
            result.broken("called, never recorded", f"{alert}", f"{sorted(several)}")
    for notification, count in ends.items():
        if count > 1:
            result.broken("recorded as delivered twice", notification, f"{count} records")
    _one_open(evidence, result)
    return result


def _one_open(evidence: Evidence, result: Result) -> None:
    """A second alert under another assignment would have other ids all the way down."""
    reopened = {
        identity
        for identity, known in states(evidence.topics.get(STATUS, [])).items()
        if "reopened" in known
    }
    open_now: dict[tuple[str, str], str] = {}
    for record in evidence.inboxes():
        whose = record.key, record.topic
        assignment = record.data["assignment_id"]
        before = open_now.get(whose, assignment)
        if record.type == "assignment.withdrawn":
            open_now.pop(whose, None)
        elif before != assignment and record.key not in reopened:
            result.broken("two open assignments of one department", record.key, record.place)
        else:
            open_now[whose] = assignment


def _called(call: Call) -> tuple[str, int, str, str]:
    data = call.message["data"]
    stage = call.message["type"].removeprefix("assignment.")
    return data["assignment_id"], data["revision"], stage, data["department"]
