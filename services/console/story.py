"""A complaint's story in words and bars: what a person or a program is shown, from events.  Pure.

It stands apart from the pages so that the API and the pages say the same.  Hazard: these sentences are read by people who
were just told that they caused something; they state what happened and never scold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from services.console.projection import Fact, Kind, Summary

STATES: Final = {
    "received": "Received",
    "located": "Case found",
    "traced": "Traced",
    "assigned": "Assigned",
    "waiting": "Waiting for a fact",
    "asked": "Question asked",
    "triage": "A person decides",
    "external": "Outside the company",
    "notified": "Department told",
    "acknowledged": "Acknowledged",
    "disputed": "Disputed",
    "escalated": "Escalated",
    "resolved": "Resolved",
    "reopened": "Reopened",
    "closed": "Closed",
    "withdrawn": "Withdrawn",
    "merged": "Part of an incident",
    "erased": "Erased",
}
"""What people read for a state; the API gives the state itself."""

_PARTIES: Final = {
    "external": "an outside party",
    "customer": "the customer's own step",
    "promise": "the promise itself",
    "unknown": "not known",
}
_FINDINGS: Final = {
    "on_time": "on time",
    "late": "late",
    "overdue": "overdue",
    "pending": "still running",
    "fault": "recorded as not as it should be",
    "skipped": "skipped",
    "cancelled": "cancelled",
    "contradiction": "contradicts another event",
    "silent": "its system has said nothing",
    "missing": "no event says when",
    "disordered": "times out of order",
    "backdated": "recorded after the complaint",
    "promise_missed": "the promise, by which it was missed",
    "promise_pending": "promise still open",
    "clock_skew": "its clock does not agree with others",
    "zone_error": "its time zone was off",
    "duplicate": "sent twice, counted once",
    "self_serving": "entered after the complaint; moves nothing until confirmed",
    "disputed": "giver and receiver tell different times",
    "attempt": "a first try that did not succeed",
    "answered": "answered by a person",
}
_KINDS: Final = {
    "delay": "took longer than planned",
    "fault": "a recorded event",
    "contradiction": "events that do not go together",
    "promise": "every step in time, the promise too short",
    "external": "outside the company",
    "customer": "the customer's own step",
    "text": "by the words alone",
    "unknown": "no event tells",
}
_REASONS: Final = {
    "retraced": "later news changed the picture",
    "answered": "the question has been answered",
    "unanswered": "no answer came in time, a person decides",
    "withdrawn_by_customer": "the customer withdrew the complaint",
}
_ACTIONS: Final = {
    "finish": "holds the open step",
    "manage": "speaks with the party outside that holds the open step",
    "remedy": "can put it right",
    "decide": "reads the complaint and decides",
}
_TIMED: Final = frozenset({"on_time", "late", "overdue", "promise_missed"})


@dataclass(frozen=True, slots=True)
class Labels:
    """What the company calls things; a thing without a name goes by its id.

    New names are put in while the console runs, when the company's folder changes.
    """

    departments: dict[str, str]
    activities: dict[str, str]
    symptoms: dict[str, str]

    def department(self, id_: str) -> str:
        """A department's name, or what stands for a cause that is none."""
        return self.departments.get(id_) or _PARTIES.get(id_) or _plain(id_)

    def activity(self, id_: str) -> str:
        """An activity's name."""
        return self.activities.get(id_) or _plain(id_)

    def symptom(self, id_: str) -> str:
        """A symptom's name."""
        return self.symptoms.get(id_) or _plain(id_)


@dataclass(frozen=True, slots=True)
class Bar:
    """One piece of evidence in the picture of hours; lengths in percent of the picture's width."""

    activity: str
    finding: str
    words: str
    hours: float
    timed: bool
    start: float
    length: float


@dataclass(frozen=True, slots=True)
class Step:
    """One step on the way to the promise; places and lengths in percent of the picture's width."""

    activity: str
    department: str
    begin: str
    end: str
    start: float
    planned: float
    """Length within the plan."""
    beyond: float
    charged: float
    """Hours beyond its plan that are its own."""
    unknown: float
    """Hours that nobody can be charged for."""
    unfinished: bool


