"""From symptoms and evidence to causes with shares: the posterior.

It stands apart because it is where judgement lives; the arithmetic of time is in `delays`. Each
symptom is asked what supports it: a missed promise (the charged delays share it), fault events and
contradictions (their likelihood for the symptom), a completed event against the customer's word. Each
piece of evidence weighs by its odds, times what the company's prior says; what no evidence covers
stays *unknown*. ``docs/tracing.md`` has the formula with a worked example, which is a test. What a fault
explains of the time is in `explained`, how symptoms mix in `mixing`.

Hazard: text alone never names a department here. A symptom without evidence adds only to unknown, and
a prior only weighs evidence that there is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from schemas.vocabulary import CauseKind, Finding
from services.router.tracing.company import Rules, SymptomRule
from services.router.tracing.contradictions import Contradiction
from services.router.tracing.explained import explained, joined
from services.router.tracing.lateness import Lateness, doubted, hours
from services.router.tracing.members import DELAY, PROMISE, SKIP
from services.router.tracing.model import Evidence, SymptomScore
from services.router.tracing.timeline import Timeline
from services.router.tracing.weights import Weight, kind_of

DENIAL_FIRST: Final = 0.6
"""From this likelihood on, a contradicted completion is a cause, judged before lateness is."""
VAGUE_FAULT: Final = 0.7
"""A complaint that names nothing is about a fault of its case with this much of its likelihood."""
TIME_ODDS: Final = 19.0
"""A missed promise that the symptom is about, against a fault elsewhere: as a fault of likelihood 0.95."""
SUREST: Final = 0.99
"""No likelihood counts for more: the odds stay finite."""
TILT: Final = 3.0
"""A prior makes what is inferred (a denied completion) weigh at most three times as much, or a third."""
RECORDED_TILT: Final = 1.25
"""What is on record happened, however rare it is: there a prior changes little."""

Measure = Callable[[str, bool], Lateness]
"""Measures a promise by id; the flag says whether the customer denies that it is fulfilled."""


class Support(NamedTuple):
    """What the case says about one symptom; ``weights`` and ``unknown`` add up to 1 if any."""

    score: SymptomScore
    rule: SymptomRule
    weights: tuple[Weight, ...]
    unknown: float
    lateness: Lateness | None
    evidence: tuple[Evidence, ...]


class _Known(NamedTuple):
    """What every symptom is held against."""

    timeline: Timeline
    rules: Rules
    occurred_at: int
    measure: Measure
    broken: tuple[Contradiction, ...]
    parts: Sequence[Timeline]


def supports(
    scores: Iterable[SymptomScore],
    timeline: Timeline,
    rules: Rules,
    occurred_at: int,
    measure: Measure,
    broken: tuple[Contradiction, ...] = (),
    *,
    parts: Sequence[Timeline] = (),
) -> tuple[Support, ...]:
    """Ask the case about each symptom; likeliest first, ties by id.

    ``broken`` are the contradictions that the case's events show, ``parts`` the timelines of a split case's parts.
    """
    known = _Known(timeline, rules, occurred_at, measure, broken, parts or (timeline,))
    ranked = sorted(scores, key=lambda score: (-score.probability, score.symptom))
    return tuple(
        [
            _support(score, rule, known)
            for score in ranked
            if (rule := rules.symptoms.get(score.symptom)) is not None
        ]
    )


def _support(score: SymptomScore, rule: SymptomRule, known: _Known) -> Support:
    timeline, rules, occurred_at, measure, broken, parts = known
    faults, evidence = _faults(rule, timeline, rules)
    if broken:
        _contradicted(rule, broken, rules, faults, evidence)
    denied = _denied(rule, timeline, rules, occurred_at) if rule.denies else []
    lateness = _lateness(rule, parts, occurred_at, measure) if rule.promises else None
    denial_first = bool(denied) and rule.denial >= DENIAL_FIRST
    timed: list[Weight] = []
    unknown = 0.0
    # A fault in the goods explains a word about the goods; only without one is waiting asked.
    asks_time = not (faults and rule.presumes) and not denial_first
    if lateness is not None:
        lateness = doubted(lateness, rules, lambda owner: _readily(rule, owner, rules))
    if asks_time and lateness is not None and (lateness.late or 0) > 0:
        timed, unknown = _timed(lateness, rules)
        if timeline.faults:
            joint = joined(unknown, faults, lateness, timeline, rules)
            timed, faults, either = explained(timed, faults, lateness, timeline, rules)
            counted = {fault.activity for fault in joint}
            faults = [fault for fault in faults if fault.activity not in counted]
            timed += joint
            unknown += either - math.fsum([fault.weight for fault in joint])
    if denied and not timed:
        evidence.extend(
            Evidence(
                w.events[0] if w.events else None, w.activity, Finding.CONTRADICTION, w.department
            )
            for w in denied
            if w.activity is not None
        )
    if timed and not faults:
        # Measured time alone: the odds are in proportion already.
        return Support(score, rule, tuple(timed), unknown, lateness, tuple(evidence))
    # A weak denial is worth telling, and too little to name anybody. What else explains the
    # customer's word takes from it: a swapped label is why the parcel is not here.
    unexplained = math.prod(1 - w.weight for w in faults) if faults else 1.0
    pieces = timed + faults
    odds = [TIME_ODDS * w.weight for w in timed]
    odds += [_odds(w, rule, RECORDED_TILT) for w in faults]
    if denial_first and not timed:
        pieces += denied
        odds += [unexplained * _odds(w, rule, TILT) for w in denied]
    if not pieces and not unknown:
        return Support(score, rule, (), 0.0, lateness, tuple(evidence))
    # Beside measured time only what is unmeasured is open; beside likelihoods, that none of it is.
    unknown = TIME_ODDS * unknown if timed or unknown else 1.0
    total = math.fsum([*odds, unknown])
    return Support(
        score,
        rule,
        tuple([w._replace(weight=o / total) for w, o in zip(pieces, odds, strict=True)]),
        unknown / total,
        lateness,
        tuple(evidence),
    )


def _odds(piece: Weight, rule: SymptomRule, most: float) -> float:
    """Return a likelihood as odds against nothing, times what the prior says of the department."""
    likelihood = min(piece.weight, SUREST)
    return tilt(rule, piece.department, most) * likelihood / (1 - likelihood)


def tilt(rule: SymptomRule, department: str | None, most: float) -> float:
    """Return how much more a department's evidence weighs by the symptom's priors than by an even prior.

    At most ``most`` times as much, at least one ``most``-th.
    """
    if not rule.priors or department is None:
        return 1.0
    known = len(rule.priors)
    prior = rule.priors.get(department)
    if prior is None:
        prior = max(0.0, 1.0 - math.fsum(sorted(rule.priors.values()))) / (known + 1)
    return min(most, max(1 / most, prior * (known + 1)))


def _readily(rule: SymptomRule, owner: str, rules: Rules) -> float:
    """Return `by_step` of one of the company's symptoms, reckoned once."""
    found = rules.readily.get((rule.id, owner))
    if found is None:
        found = rules.readily[rule.id, owner] = by_step(rule, owner, rules)
    return found


