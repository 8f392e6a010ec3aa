"""What is known of a case at a moment, whatever order its events arrived in.

It stands apart because everything after it may then forget about events: one `Step` per activity
holds when it was due, started and finished, and by how much that is uncertain. What the events say is
taken from `observed`; what cannot have been in that order is settled in `order`.

Hazard: the last completion counts as the finish (goods repacked, a second delivery attempt); the
first due date told before the complaint moves only with a later schedule event from before it, so
that nobody is cleared by a date that was moved afterwards. Whoever tells a fault again adds nothing to it: it counts
once, and what is another fault of the same kind is decided here (`_told_once`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from operator import attrgetter
from typing import Final, NamedTuple

from schemas.vocabulary import Finding, Transition
from services.router.tracing.company import ActivityRule, FaultRule, Rules
from services.router.tracing.members import CANCEL, COMPLETE, SCHEDULE, SKIP, START
from services.router.tracing.model import Attribute, Case, Evidence, ProcessEvent
from services.router.tracing.observed import SAME_TIME, Observed, observe
from services.router.tracing.order import settle
from services.router.tracing.step import Step

__all__ = ["Step", "Timeline", "Told", "build", "lay_out"]

_NO_STEP = Step("")
_order = attrgetter("at", "event_id")
_MOST: Final = 20
"""Faults of one kind that are told apart; what comes after adds to the last: more would say no more."""


class Told(NamedTuple):
    """A fault on record, by whomever and however often it was told."""

    rule: FaultRule
    at: int
    """When it happened (µs UTC), by the earliest telling."""
    events: tuple[str, ...]
    """All that tell it, by id; the earliest telling first."""


@dataclass(frozen=True, slots=True)
class Timeline:
    """The steps that events speak of, and what else they say."""

    steps: Mapping[str, Step]
    attributes: Mapping[str, Attribute]
    faults: tuple[Told, ...]
    """Each once, in order of time."""
    first: ProcessEvent | None
    spoken: Mapping[str, int]
    """By source, the latest time at which it spoke about this case."""
    events: tuple[ProcessEvent, ...] = ()
    """In order of time."""
    flags: tuple[Evidence, ...] = ()
    """What is doubtful about the events, and what was done about it."""
    begun: bool = True
    """Whether the first thing that happens in such a case is on record."""

    def step(self, activity: str) -> Step:
        """Return an activity's step, an empty one where no event speaks of it."""
        return self.steps.get(activity, _NO_STEP)

    def said(self, activity: str, attribute: str) -> tuple[Attribute, str] | None:
        """Return the last value that an activity's events give an attribute, with the event."""
        for event in reversed(self.events):
            if event.activity == activity and attribute in event.attributes:
                return event.attributes[attribute], event.event_id
        return None


@dataclass(slots=True)
class _Draft:
    steps: dict[str, Step] = field(default_factory=dict)
    attributes: dict[str, Attribute] = field(default_factory=dict)
    faults: list[tuple[FaultRule, ProcessEvent]] = field(default_factory=list)
    spoken: dict[str, int] = field(default_factory=dict)
    answers: list[Evidence] = field(default_factory=list)
    begun: bool = False


def build(case: Case, rules: Rules, occurred_at: int, as_of: int) -> Timeline:
    """Return the timeline as known at ``as_of`` to somebody who complained at ``occurred_at``."""
    return lay_out(observe(case, rules, as_of), rules, occurred_at)


def lay_out(
    observed: Observed,
    rules: Rules,
    occurred_at: int,
    *,
    without: Collection[str] = (),
    part: tuple[str, str] | None = None,
) -> Timeline:
    """Return the timeline of what was observed.

    ``without`` leaves events out, by id; ``part`` (type, id) keeps, of what was split, that object's
    own events.
    """
    events = observed.events
    if without:
        events = tuple(event for event in events if event.event_id not in without)
    if part is not None:
        kind, own = part
        events = tuple(event for event in events if event.objects.get(kind, own) == own)
    draft = _Draft()
    activities = rules.activities
    for event in events:
        rule = activities.get(event.activity)
        if rule is not None:
            _take(draft, event, rule, rules, occurred_at)
    steps = draft.steps
    faults = _told_once(draft.faults, steps, rules) if draft.faults else ()
    if observed.blurs:
        for step in steps.values():
            if step.finish_event is not None:
                step.blur = observed.blurs.get(step.finish_event, 0)
    flags = (*observed.flags, *draft.answers, *settle(steps, rules))
    return Timeline(
        steps=steps,
        attributes=draft.attributes,
        faults=faults,
        first=events[0] if events else None,
        spoken=draft.spoken,
        events=events,
        flags=flags,
        begun=draft.begun,
    )


