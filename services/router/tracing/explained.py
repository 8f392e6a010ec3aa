"""What a fault on record explains of measured time: an incomplete address is why the courier took long.

It stands apart from `fusion` because it moves time from whoever was late to whoever brought that about, before anything is
weighed against anything else. Hazard: time is moved, never made; what is moved and what is left add up to what there was.
"""

from __future__ import annotations

import math
from typing import Final

from schemas.vocabulary import CauseKind
from services.router.tracing.company import Rules
from services.router.tracing.lateness import Lateness
from services.router.tracing.members import PROMISE
from services.router.tracing.timeline import Timeline
from services.router.tracing.weights import Weight, kind_of

OWN_DELAY: Final = 0.2
"""An activity is late by itself this often where a fault that would explain its delay is on record too."""


def explained(
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
        if not why and delay.activity == open_ and delay.kind is not PROMISE:
            why = _from_the_start(faults, rules)
            late.update([fault.activity for fault in why])
        if not why or delay.kind is PROMISE or delay.activity is None:
            left.append(delay)
            continue
        repeats = rules.activities[delay.activity].repeats
        fault, why, own = _counted(why, delay.activity, lateness, repeats=repeats)
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


def joined(
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
        repeats = rules.activities[why[0].activity or ""].repeats
        fault, _, before = _counted(why, stretch.members[-1], lateness, repeats=repeats)
        part *= 1 - before
        moved = part * attributable(fault.weight)
        if part > 0 and moved >= part / 2:
            found.append(fault._replace(weight=moved))
    return found


def _counted(
    why: list[Weight], activity: str, lateness: Lateness, *, repeats: bool
) -> tuple[Weight, list[Weight], float]:
    """Return the fault that counts, all that happened with it, and the part of the activity's delay that lies before.

    Where an activity may be attempted again, that is the first attempt's.
    """
    before = 0.0
    if repeats:
        first = min(fault.at for fault in why)
        why = [fault for fault in why if fault.at == first]
        before = _before(lateness, activity, first)
    return max(why, key=lambda w: (w.weight, w.events)), why, before


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
