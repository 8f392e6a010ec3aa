"""How late each activity was by its own doing, on the way to a promise.

It stands apart because it is the arithmetic that names departments, and must be checkable by hand;
``docs/tracing.md`` has it with worked examples. In short, on the path that determined when the
promised activity was finished (or where the case now stands):

* With a due date, the *running delay* is finish minus due date, and the own delay is the running
  delay minus that of the activity before: the signed own delays add up exactly to the last running
  delay, which is the lateness against the promise when that is the last due date.
* With an allowance, the own delay is finish minus real start minus allowance, and adds to the
  running delay. So upstream delay is never charged downstream. With working calendars it is how much
  later, in elapsed time, the case would come out if all that follows kept to its plan: hours that the
  next department is closed anyway cost nobody, and a delay that pushes it over a weekend costs the
  weekend. So own delays still add up exactly, see `_by_plan`.
* What is *charged* is the own delay beyond the slack that was handed on, never for a due date met, and
  never for time by which a clock may be off.
* The due date of the promised activity is the promise; it is its owner's too only when the registry
  gives that activity no allowance. Otherwise a promise too short would be charged to the last in line.

Hazard: an unfinished activity is measured only as far as its source has spoken; what lies beyond is
unknown, not late. Breaking this names departments for the silence of a computer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from services.router.tracing.company import ActivityRule, Rules, chosen, possible
from services.router.tracing.model import Case
from services.router.tracing.path import Way
from services.router.tracing.step import Step
from services.router.tracing.timeline import Timeline

_LONG_AGO = -(2**62)


class OwnDelay(NamedTuple):
    """One measured stretch of the path; µs.

    ``members`` are several activities when no event separates them. ``own`` is signed and None
    where nothing says what was allowed; ``charged`` is what may be held against the owner;
    ``unknown`` is time that may or may not be this owner's; ``doubted`` is what of it is so only because
    an event may have been lost.
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
    doubted: int = 0


