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

from dataclasses import dataclass

from schemas.vocabulary import Finding
from services.router.tracing.company import ActivityRule, PromiseRule, Rules, chosen
from services.router.tracing.model import HOUR, Case, Evidence, Missing
from services.router.tracing.timeline import Step, Timeline


@dataclass(frozen=True, slots=True)
class OwnDelay:
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


@dataclass(frozen=True, slots=True)
class Lateness:
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
    silent: tuple[str, ...]
    """Sources whose silence keeps the answer open."""
    speaks_at: int | None
    """When the first of them is expected to speak again; None: not known."""
    missing: tuple[Missing, ...]
    evidence: tuple[Evidence, ...]
    cancelled: bool
    foreseen: bool
    """The promise has not run out, but can no longer be kept by plan: ``late`` is by how much."""

    @property
    def charged(self) -> int:
        """Sum of what is charged to departments."""
        return sum(stretch.charged for stretch in self.path if stretch.owner is not None)

    @property
    def unknown(self) -> int:
        """Sum of what may or may not be somebody's, at most the lateness itself."""
        joint = sum(s.charged for s in self.path if s.owner is None)
        return min(joint + sum(s.unknown for s in self.path), max(self.late or 0, 0))


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
    return _Walk(promise, case, timeline, rules, as_of).measure(denied=denied)


