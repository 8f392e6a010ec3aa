"""Events that do not go together: other amounts, a follow-up that never came, a number out of bounds.

It stands apart from single fault events because two facts are held against each other; what comes out
weighs like a fault. The company's registry says which facts, how likely each symptom then is, and
whose doing it would be.

Hazard: that something did not follow is only known as far as its source has spoken.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from services.router.tracing.company import (
    ContradictionRule,
    Differs,
    Exceeds,
    Fact,
    Rules,
    Unfollowed,
)
from services.router.tracing.delays import later
from services.router.tracing.model import Attribute
from services.router.tracing.timeline import Timeline

Horizon = Callable[[str], int]
"""Up to when a source's silence means that nothing happened (µs UTC)."""


class Contradiction(NamedTuple):
    """A rule that a case breaks, with the events that show it and the activity that is off."""

    rule: ContradictionRule
    activity: str
    events: tuple[str, ...]


def contradiction(
    rule: ContradictionRule, timeline: Timeline, rules: Rules, horizon: Horizon
) -> Contradiction | None:
    """Return what the events show against a rule, None if nothing."""
    shown: tuple[str, tuple[str, ...]] | None = None
    if rule.differs is not None:
        shown = _differs(rule.differs, timeline)
    elif rule.unfollowed is not None:
        shown = _unfollowed(rule.unfollowed, timeline, rules, horizon)
    elif rule.exceeds is not None:
        shown = _exceeds(rule.exceeds, timeline)
    return None if shown is None else Contradiction(rule, *shown)


def _differs(rule: Differs, timeline: Timeline) -> tuple[str, tuple[str, ...]] | None:
    if rule.left.activity not in timeline.steps or rule.right.activity not in timeline.steps:
        return None
    left, right = _said(rule.left, timeline), _said(rule.right, timeline)
    if left is None or right is None:
        return None
    one, other = _number(left[0]), _number(right[0])
    same = left[0] == right[0]
    if one is not None and other is not None:
        same = abs(one - other) <= rule.tolerance
    return None if same else (rule.right.activity, tuple(sorted({left[1], right[1]})))


def _unfollowed(
    rule: Unfollowed, timeline: Timeline, rules: Rules, horizon: Horizon
) -> tuple[str, tuple[str, ...]] | None:
    step = timeline.steps.get(rule.activity)
    if step is None or step.finish is None or step.finish_event is None:
        return None
    until = later(rules, rule.calendar, step.finish, rule.within)
    after = timeline.steps.get(rule.by)
    if after is not None and (after.finish is not None or after.doubt is not None):
        return None
    if horizon(rules.activities[rule.by].source) <= until + step.blur:
        return None
    return rule.by, (step.finish_event,)


def _exceeds(rule: Exceeds, timeline: Timeline) -> tuple[str, tuple[str, ...]] | None:
    if rule.value.activity not in timeline.steps:
        return None
    value = _said(rule.value, timeline)
    if value is None or (number := _number(value[0])) is None:
        return None
    events = {value[1]}
    if isinstance(rule.limit, Fact):
        told = _said(rule.limit, timeline)
        if told is None or (limit := _number(told[0])) is None:
            return None
        events.add(told[1])
    else:
        limit = rule.limit
    return (rule.value.activity, tuple(sorted(events))) if number > limit else None


def _said(fact: Fact, timeline: Timeline) -> tuple[Attribute, str] | None:
    return timeline.said(fact.activity, fact.attribute)


def _number(value: Attribute) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return float(value)
    try:
        return float(value)
    except ValueError:
        return None
