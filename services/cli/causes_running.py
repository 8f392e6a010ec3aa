"""Puts generated cases to the core, and to two simple rules, and gathers what they say.

It stands apart as the one place where the generator and the core meet.  Hazard: only what the core may see is handed over:
events that are known by the time of the question, the text, the sources' last words; never the truth, the kind or the facts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from schemas.vocabulary import CauseKind, Outcome, Transition
from services.chassis.clock import microseconds
from services.cli.causes_scoring import Answer, Judged
from services.router.tracing import losses
from services.router.tracing.company import Rules
from services.router.tracing.model import (
    HOUR,
    Case,
    Complaint,
    Decision,
    ProcessEvent,
    Question,
    SymptomScore,
)
from services.router.tracing.symptoms import classify
from services.router.tracing.tracer import trace
from services.simulator.model import Observed
from services.simulator.proof.generate import COMPANIES, generate
from services.simulator.proof.model import ProofCase

NAMING: Final = frozenset({Outcome.ASSIGNED, Outcome.EXTERNAL})
FIT_SEED: Final = 1
"""What the rule "text only" learns from; never judged."""


@dataclass(frozen=True, slots=True)
class Told:
    """A case as the core gets it."""

    complaint: Complaint
    case: Case
    as_of: int


def told(
    case: ProofCase, rules: Rules, *, by: datetime | None = None, lost: losses.Losses | None = None
) -> Told:
    """What the core may see of a case when it is asked (or later, `by` then).

    `lost` is what other cases show of the sources (`counts_before`).
    """
    asked = by or case.asked_at
    watermarks = {
        source: microseconds(asked if by is not None else at) for source, at in case.heard.items()
    }
    symptoms: tuple[SymptomScore, ...] = classify(case.text, None, rules)
    return Told(
        Complaint(case.key, microseconds(case.complained_at), case.language, symptoms),
        Case(
            case.case_id or "",
            tuple(event(one) for one in case.told if one.known_at <= asked),
            watermarks,
            lost or {},
        ),
        microseconds(asked),
    )


def counts_before(cases: Iterable[ProofCase], rules: Rules) -> dict[str, losses.Losses]:
    """By case, what those of the same company that were asked about before it show of lost events, as the router counts."""
    found: dict[str, losses.Losses] = {}
    counts: losses.Losses = {}
    for case in sorted(cases, key=lambda each: (each.asked_at, each.key)):
        found[case.key] = counts
        events = [event(one) for one in case.told if one.known_at <= case.asked_at]
        here = losses.counted(events, declared(rules, case.attested), microseconds(case.asked_at))
        counts = losses.added(counts, here)
    return found


def event(one: Observed) -> ProcessEvent:
    """An event of the simulator as the core's."""
    found = ProcessEvent(
        event_id=one.event_id,
        activity=one.activity,
        transition=Transition(one.transition),
        at=microseconds(one.at),
        recorded_at=microseconds(one.known_at),
        due_at=None if one.due_at is None else microseconds(one.due_at),
        source=one.source,
        attributes=one.attributes,
    )
    # Objects (a parcel, a route) are an optional part of the core's event.
    return replace(found, objects=one.objects) if hasattr(found, "objects") else found


def declared(rules: Rules, attested: Mapping[str, float | None]) -> Rules:
    """The rules of the same company that has declared these sources as attested."""
    if not attested:
        return rules
    sources = dict(rules.sources)
    for source, hours in attested.items():
        every = None if hours is None else round(hours * HOUR)
        sources[source] = replace(
            sources[source], assumed=False, every=every, silent_after=2 * HOUR
        )
    return replace(rules, sources=sources)


def decide(case: ProofCase, rules: Rules, lost: losses.Losses | None = None) -> Decision:
    """The core's first decision."""
    mine = declared(rules, case.attested)
    seen = told(case, mine, lost=lost)
    return trace(seen.complaint, seen.case, mine, seen.as_of, words=False)


def settled(case: ProofCase, rules: Rules, lost: losses.Losses | None = None) -> Decision:
    """The core's decision once everything has arrived that ever will."""
    mine = declared(rules, case.attested)
    seen = told(case, mine, by=case.settled_at, lost=lost)
    return trace(seen.complaint, seen.case, mine, seen.as_of, words=False)


def answered(case: ProofCase, rules: Rules, lost: losses.Losses | None = None) -> Decision:
    """The core's decision once its questions (at most two) are answered truthfully, some hours later."""
    mine = declared(rules, case.attested)
    seen = told(case, mine, lost=lost)
    decision = trace(seen.complaint, seen.case, mine, seen.as_of, words=False)
    for _ in range(2):
        if decision.outcome is not Outcome.ASKED or decision.question is None:
            return decision
        seen = _with_answer(case, seen, decision.question, mine)
        decision = trace(seen.complaint, seen.case, mine, seen.as_of, words=False)
    return decision