class _Stretch(NamedTuple):
    """A stretch before it is charged: when, and what was granted."""

    members: tuple[str, ...]
    begin: int
    end: int
    due: int | None
    granted: int | None
    """Until when it had time, by its allowances; None without."""
    step: Step | None
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
        drafts = self._drafts(groups)
        owns = self._by_plan(drafts)
        found: list[OwnDelay] = []
        running, anchored = 0, False
        before: Step | None = None if not groups else self.timeline.steps.get(groups[0][-1])
        activities = self.rules.activities
        for draft, planned in zip(drafts, owns, strict=True):
            members, begin, end, due, granted, step, unfinished = draft
            own: int | None
            until: int | None
            owner: str | None
            if due is not None:
                own, until, anchored = end - due - running, due, True
            else:
                own, until = planned, granted
            # What lies beyond the last word of the source, and beyond what was allowed, is open.
            unknown = max(0, self.as_of - max(end, until or end)) if unfinished else 0
            charged = 0
            if own is None:
                unknown += max(0, end - begin)
            else:
                if own > 0:
                    # With a due date before it, only what is beyond the slack that was handed on.
                    charged = max(0, own + min(0, running)) if anchored else own
                running += own
            if charged > 0 and (blur := _blur(before, step)) > 0:
                unsure = min(charged, blur)
                charged, unknown = charged - unsure, unknown + unsure
            owner = activities[members[0]].owner
            if len(members) > 1 and [1 for key in members if activities[key].owner != owner]:
                owner = None  # several share it, and nothing tells them apart
            event = step.finish_event if step is not None else None
            found.append(
                OwnDelay(
                    members, owner, begin, end, own, charged, unknown, until, event, unfinished
                )
            )
            before = step
        return tuple(found)

    def _drafts(self, groups: list[list[str]]) -> list[_Stretch]:
        """Say when each group of the path began and ended, and until when it had time."""
        drafts: list[_Stretch] = []
        begin: int | None = None
        held: list[str] = []  # finished activities that cannot be measured without the next
        for position, group in enumerate(groups):
            step = self.timeline.steps.get(group[-1])
            members = (*held, *group)
            if begin is None:
                # The origin starts the clock, or the first event of the case: nobody is charged for before.
                begin = self.way.finish(group[-1])
                if begin is not None:
                    first = self.way.first() if len(group) > 1 else None
                    if first is None or first.at >= begin:
                        continue
                    # The origin is not recorded, but something else is from before its follower was done.
                    members, begin = tuple(group[1:]), first.at
                elif self.timeline.first is None:
                    return []
                else:
                    begin = self.timeline.first.at
            finish, due = (None, None) if step is None else (step.finish, step.due)
            unfinished = finish is None
            end = self._reached(group[-1], begin) if finish is None else finish
            granted = self._granted(members, begin)
            if granted is not None and group[-1] == self.way.promise.activity:
                due = None  # what the customer was told is not what its owner was allowed
            if (
                due is None
                and granted is None
                and not unfinished
                and position < len(groups) - 1
                and not self._measures(groups[position + 1], end)
            ):
                held = list(members)
                continue
            drafts.append(_Stretch(members, begin, end, due, granted, step, unfinished))
            held, begin = [], end
        return drafts

    def _measures(self, group: list[str], begin: int) -> bool:
        """Say whether a group has an allowance of its own, so that what lies before it need not be known."""
        step = self.timeline.steps.get(group[-1])
        dated = step is not None and step.due is not None
        if dated and group[-1] != self.way.promise.activity:
            return False
        return self._granted(tuple(group), begin) is not None

    def _by_plan(self, drafts: Sequence[_Stretch]) -> list[int | None]:
        """Return each stretch's own delay against its allowance, in elapsed time.

        Of stretches that follow one another without a due date, the plan from any moment on is to use
        the allowances that are left, each in its calendar. A stretch's own delay is by how much it
        moved the planned end of the last: end of the plan from its real finish, minus that from its
        real begin. These differences telescope: their sum is the real end minus the plan's.
        """
        owns: list[int | None] = [
            None if draft.granted is None else draft.end - draft.granted for draft in drafts
        ]
        activities = self.rules.activities
        if not [1 for draft in drafts for key in draft.members if activities[key].calendar]:
            return owns
        planned: int | None = None
        for position, draft in enumerate(drafts):
            if draft.granted is None or draft.due is not None:
                planned = None
            elif owns[position] != 0:
                rest = drafts[position + 1 :]
                if planned is None:
                    planned = self._end_of_plan(rest, draft.granted)
                # One stretch's real end is the next one's real begin.
                real = self._end_of_plan(rest, draft.end)
                owns[position], planned = real - planned, real
        return owns

    def _end_of_plan(self, drafts: Sequence[_Stretch], at: int) -> int:
        """Return when stretches that begin at a moment would end by plan, up to one with a due date."""
        for draft in drafts:
            if draft.granted is None or draft.due is not None:
                break
            granted = draft.granted if at == draft.begin else self._granted(draft.members, at)
            at = at if granted is None else granted
        return at

    def _reached(self, activity: str, begin: int) -> int:
        """Return up to when an open activity is measured."""
        horizon = self.horizon(self.rules.activities[activity].source)
        return max(min(self.as_of, horizon), min(begin, self.as_of))

    def horizon(self, source: str) -> int:
        """Return up to when the source's silence means that nothing happened."""
        return horizon(source, self.case, self.timeline, self.rules, self.as_of)

    def _granted(self, members: tuple[str, ...], begin: int) -> int | None:
        """Return until when a group has time from ``begin`` on, None if an allowance is not known."""
        at = begin
        for key in members:
            rule = self.rules.activities[key]
            allowance = allowance_of(rule, self.timeline) if rule.allowances else rule.allowance
            if allowance is None:
                return None
            if rule.calendar is None:
                at += allowance
            else:
                at = later(self.rules, rule.calendar, at, allowance)
        return at


def horizon(source: str, case: Case, timeline: Timeline, rules: Rules, as_of: int) -> int:
    """Return up to when a source's silence means that nothing happened (µs UTC)."""
    rule = rules.sources[source]
    if rule.assumed and rule.every is None:
        return as_of
    mark = case.watermarks.get(source, _LONG_AGO)
    spoken = max(mark, timeline.spoken.get(source, _LONG_AGO))
    if rule.assumed:
        # It reports as things happen, with a rhythm: one that fell silent is down.
        assert rule.every is not None
        silent = mark != _LONG_AGO and as_of - spoken > rule.every + rule.silent_after
        return spoken if silent else as_of
    if rule.every is None and as_of - spoken <= rule.silent_after:
        return as_of
    return spoken


def _blur(before: Step | None, after: Step | None) -> int:
    """Return by how much a stretch's length is uncertain, given the steps at its ends."""
    blur = 0
    if before is not None:
        blur += before.blur + before.gap
    if after is not None:
        blur += after.blur
    return blur


def later(rules: Rules, calendar: str | None, at: int, duration: int) -> int:
    """Return when ``duration`` has passed since ``at``, counted in a calendar (None: elapsed time)."""
    if calendar is None or calendar not in rules.calendars:
        return at + duration
    return rules.calendars[calendar].add(at, duration)


def allowance_of(rule: ActivityRule, timeline: Timeline) -> int | None:
    """Return what the activity is allowed in a case with these attributes, µs of its calendar."""
    if not rule.allowances:
        return rule.allowance
    by_attribute = chosen(rule.allowances, timeline.attributes)
    if by_attribute is not None:
        return by_attribute
    if timeline.begun or rule.allowance is None:
        return rule.allowance
    # What would say so was told with the beginning, if at all: nobody is charged for what may have been allowed.
    return max([rule.allowance, *possible(rule.allowances, timeline.attributes)])
