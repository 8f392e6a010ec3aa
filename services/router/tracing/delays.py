"""How late each activity was by its own doing, on the way to a promise.

It stands apart because it is the arithmetic that names departments, and must be checkable by hand;
``docs/tracing.md`` has it with worked examples. In short, on the path that determined when the
promised activity was finished (or where the case now stands):

* With a due date, the *running delay* is finish minus due date, and the own delay is the running
  delay minus that of the activity before: the signed own delays add up exactly to the last running
  delay, which is the lateness against the promise when that is the last due date.
* With an allowance, the own delay is finish minus real start minus allowance, and adds to the
  running delay. So upstream delay is never charged downstream.
* What is *charged* is the own delay beyond the slack that was handed on, never for a due date met.
* The due date of the promised activity is the promise; it is its owner's too only when the registry
  gives that activity no allowance. Otherwise a promise too short would be charged to the last in line.

Hazard: an unfinished activity is measured only as far as its source has spoken; what lies beyond is
unknown, not late. Breaking this names departments for the silence of a computer.
"""

from __future__ import annotations

from typing import NamedTuple

from services.router.tracing.company import ActivityRule, Rules, chosen
from services.router.tracing.model import Case
from services.router.tracing.path import Way
from services.router.tracing.timeline import Step, Timeline


class OwnDelay(NamedTuple):
    """One measured stretch of the path; µs.

    ``members`` are several activities when no event separates them. ``own`` is signed and None
    where nothing says what was allowed; ``charged`` is what may be held against the owner;
    ``unknown`` is time that may or may not be this owner's.
    """

    members: tuple[str, ...]
    owner: str | None
    begin: int
    end: int
    own: int | None
    charged: int
    unknown: int
    allowed_until: int | None
    event: str | None
    unfinished: bool


class Clock:
    """Measures the stretches of one way; lives for one measurement."""

    __slots__ = ("as_of", "case", "rules", "timeline", "way")

    def __init__(self, way: Way, case: Case, as_of: int) -> None:
        """Measure as known at ``as_of`` (µs UTC)."""
        self.way = way
        self.case = case
        self.as_of = as_of
        self.rules: Rules = way.rules
        self.timeline: Timeline = way.timeline

    def stretches(self, groups: list[list[str]]) -> tuple[OwnDelay, ...]:
        """Measure each group of the path, first to last."""
        found: list[OwnDelay] = []
        running, anchored, begin = 0, False, None
        held: list[str] = []  # finished activities that cannot be measured without the next
        for position, group in enumerate(groups):
            step = self.timeline.steps.get(group[-1])
            members = (*held, *group)
            if begin is None:
                # The origin: it starts the clock, nothing precedes it.
                begin = self.way.finish(group[-1])
                if begin is not None and len(group) == 1:
                    continue
                begin = (
                    begin
                    if begin is not None
                    else self.timeline.first.at
                    if self.timeline.first is not None
                    else None
                )
                if begin is None:
                    return ()
            unfinished = step is None or step.finish is None
            end = self._end(group[-1], step, begin)
            due, allowed = step.due if step is not None else None, self._allowed(members)
            if allowed is not None and group[-1] == self.way.promise.activity:
                due = None  # what the customer was told is not what its owner was allowed
            if due is None and allowed is None and not unfinished and position < len(groups) - 1:
                held = list(members)
                continue
            own: int | None
            allowed_until: int | None
            if due is not None:
                own, allowed_until, anchored = end - due - running, due, True
            elif allowed is not None:
                own, allowed_until = end - begin - allowed, begin + allowed
            else:
                own, allowed_until = None, None
            # What lies beyond the last word of the source, and beyond what was allowed, is open.
            unknown = max(0, self.as_of - max(end, allowed_until or end)) if unfinished else 0
            charged = 0
            if own is None:
                unknown += max(0, end - begin)
            else:
                after = running + own
                charged = max(0, after - max(0, running)) if anchored else max(0, own)
                running = after
            found.append(
                OwnDelay(
                    members=members,
                    owner=_owner(self.rules, members),
                    begin=begin,
                    end=end,
                    own=own,
                    charged=charged,
                    unknown=unknown,
                    allowed_until=allowed_until,
                    event=step.finish_event if step is not None else None,
                    unfinished=unfinished,
                )
            )
            held, begin = [], end
        return tuple(found)

    def _end(self, activity: str, step: Step | None, begin: int) -> int:
        """Return up to when an activity is measured."""
        if step is not None and step.finish is not None:
            return step.finish
        horizon = self.horizon(self.rules.activities[activity].source)
        return max(min(self.as_of, horizon), min(begin, self.as_of))

    def horizon(self, source: str) -> int:
        """Return up to when the source's silence means that nothing happened."""
        rule = self.rules.sources[source]
        if rule.assumed:
            return self.as_of
        spoken = max(
            self.case.watermarks.get(source, -(2**62)), self.timeline.spoken.get(source, -(2**62))
        )
        if rule.every is None and self.as_of - spoken <= rule.silent_after:
            return self.as_of
        return spoken

    def _allowed(self, members: tuple[str, ...]) -> int | None:
        """Return the allowances of a group together, None if one is not known."""
        if len(members) == 1:
            return allowance_of(self.rules.activities[members[0]], self.timeline)
        total = 0
        for key in members:
            allowance = allowance_of(self.rules.activities[key], self.timeline)
            if allowance is None:
                return None
            total += allowance
        return total


def _owner(rules: Rules, members: tuple[str, ...]) -> str | None:
    """Return the owner of a group, None where several share an inseparable stretch."""
    if len(members) == 1:
        return rules.activities[members[0]].owner
    owners = {rules.activities[key].owner for key in members}
    return owners.pop() if len(owners) == 1 else None


def allowance_of(rule: ActivityRule, timeline: Timeline) -> int | None:
    """Return what the activity is allowed in a case with these attributes, µs."""
    if not rule.allowances:
        return rule.allowance
    by_attribute = chosen(rule.allowances, timeline.attributes)
    return by_attribute if by_attribute is not None else rule.allowance