def by_step(rule: SymptomRule, owner: str, rules: Rules) -> float:
    """Return how readily one step of an owner's is late in what a symptom is about.

    A prior is for all that a department does on the way to any of the symptom's promises: each of its steps has
    its part of it. Without priors all steps are alike.
    """
    if not rule.priors:
        return 1.0
    steps = {key for promise in rule.promises for key in rules.promises[promise].chain}
    own = [
        key for key in steps if rules.activities[key].owner == owner and rules.activities[key].after
    ]
    return tilt(rule, owner, TILT) / max(1, len(own))


def _faults(
    rule: SymptomRule, timeline: Timeline, rules: Rules
) -> tuple[list[Weight], list[Evidence]]:
    weights: list[Weight] = []
    evidence: list[Evidence] = []
    for fault, at, events in timeline.faults:
        likelihood = _likelihood(rule, fault.explains)
        if likelihood is None:
            continue
        skipped = fault.transition is SKIP
        kind = kind_of(rules, fault.department, CauseKind.SKIPPED if skipped else CauseKind.FAULT)
        weights.append(
            Weight(
                fault.department,
                kind,
                fault.activity,
                likelihood,
                events=events,
                at=at,
            )
        )
        finding = Finding.SKIPPED if skipped else Finding.FAULT
        evidence.extend(
            Evidence(event, fault.activity, finding, fault.department) for event in events
        )
    return weights, evidence


