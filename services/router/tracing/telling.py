"""What is said about a decision, before it is put into any language: which phrases, in which order, of which facts.

It stands apart from `explain` because it is the same for every language, and is settled once. A phrase's
facts are named as in `phrases`: ``activity`` and ``owner`` are ids, ``late`` is a span, ``at``, ``begin``, ``by``, ``due``
and ``end`` are moments of the company's wall clock.

Hazard: only facts of this trace may be said. What is said without an event says what is not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from schemas.vocabulary import Finding
from services.router.tracing.company import Rules
from services.router.tracing.delays import OwnDelay, allowance_of, later
from services.router.tracing.lateness import Lateness
from services.router.tracing.members import PROMISE, SILENT, UNKNOWN
from services.router.tracing.model import (
    HOUR,
    Candidate,
    Cause,
    Evidence,
    Missing,
    Question,
    Recovery,
)
from services.router.tracing.path import Way
from services.router.tracing.reasoning import Look

_SAY_TOLD: Final = frozenset({"customer_missed_open", "customer_foreseen", "customer_else"})
"""Phrases that say that somebody is at work on it; each has one beside it (``…_again``) for when nobody is yet."""


class Said(NamedTuple):
    """One sentence to come: its phrase, the facts it names, the events it rests on."""

    phrase: str
    facts: Mapping[str, Any]
    events: tuple[str, ...] = ()


class Moment(NamedTuple):
    """A wall time; ``month`` counts from 0, ``clock`` is such as ``14:05``."""

    day: int
    month: int
    clock: str


class Span(NamedTuple):
    """A duration in the unit that reads best; ``unit`` is its phrase."""

    unit: str
    amount: int


class Teller:
    """Chooses what is said about one decision."""

    __slots__ = ("lateness", "moments", "now", "rules")

    def __init__(self, rules: Rules, now: Look) -> None:
        """Tell what was found in one look at a case."""
        self.rules = rules
        self.now = now
        self.lateness = now.lateness
        self.moments: dict[int, Moment] = {}

    def colleagues(
        self,
        missing: tuple[Missing, ...],
        *,
        recovery: Recovery,
        waiting_until: int | None,
        question: Question | None,
        candidates: tuple[Candidate, ...],
    ) -> list[Said]:
        """Tell colleagues: the promise, the causes, what is not known, who can help."""
        lateness, timeline = self.lateness, self.now.timeline
        missed = lateness is not None and lateness.late is not None and lateness.late > 0
        told: list[Said] = []
        if timeline.first is None:
            told.append(Said("no_events", {}))
        elif lateness is not None:
            told.append(self._promise(lateness))
        named = False
        for cause in self.now.causes:
            named = named or cause.department is not None
            self._cause(told, cause)
        if lateness is not None and missed:
            self._joint(told, lateness)
        if self.now.flags:
            told.extend(_doubts(self.now.flags))
        if not named and timeline.first is not None and not (lateness and lateness.late):
            told.append(Said("text_only", {}))
        if missing:
            _missing(told, missing, lateness)
        if question is not None:
            told.append(self._asked(question))
        if candidates and not named:
            told.append(Said("candidates", {"names": [each.department for each in candidates]}))
        told.append(Said(recovery.action, _helping(recovery)))
        if waiting_until is not None:
            told.append(Said("again", {"at": self.moment(waiting_until)}))
        return told

    def customer(self, waiting_until: int | None = None) -> Said:
        """Tell the customer what was promised and what comes next; nobody is named.

        A decision that waits for time alone has told nobody yet: ``waiting_until`` is then said instead.
        """
        lateness = self.lateness
        facts: dict[str, Any] = {}
        if lateness is None or lateness.due is None or lateness.late is None:
            phrase = "customer_else"
        else:
            facts["activity"] = lateness.promise.activity
            facts["due"] = self.moment(lateness.due)
            if lateness.late > 0 and lateness.finished_at is not None:
                facts["end"] = self.moment(lateness.finished_at)
                phrase = "customer_missed_done"
            elif lateness.foreseen:
                phrase = "customer_foreseen"
            elif lateness.late > 0:
                phrase = "customer_missed_open"
            else:
                phrase = "customer_running" if lateness.finished_at is None else "customer_else"
        if waiting_until is not None and phrase in _SAY_TOLD:
            facts["at"] = self.moment(waiting_until)
            phrase = f"{phrase}_again"
        return Said(phrase, facts)

    def question(self, question: Question) -> Said:
        """Ask for a fact."""
        facts: dict[str, Any] = {"activity": question.activity}
        if question.claimed is not None:
            facts["at"] = self.moment(question.claimed)
        return Said(f"ask_{question.fact}", facts)

    def moment(self, at: int) -> Moment:
        """Return the company's wall time at ``at`` (µs UTC)."""
        known = self.moments.get(at)
        if known is None:
            local = self.rules.local(at)
            clock = f"{local.hour:02}:{local.minute:02}"
            known = self.moments[at] = Moment(local.day, local.month - 1, clock)
        return known

    def _asked(self, question: Question) -> Said:
        step = self.now.timeline.steps.get(question.activity)
        events = (step.doubt[1],) if step is not None and step.doubt is not None else ()
        return Said("asked", {"owner": question.department, "question": question}, events)

    def _promise(self, lateness: Lateness) -> Said:
        facts: dict[str, Any] = {"activity": lateness.promise.activity}
        if lateness.cancelled:
            phrase = "cancelled"
        elif lateness.due is None or lateness.late is None:
            phrase = "no_promise"
        else:
            facts["due"] = self.moment(lateness.due)
            if lateness.late > 0:
                facts["late"] = _span(lateness.late)
                phrase = "missed_open" if lateness.finished_at is None else "missed_done"
                phrase = "foreseen" if lateness.foreseen else phrase
            elif lateness.finished_at is not None:
                facts["end"] = self.moment(lateness.finished_at)
                phrase = "kept"
            else:
                phrase = "running"
        return Said(phrase, facts, () if lateness.due_event is None else (lateness.due_event,))

    def _cause(self, told: list[Said], cause: Cause) -> None:
        activity = cause.activity
        if cause.kind is UNKNOWN or activity is None:
            return
        if cause.kind is PROMISE:
            facts: dict[str, Any] = {"late": _span(round(cause.hours * HOUR))}
            measured = [s.lateness for s in self.now.found if s.lateness is not None]
            measured += [part.lateness for part in self.now.parts]
            late = [1 for lateness in measured if lateness.charged or lateness.unknown]
            told.append(Said("promise_too" if late else "promise", facts, cause.events))
            return
        before, timeline = len(told), self.now.timeline
        if cause.hours > 0:
            self._delay(told, cause)
        for fault, at, events in timeline.faults:
            if events[0] in cause.events and fault.activity == activity:
                facts = {
                    "activity": activity,
                    "owner": cause.department,
                    "fault": fault.names,
                    "at": self.moment(at),
                }
                told.append(Said("fault", facts, events))
        for found in self.now.broken:
            rule = found.rule
            if rule.department == cause.department and set(cause.events).issuperset(found.events):
                facts = {"activity": activity, "owner": cause.department, "name": rule.names}
                told.append(Said("contradiction", facts, found.events))
        step = timeline.steps.get(activity)
        if step is None:
            return
        if step.attempts and cause.hours > 0:
            at, attempt = step.attempts[0]
            facts = {"activity": activity, "at": self.moment(at)}
            told.append(Said("attempt", facts, (attempt,)))
        if len(told) == before and step.finish is not None:
            at_finish = self.moment(step.finish)
            facts = {"activity": activity, "owner": cause.department, "at": at_finish}
            told.append(Said("denied", facts, cause.events))

    def _delay(self, told: list[Said], cause: Cause) -> None:
        lateness = self.lateness
        stretch = None if lateness is None else _stretch(lateness, cause)
        if lateness is None or stretch is None:
            return
        activity, late = stretch.members[-1], _span(stretch.charged)
        facts: dict[str, Any] = {"activity": activity, "owner": cause.department, "late": late}
        if stretch.unfinished:
            facts["begin"] = self.moment(stretch.begin)
            told.append(Said("delay_open", facts, cause.events))
        else:
            facts["end"] = self.moment(stretch.end)
            told.append(Said("delay_done", facts, cause.events))
        paths = [lateness.path, *[part.lateness.path for part in self.now.parts[1:]]]
        earlier = [s for path in paths for s in path if s.end <= stretch.begin and s is not stretch]
        if earlier and not [s for s in earlier if s.own is None or s.charged or s.unknown]:
            events = tuple(dict.fromkeys([s.event for s in earlier if s.event is not None]))
            told.append(Said("upstream", {}, events))
        by = self._by(lateness, stretch)
        if by is not None:
            facts = {"activity": activity, "by": self.moment(by)}
            told.append(Said("would_keep", facts, cause.events))
        elif (gain := self._gain(lateness, stretch)) > 0:
            facts = {"activity": activity, "late": _span(gain)}
            told.append(Said("would_gain", facts, cause.events))

    def _by(self, lateness: Lateness, late: OwnDelay) -> int | None:
        """Return until when a step would have had to be done for the promise to be kept, in every part (µs UTC)."""
        parts = self.now.parts
        timeline = parts[0].timeline if parts else self.now.timeline
        by = _in_time(lateness, late, Way(lateness.promise, timeline, self.rules))
        if by is None or not parts:
            return by
        least = _possible(late)
        for timeline, other in parts[1:]:
            way = Way(other.promise, timeline, self.rules)
            if _keeps(other, way):
                continue
            same = _same(other, late)
            also = None if same is None else _in_time(other, same, way)
            if same is None or also is None:
                return None
            by, least = min(by, also), max(least, _possible(same))
        return by if by >= least else None

    def _gain(self, lateness: Lateness, late: OwnDelay) -> int:
        """Return how much sooner the last part would have come, had a step kept to its plan (µs)."""
        ends = [(_end(lateness), late.charged)]
        for _, other in self.now.parts[1:]:
            if other.late is not None:
                same = _same(other, late)
                ends.append((_end(other), 0 if same is None else same.charged))
        return max(end for end, _ in ends) - max(end - charged for end, charged in ends)

    def _joint(self, told: list[Said], lateness: Lateness) -> None:
        """Tell of stretches that several departments share."""
        for stretch in lateness.path:
            if stretch.owner is None and stretch.charged > 0:
                facts = {
                    "activity": stretch.members[-1],
                    "late": _span(stretch.charged),
                    "end": self.moment(stretch.end),
                }
                told.append(Said("joint", facts, (stretch.event,) if stretch.event else ()))


