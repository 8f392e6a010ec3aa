"""The promises, each as a function from evidence to what breaks it.  Pure: no Kafka, no files, nothing of the product.

It stands apart so that each check can be shown a planted violation.  What is checked follows from the contracts alone:
docs/verification.md has the promises in words.

Hazard: a check that examines nothing is green.  Every check counts what it examined, and the report shows the count.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any, Final

from tests.chaos.journal import Call, Evidence, Record, Request

RECEIVED: Final = "complaint.received"
MESSAGED: Final = "complaint.messaged"
OBSERVED: Final = "process.observed"
REQUESTED: Final = "trace.requested"
ANSWERED: Final = "trace.answered"
TRACED: Final = "complaint.traced"
STATUS: Final = "complaint.status"
NOTIFIED: Final = "notification.recorded"
FROM_OUTSIDE: Final = frozenset({RECEIVED, MESSAGED, OBSERVED})
"""A client that got no answer sends again, and both may be stored: the readers drop the repeat by its id."""
TERMINAL: Final = frozenset({"closed", "withdrawn", "merged", "erased"})
CLOCK_TOLERANCE_MS: Final = 2


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken promise."""

    check: str
    what: str
    subject: str
    detail: str


@dataclass(slots=True)
class Result:
    """What one check found.

    Attributes:
        check: its number, as in docs/verification.md.
        promise: in words.
        examined: how many things it looked at.
        violations: what breaks the promise.
        facts: other counts worth telling.
    """

    check: str
    promise: str
    examined: int = 0
    violations: list[Violation] = field(default_factory=list)
    facts: dict[str, int] = field(default_factory=dict)

    def broken(self, what: str, subject: str, detail: str = "") -> None:
        """Note a violation."""
        self.violations.append(Violation(self.check, what, subject, detail))

    def count(self, fact: str, number: int = 1) -> None:
        """Add to a count."""
        self.facts[fact] = self.facts.get(fact, 0) + number


def by_key(records: Iterable[Record]) -> dict[str, list[Record]]:
    """Records by key, in their order."""
    found: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        found[record.key].append(record)
    return found


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
            for problem in _differences(request.body, record.data):
                result.broken("stored with other content", record.key, f"{record.place}: {problem}")
    _kept_events(evidence, result)
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
            for problem in _differences(event, record.data):
                result.broken("stored with other content", record.id, f"{record.place}: {problem}")


def _differences(sent: Mapping[str, Any], stored: Mapping[str, Any]) -> Iterator[str]:
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


def decided(evidence: Evidence) -> Result:
    """I2: one decision per revision, revisions without a gap, no decision without its complaint."""
    result = Result("I2", "every complaint is decided, once per revision")
    topics = evidence.topics
    received = by_key(topics.get(RECEIVED, []))
    traced = by_key(topics.get(TRACED, []))
    states = _states(topics.get(STATUS, []))
    dead = _dead_letters(evidence)
    ids: Counter[str] = Counter()
    for identity in received:
        result.examined += 1
        decisions = traced.get(identity, [])
        if decisions:
            result.count("complaints with a decision")
        elif identity in dead:
            result.broken("dead letter instead of a decision", identity, dead[identity])
        elif not TERMINAL & set(states.get(identity, ())):
            result.broken("complaint without a decision", identity, received[identity][0].place)
        _revisions(identity, decisions, states.get(identity, []), ids, result)
    for identity, decisions in traced.items():
        if identity not in received:
            result.broken("decision without a complaint", identity, decisions[0].place)
    for decision, count in ids.items():
        if count > 1:
            result.broken("one decision id twice", decision, f"{count} records")
    answered = {record.headers.get("ce_causationid") for record in topics.get(ANSWERED, [])}
    for record in topics.get(REQUESTED, []):
        result.examined += 1
        if record.id not in answered:
            result.broken("question without an answer", record.data["complaint_id"], record.place)
    return result


