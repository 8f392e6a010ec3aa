"""Working time: a calendar as a sorted list of intervals, and arithmetic on it.

It stands apart because every allowance in a calendar is computed here, and because it is pure: whoever
compiles a calendar (`services.registry.calendars`) hands over plain numbers. All values are µs UTC.

Hazard: a calendar is compiled for a range of years. Before the first and after the last interval every
moment counts as working, so that no sum ever runs away; a case outside that range is measured in
elapsed time.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class WorkingTime:
    """Disjoint working intervals ``[start, end)``, ascending, with prefix sums.

    ``before[i]`` is the working time in all intervals before the i-th; the three have one length, at
    least 1. Build it with `of`, which packs them: every worker has a dozen calendars of many years.
    """

    starts: Sequence[int] = field(repr=False)
    ends: Sequence[int] = field(repr=False)
    before: Sequence[int] = field(repr=False)

    @classmethod
    def of(cls, intervals: Iterable[tuple[int, int]]) -> WorkingTime:
        """Build from intervals in any order; empty ones are dropped, touching and overlapping ones joined.

        Raises:
            ValueError: no interval is left: nobody would ever finish anything.
        """
        starts: list[int] = []
        ends: list[int] = []
        for start, end in sorted(intervals):
            if end <= start:
                continue
            if ends and start <= ends[-1]:
                ends[-1] = max(ends[-1], end)
            else:
                starts.append(start)
                ends.append(end)
        if not starts:
            raise ValueError("a calendar without any working time")
        before, total = [], 0
        for start, end in zip(starts, ends, strict=True):
            before.append(total)
            total += end - start
        return cls(array("q", starts), array("q", ends), array("q", before))

    def between(self, begin: int, end: int) -> int:
        """Return the working time from ``begin`` to ``end``; negative when ``end`` comes first."""
        return self._worked(end) - self._worked(begin)

    def add(self, at: int, duration: int) -> int:
        """Return the first moment by which ``duration`` has been worked since ``at``.

        A negative duration goes back: the last moment from which that much is worked until ``at``.
        ``add(at, 0)`` is ``at``, whether that is working time or not.
        """
        if duration == 0:
            return at
        position = bisect_right(self.starts, at) - 1
        if duration > 0 and position >= 0 and at + duration <= self.ends[position]:
            return at + duration  # in the same interval
        target = self._worked_in(position, at) + duration
        if target <= 0:
            return self.starts[0] + target
        find = bisect_left if duration > 0 else bisect_right
        position = find(self.before, target) - 1
        return self.starts[position] + target - self.before[position]

    def working(self, at: int) -> bool:
        """Return whether ``at`` lies in working time."""
        if at < self.starts[0] or at >= self.ends[-1]:
            return True
        return at < self.ends[bisect_right(self.starts, at) - 1]

    def opens(self, at: int) -> int:
        """Return ``at`` if it lies in working time, else the start of the next."""
        if self.working(at):
            return at
        return self.starts[bisect_right(self.starts, at)]

    def _worked(self, at: int) -> int:
        """Return the working time from the first interval's start to ``at``; negative before it."""
        return self._worked_in(bisect_right(self.starts, at) - 1, at)

    def _worked_in(self, position: int, at: int) -> int:
        """Return `_worked` of a moment of which the last interval that begins before it is known (-1: none)."""
        if position < 0:
            return at - self.starts[0]
        start, end = self.starts[position], self.ends[position]
        if at <= end or position == len(self.starts) - 1:
            return self.before[position] + at - start
        return self.before[position] + end - start
