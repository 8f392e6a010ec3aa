"""From symptoms and evidence to causes with shares: the posterior.

It stands apart because it is where judgement lives; the arithmetic of time is in `delays`. Each
symptom is asked what supports it: a missed promise (the charged delays share it), fault events and
contradictions (their likelihood for the symptom), a completed event against the customer's word. Each
piece of evidence weighs by its odds, times what the company's prior says; what no evidence covers
stays *unknown*. ``docs/tracing.md`` has the formula with a worked example, which is a test. Symptoms
mix by their probability; those that nothing supports do not dilute the others unless they outweigh
them.

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
from services.router.tracing.lateness import Lateness, doubted, hours
from services.router.tracing.members import DELAY, PROMISE, SKIP, UNKNOWN
from services.router.tracing.model import PARTS, Cause, Evidence, SymptomScore
from services.router.tracing.timeline import Timeline

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
OWN_DELAY: Final = 0.2
"""An activity is late by itself this often where a fault that would explain its delay is on record too."""
BY_CHANCE: Final = 0.35
"""How much a reading of the words still counts that nothing supports, where the case supports another."""
RECORDED_TILT: Final = 1.25
"""What is on record happened, however rare it is: there a prior changes little."""

Measure = Callable[[str, bool], Lateness]
"""Measures a promise by id; the flag says whether the customer denies that it is fulfilled."""


class Weight(NamedTuple):
    """Something that speaks for one cause; ``weight`` is a likelihood, then odds, then a share (0..1)."""

    department: str | None
    kind: CauseKind
    activity: str | None
    weight: float
    hours: float = 0.0
    events: tuple[str, ...] = ()
    publisher: str | None = None
    at: int = 0
    """When a fault event happened (µs UTC)."""


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
            joint = _joined(unknown, faults, lateness, timeline, rules)
            timed, faults, either = _explained(timed, faults, lateness, timeline, rules)
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
    explained = math.prod(1 - w.weight for w in faults) if faults else 1.0
    pieces = timed + faults
    odds = [TIME_ODDS * w.weight for w in timed]
    odds += [_odds(w, rule, RECORDED_TILT) for w in faults]
    if denial_first and not timed:
        pieces += denied
        odds += [explained * _odds(w, rule, TILT) for w in denied]
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


def _explained(
    timed: list[Weight],
    faults: list[Weight],
    lateness: Lateness,
    timeline: Timeline,
    rules: Rules,
) -> tuple[list[Weight], list[Weight], float]:
    """Let a fault of an activity explain that activity's delay, as far as it is likely to.

    An incomplete address is why the courier took long: the delay then weighs for whoever the fault
    belongs to, whatever words the customer found for the waiting. What was wrong from the start, before
    anybody's time ran, explains why the open step is not done, if it explains the customer's words. Of
    several attempts the first that did not succeed counts, and only for the time after it: whoever came
    too late for the first is late by their own doing. A fault is counted once: beside the delay only when
    it is another activity's. The last value is the part of the time that belongs to the one or the other,
    by the less likely reading.
    """
    left: list[Weight] = []
    either: list[float] = []
    last = lateness.path[-1] if lateness.path else None
    open_ = last.members[-1] if last is not None and last.unfinished else None
    late = {delay.activity for delay in timed if delay.kind is not PROMISE}
    for delay in timed:
        why = [fault for fault in faults if fault.activity == delay.activity]
        why = why or _delaying(delay.activity, lateness, timeline, rules)
        if not why and delay.activity == open_:
            why = _from_the_start(faults, rules)
            late.update([fault.activity for fault in why])
        if not why or delay.kind is PROMISE or delay.activity is None:
            left.append(delay)
            continue
        own = 0.0
        if rules.activities[delay.activity].repeats:
            first = min(fault.at for fault in why)
            why = [fault for fault in why if fault.at == first]
            own = _before(lateness, delay.activity, first)
        fault = max(why, key=lambda w: (w.weight, w.events))
        if fault.department == delay.department:
            events = tuple(sorted({*delay.events, *(e for w in why for e in w.events)}))
            left.append(delay._replace(events=events))
            continue
        rest = delay.weight * (1 - own)
        moved = rest * attributable(fault.weight)
        # One of the two it was, not both: whoever it less likely was is not told for it.
        if moved < rest / 2:
            either.append(moved)
            left.append(delay._replace(weight=delay.weight - moved))
            continue
        either.append(rest - moved)
        left.append(fault._replace(weight=moved))
        if own > 0:
            left.append(delay._replace(weight=delay.weight - rest))
    return left, [fault for fault in faults if fault.activity not in late], math.fsum(either)


def _from_the_start(faults: list[Weight], rules: Rules) -> list[Weight]:
    """Return the faults of what nothing precedes: it has no time of its own, and shows in what does not get done."""
    return [
        fault
        for fault in faults
        if fault.at and fault.activity is not None and not rules.activities[fault.activity].after
    ]


def _joined(
    unknown: float, faults: list[Weight], lateness: Lateness, timeline: Timeline, rules: Rules
) -> list[Weight]:
    """Return the faults that explain time which nothing separates from another's, or nothing measures.

    Of activities that a missing event joins, the one in which something is known to have gone wrong took the time,
    as likely as that explains a delay of its own. Weights are parts of ``unknown``.
    """
    found: list[Weight] = []
    for stretch in lateness.path:
        if stretch.owner is not None and stretch.own is not None:
            continue
        why = [fault for fault in faults if fault.activity in stretch.members]
        for key in stretch.members:
            why = why or _delaying(key, lateness, timeline, rules)
        if not why:
            continue
        # What lies beyond a silent source's last word stays nobody's.
        took = min(stretch.unknown, stretch.end - stretch.begin)
        amount = took if stretch.own is None else stretch.charged
        part = unknown * min(1.0, amount / max(1, lateness.unknown))
        if rules.activities[why[0].activity or ""].repeats:
            first = min(fault.at for fault in why)
            why = [fault for fault in why if fault.at == first]
            part *= 1 - _before(lateness, stretch.members[-1], first)
        fault = max(why, key=lambda w: (w.weight, w.events))
        moved = part * attributable(fault.weight)
        if part > 0 and moved >= part / 2:
            found.append(fault._replace(weight=moved))
    return found


def attributable(likelihood: float) -> float:
    """Return how likely a delay comes from a fault on record that brings it about with this likelihood.

    The other explanation is that the activity was late by itself (`OWN_DELAY`) and the fault did nothing.
    """
    return likelihood / (likelihood + (1 - likelihood) * OWN_DELAY) if likelihood > 0 else 0.0


def _delaying(
    activity: str | None, lateness: Lateness, timeline: Timeline, rules: Rules
) -> list[Weight]:
    """Return the faults of an activity that make its promise late, as likely as they do for a word about waiting."""
    found: list[Weight] = []
    for fault, at, events in timeline.faults:
        if fault.activity != activity:
            continue
        likelihood = max(
            (
                value
                for key, value in fault.explains.items()
                if (rule := rules.symptoms.get(key)) is not None
                and rule.denies
                and lateness.promise.id in rule.promises
            ),
            default=0.0,
        )
        if likelihood > 0:
            kind = kind_of(rules, fault.department, CauseKind.FAULT)
            found.append(
                Weight(
                    fault.department,
                    kind,
                    activity,
                    likelihood,
                    events=events,
                    at=at,
                )
            )
    return found


def _before(lateness: Lateness, activity: str, first: int) -> float:
    """Return the part of an activity's charged delay that lies before its first attempt."""
    for stretch in lateness.path:
        if stretch.members[-1] == activity and stretch.charged > 0:
            if stretch.allowed_until is None:
                return 0.0
            return min(1.0, max(0, first - stretch.allowed_until) / stretch.charged)
    return 0.0


