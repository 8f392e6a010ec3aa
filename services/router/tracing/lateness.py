"""A promise measured in a case: kept, missed, still open, or no longer to be kept.

It stands apart from the arithmetic of single activities (`delays`) because it is what the causes,
the outcome and the words are made from.

Hazard: the customer's word that nothing came makes a promise missed even while its source is
silent; who is charged for it is still measured only as far as each source has spoken.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, NamedTuple

from schemas.vocabulary import Finding
from services.router.tracing import losses
from services.router.tracing.company import PromiseRule, Rules, chosen
from services.router.tracing.delays import Clock, OwnDelay, allowance_of, later
from services.router.tracing.members import (
    COMPLETE,
    LATE,
    MISSING,
    ON_TIME,
    OVERDUE,
    PENDING,
    PROMISE_MISSED,
    PROMISE_PENDING,
    SCHEDULE,
    SILENT,
)
from services.router.tracing.model import HOUR, PARTS, Case, Evidence, Missing
from services.router.tracing.path import Way
from services.router.tracing.step import Step
from services.router.tracing.timeline import Timeline

_LATER: Final = 24
"""A part of its round that a source may be late by when it speaks: an hour of a day."""


class Lateness(NamedTuple):
    """A promise measured in a case; µs.

    ``late`` is None when nobody knows the promised time; positive means missed. ``open`` is the
    activity that holds the case, None when the promised one is finished.
    """

    promise: PromiseRule
    due: int | None
    due_event: str | None
    late: int | None
    path: tuple[OwnDelay, ...]
    open: str | None
    finished_at: int | None
    speaks_at: int | None
    """When a source whose silence keeps the answer open is expected to speak; None: not known."""
    missing: tuple[Missing, ...]
    evidence: tuple[Evidence, ...]
    cancelled: bool
    foreseen: bool
    """The promise has not run out, but can no longer be kept by plan: ``late`` is by how much."""
    unheard: bool = False
    """Whether the promise itself was too short cannot be told: its activity's source is silent since it was
    due, or the beginning is not recorded."""
    unseen: tuple[tuple[str, float], ...] = ()
    """Owner of the open step and of those that must follow it, each with how likely its completion is lost (0..1);
    empty where none would be."""

    @property
    def charged(self) -> int:
        """Sum of what is charged to departments."""
        return sum([stretch.charged for stretch in self.path if stretch.owner is not None])

    @property
    def unknown(self) -> int:
        """Sum of what may or may not be somebody's.

        What would be charged if a source spoke, an event were there or a clock right counts in full, as a
        charge does: capped, silence would add to the shares of all others. What nothing measures counts up
        to the lateness itself.
        """
        known = unmeasured = 0
        for s in self.path:
            if s.own is None:
                unmeasured += s.unknown
            else:
                known += s.unknown + (s.charged if s.owner is None else 0)
        return known + min(unmeasured, max(0, (self.late or 0) - known))


def hours(duration: int) -> float:
    """Return µs as hours, to a hundredth."""
    return round(duration / HOUR, 2)


def measure(
    promise: PromiseRule, case: Case, timeline: Timeline, rules: Rules, as_of: int, *, denied: bool
) -> Lateness:
    """Measure one promise of the case as known at ``as_of``.

    ``denied`` says that the customer's words attest that the promised activity has not happened;
    without them its source must have spoken for the promise to count as missed.
    """
    if timeline.steps.keys().isdisjoint(promise.chain):
        # Another process's promise: nothing of it is on record, and nothing need be looked for.
        return _unheard_of(promise, rules)
    way = Way(promise, timeline, rules)
    clock = Clock(way, case, as_of)
    finished_at = way.finish(promise.activity)
    cancelled = finished_at is None and way.cancelled()
    open_activity: str | None = None
    path: tuple[OwnDelay, ...] = ()
    unseen: tuple[tuple[str, float], ...] = ()
    if finished_at is not None:
        path = clock.stretches(way.groups(promise.activity))
    elif not cancelled:
        open_activity, path = _frontier(way, clock)
        if path and path[-1].unfinished and path[-1].charged > 0:
            unseen = _unseen(way, path[-1], clock)
    due, due_event = _promised(way)
    late: int | None = None
    if due is not None and not cancelled:
        known = as_of
        if finished_at is None and not denied:
            known = min(known, clock.horizon(rules.activities[promise.activity].source))
        late = (finished_at if finished_at is not None else known) - due
    foreseen = False
    if due is not None and late is not None and late <= 0 and path and path[-1].charged > 0:
        expected = _expected(way, path[-1])
        if expected is not None and expected > due:
            foreseen, late = True, expected - due
    silent: set[str] = set()
    if path and finished_at is None:
        silent = {
            rules.activities[stretch.members[-1]].source
            for stretch in path
            if stretch.unfinished and stretch.end < as_of and stretch.unknown > 0
        }
    # Nothing could be measured, or the beginning is not recorded: what was lost before the first event cannot
    # be told from a short promise.
    unheard = (
        late is not None
        and late > 0
        and (
            not path
            or (
                due_event is not None
                and way.finish(promise.chain[0]) is None
                and (first := way.first()) is not None
                and first.transition is COMPLETE
            )
        )
    )
    if late is not None and late > 0 and finished_at is None and not foreseen:
        # Nobody has spoken for the promised activity since it was due: it may have been done.
        source = rules.activities[promise.activity].source
        if clock.horizon(source) <= (due or 0):
            unheard = True
            silent.add(source)
    return Lateness(
        promise=promise,
        due=due,
        due_event=due_event,
        late=late,
        path=path,
        open=open_activity,
        finished_at=finished_at,
        speaks_at=_speaks_at(silent, clock) if silent else None,
        missing=_missing(way, path, due) if not cancelled else (),
        evidence=(*[_finding(stretch) for stretch in path], *_kept(way, late, due_event, foreseen)),
        cancelled=cancelled,
        foreseen=foreseen,
        unheard=unheard,
        unseen=unseen,
    )


def _unheard_of(promise: PromiseRule, rules: Rules) -> Lateness:
    """Return what is known of a promise of which no event speaks: that it is not known when it was given."""
    return Lateness(
        promise=promise,
        due=None,
        due_event=None,
        late=None,
        path=(),
        open=None,
        finished_at=None,
        speaks_at=None,
        missing=(_undated(promise, rules),),
        evidence=(),
        cancelled=False,
        foreseen=False,
    )


def _undated(promise: PromiseRule, rules: Rules) -> Missing:
    """Name the fact that would tell when a promise runs out."""
    rule = rules.activities[promise.start or promise.activity]
    return Missing(rule.id, promise.publisher or rule.owner, rule.source, MISSING)


def _frontier(way: Way, clock: Clock) -> tuple[str | None, tuple[OwnDelay, ...]]:
    """Return the activity where the case stands, with the delays up to there.

    Of several open branches the one counts that is charged for something that is known to have gone wrong in it
    (that nothing was heard of another may be a lost event), else the one that is charged most; ties go by id.
    """
    choices: list[tuple[bool, int, int, str, tuple[OwnDelay, ...]]] = []
    wrong = {fault.rule.activity for fault in way.timeline.faults}
    for key in way.open():
        path = clock.stretches(way.groups(key))
        if path:
            charged, unknown = path[-1].charged, path[-1].unknown
            choices.append((not (charged and key in wrong), -charged, -unknown, key, path))
    if not choices:
        return None, ()
    *_, key, path = min(choices, key=lambda choice: choice[:4])
    return key, path


def _unseen(way: Way, last: OwnDelay, clock: Clock) -> tuple[tuple[str, float], ...]:
    """Return the open step and those that must follow it, with how likely each one's completion was lost.

    With that of the open step, also what follows it beside the way must have been lost: an invoice that would have
    been issued by now.
    """
    rules, key, case = way.rules, last.members[-1], clock.case
    steps, chain = [key], way.promise.chain
    for after in chain[chain.index(key) + 1 :]:
        if steps[-1] in way.before(after):
            steps.append(after)
    if len(steps) == 1 or not rules.sources[rules.activities[key].source].assumed:
        # What the customer denies to have, or a source that is known to be behind.
        return ()
    if any(
        e.activity == key and "answered_by" in e.attributes and e.transition is not SCHEDULE
        for e in way.timeline.events
    ):
        # Somebody was asked, and says that it is not done.
        return ()
    known = losses.added(case.losses, losses.counted(case.events, rules, clock.as_of))
    beside = _beside(way, last, clock)
    told = [rules.activities[each].source for each in (*steps, *beside)]
    rate = losses.rates(told, known)
    first = rate[0] * math.prod(rate[len(steps) :])
    owners = (rules.activities[step].owner for step in steps)
    return tuple(zip(owners, (first, *rate[1 : len(steps)]), strict=True))


def _beside(way: Way, last: OwnDelay, clock: Clock) -> tuple[str, ...]:
    """Return what follows an open step beside the way, and would have been told by now had that been done in time."""
    steps, key = way.timeline.steps, last.members[-1]
    found: list[str] = []
    for rule in way.rules.following(key):
        if rule.optional or rule.id in way.promise.chain:
            continue
        if rule.id in steps or [1 for e in rule.after if e != key and way.finish(e) is None]:
            continue
        allowance = allowance_of(rule, way.timeline)
        if allowance is None or last.allowed_until is None:
            continue
        due = later(way.rules, rule.calendar, last.allowed_until, allowance)
        if due < clock.horizon(rule.source):
            found.append(rule.id)
    return tuple(found)


def doubted(lateness: Lateness, rules: Rules, weigh: Callable[[str], float]) -> Lateness:
    """Take from what is charged for an open step what may be another's, had its completion been lost.

    ``weigh`` says how readily a department is late in what the customer complains of.
    """
    if not lateness.unseen:
        return lateness
    parts = losses.still(lateness.unseen, weigh)
    if PARTS - parts < losses.LEAST:
        return lateness
    last = lateness.path[-1]
    doubt = last.charged - last.charged * parts // PARTS
    open_ = last._replace(charged=last.charged - doubt, unknown=last.unknown + doubt, doubted=doubt)
    missing = lateness.missing
    if last.unknown == 0 and last.own is not None and last.owner is not None:
        rule = rules.activities[last.members[-1]]
        missing = (*missing, Missing(rule.id, rule.owner, rule.source, MISSING))
    return lateness._replace(path=(*lateness.path[:-1], open_), missing=missing)


def _expected(way: Way, last: OwnDelay) -> int | None:
    """Return when the promised activity would be done if all that is left keeps to its plan."""
    if not last.unfinished:
        return None
    at, key, chain = last.end, last.members[-1], way.promise.chain
    for after in chain[chain.index(key) + 1 :]:
        if key in way.before(after):
            allowance = allowance_of(way.rules.activities[after], way.timeline)
            if allowance is None:
                return None
            calendar = way.rules.activities[after].calendar
            at, key = later(way.rules, calendar, at, allowance), after
    return at if key == way.promise.activity else None


def _promised(way: Way) -> tuple[int | None, str | None]:
    """Return the promised time: a due date told in an event, else counted from the start."""
    step = way.timeline.steps.get(way.promise.activity)
    if step is not None and step.due is not None:
        return step.due, step.due_event
    if way.promise.start is None:
        return None, None
    begin = way.timeline.steps.get(way.promise.start)
    at, event = (None, None) if begin is None else (begin.finish, begin.finish_event)
    if at is None:
        # Not recorded, but it came before all that follows it: the promise ran out then at the latest.
        at = way.earliest()
    if at is None:
        return None, None
    within = chosen(way.promise.withins, way.timeline.attributes)
    if within is None:
        within = way.promise.within
    if within is None:
        return None, None
    return later(way.rules, way.promise.calendar, at, within), event


def _speaks_at(silent: set[str], clock: Clock) -> int | None:
    """Return when a silent source is next expected, if that is still to come.

    One that tells of the day at night has told what there is up to its last event; it speaks again a round after it
    last spoke, not after that event.
    """
    coming: list[int] = []
    for source in silent:
        every = clock.rules.sources[source].every
        if every is None:
            continue
        last = clock.horizon(source)
        heard = clock.case.heard.get(source, last)
        if last < heard <= last + 2 * every:
            # What is told takes a while to be told: it is waited for a little longer than a round.
            last = heard + every // _LATER
        if (at := last + every) > clock.as_of:
            coming.append(at)
    return min(coming, default=None)


def _missing(way: Way, path: tuple[OwnDelay, ...], due: int | None) -> tuple[Missing, ...]:
    """Return the facts that would have told more, each with who owes it."""
    found: list[Missing] = []
    steps = way.timeline.steps
    for stretch in path:
        if _undoubted(stretch, steps.get(stretch.members[-1])):
            continue
        for key in stretch.members:
            rule = way.rules.activities[key]
            step = steps.get(key)
            doubted = step is not None and step.doubt is not None
            if step is not None and step.gap > 0:
                found.append(Missing(key, rule.owner, rule.source, Finding.DISPUTED))
            if key != stretch.members[-1] and way.finish(key) is None:
                finding = Finding.DISORDERED if doubted else MISSING
                found.append(Missing(key, rule.owner, rule.source, finding))
            elif stretch.own is None or (stretch.owner is None and stretch.charged > 0):
                if allowance_of(rule, way.timeline) is None:
                    found.append(Missing(key, rule.owner, rule.source, MISSING))
            elif key == stretch.members[-1] and stretch.unfinished and stretch.unknown > 0:
                found.append(Missing(key, rule.owner, rule.source, SILENT))
    origin = way.promise.chain[0]
    if path and way.finish(origin) is None and path[0].members[0] != origin:
        rule = way.rules.activities[origin]
        found.insert(0, Missing(origin, rule.owner, rule.source, MISSING))
    if due is None:
        fact = _undated(way.promise, way.rules)
        if fact not in found:
            found.append(fact)
    return tuple(found)


def _undoubted(stretch: OwnDelay, last: Step | None) -> bool:
    """Say whether a stretch is one activity's, on record, measured and undisputed."""
    if len(stretch.members) > 1 or stretch.own is None or stretch.unfinished:
        return False
    return last is None or last.gap <= 0


def _kept(
    way: Way,
    late: int | None,
    due_event: str | None,
    foreseen: bool,  # noqa: FBT001 - a fact of the measurement, not an option
) -> tuple[Evidence, ...]:
    """Say how the promise stands, with who publishes it."""
    if late is None:
        return ()
    promise = way.promise
    if late > 0 and not foreseen:
        finding = PROMISE_MISSED
    elif way.finish(promise.activity) is not None:
        finding = ON_TIME
    else:
        finding = PROMISE_PENDING
    return (Evidence(due_event, promise.activity, finding, promise.publisher, hours(late)),)


def _finding(stretch: OwnDelay) -> Evidence:
    """Say what a stretch shows about the activity that ends it."""
    activity, own = stretch.members[-1], stretch.own
    if own is None:
        # Nothing says what was allowed: neither late nor in time.
        return Evidence(stretch.event, activity, MISSING, stretch.owner, None)
    if not stretch.unfinished:
        finding = LATE if stretch.charged > 0 else ON_TIME
    elif stretch.unknown > 0:
        finding = SILENT
    else:
        finding = OVERDUE if stretch.charged > 0 else PENDING
    return Evidence(stretch.event, activity, finding, stretch.owner, hours(own))
