"""What the sources really said: each happening once, on clocks that agree as far as that can be known.

It stands apart so that everything after it may take an event's time at its word, or know by how much
it may be off. Repetitions count once, by ``event_id`` and by content. A time that lies after the
event was recorded, or off by its zone's whole hours, is put right where that is certain.

Hazard: a correction moves blame. It is made only when one explanation fits every event of the source
in this case; otherwise the time stays and is marked as uncertain, so that it charges nobody.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import replace
from operator import attrgetter
from typing import Final, NamedTuple

from schemas.vocabulary import Finding
from services.router.tracing.company import Offsets, Rules, SourceRule
from services.router.tracing.members import COMPLETE
from services.router.tracing.model import HOUR, Case, Evidence, ProcessEvent

_AHEAD: Final = HOUR // 12
"""From here on ahead of its record (five minutes) an event's clock is looked at; sources tolerate more or less."""
SAME_TIME: Final = HOUR
"""Two who tell of the same happening date it at most an hour apart."""
_LAG: Final = (HOUR // 2, 15 * HOUR)
"""Recorded this much later, a zone may be the reason: no zone is further than 14 h from UTC."""


_order = attrgetter("at", "event_id")


class Observed(NamedTuple):
    """The events of a case as known at a moment, in order of time.

    ``blurs`` gives, by event, the µs by which its time is uncertain.
    """

    events: tuple[ProcessEvent, ...]
    flags: tuple[Evidence, ...]
    blurs: Mapping[str, int]


def observe(case: Case, rules: Rules, as_of: int) -> Observed:
    """Return what was known of the case at ``as_of``, each happening once."""
    unique = {event.event_id: event for event in case.events}
    if len(unique) < len(case.events):
        for event in case.events:
            known = unique[event.event_id]
            if known is not event and _rank(event) < _rank(known):
                unique[event.event_id] = event
    events = sorted(unique.values(), key=_order)
    flags: list[Evidence] = []
    if len({event.at for event in events}) < len(events) and _repeated(events):
        events, flags = _once(events, rules)
    lags = [event.recorded_at - event.at for event in events]
    lagging = bool(lags) and (max(lags) > _LAG[0] or min(lags) < -_AHEAD)
    odd = lagging and any(lag < -_AHEAD or _LAG[0] < lag < _LAG[1] for lag in lags)
    blurs: dict[str, int] = {}
    if odd or (lagging and _crossed(events, rules)):
        events, found, blurs = _corrected(events, rules)
        flags += found
    if events and events[-1].at > as_of:
        events = [event for event in events if event.at <= as_of]
        seen = {event.event_id for event in events}
        flags = [f for f in flags if f.finding is Finding.DUPLICATE or f.event_id in seen]
        late = {event.event_id for event in unique.values() if event.at > as_of}
        flags = [f for f in flags if f.event_id not in late]
    return Observed(tuple(events), tuple(flags), blurs)


def _repeated(events: list[ProcessEvent]) -> bool:
    """Say whether anything may have been sent again under another id."""
    return len({(event.activity, event.at, event.transition) for event in events}) < len(events)


def _once(events: list[ProcessEvent], rules: Rules) -> tuple[list[ProcessEvent], list[Evidence]]:
    """Count once what was sent again under another id; the copy that was recorded first stays."""
    kept: dict[object, ProcessEvent] = {}
    flags: list[Evidence] = []
    for event in sorted(events, key=lambda e: (e.recorded_at, e.event_id)):
        content = (
            event.activity,
            event.transition,
            event.at,
            event.due_at,
            event.source,
            repr(sorted(event.attributes.items())),
            repr(sorted(event.objects.items())),
        )
        if content not in kept:
            kept[content] = event
        elif event.activity in rules.activities:
            owner = rules.activities[event.activity].owner
            flags.append(Evidence(event.event_id, event.activity, Finding.DUPLICATE, owner))
    return sorted(kept.values(), key=_order), flags


def source_of(event: ProcessEvent, rules: Rules) -> SourceRule | None:
    """Return who attests an event: the source that it names, else that of its activity."""
    found = rules.sources.get(event.source) if event.source is not None else None
    return found or rules.sources.get(rules.activities[event.activity].source)


def _crossed(events: Iterable[ProcessEvent], rules: Rules) -> bool:
    """Say whether anything was finished before what must precede it, by two sources' clocks."""
    finished: dict[str, ProcessEvent] = {}
    for event in events:
        if event.transition is COMPLETE and event.activity in rules.activities:
            # In order of time: what is finished later than its follower comes after it here.
            finished[event.activity] = event
    for key, event in finished.items():
        for before in rules.activities[key].after:
            other = finished.get(before)
            if other is not None and other.at > event.at + HOUR // 2:
                return True
    return False


def _corrected(
    events: list[ProcessEvent], rules: Rules
) -> tuple[list[ProcessEvent], list[Evidence], dict[str, int]]:
    groups: dict[str, list[ProcessEvent]] = {}
    for event in events:
        if event.activity in rules.activities:
            source = source_of(event, rules)
            if source is not None:
                groups.setdefault(source.id, []).append(event)
    moved: dict[str, ProcessEvent] = {}
    flags: list[Evidence] = []
    blurs: dict[str, int] = {}
    for key in sorted(groups):
        group, rule = groups[key], rules.sources[key]
        chosen, shift, certain, why = _off(rule, group, events, rules)
        for event in group:
            owner = rules.activities[event.activity].owner
            at, finding = event.at, None
            if event in chosen:
                at, finding = event.at + (shift if certain else 0), why
                if not certain:
                    blurs[event.event_id] = abs(shift)
            if at > event.recorded_at + rule.clock_tolerance:
                # Nothing is recorded before it happens.
                at, finding = event.recorded_at, finding or Finding.CLOCK_SKEW
            if finding is not None:
                off = shift if event in chosen else at - event.at
                flags.append(
                    Evidence(event.event_id, event.activity, finding, owner, round(off / HOUR, 2))
                )
            if at != event.at:
                moved[event.event_id] = replace(event, at=at)
    if moved:
        events = sorted((moved.get(event.event_id, event) for event in events), key=_order)
    return events, flags, blurs


def _off(
    rule: SourceRule, group: list[ProcessEvent], events: list[ProcessEvent], rules: Rules
) -> tuple[list[ProcessEvent], int, bool, Finding]:
    """Return which events of a source are off by a steady amount, what puts them right, and whether that is certain.

    The amount is an offset of the source's or the company's zone, or what the source's record is late
    by each time. One that is off by its zone is called so.
    """
    tolerance = rule.clock_tolerance
    offsets = sorted(
        {
            abs(offset) * 1_000_000
            for zone in (rule.offsets, rules.offsets)
            if (offset := _offset(zone, group[0].at)) != 0
        }
    )
    ahead = [event for event in group if event.at - event.recorded_at > tolerance]
    if ahead:
        fits = [
            offset
            for offset in offsets
            if all(-2 * tolerance <= e.at - e.recorded_at - offset <= tolerance for e in ahead)
        ]
        if len(fits) != 1:
            return [], 0, False, Finding.CLOCK_SKEW
        mixed = any(abs(event.recorded_at - event.at) <= tolerance for event in group)
        return (ahead if mixed else group), -fits[0], True, Finding.ZONE_ERROR
    lags = [event.recorded_at - event.at for event in group]
    spread = group[-1].at - group[0].at >= HOUR
    # A source that reports as things happen has no reason to be late by the same, every time.
    steady = rule.every is None and max(lags) - min(lags) <= 2 * tolerance
    crossed = _crossings(group, 0, events, rules, tolerance)

    def uncrosses(offset: int) -> bool:
        late = all(lag >= offset - tolerance for lag in lags)
        return late and _crossings(group, offset, events, rules, tolerance) == 0

    fits = [offset for offset in offsets if uncrosses(offset)]
    if len(fits) == 1:
        zone = steady and abs(max(lags) - fits[0]) <= 2 * tolerance
        if zone and (crossed or spread):
            return group, fits[0], True, Finding.ZONE_ERROR
        if crossed >= 2 and not steady:
            return group, fits[0], True, Finding.ZONE_ERROR
        if zone or (crossed and not steady):
            return group, fits[0], False, Finding.ZONE_ERROR
    if steady and spread and min(lags) > _LAG[0] and uncrosses(min(lags)):
        return group, min(lags), crossed > 0, Finding.CLOCK_SKEW
    return [], 0, False, Finding.CLOCK_SKEW


def _crossings(
    group: list[ProcessEvent],
    shift: int,
    events: list[ProcessEvent],
    rules: Rules,
    tolerance: int,
) -> int:
    """Count the neighbours in the process that are the wrong way round when a source's times are shifted."""
    ids = {event.event_id for event in group}
    finished: dict[str, tuple[int, bool]] = {}
    for event in events:
        if event.transition is COMPLETE and event.activity in rules.activities:
            ours = event.event_id in ids
            at = event.at + (shift if ours else 0)
            known = finished.get(event.activity)
            if known is None or at > known[0]:
                finished[event.activity] = (at, ours)
    count = 0
    for key, (at, ours) in finished.items():
        for before in rules.activities[key].after:
            other = finished.get(before)
            if other is not None and other[1] != ours and other[0] > at + tolerance:
                count += 1
    return count


def _offset(zone: Offsets, at: int) -> int:
    """Return a zone's offset in seconds at ``at``."""
    return zone[max(0, bisect_right(zone, (at, 2**62)) - 1)][1]


def _rank(event: ProcessEvent) -> tuple[int, int, str, str, int, str, str, str]:
    """Order contradicting copies of one event; the first known one counts."""
    return (
        event.recorded_at,
        event.at,
        event.activity,
        event.transition.value,
        event.due_at or 0,
        event.source or "",
        repr(sorted(event.attributes.items())),
        repr(sorted(event.objects.items())),
    )
