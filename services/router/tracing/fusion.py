"""From symptoms and evidence to causes with shares.

It stands apart because it is where judgement lives; the arithmetic of time is in `delays`. Each
symptom is asked what supports it: a missed promise (the charged delays share 1), fault events (their
likelihood for the symptom), a contradiction between a completed event and the customer's word. What
no evidence covers stays *unknown*. Symptoms mix by their probability; those that nothing supports do
not dilute the others unless they outweigh them.

Hazard: text alone never names a department here. A symptom without evidence adds only to unknown.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from schemas.vocabulary import CauseKind, Finding, Transition
from services.router.tracing.company import Rules, SymptomRule
from services.router.tracing.lateness import Lateness, hours
from services.router.tracing.model import PARTS, Cause, Evidence, SymptomScore
from services.router.tracing.timeline import Timeline

DENIAL_FIRST: Final = 0.6
"""From this likelihood on, a contradicted completion is a cause, judged before lateness is."""
VAGUE_FAULT: Final = 0.7
"""A complaint that names nothing is about a fault of its case with this much of its likelihood."""

Measure = Callable[[str, bool], Lateness]
"""Measures a promise by id; the flag says whether the customer denies that it is fulfilled."""


class Weight(NamedTuple):
    """Something that speaks for one cause."""

    department: str | None
    kind: CauseKind
    activity: str | None
    weight: float
    hours: float = 0.0
    events: tuple[str, ...] = ()


class Support(NamedTuple):
    """What the case says about one symptom; ``weights`` and ``unknown`` add up to 1 if any."""

    score: SymptomScore
    rule: SymptomRule
    weights: tuple[Weight, ...]
    unknown: float
    lateness: Lateness | None
    evidence: tuple[Evidence, ...]


def supports(
    scores: Iterable[SymptomScore],
    timeline: Timeline,
    rules: Rules,
    occurred_at: int,
    measure: Measure,
) -> tuple[Support, ...]:
    """Ask the case about each symptom; likeliest first, ties by id."""
    ranked = sorted(scores, key=lambda score: (-score.probability, score.symptom))
    return tuple(
        _support(score, rule, timeline, rules, occurred_at, measure)
        for score in ranked
        if (rule := rules.symptoms.get(score.symptom)) is not None
    )


def _support(
    score: SymptomScore,
    rule: SymptomRule,
    timeline: Timeline,
    rules: Rules,
    occurred_at: int,
    measure: Measure,
) -> Support:
    weights, evidence = _faults(rule, timeline, rules)
    denied: list[Weight] = []
    for activity in rule.denies:
        step = timeline.steps.get(activity)
        if step is not None and step.finish is not None and step.finish <= occurred_at:
            owner = rules.activities[activity].owner
            kind = kind_of(rules, owner, CauseKind.CONTRADICTION)
            events = (step.finish_event,) if step.finish_event else ()
            denied.append(Weight(owner, kind, activity, rule.denial, events=events))
    lateness = _lateness(rule, timeline, occurred_at, measure)
    denial_first = bool(denied) and rule.denial >= DENIAL_FIRST
    timed: list[Weight] = []
    unknown = 0.0
    # A fault in the goods explains a word about the goods; only without one is waiting asked.
    asks_time = not (weights and rule.presumes) and not denial_first
    if asks_time and lateness is not None and (lateness.late or 0) > 0:
        timed, unknown = _timed(lateness, rules)
        timed, weights = _explained(timed, weights)
    if denied and not timed:
        # A weak denial is worth telling, and too little to name anybody.
        weights.extend(denied if denial_first else ())
        evidence.extend(
            Evidence(
                w.events[0] if w.events else None, w.activity, Finding.CONTRADICTION, w.department
            )
            for w in denied
            if w.activity is not None
        )
    weights.extend(timed)
    total = math.fsum(w.weight for w in weights) + unknown
    if total == 0:
        return Support(score, rule, (), 0.0, lateness, tuple(evidence))
    unknown += max(0.0, 1.0 - total)
    scale = 1.0 / max(1.0, total)
    return Support(
        score,
        rule,
        tuple(
            Weight(w.department, w.kind, w.activity, w.weight * scale, w.hours, w.events)
            for w in weights
        ),
        unknown * scale,
        lateness,
        tuple(evidence),
    )


def _faults(
    rule: SymptomRule, timeline: Timeline, rules: Rules
) -> tuple[list[Weight], list[Evidence]]:
    weights: list[Weight] = []
    evidence: list[Evidence] = []
    for fault, event in timeline.faults:
        likelihood = fault.explains.get(rule.id)
        if rule.vague and likelihood is None:
            likelihood = VAGUE_FAULT * max(fault.explains.values())
        if likelihood is None:
            continue
        skipped = fault.transition is Transition.SKIP
        kind = kind_of(rules, fault.department, CauseKind.SKIPPED if skipped else CauseKind.FAULT)
        weights.append(
            Weight(fault.department, kind, fault.activity, likelihood, events=(event.event_id,))
        )
        evidence.append(
            Evidence(
                event.event_id,
                fault.activity,
                Finding.SKIPPED if skipped else Finding.FAULT,
                fault.department,
            )
        )
    return weights, evidence


def _lateness(
    rule: SymptomRule, timeline: Timeline, occurred_at: int, measure: Measure
) -> Lateness | None:
    """Return the promise that the symptom is about: the first missed one, else the first known."""
    if rule.presumes is not None:
        step = timeline.steps.get(rule.presumes)
        if step is not None and step.finish is not None and step.finish <= occurred_at:
            return None
    first: Lateness | None = None
    for promise in rule.promises:
        lateness = measure(promise, bool(rule.denies) or rule.presumes is not None)
        if (lateness.late or 0) > 0:
            return lateness
        if first is None or (first.late is None and lateness.late is not None):
            first = lateness
    return first


def _timed(lateness: Lateness, rules: Rules) -> tuple[list[Weight], float]:
    """Share 1 between those charged, what is unknown, and the promise itself."""
    late = lateness.late or 0
    charged, unknown = lateness.charged, lateness.unknown
    # Nobody used more than allowed, and still the promise is missed by this much.
    promised = max(0, late - charged - unknown)
    total = charged + unknown + promised
    weights: list[Weight] = []
    for stretch in lateness.path:
        if stretch.owner is None or stretch.charged <= 0:
            continue
        activity = stretch.members[-1]
        weights.append(
            Weight(
                stretch.owner,
                kind_of(rules, stretch.owner, CauseKind.DELAY),
                activity,
                stretch.charged / total,
                hours(stretch.charged),
                (stretch.event,) if stretch.event else (),
            )
        )
    if promised:
        events = (lateness.due_event,) if lateness.due_event else ()
        weights.append(
            Weight(
                None,  # no department's doing; who publishes it stands in the evidence
                CauseKind.PROMISE,
                lateness.promise.activity,
                promised / total,
                hours(promised),
                events,
            )
        )
    return weights, unknown / total


def _explained(timed: list[Weight], faults: list[Weight]) -> tuple[list[Weight], list[Weight]]:
    """Let a fault of an activity explain that activity's delay, as far as it is likely to.

    An incomplete address is why the courier took long: the delay then weighs for whoever the fault
    belongs to. A fault is counted once: beside the delay only when it is another activity's.
    """
    left: list[Weight] = []
    for delay in timed:
        why = [fault for fault in faults if fault.activity == delay.activity]
        if not why or delay.kind is CauseKind.PROMISE:
            left.append(delay)
            continue
        fault = max(why, key=lambda w: (w.weight, w.events))
        if fault.department == delay.department:
            events = tuple(sorted({*delay.events, *(e for w in why for e in w.events)}))
            left.append(delay._replace(events=events))
            continue
        left.append(fault._replace(weight=delay.weight * fault.weight))
        left.append(delay._replace(weight=delay.weight * (1 - fault.weight)))
    late = {delay.activity for delay in timed if delay.kind is not CauseKind.PROMISE}
    return left, [fault for fault in faults if fault.activity not in late]


def kind_of(rules: Rules, department: str, otherwise: CauseKind) -> CauseKind:
    """Return the kind of a cause: parties outside are named as such."""
    rule = rules.departments[department]
    if rule.customer:
        return CauseKind.CUSTOMER
    return CauseKind.EXTERNAL if rule.outside else otherwise


def mix(found: tuple[Support, ...]) -> tuple[Cause, ...]:
    """Mix the symptoms' weights into causes whose parts add up to `PARTS`, largest first."""
    total: dict[tuple[str, str, str], list[Weight]] = {}
    supported = math.fsum(s.score.probability for s in found if s.weights or s.unknown)
    without = math.fsum(s.score.probability for s in found if not (s.weights or s.unknown))
    unknown = [s.score.probability * s.unknown for s in found if s.weights or s.unknown]
    unknown.append(max(0.0, without - supported) if supported else 1.0)
    for support in found:
        for weight in support.weights:
            key = (weight.department or "", weight.kind.value, weight.activity or "")
            total.setdefault(key, []).append(
                Weight(
                    weight.department,
                    weight.kind,
                    weight.activity,
                    support.score.probability * weight.weight,
                    weight.hours,
                    weight.events,
                )
            )
    keys = sorted(total)
    amounts = [math.fsum(sorted(w.weight for w in total[key])) for key in keys]
    amounts.append(math.fsum(sorted(unknown)))
    parts = largest_remainder(amounts)
    causes = [
        Cause(
            department=total[key][0].department,
            kind=total[key][0].kind,
            activity=total[key][0].activity,
            parts=part,
            hours=max(w.hours for w in total[key]),
            events=tuple(sorted({event for w in total[key] for event in w.events})),
        )
        for key, part in zip(keys, parts, strict=False)
        if part > 0
    ]
    if parts[-1] > 0:
        causes.append(Cause(None, CauseKind.UNKNOWN, None, parts[-1]))
    causes.sort(key=_rank)
    return tuple(causes)


def _rank(cause: Cause) -> tuple[int, bool, str, str, str]:
    """Largest first; of equals, not knowing goes before naming anybody."""
    named = cause.kind is not CauseKind.UNKNOWN
    return (-cause.parts, named, cause.department or "", cause.kind.value, cause.activity or "")


def largest_remainder(amounts: list[float]) -> list[int]:
    """Split `PARTS` in proportion to the amounts (at least one positive), to the last part.

    Hamilton's method: round down, then give what is left to the largest remainders, ties to the
    earlier position.
    """
    total = math.fsum(amounts)
    exact = [amount * PARTS / total for amount in amounts]
    parts = [math.floor(value) for value in exact]
    order = sorted(range(len(parts)), key=lambda i: (parts[i] - exact[i], i))
    for position in order[: PARTS - sum(parts)]:
        parts[position] += 1
    return parts
