"""Which way a case took to a promised activity, and where it stands on it.

It stands apart from the arithmetic of `delays`: here it is only asked what preceded what. Of several
predecessors the one that finished last determined when the next could begin (the critical path).

Hazard: an activity that no event speaks of may have happened all the same, if what follows it did.
It is never an own stretch of the way then: it joins the next one, since nothing separates the two.
"""

from __future__ import annotations

from services.router.tracing.company import PromiseRule, Rules
from services.router.tracing.model import ProcessEvent
from services.router.tracing.timeline import Timeline


class Way:
    """The activities before a promised one, as this case took them; lives for one measurement."""

    __slots__ = ("_known", "promise", "rules", "timeline")

    def __init__(self, promise: PromiseRule, timeline: Timeline, rules: Rules) -> None:
        """Look at one promise of one case."""
        self.promise = promise
        self.timeline = timeline
        self.rules = rules
        self._known: dict[str, list[str]] = {}

    def finish(self, activity: str) -> int | None:
        """Return when an activity was finished, if an event says so."""
        step = self.timeline.steps.get(activity)
        return None if step is None else step.finish

    def earliest(self) -> int | None:
        """Return when the first thing that must follow the promise's start is known to have happened.

        None where nothing shows that it began: what need not be in every case, and is not on record, has
        not happened. Any event of a case comes after the origin, also one that only sets a date.
        """
        chain, start = self.promise.chain, self.promise.start
        follows = {start}
        known: list[int] = []
        for key in chain:
            if follows.isdisjoint(self.rules.activities[key].after):
                continue
            follows.add(key)
            if (at := self.finish(key)) is not None:
                known.append(at)
        if start == chain[0] and (first := self.first()) is not None:
            known.append(first.at)
        return min(known, default=None)

    def first(self) -> ProcessEvent | None:
        """Return the first event of any activity on the way."""
        chain = self.promise.chain
        return next((event for event in self.timeline.events if event.activity in chain), None)

    def before(self, activity: str) -> list[str]:
        """Return what precedes an activity in this case: what was passed over is looked through."""
        known = self._known.get(activity)
        if known is not None:
            return known
        found: list[str] = []
        steps, activities = self.timeline.steps, self.rules.activities
        for key in activities[activity].after:
            step = steps.get(key)
            if step is not None and step.finish is not None:
                found.append(key)
            elif activities[key].optional if step is None else step.passed:
                found.extend(self.before(key))
            else:
                found.append(key)
        self._known[activity] = found
        return found

    def groups(self, end: str) -> list[list[str]]:
        """Return the critical path up to ``end``, as groups of activities that no event separates."""
        groups: list[list[str]] = []
        group = [end]
        start, steps = self.promise.start, self.timeline.steps
        while True:
            # What came before the promise was given is not part of the way to it.
            begun = group[0] == start and self.finish(start) is not None
            before = [] if begun else self.before(group[0])
            last, latest = None, 0
            for key in before:
                step = steps.get(key)
                if step is None or step.finish is None:
                    continue
                # Of those that finished at once the last by id.
                if last is None or (step.finish, key) > (latest, last):
                    last, latest = key, step.finish
            if last is not None:
                groups.append(group)
                group = [last]
            elif before:
                group.insert(0, min(before))
            else:
                groups.append(group)
                groups.reverse()
                return groups

    def cancelled(self) -> bool:
        """Say whether something on the way was called off, so that nothing is to be expected."""
        called_off = [
            key
            for key, step in self.timeline.steps.items()
            if step.cancelled is not None and step.finish is None
        ]
        return bool(called_off) and not set(self.promise.chain).isdisjoint(called_off)

    def open(self) -> list[str]:
        """Return the activities that hold the case: not finished, and all before them reached."""
        reached = self._reached()
        found: list[str] = []
        needed, visited = [self.promise.activity], set[str]()
        while needed:
            key = needed.pop()
            if key in visited or key in reached:
                continue
            visited.add(key)
            before = self.before(key)
            if not reached.issuperset(before):
                needed.extend(before)
            elif before or key in self.timeline.steps:
                found.append(key)
        return found

    def _reached(self) -> set[str]:
        """Return what has happened: what events say, and what must precede that."""
        reached: set[str] = set()
        for key, step in self.timeline.steps.items():
            if step.finish is not None:
                reached.add(key)
                reached.update(self.before(key))
            elif step.start is not None or step.attempts or step.doubt:
                reached.update(self.before(key))
        for key in reversed(self.promise.chain):
            if key in reached:
                reached.update(self.before(key))
        return reached