def _helping(recovery: Recovery) -> dict[str, str]:
    if recovery.activity is None:
        return {"owner": recovery.department}
    return {"owner": recovery.department, "activity": recovery.activity}


def _missing(told: list[Said], missing: tuple[Missing, ...], lateness: Lateness | None) -> None:
    """Tell what is not known, and whether it would tell the steps apart."""
    unknown: str | None = None
    for fact in missing:
        silent = fact.finding is SILENT
        if not silent and unknown is None:
            unknown = fact.activity
        facts = {"activity": fact.activity, "owner": fact.department}
        told.append(Said("silent" if silent else "missing", facts))
    if unknown is not None and lateness is not None:
        for stretch in lateness.path:
            if stretch.owner is None:
                told.append(Said("would_change", {"activity": unknown}))
                return


def _doubts(flags: tuple[Evidence, ...]) -> list[Said]:
    """Tell which times are doubtful and what was done about it; of one kind and activity once.

    Whatever is flagged has a phrase of its finding's name.
    """
    told: dict[tuple[str, Finding], Said] = {}
    for flag in flags:
        key = (flag.activity, flag.finding)
        if key not in told:
            facts = {
                "activity": flag.activity,
                "owner": flag.department,
                "late": _span(round(abs(flag.hours or 0.0) * HOUR)),
            }
            events = () if flag.event_id is None else (flag.event_id,)
            told[key] = Said(flag.finding.value, facts, events)
    return list(told.values())


