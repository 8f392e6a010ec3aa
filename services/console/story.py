"""A complaint's story in words and bars: what a person or a program is shown, from events.  Pure.

It stands apart from the pages so that the API and the pages say the same.  Hazard: these sentences are read by people who
were just told that they caused something; they state what happened and never scold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from services.console.projection import Fact, Kind, Summary
from services.console.texts import LANGUAGES, Say, say

_TIMED: Final = frozenset({"on_time", "late", "overdue", "promise_missed"})


@dataclass(frozen=True, slots=True)
class Labels:
    """What the company calls things; a thing without a name goes by its id.

    New names are put in while the console runs, when the company's folder changes.
    """

    departments: dict[str, str]
    activities: dict[str, str]
    symptoms: dict[str, str]
    say: Say = field(default_factory=lambda: say(LANGUAGES[0]))
    """The language that it is told in."""

    def department(self, id_: str) -> str:
        """A department's name, or what stands for a cause that is none."""
        return self.departments.get(id_) or self.say.word("party", id_)

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
    data, said = fact.data, labels.say
    match fact.kind:
        case Kind.RECEIVED:
            key = "complained_about" if data.get("case_id") else "complained"
            return said(f"line.{key}", case=data.get("case_id"), channel=data["channel"])
        case Kind.MESSAGED:
            return said(
                "line.wrote", kind=said.word("message", data["kind"]), channel=data["channel"]
            )
        case Kind.TRACED:
            located = data.get("located_by") or ""
            how = said.word("located", located) if located in _LOCATED else ""
            return said(
                "line.decision_about" if how else "line.decision",
                revision=data["revision"],
                case=data.get("case_id"),
                how=how,
                causes=_causes(data, labels),
            )
        case Kind.STATUS:
            helper = data.get("who_can_help")
            return said(
                "line.now_help" if helper else "line.now",
                state=said.word("state", data["state"]).lower(),
                department=labels.department(helper) if helper else "",
            )
        case Kind.OPENED:
            return said(
                "line.told_more" if data.get("updated") else "line.got",
                department=labels.department(data["department"]),
                roles=said("line.and").join(said.word("role", role) for role in data["roles"]),
            )
        case Kind.WITHDRAWN:
            return said(
                "line.taken_back",
                department=labels.department(data["department"]),
                why=said.word("reason", data["reason"]),
            )
        case Kind.NOTIFIED:
            return _told(data, labels)


_LOCATED: Final = frozenset({"text", "customer", "answered"})
"""How a case was found, where that is worth a word."""


def _causes(data: Mapping[str, Any], labels: Labels) -> str:
    causes = sorted(
        data.get("causes", ()), key=lambda cause: (-cause["share"], cause["department"])
    )
    said, outcome = labels.say, data["outcome"]
    if outcome == "waiting":
        return said("line.waits")
    if outcome == "asked":
        return said("line.which" if data.get("question") is None else "line.one_fact")
    named = ", ".join(
        f"{labels.department(cause['department'])} {percent(cause['share'], said)}"
        for cause in causes
    )
    sure = percent(data["confidence"], said)
    if outcome == "triage":
        return said("line.unsure_named" if named else "line.unsure", named=named, confidence=sure)
    return said("line.named", named=named or said("line.no_cause"), confidence=sure)


def _told(data: Mapping[str, Any], labels: Labels) -> str:
    outcome = data["outcome"]
    return labels.say(
        f"line.{outcome if outcome in _OUTCOMES else 'other'}",
        department=labels.department(data["department"]),
        stage=labels.say.word("stage", data["stage"]),
        attempt=data["attempt"],
        reason=_reason(data, labels.say),
        outcome=labels.say.word("outcome", outcome),
    )


_OUTCOMES: Final = frozenset({"delivered", "attempted", "suppressed", "abandoned"})


def _reason(data: Mapping[str, Any], said: Say) -> str:
    if data.get("status_code") is not None:
        return said("line.status", status=data["status_code"])
    return said.word("detail", data["detail"]) if data.get("detail") else said("line.no_reason")


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
                words=labels.say.word("finding", item["finding"]),
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
        department=labels.department(owner) if owner else labels.say("page.together"),
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
    """What a kind of cause means, free of blame, in English."""
    return say("en").word("kind", word)


def action(word: str) -> str:
    """How somebody can help, in English."""
    return say("en").word("action", word)


def finding(word: str) -> str:
    """What a finding means, in English."""
    return say("en").word("finding", word)


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
        "located_by": summary.located_by,
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
        "learned": decision.get("learned", {}),
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


def percent(share: float, said: Say | None = None) -> str:
    """A part of one in words."""
    # Rounded up to certainty it would say more than anyone knows.
    if 0.995 <= share < 1:
        return (said or say("en"))("page.over_99")
    return f"{100 * share:.0f} %"


def hours(value: float, said: Say, *, signed: bool = False) -> str:
    """A number of hours to a tenth, as the reader's language writes it."""
    text = f"{value:+.1f}" if signed else f"{value:.1f}"
    return text.replace("-", "−").replace(".", said("page.decimal"))


def _plain(word: str) -> str:
    return str(word).replace("_", " ").replace("-", " ")