def _revisions(
    identity: str,
    decisions: list[Record],
    states: list[str],
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
    if "reopened" in states:
        return
    for before, after in pairwise(decisions):
        if before.data.get("material") and before.data["material"] == after.data.get("material"):
            result.broken("revision without a change", identity, f"{before.place}, {after.place}")


def _states(records: Iterable[Record]) -> dict[str, list[str]]:
    states: dict[str, list[str]] = defaultdict(list)
    for record in records:
        if record.value:
            states[record.key].append(record.data["state"])
    return states


def _dead_letters(evidence: Evidence) -> dict[str, str]:
    """Complaint -> why it is a dead letter."""
    import base64

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
            alert = _alert(record)
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
    states = _states(evidence.topics.get(STATUS, []))
    for identity, decisions in by_key(evidence.topics.get(TRACED, [])).items():
        last = max(decisions, key=lambda record: record.data["revision"])
        result.examined += 1
        result.count(f"complaints {last.data['outcome']}")
        withdrawn = "withdrawn" in states.get(identity, ())
        if last.data["outcome"] == "assigned" and not open_now[identity] and not withdrawn:
            result.broken("assigned to nobody", identity, last.place)
        if last.data["outcome"] == "waiting" and open_now[identity]:
            result.broken("assigned while waiting", identity, last.place)


def _alert(record: Record) -> tuple[str, int, str]:
    data = record.data
    opened = "updated" if data.get("updated") else "opened"
    stage = "withdrawn" if record.type == "assignment.withdrawn" else opened
    return data["assignment_id"], data["revision"], stage


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
    asked = {_alert(record) for record in evidence.inboxes()}
    alert_of: dict[str, tuple[str, int, str, str]] = {}
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
        if alert_of.setdefault(call.webhook_id, alert) != alert:
            result.broken("one id for two alerts", call.webhook_id, f"{alert_of[call.webhook_id]}")
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
    return result


def _called(call: Call) -> tuple[str, int, str, str]:
    data = call.message["data"]
    stage = call.message["type"].removeprefix("assignment.")
    return data["assignment_id"], data["revision"], stage, data["department"]


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
        elif record.timestamp + CLOCK_TOLERANCE_MS < first[cause]:
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
        if record.timestamp > end.timestamp + CLOCK_TOLERANCE_MS:
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
        for problem in _differences(request.body, record.data):
            result.broken("complaint that nobody sent", record.key, f"{record.place}: {problem}")
    sent = {
        (event["case_id"], event["event_id"])
        for request in evidence.client.of("events")
        for event in request.body
    }
    for record in evidence.topics.get(OBSERVED, []):
        result.examined += 1
        if (record.key, record.id) not in sent:
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


def stable_reads(evidence: Evidence) -> Result:
    """R: what a reader saw during the faults is in the final log, in that order, with nothing slipped in between."""
    result = Result("R", "nothing seen during the faults was taken back, changed or reordered")
    final: dict[tuple[str, int], dict[int, Record]] = defaultdict(dict)
    for record in evidence.records():
        final[record.topic, record.partition][record.offset] = record
    position: dict[tuple[str, int], int] = {}
    for seen in evidence.seen:
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


def answered_for(evidence: Evidence) -> Result:
    """I11: where the load knows the cause and gave all the evidence first, the last decision names it."""
    result = Result("I11", "the planted cause is the one that is named")
    last: dict[str, Record] = {}
    revisions = Counter(record.key for record in evidence.topics.get(TRACED, []))
    taken_back = Counter(
        record.key for record in evidence.inboxes() if record.type == "assignment.withdrawn"
    )
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
        # No broken promise, but a haste to know of: what was stored before the complaint was read after it.
        result.count("decided before evidence that was there", int(revisions[decision.key] > 1))
        result.count("alerts withdrawn for it", taken_back[decision.key])
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
    states = _states(evidence.topics.get(STATUS, []))
    for request in evidence.client.of("message"):
        for answer in request.accepted[:1]:
            result.examined += 1
            if answer.message_id in causes:
                continue
            if not TERMINAL & set(states.get(str(request.complaint_id), ())):
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


CHECKS: Final[tuple[Callable[[Evidence], Result], ...]] = (
    kept,
    decided,
    delivered,
    one_alert,
    ordered,
    no_phantoms,
    once,
    answered_for,
    heard,
    stable_reads,
)


def judge(evidence: Evidence) -> list[Result]:
    """All checks, in order."""
    return [check(evidence) for check in CHECKS]