def _with_answer(case: ProofCase, seen: Told, question: Question, rules: Rules) -> Told:
    """The owner says when it was done; or that it is in hand and not done; or by when it was promised."""
    if question.fact == "due":
        return _with_due_date(case, seen, question)
    at = case.facts.get(question.activity)
    later = seen.as_of + 3 * HOUR
    source = rules.activities[question.activity].source
    said = ProcessEvent(
        event_id=f"answer:{case.key}:{question.activity}:{question.department}",
        activity=question.activity,
        transition=Transition.START if at is None else Transition.COMPLETE,
        at=seen.as_of if at is None else microseconds(at),
        recorded_at=later - HOUR,
        source=source,
        attributes={"answered_by": question.department},
    )
    events = (*seen.case.events, said)
    return Told(seen.complaint, replace(seen.case, events=events), later)


def _with_due_date(case: ProofCase, seen: Told, question: Question) -> Told:
    """Whoever publishes the promise says by when it was due; nothing where no system ever tells that date."""
    dues = [
        one.due_at
        for one in case.told
        if one.activity == question.activity and one.due_at is not None
    ]
    if not dues:
        return seen
    said = ProcessEvent(
        event_id=f"answer:{case.key}:{question.activity}:{question.department}",
        activity=question.activity,
        transition=Transition.SCHEDULE,
        at=seen.as_of,
        recorded_at=seen.as_of + 2 * HOUR,
        due_at=microseconds(dues[0]),
        attributes={"answered_by": question.department},
    )
    events = (*seen.case.events, said)
    return Told(seen.complaint, replace(seen.case, events=events), seen.as_of + 3 * HOUR)


def answer(decision: Decision) -> Answer:
    """A decision as it is judged."""
    shares: tuple[tuple[str, float], ...] = ()
    if decision.outcome in NAMING:
        added: Counter[str] = Counter()
        for cause in decision.causes:
            if cause.kind is not CauseKind.UNKNOWN:
                added[cause.department or cause.kind.value] += cause.parts
        shares = tuple(
            (name, parts / 10_000)
            for name, parts in sorted(added.items(), key=lambda row: (-row[1], row[0]))
        )
    return Answer(shares, decision.confidence, decision.outcome.value)


class TextOnly:
    """The best that words alone can do: symptom -> who most often was the cause, learned from cases that are not judged."""

    def __init__(self, company: str, rules: Rules, *, orders: int) -> None:
        self._rules = rules
        counted: dict[str, Counter[str]] = {}
        for case in generate(company, orders=orders, seed=FIT_SEED):
            leading = min(case.truth.leading, default="")
            counted.setdefault(self._symptom(case), Counter())[leading] += 1
        self._most = {
            symptom: (counts.most_common(1)[0][0], counts.most_common(1)[0][1] / counts.total())
            for symptom, counts in counted.items()
        }

    def _symptom(self, case: ProofCase) -> str:
        return classify(case.text, None, self._rules)[0].symptom

    def __call__(self, case: ProofCase) -> Answer:
        """Who most often is the cause of this symptom."""
        department, share = self._most.get(self._symptom(case), ("", 0.0))
        if not department:
            return Answer((), share, Outcome.TRIAGE.value)
        return Answer(((department, 1.0),), share, Outcome.ASSIGNED.value)


def last_event(case: ProofCase) -> Answer:
    """Blame whoever should act after the last thing that is known to be done, or did it if nothing follows."""
    firm, _ = COMPANIES[case.company]
    done = [
        (one.at, one.activity)
        for one in case.told
        if one.transition == "complete" and one.known_at <= case.asked_at
    ]
    if not done:
        return Answer((), 0.0, Outcome.TRIAGE.value)
    activity = max(done)[1]
    for line in firm.lines:
        steps = [step.activity for step in line.steps]
        if activity in steps:
            follows = min(steps.index(activity) + 1, len(steps) - 1)
            return Answer(((line.steps[follows].owner, 1.0),), 1.0, Outcome.ASSIGNED.value)
    owner = next(
        line.step(activity).owner
        for line in firm.lines
        if any(activity == step.activity for steps in line.beside.values() for step in steps)
    )
    return Answer(((owner, 1.0),), 1.0, Outcome.ASSIGNED.value)


def judged(case: ProofCase, said: Answer) -> Judged:
    """An answer beside the truth."""
    lost = case.deciding_event_lost
    return Judged(case.company, case.kind, case.key, case.truth, said, lost)


def judge(
    cases: Iterable[ProofCase], say: Callable[[ProofCase], Answer], advance: Callable[[], None]
) -> list[Judged]:
    """Put every case to somebody."""
    found = []
    for case in cases:
        found.append(judged(case, say(case)))
        advance()
    return found