def _take(
    draft: _Draft, event: ProcessEvent, rule: ActivityRule, rules: Rules, occurred_at: int
) -> None:
    activity = event.activity
    transition, attributes = event.transition, event.attributes
    if transition is not SCHEDULE or "answered_by" not in attributes:
        # Who answers by when it was promised says nothing of what its source has seen.
        draft.spoken[event.source or rule.source] = event.at
    step = draft.steps.get(activity)
    if step is None:
        step = draft.steps[activity] = Step(activity)
    if attributes:
        draft.attributes.update(attributes)
        if (by := attributes.get("answered_by")) is not None:
            answered = Evidence(event.event_id, activity, Finding.ANSWERED, str(by))
            draft.answers.append(answered)
    if transition is COMPLETE:
        if not rule.after:
            draft.begun = True
        _complete(step, event, rule, rules)
    elif transition is SCHEDULE:
        moves = event.at <= occurred_at and "answered_by" not in attributes
        if event.due_at is not None and (step.due is None or moves):
            step.due, step.due_event = event.due_at, event.event_id
    elif transition is START:
        if step.start is None:
            step.start = event.at
    else:
        _passed(step, event, rule)
    found = rules.faults.get((activity, transition))
    if found is not None:
        name = attributes.get("fault")
        plain = name is None and transition is not Transition.FAIL
        draft.faults.extend((fault, event) for fault in found if plain or name == fault.id)


def _complete(step: Step, event: ProcessEvent, rule: ActivityRule, rules: Rules) -> None:
    source = event.source or rule.source
    if rule.receiver is not None:
        by = event.attributes.get("answered_by")
        if (source != rule.source or by is not None) and _receives(by, source, rule, rules):
            # The receiver's word about a hand-over: the giver's own stays beside it.
            step.receipt, step.receipt_source = (event.at, event.event_id), source
            return
    if step.finish is not None and step.finish_event is not None:
        step.earlier = (*step.earlier, (step.finish, step.finish_event))
    step.finish, step.finish_event, step.source = event.at, event.event_id, source
    step.cancelled = None


def _told_once(
    found: list[tuple[FaultRule, ProcessEvent]], steps: Mapping[str, Step], rules: Rules
) -> tuple[Told, ...]:
    """Return each fault once, in order of time, however many tell it."""
    if len(found) == 1:
        [(fault, event)] = found
        return (Told(fault, event.at, (event.event_id,)),)
    told: dict[tuple[str, str], tuple[FaultRule, list[list[ProcessEvent]]]] = {}
    # Whoever names the object comes first: who speaks of none then tells one of theirs again.
    for fault, event in sorted(found, key=lambda each: (not each[1].objects, *_order(each[1]))):
        step = steps[fault.activity]
        _, known = told.setdefault((fault.activity, fault.id), (fault, []))
        for tellings in known:
            if not _another(tellings[0], event, step, rules):
                tellings.append(event)
                break
        else:
            if len(known) < _MOST:
                known.append([event])
            else:
                known[-1].append(event)
    faults: list[Told] = []
    for fault, known in told.values():
        for tellings in known:
            tellings.sort(key=_order)
            faults.append(Told(fault, tellings[0].at, tuple([each.event_id for each in tellings])))
    return tuple(sorted(faults, key=lambda each: (each.at, each.events, each.rule.id)))


def _another(one: ProcessEvent, other: ProcessEvent, step: Step, rules: Rules) -> bool:
    """Say whether two tellings of a fault are of two: of another object, or of another time that it was done.

    Who tells of an activity with several attempts at another time tells of another attempt, unless somebody
    else dates that one a little otherwise, or it is over.
    """
    if any(other.objects.get(kind, key) != key for kind, key in one.objects.items()):
        return True
    rule, apart = rules.activities[step.activity], abs(one.at - other.at)
    if not rule.repeats:
        return apart > SAME_TIME and _doing(one, step) != _doing(other, step)
    if step.finish is not None and min(one.at, other.at) >= step.finish:
        return False
    return apart > (0 if _teller(one, rule) == _teller(other, rule) else SAME_TIME)


def _teller(event: ProcessEvent, rule: ActivityRule) -> tuple[Attribute, ...]:
    said = event.attributes
    return (event.source or rule.source, said.get("answered_by"), said.get("entered"))


def _doing(event: ProcessEvent, step: Step) -> int:
    """Return which time that an activity was done an event is about, from 0; after the last it is about the last."""
    finished = [] if step.finish is None else [step.finish]
    ends = sorted([*[at for at, _ in step.earlier], *finished])
    done = ends[:1] + [at for before, at in pairwise(ends) if at - before > SAME_TIME]
    return sum([event.at > at for at in done[:-1]])


def _receives(by: Attribute, source: str, rule: ActivityRule, rules: Rules) -> bool:
    """Say whether a hand-over is told by somebody other than the giver."""
    if by is None and source in rules.sources:
        by = rules.sources[source].run_by
    return by != rule.owner


def _passed(step: Step, event: ProcessEvent, rule: ActivityRule) -> None:
    if event.transition is SKIP:
        step.skipped = event.event_id
    elif event.transition is CANCEL:
        step.cancelled = event.event_id
    else:
        if rule.repeats:
            step.attempts = (*step.attempts, (event.at, event.event_id))
        if step.start is None:
            # What went wrong with it had begun.
            step.start = event.at