def _contradicted(
    rule: SymptomRule,
    broken: tuple[Contradiction, ...],
    rules: Rules,
    weights: list[Weight],
    evidence: list[Evidence],
) -> None:
    for found in broken:
        likelihood = _likelihood(rule, found.rule.explains)
        if likelihood is None:
            continue
        department = found.rule.department
        kind = kind_of(rules, department, CauseKind.CONTRADICTION)
        weights.append(Weight(department, kind, found.activity, likelihood, events=found.events))
        evidence.extend(
            Evidence(event, found.activity, Finding.CONTRADICTION, department)
            for event in found.events
        )


def _likelihood(rule: SymptomRule, explains: Mapping[str, float]) -> float | None:
    likelihood = explains.get(rule.id)
    if rule.vague and likelihood is None and explains:
        likelihood = VAGUE_FAULT * max(explains.values())
    return likelihood


def _denied(rule: SymptomRule, timeline: Timeline, rules: Rules, occurred_at: int) -> list[Weight]:
    """Return the completed events that the customer's word denies."""
    denied: list[Weight] = []
    for activity in rule.denies:
        step = timeline.steps.get(activity)
        if step is not None and step.finish is not None and step.finish <= occurred_at:
            owner = rules.activities[activity].owner
            kind = kind_of(rules, owner, CauseKind.CONTRADICTION)
            events = (step.finish_event,) if step.finish_event else ()
            denied.append(Weight(owner, kind, activity, rule.denial, events=events))
    return denied


def _lateness(
    rule: SymptomRule, parts: Sequence[Timeline], occurred_at: int, measure: Measure
) -> Lateness | None:
    """Return the promise that the symptom is about: the first missed one, else the first known.

    What a symptom presumes must have been done for every part of a split case: what is missing in one parcel may
    lie in the other.
    """
    if rule.presumes is not None:
        for part in parts:
            finish = part.step(rule.presumes).finish
            if finish is None or finish > occurred_at:
                break
        else:
            return None
    first: Lateness | None = None
    for promise in rule.promises:
        lateness = measure(promise, denying(rule))
        if (lateness.late or 0) > 0:
            return lateness
        if first is None or (first.late is None and lateness.late is not None):
            first = lateness
    return first


def denying(rule: SymptomRule) -> bool:
    """Say whether words about a symptom say that what was promised has not been done."""
    return bool(rule.denies) or rule.presumes is not None


def _timed(lateness: Lateness, rules: Rules) -> tuple[list[Weight], float]:
    """Share 1 between those charged, what is unknown, and the promise itself."""
    late = lateness.late or 0
    charged, unknown = lateness.charged, lateness.unknown
    # Nobody used more than allowed, and still the promise is missed by this much.
    promised = max(0, late - charged - unknown)
    if lateness.unheard:
        promised, unknown = 0, unknown + promised
    total = charged + unknown + promised
    weights: list[Weight] = []
    for stretch in lateness.path:
        owner, spent = stretch.owner, stretch.charged
        if spent <= 0 or owner is None:
            continue
        kind = kind_of(rules, owner, DELAY)
        events = (stretch.event,) if stretch.event else ()
        weights.append(
            Weight(owner, kind, stretch.members[-1], spent / total, hours(spent), events)
        )
    if promised:
        told = (lateness.due_event,) if lateness.due_event else ()
        weights.append(
            Weight(
                None,  # no department's doing; who publishes it can prevent the next
                PROMISE,
                lateness.promise.activity,
                promised / total,
                hours(promised),
                told,
                lateness.promise.publisher,
            )
        )
    return weights, unknown / total