def kind_of(rules: Rules, department: str, otherwise: CauseKind) -> CauseKind:
    """Return the kind of a cause: parties outside are named as such."""
    rule = rules.departments[department]
    if rule.customer:
        return CauseKind.CUSTOMER
    return CauseKind.EXTERNAL if rule.outside else otherwise


def mix(found: tuple[Support, ...]) -> tuple[Cause, ...]:
    """Mix the symptoms' weights into causes whose parts add up to `PARTS`, largest first."""
    shares: dict[tuple[str, str, str], list[float]] = {}
    pieces: dict[tuple[str, str, str], list[Weight]] = {}
    supported: list[float] = []
    without: list[float] = []
    unknown: list[float] = []
    for support in found:
        probability = support.score.probability
        if not (support.weights or support.unknown):
            without.append(probability)
            continue
        supported.append(probability)
        unknown.append(probability * support.unknown)
        for weight in support.weights:
            key = (weight.department or "", weight.kind, weight.activity or "")
            shares.setdefault(key, []).append(probability * weight.weight)
            pieces.setdefault(key, []).append(weight)
    known = math.fsum(supported)
    unknown.append(max(0.0, BY_CHANCE * math.fsum(without) - known) if known else 1.0)
    keys = sorted(shares)
    parts = largest_remainder([*[math.fsum(shares[key]) for key in keys], math.fsum(unknown)])
    causes = [_cause(pieces[key], part) for key, part in zip(keys, parts, strict=False) if part > 0]
    if parts[-1] > 0:
        causes.append(Cause(None, UNKNOWN, None, parts[-1]))
    if len(causes) > 1:
        causes.sort(key=_rank)
    return tuple(causes)


def _cause(pieces: list[Weight], parts: int) -> Cause:
    """Return what several symptoms' pieces about one department, kind and activity come to."""
    first, hours, events = pieces[0], pieces[0].hours, pieces[0].events
    if len(pieces) > 1:
        hours = max([piece.hours for piece in pieces])
        events = tuple([event for piece in pieces for event in piece.events])
    if len(events) > 1:
        events = tuple(sorted(set(events)))
    return Cause(
        first.department, first.kind, first.activity, parts, hours, events, first.publisher
    )


def _rank(cause: Cause) -> tuple[int, bool, str, str, str]:
    """Largest first; of equals, not knowing goes before naming anybody."""
    named = cause.kind is not UNKNOWN
    return (-cause.parts, named, cause.department or "", cause.kind, cause.activity or "")


def largest_remainder(amounts: list[float]) -> list[int]:
    """Split `PARTS` in proportion to the amounts (at least one positive), to the last part.

    Hamilton's method: round down, then give what is left to the largest remainders, ties to the
    earlier position.
    """
    total = math.fsum(amounts)
    exact = [amount * PARTS / total for amount in amounts]
    parts = [math.floor(value) for value in exact]
    left = PARTS - sum(parts)
    if left:
        order = sorted(range(len(parts)), key=lambda i: (parts[i] - exact[i], i))
        for position in order[:left]:
            parts[position] += 1
    return parts