def _stretch(lateness: Lateness, cause: Cause) -> OwnDelay | None:
    for stretch in lateness.path:
        if stretch.charged > 0 and stretch.members[-1] == cause.activity:
            return stretch
    return None


def _same(lateness: Lateness, late: OwnDelay) -> OwnDelay | None:
    """Return the stretch of another part's way that the same activity ends."""
    return next((s for s in lateness.path if s.members[-1] == late.members[-1]), None)


def _keeps(lateness: Lateness, way: Way) -> bool:
    """Say whether a part kept its promise, or will if all that is left of its way takes just its plan."""
    if lateness.late is None or lateness.due is None or lateness.finished_at is not None:
        return (lateness.late or 0) <= 0
    if lateness.late > 0 or not lateness.path or (left := _left(way, lateness.path[-1])) is None:
        return False
    rules, last = way.rules, lateness.path[-1]
    at = max(last.end, last.allowed_until or last.end)
    for key in left:
        allowance = allowance_of(rules.activities[key], way.timeline)
        if allowance is None:
            return False
        at = later(rules, rules.activities[key].calendar, at, allowance)
    return at <= lateness.due


def _end(lateness: Lateness) -> int:
    """Return when what was promised was done, or up to when the customer has waited for it (µs UTC)."""
    return (lateness.due or 0) + (lateness.late or 0)