class _Walk:
    """The state of one measurement; lives for one call of `measure`."""

    __slots__ = ("as_of", "before", "case", "promise", "rules", "timeline")

    def __init__(
        self, promise: PromiseRule, case: Case, timeline: Timeline, rules: Rules, as_of: int
    ) -> None:
        self.promise = promise
        self.case = case
        self.timeline = timeline
        self.rules = rules
        self.as_of = as_of
        self.before: dict[str, list[str]] = {}

    def measure(self, *, denied: bool) -> Lateness:
        steps, promised = self.timeline.steps, self.promise.activity
        finished_at = self._finish(promised)
        due, due_event = self._promised()
        cancelled = finished_at is None and any(
            (step := steps.get(key)) is not None and step.finish is None and step.cancelled
            for key in self.promise.chain
        )
        open_activity: str | None = None
        path: tuple[OwnDelay, ...] = ()
        if finished_at is not None:
            path = self._delays(self._path(promised))
        elif not cancelled:
            open_activity, path = self._frontier()
        late: int | None = None
        if due is not None and not cancelled:
            known = self.as_of
            if finished_at is None and not denied:
                known = min(known, self._horizon(self.rules.activities[promised].source))
            late = (finished_at if finished_at is not None else known) - due
        foreseen = False
        if due is not None and late is not None and late <= 0 and path and path[-1].charged > 0:
            expected = self._expected(path[-1])
            foreseen = expected is not None and expected > due
            late = expected - due if foreseen and expected is not None else late
        silent = sorted(
            {
                self.rules.activities[stretch.members[-1]].source
                for stretch in path
                if stretch.unfinished and stretch.end < self.as_of and stretch.unknown > 0
            }
        )
        return Lateness(
            promise=self.promise,
            due=due,
            due_event=due_event,
            late=late,
            path=path,
            open=open_activity,
            finished_at=finished_at,
            silent=tuple(silent),
            speaks_at=self._speaks_at(silent),
            missing=self._missing(path, due) if not cancelled else (),
            evidence=self._evidence(path, late, due_event, foreseen=foreseen),
            cancelled=cancelled,
            foreseen=foreseen,
        )

    def _expected(self, last: OwnDelay) -> int | None:
        """Return when the promised activity would be done if all that is left keeps to its plan."""
        if not last.unfinished:
            return None
        at, key = last.end, last.members[-1]
        following = self.promise.chain[self.promise.chain.index(key) + 1 :]
        for after in following:
            if key in self._before(after):
                allowance = _allowance(self.rules.activities[after], self.timeline)
                if allowance is None:
                    return None
                at, key = at + allowance, after
        return at if key == self.promise.activity else None

    def _promised(self) -> tuple[int | None, str | None]:
        """Return the promised time: a due date told in an event, else counted from the start."""
        step = self.timeline.steps.get(self.promise.activity)
        if step is not None and step.due is not None:
            return step.due, step.due_event
        if self.promise.start is None:
            return None, None
        begin = self.timeline.steps.get(self.promise.start)
        if begin is None or begin.finish is None:
            return None, None
        within = chosen(self.promise.withins, self.timeline.attributes)
        if within is None:
            within = self.promise.within
        return (None, None) if within is None else (begin.finish + within, begin.finish_event)

    def _before(self, activity: str) -> list[str]:
        """Return what precedes an activity in this case: what was passed over is looked through."""
        known = self.before.get(activity)
        if known is not None:
            return known
        found: list[str] = []
        for key in self.rules.activities[activity].after:
            step = self.timeline.steps.get(key)
            through = step.passed if step is not None else self.rules.activities[key].optional
            if through:
                found.extend(self._before(key))
            else:
                found.append(key)
        self.before[activity] = found
        return found

    def _path(self, end: str) -> list[list[str]]:
        """Return the critical path up to ``end`` as groups that no event separates."""
        groups: list[list[str]] = []
        group = [end]
        while True:
            before = self._before(group[0])
            known = [(f, key) for key in before if (f := self._finish(key)) is not None]
            # With one branch known, the case went on when the latest of the known was there.
            if known:
                groups.insert(0, group)
                group = [max(known)[1]]
            elif before:
                group.insert(0, min(before))
            else:
                groups.insert(0, group)
                return groups

    def _finish(self, activity: str) -> int | None:
        step = self.timeline.steps.get(activity)
        return None if step is None else step.finish

    def _frontier(self) -> tuple[str | None, tuple[OwnDelay, ...]]:
        """Return the activity where the case stands, with the delays up to there.

        Of several open branches the one that is charged most counts; ties go by id.
        """
        # What precedes something begun must have happened, whether or not an event says so.
        reached: set[str] = set()
        for key, step in self.timeline.steps.items():
            if step.finish is not None:
                reached.add(key)
            if step.finish is not None or step.start is not None:
                reached.update(self._before(key))
        for key in reversed(self.promise.chain):
            if key in reached:
                reached.update(self._before(key))
        choices: list[tuple[int, int, str, tuple[OwnDelay, ...]]] = []
        needed = [self.promise.activity]
        visited: set[str] = set()
        while needed:
            key = needed.pop()
            if key in visited or key in reached:
                continue
            visited.add(key)
            before = self._before(key)
            if all(other in reached for other in before):
                if not before and key not in self.timeline.steps:
                    continue
                path = self._delays(self._path(key))
                if path:
                    choices.append((-path[-1].charged, -path[-1].unknown, key, path))
            else:
                needed.extend(before)
        if not choices:
            return None, ()
        _, _, key, path = min(choices, key=lambda choice: choice[:3])
        return key, path

    def _delays(self, groups: list[list[str]]) -> tuple[OwnDelay, ...]:
        """Measure each group of the path, first to last."""
        found: list[OwnDelay] = []
        running, anchored, begin = 0, False, None
        held: list[str] = []  # finished activities that cannot be measured without the next
        for position, group in enumerate(groups):
            step = self.timeline.steps.get(group[-1])
            members = (*held, *group)
            if begin is None:
                # The origin: it starts the clock, nothing precedes it.
                begin = self._finish(group[-1])
                if begin is not None and len(group) == 1:
                    continue
                begin = begin if begin is not None else self._earliest()
                if begin is None:
                    return ()
            unfinished = step is None or step.finish is None
            end = self._end(group[-1], step, begin)
            due, allowed = step.due if step is not None else None, self._allowed(members)
            if allowed is not None and group[-1] == self.promise.activity:
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
                unknown += end - begin
            else:
                after = running + own
                charged = max(0, after - max(0, running)) if anchored else max(0, own)
                running = after
            found.append(
                OwnDelay(
                    members=members,
                    owner=self._owner(members),
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

    def _earliest(self) -> int | None:
        return self.timeline.first.at if self.timeline.first is not None else None

    def _end(self, activity: str, step: Step | None, begin: int) -> int:
        """Return up to when an activity is measured."""
        if step is not None and step.finish is not None:
            return step.finish
        horizon = self._horizon(self.rules.activities[activity].source)
        return max(min(self.as_of, horizon), min(begin, self.as_of))

    def _horizon(self, source: str) -> int:
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

    def _speaks_at(self, silent: list[str]) -> int | None:
        """Return when a silent source is next expected, if that is still to come."""
        coming: list[int] = []
        for source in silent:
            every = self.rules.sources[source].every
            if every is not None and (at := self._horizon(source) + every) > self.as_of:
                coming.append(at)
        return min(coming, default=None)

    def _allowed(self, members: tuple[str, ...]) -> int | None:
        """Return the allowances of a group together, None if one is not known."""
        if len(members) == 1:
            return _allowance(self.rules.activities[members[0]], self.timeline)
        total = 0
        for key in members:
            allowance = _allowance(self.rules.activities[key], self.timeline)
            if allowance is None:
                return None
            total += allowance
        return total

    def _owner(self, members: tuple[str, ...]) -> str | None:
        """Return the owner of a group, None where several share an inseparable stretch."""
        if len(members) == 1:
            return self.rules.activities[members[0]].owner
        owners = {self.rules.activities[key].owner for key in members}
        return owners.pop() if len(owners) == 1 else None

    def _missing(self, path: tuple[OwnDelay, ...], due: int | None) -> tuple[Missing, ...]:
        """Return the facts that would have told more, each with who owes it."""
        found: list[Missing] = []
        for stretch in path:
            for key in stretch.members:
                rule = self.rules.activities[key]
                if key != stretch.members[-1] and self._finish(key) is None:
                    found.append(Missing(key, rule.owner, rule.source, Finding.MISSING))
                elif stretch.own is None or (stretch.owner is None and stretch.charged > 0):
                    if _allowance(rule, self.timeline) is None:
                        found.append(Missing(key, rule.owner, rule.source, Finding.MISSING))
                elif key == stretch.members[-1] and stretch.unfinished and stretch.unknown > 0:
                    found.append(Missing(key, rule.owner, rule.source, Finding.SILENT))
        if due is None:
            key = self.promise.start or self.promise.activity
            rule = self.rules.activities[key]
            fact = Missing(key, self.promise.publisher or rule.owner, rule.source, Finding.MISSING)
            if fact not in found:
                found.append(fact)
        return tuple(found)

    def _evidence(
        self,
        path: tuple[OwnDelay, ...],
        late: int | None,
        due_event: str | None,
        *,
        foreseen: bool,
    ) -> tuple[Evidence, ...]:
        found = [_finding(stretch) for stretch in path]
        if late is not None:
            missed = late > 0 and not foreseen
            finding = Finding.PROMISE_MISSED if missed else Finding.PROMISE_PENDING
            if late <= 0 and self._finish(self.promise.activity) is not None:
                finding = Finding.ON_TIME
            publisher = self.promise.publisher
            found.append(
                Evidence(due_event, self.promise.activity, finding, publisher, hours(late))
            )
        return tuple(found)


def _finding(stretch: OwnDelay) -> Evidence:
    """Say what a stretch shows about the activity that ends it."""
    activity, own = stretch.members[-1], stretch.own
    if own is None:
        # Nothing says what was allowed: neither late nor in time.
        return Evidence(stretch.event, activity, Finding.MISSING, stretch.owner, None)
    if not stretch.unfinished:
        finding = Finding.LATE if stretch.charged > 0 else Finding.ON_TIME
    elif stretch.unknown > 0:
        finding = Finding.SILENT
    else:
        finding = Finding.OVERDUE if stretch.charged > 0 else Finding.PENDING
    return Evidence(stretch.event, activity, finding, stretch.owner, hours(own))


def _allowance(rule: ActivityRule, timeline: Timeline) -> int | None:
    if not rule.allowances:
        return rule.allowance
    by_attribute = chosen(rule.allowances, timeline.attributes)
    return by_attribute if by_attribute is not None else rule.allowance
