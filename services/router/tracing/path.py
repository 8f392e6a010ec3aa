"""Which way a case took to a promised activity, and where it stands on it.

It stands apart from the arithmetic of `delays`: here it is only asked what preceded what. Of several
predecessors the one that finished last determined when the next could begin (the critical path).

Hazard: an activity that no event speaks of may have happened all the same, if what follows it did.
It is never an own stretch of the way then: it joins the next one, since nothing separates the two.
"""

from __future__ import annotations

from services.router.tracing.company import PromiseRule, Rules
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
        """Return when the first thing on the way is known to have been done, that has something before it."""
        known = [
            at
            for key in self.promise.chain
            if self.rules.activities[key].after and (at := self.finish(key)) is not None
        ]
        return min(known, default=None)

    def before(self, activity: str) -> list[str]:
        """Return what precedes an activity in this case: what was passed over is looked through."""
        known = self._known.get(activity)
        if known is not None:
            return known
        found: list[str] = []
        for key in self.rules.activities[activity].after:
            step = self.timeline.steps.get(key)
            through = step.passed if step is not None else self.rules.activities[key].optional
            if through:
                found.extend(self.before(key))
            else:
                found.append(key)
        self._known[activity] = found
        return found

    def groups(self, end: str) -> list[list[str]]:
        """Return the critical path up to ``end``, as groups of activities that no event separates."""
        groups: list[list[str]] = []
        group = [end]
        while True:
            before = self.before(group[0])
            known = [(at, key) for key in before if (at := self.finish(key)) is not None]
            if known:
                groups.insert(0, group)
                group = [max(known)[1]]
            elif before:
                group.insert(0, min(before))
            else:
                groups.insert(0, group)
                return groups

    def cancelled(self) -> bool:
        """Say whether something on the way was called off, so that nothing is to be expected."""
        steps = self.timeline.steps
        return any(
            (step := steps.get(key)) is not None and step.finish is None and step.cancelled
            for key in self.promise.chain
        )

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
            if not all(other in reached for other in before):
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
            if step.finish is not None or step.start is not None or step.attempts or step.doubt:
                reached.update(self.before(key))
        for key in reversed(self.promise.chain):
            if key in reached:
                reached.update(self.before(key))
        return reached