def _possible(late: OwnDelay) -> int:
    """Return when a late stretch would have ended by its own plan (µs UTC)."""
    return max(late.begin, late.end - late.charged, late.allowed_until or late.begin)


def _in_time(lateness: Lateness, late: OwnDelay, way: Way) -> int | None:
    """Return until when a late stretch would have had to end for the promise to be kept (µs UTC).

    Reckoned back from the due date, all else as it was: what followed took as long as it did, what is open at
    least as long as it has so far, what is still to come its plan. None where that is not known, where another
    step would have held the case up all the same, or where less than the stretch's plan would have been left.
    """
    at, path = lateness.due, lateness.path
    if at is None or (left := _left(way, path[-1])) is None:
        return None
    steps: list[tuple[tuple[str, ...], OwnDelay | None]] = [
        *[(stretch.members, stretch) for stretch in path[path.index(late) + 1 :]],
        *[((key,), None) for key in left],
    ]
    before = [late.members, *[members for members, _ in steps]]
    for (members, was), previous in zip(reversed(steps), reversed(before[:-1]), strict=True):
        begin = _begun(way, members, was, at)
        if begin is None:
            return None
        others = {key for member in members for key in way.before(member)}
        for key in others - {*members, previous[-1]}:
            finish = way.finish(key)
            if finish is None or finish > begin:
                return None
        at = begin
    return at if _possible(late) <= at < late.end else None


def _left(way: Way, last: OwnDelay) -> tuple[str, ...] | None:
    """Return what is to come after the last stretch, up to what is promised; None where that is no one way."""
    steps, activities, promised = way.timeline.steps, way.rules.activities, way.promise.activity
    if not last.unfinished:
        return ()
    keys, chain = [last.members[-1]], way.promise.chain
    for after in chain[chain.index(keys[0]) + 1 :]:
        step = steps.get(after)
        passed = activities[after].optional if step is None else step.passed
        if keys[-1] in way.before(after) and (after == promised or not passed):
            keys.append(after)
    return tuple(keys[1:]) if keys[-1] == promised else None


def _begun(way: Way, members: tuple[str, ...], was: OwnDelay | None, end: int) -> int | None:
    """Return when steps that end then would have begun: as long before as they took, by plan if they have yet to end."""
    rules, activities = way.rules, way.rules.activities
    begin = end
    if was is None or was.unfinished:
        for key in reversed(members):
            allowance = allowance_of(activities[key], way.timeline)
            if allowance is None:
                return None
            begin = later(rules, activities[key].calendar, begin, -allowance)
    if was is None:
        return begin
    calendars = {activities[key].calendar for key in members}
    if len(calendars) > 1 or (was.unfinished and was.unknown > 0):
        return None
    calendar = calendars.pop()
    took = was.end - was.begin
    if calendar is not None and calendar in rules.calendars:
        worked = rules.calendars[calendar].between(was.begin, was.end)
        if worked > 0:
            return min(begin, later(rules, calendar, end, -worked))
    return min(begin, end - took)


def _span(duration: int) -> Span:
    if duration < HOUR:
        return Span("minutes", max(1, round(duration * 60 / HOUR)))
    if duration < 72 * HOUR:
        return Span("hours", round(duration / HOUR))
    return Span("days", round(duration / (24 * HOUR)))