@dataclass(frozen=True, slots=True)
class Alert:
    """One notification over all its attempts."""

    notification_id: str
    department: str
    stage: str
    outcome: str
    attempts: int
    status_code: int | None
    detail: str | None
    at: str
    next_attempt_at: str | None

    def document(self) -> dict[str, Any]:
        """As the API gives it."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def line(fact: Fact, labels: Labels) -> str:
    """What happened, in one sentence."""
    data = fact.data
    match fact.kind:
        case Kind.RECEIVED:
            about = f" about {data['case_id']}" if data.get("case_id") else ""
            return f"The customer complained{about} through {data['channel']}."
        case Kind.MESSAGED:
            return f"The customer wrote again ({_plain(data['kind'])}) through {data['channel']}."
        case Kind.TRACED:
            how = _LOCATED.get(data.get("located_by") or "")
            about = f" (about {data['case_id']}, {how})" if how else ""
            return f"Decision {data['revision']}{about}: {_causes(data, labels)}"
        case Kind.STATUS:
            state = STATES.get(data["state"], _plain(data["state"])).lower()
            helper = data.get("who_can_help")
            return f"Now: {state}." + (f" {labels.department(helper)} can help." if helper else "")
        case Kind.OPENED:
            verb = "was told more about" if data.get("updated") else "got"
            roles = " and ".join(_ROLES.get(role, _plain(role)) for role in data["roles"])
            return f"{labels.department(data['department'])} {verb} an assignment: {roles}."
        case Kind.WITHDRAWN:
            why = _REASONS.get(data["reason"]) or _plain(data["reason"])
            return (
                f"The assignment of {labels.department(data['department'])} was taken back: {why}."
            )
        case Kind.NOTIFIED:
            return _told(data, labels)


_ROLES: Final = {
    "cause": "see what caused it",
    "recovery": "help the customer",
    "answer": "answer one question",
}
_LOCATED: Final = {
    "text": "named in the customer's words",
    "customer": "the customer's case that fits best",
    "answered": "named by the customer when asked",
}


def _causes(data: Mapping[str, Any], labels: Labels) -> str:
    causes = sorted(
        data.get("causes", ()), key=lambda cause: (-cause["share"], cause["department"])
    )
    outcome = data["outcome"]
    if outcome == "waiting":
        return "it waits for a fact that is not there yet."
    if outcome == "asked":
        if data.get("question") is None:
            return "several cases may be meant; the customer is asked which one."
        return "one fact would decide; its owner is asked."
    named = ", ".join(
        f"{labels.department(cause['department'])} {percent(cause['share'])}" for cause in causes
    )
    sure = f" (confidence {percent(data['confidence'])})"
    if outcome == "triage":
        return f"not sure enough, a person decides{': ' + named if named else ''}{sure}."
    return f"{named or 'no cause named'}{sure}."


def _told(data: Mapping[str, Any], labels: Labels) -> str:
    who = labels.department(data["department"])
    match data["outcome"]:
        case "delivered":
            return f"{who} was told ({_plain(data['stage'])}), at attempt {data['attempt']}."
        case "attempted":
            return f"{who} could not be reached ({_reason(data)}); attempt {data['attempt']}, it will be tried again."
        case "suppressed":
            return f"{who} was not told ({_reason(data)})."
        case "abandoned":
            return f"{who} could not be reached ({_reason(data)}); given up after {data['attempt']} attempts."
    return f"{who}: {_plain(data['outcome'])}."


def _reason(data: Mapping[str, Any]) -> str:
    if data.get("status_code") is not None:
        return f"it answered {data['status_code']}"
    return _plain(data.get("detail") or "no reason given")


def bars(decision: Mapping[str, Any] | None, labels: Labels) -> list[Bar]:
    """The evidence as bars: to the right of the middle what was late, to the left what was early."""
    evidence = list((decision or {}).get("evidence", ()))
    longest = max(
        (abs(item["hours"]) for item in evidence if item["finding"] in _TIMED), default=0.0
    )
    drawn = []
    for item in evidence:
        timed = item["finding"] in _TIMED
        length = round(50 * abs(item["hours"]) / longest, 2) if timed and longest else 0.0
        drawn.append(
            Bar(
                activity=labels.activity(item["activity"]),
                finding=item["finding"],
                words=finding(item["finding"]),
                hours=item["hours"],
                timed=timed,
                start=50.0 if item["hours"] >= 0 else round(50.0 - length, 2),
                length=length,
            )
        )
    return drawn


def steps(decision: Mapping[str, Any] | None, labels: Labels) -> list[Step]:
    """The way of the case to its promise, each step a bar from its real beginning to its real end."""
    drawn = list((decision or {}).get("timeline") or ())
    if not drawn:
        return []
    first = min(_seconds(item["begin"]) for item in drawn)
    whole = max(_seconds(item["end"]) for item in drawn) - first
    return [_step(item, first, max(whole, 1.0), labels) for item in drawn]


def _step(item: Mapping[str, Any], first: float, whole: float, labels: Labels) -> Step:
    begin, end = _seconds(item["begin"]), _seconds(item["end"])
    allowed = _seconds(item["allowed_until"]) if item.get("allowed_until") else end
    within = min(end, max(begin, allowed))
    owner = item.get("department")
    charged, unknown = item["charged_hours"], item["unknown_hours"]
    if owner is None:
        # Steps of several departments that nothing separates: it is nobody's.
        charged, unknown = 0.0, charged + unknown
    return Step(
        activity=labels.activity(item["activity"]),
        department=labels.department(owner) if owner else "and before it, nothing tells them apart",
        begin=item["begin"],
        end=item["end"],
        start=round(min(99.2, 100 * (begin - first) / whole), 2),
        planned=round(100 * (within - begin) / whole, 2),
        # What is short can still be seen.
        beyond=round(max(0.8 if within <= begin else 0.0, 100 * (end - within) / whole), 2),
        charged=charged,
        unknown=unknown,
        unfinished=item["unfinished"],
    )


def kind(word: str) -> str:
    """What a kind of cause means, free of blame."""
    return _KINDS.get(word) or _plain(word)


def action(word: str) -> str:
    """How somebody can help."""
    return _ACTIONS.get(word) or _plain(word)


def finding(word: str) -> str:
    """What a finding means."""
    return _FINDINGS.get(word) or _plain(word)


def _seconds(wire: str) -> float:
    return datetime.fromisoformat(wire).timestamp()


def alerts(facts: Sequence[Fact]) -> list[Alert]:
    """Every notification of a complaint with how it ended so far, in order of their first attempt."""
    found: dict[str, Fact] = {}
    for fact in facts:
        if fact.kind is not Kind.NOTIFIED:
            continue
        id_ = fact.data["notification_id"]
        before = found.get(id_)
        if before is None or fact.data["attempt"] >= before.data["attempt"]:
            found[id_] = fact
    return [
        Alert(
            notification_id=id_,
            department=fact.data["department"],
            stage=fact.data["stage"],
            outcome=fact.data["outcome"],
            attempts=fact.data["attempt"],
            status_code=fact.data.get("status_code"),
            detail=fact.data.get("detail"),
            at=fact.data["at"],
            next_attempt_at=fact.data.get("next_attempt_at"),
        )
        for id_, fact in found.items()
    ]


def speak(words: Mapping[str, Any] | None, languages: Sequence[str]) -> list[str]:
    """The sentences in the first language that there are any in."""
    for language in (*languages, *sorted(words or {})):
        sentences = (words or {}).get(language)
        if sentences:
            return [str(sentence) for sentence in sentences]
    return []


def instant(at: int) -> str:
    """Epoch microseconds as RFC 3339."""
    seconds, micros = divmod(at, 1_000_000)
    base = datetime.fromtimestamp(seconds, UTC).replace(microsecond=micros)
    return base.isoformat().removesuffix("+00:00") + "Z"


def status_document(summary: Summary) -> dict[str, Any]:
    """Where a complaint stands, as the API gives it."""
    decision = summary.decision or {}
    return {
        "complaint_id": summary.complaint_id,
        "state": summary.state,
        "since": summary.since,
        "revision": summary.revision,
        "channel": summary.channel,
        "case_id": summary.case_id,
        "language": summary.language,
        "received_at": instant(summary.opened_at) if summary.received else None,
        "who_can_help": summary.who_can_help,
        "departments": list(summary.departments),
        "what_to_tell_the_customer": dict(summary.customer_words),
        "next_check_at": summary.next_check_at,
        "open_question": summary.open_question,
        "outcome": decision.get("outcome"),
        "confidence": decision.get("confidence"),
        "causes": summary.causes,
        "recovery": decision.get("recovery"),
    }


def story_document(summary: Summary, facts: Sequence[Fact], labels: Labels) -> dict[str, Any]:
    """All of a complaint, as the API gives it."""
    decision = summary.decision or {}
    return {
        **status_document(summary),
        "symptoms": decision.get("symptoms", []),
        "evidence": decision.get("evidence", []),
        "missing": decision.get("missing", []),
        "explanation": decision.get("explanation", {}),
        "registry_digest": decision.get("registry_digest"),
        "engine_version": decision.get("engine_version"),
        "notifications": [alert.document() for alert in alerts(facts)],
        "events": [
            {
                "id": fact.event_id,
                "type": fact.type,
                "time": instant(fact.at),
                "recorded_at": instant(fact.recorded_at),
                "source": fact.source,
                "topic": fact.topic,
                "partition": fact.partition,
                "offset": fact.offset,
                "causation_id": fact.causation_id,
                "summary": line(fact, labels),
                "data": fact.data,
            }
            for fact in facts
        ],
    }


def percent(share: float) -> str:
    """A part of one in words."""
    # Rounded up to certainty it would say more than anyone knows.
    return "over 99 %" if 0.995 <= share < 1 else f"{100 * share:.0f} %"


def _plain(word: str) -> str:
    return str(word).replace("_", " ").replace("-", " ")
