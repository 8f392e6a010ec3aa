"""Working hours: the imaginary shop's own reckoning of time.

It stands apart because the planted truth rests on it, and on purpose it is not the registry's calendar: two reckonings
that agree are worth more than one.  Hazard: times are epoch seconds here; only this module knows the time zone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Hours:
    """When people work: shifts by weekday (0 is Monday), as local hours, without the closed days."""

    zone: ZoneInfo
    shifts: Mapping[int, tuple[tuple[time, time], ...]]
    closed: frozenset[date] = field(default_factory=frozenset)

    def windows(self, start: float, days: int = 60) -> list[tuple[float, float]]:
        """The shifts that end after `start`, in epoch seconds, for the next `days` days."""
        day = datetime.fromtimestamp(start, self.zone).date() - timedelta(days=1)
        found = []
        for offset in range(days + 2):
            today = day + timedelta(days=offset)
            if today in self.closed:
                continue
            for opens, closes in self.shifts.get(today.weekday(), ()):
                begin = datetime.combine(today, opens, self.zone).timestamp()
                # A shift that closes at 00:00 ends with the day.
                last = today + timedelta(days=1) if closes == time(0) else today
                end = datetime.combine(last, closes, self.zone).timestamp()
                if end > start:
                    found.append((max(begin, start), end))
        return found

    def after(self, start: float, worked: float) -> float:
        """The instant at which `worked` seconds of work, begun at `start`, are done.

        Raises:
            ValueError: Nobody works in the next two months.
        """
        left = worked
        for begin, end in self.windows(start):
            if end - begin >= left:
                return begin + left
            left -= end - begin
        raise ValueError("nobody works in the next two months")

    def between(self, start: float, end: float) -> float:
        """Seconds worked from `start` to `end`; 0 when `end` is not later."""
        days = max(1, int((end - start) // 86_400) + 2)
        return sum(
            max(0.0, min(close, end) - begin)
            for begin, close in self.windows(start, days)
            if begin < end
        )
