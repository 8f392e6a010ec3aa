"""What is known of a case at a moment, whatever order its events arrived in.

It stands apart because everything after it may then forget about events: one `Step` per activity
holds when it was due, started and finished. Repeated deliveries of an event count once; events from
after the moment are not seen, so that an old complaint is traced as it was.

Hazard: the last completion counts as the finish (goods repacked, a second delivery attempt); the
first due date told before the complaint moves only with a later schedule event from before it, so
that nobody is cleared by a date that was moved afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.vocabulary import Transition
from services.router.tracing.company import FaultRule, Rules
from services.router.tracing.model import Attribute, Case, ProcessEvent


@dataclass(slots=True)
class Step:
    """One activity of the case; times in µs UTC, None where no event says so.

    Filled while the timeline is built and not changed afterwards.
    """

    activity: str
    start: int | None = None
    finish: int | None = None
    finish_event: str | None = None
    due: int | None = None
    due_event: str | None = None
    skipped: str | None = None
    cancelled: str | None = None

    @property
    def passed(self) -> bool:
        """Say whether the case went on without this activity being done."""
        return self.finish is None and (self.skipped is not None or self.cancelled is not None)


@dataclass(frozen=True, slots=True)
class Timeline:
    """The steps that events speak of, and what else they say."""

    steps: Mapping[str, Step]
    attributes: Mapping[str, Attribute]
    faults: tuple[tuple[FaultRule, ProcessEvent], ...]
    first: ProcessEvent | None
    spoken: Mapping[str, int]
    """By source, the latest time at which it spoke about this case."""
    later: bool
    """Whether events from after ``as_of`` were left out."""


def build(case: Case, rules: Rules, occurred_at: int, as_of: int) -> Timeline:
    """Return the timeline as known at ``as_of`` to somebody who complained at ``occurred_at``."""
    unique: dict[str, ProcessEvent] = {}
    for event in case.events:
        known = unique.get(event.event_id)
        if known is None or (known is not event and _rank(event) < _rank(known)):
            unique[event.event_id] = event
    seen = [event for event in unique.values() if event.at <= as_of]
    seen.sort(key=_order)
    steps: dict[str, Step] = {}
    attributes: dict[str, Attribute] = {}
    faults: list[tuple[FaultRule, ProcessEvent]] = []
    spoken: dict[str, int] = {}
    for event in seen:
        rule = rules.activities.get(event.activity)
        if rule is None:
            continue
        spoken[event.source or rule.source] = event.at
        if event.attributes:
            attributes.update(event.attributes)
        step = steps.get(event.activity)
        if step is None:
            step = steps[event.activity] = Step(event.activity)
        _take(step, event, occurred_at)
        found = rules.faults.get((event.activity, event.transition))
        if found is not None:
            name = event.attributes.get("fault")
            plain = name is None and event.transition is not Transition.FAIL
            faults.extend((fault, event) for fault in found if plain or name == fault.id)
    return Timeline(
        steps=steps,
        attributes=attributes,
        faults=tuple(faults),
        first=seen[0] if seen else None,
        spoken=spoken,
        later=len(seen) < len(unique),
    )


def _take(step: Step, event: ProcessEvent, occurred_at: int) -> None:
    transition = event.transition
    if transition is Transition.COMPLETE:
        step.finish, step.finish_event = event.at, event.event_id
        step.cancelled = None
    elif transition is Transition.SCHEDULE:
        if event.due_at is not None and (step.due is None or event.at <= occurred_at):
            step.due, step.due_event = event.due_at, event.event_id
    elif transition is Transition.START:
        if step.start is None:
            step.start = event.at
    elif transition is Transition.SKIP:
        step.skipped = event.event_id
    elif transition is Transition.CANCEL:
        step.cancelled = event.event_id


def _order(event: ProcessEvent) -> tuple[int, str]:
    return (event.at, event.event_id)


def _rank(event: ProcessEvent) -> tuple[int, int, str, str, int, str, str]:
    """Order contradicting copies of one event; the first known one counts."""
    return (
        event.recorded_at,
        event.at,
        event.activity,
        event.transition.value,
        event.due_at or 0,
        event.source or "",
        repr(sorted(event.attributes.items())),
    )
