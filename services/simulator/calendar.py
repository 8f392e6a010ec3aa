"""Working hours: the imaginary shop's own reckoning of time.

It stands apart because the planted truth rests on it, and on purpose it is not the registry's calendar: two reckonings
that agree are worth more than one.  Hazard: times are epoch seconds here; only this module knows the time zone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import takewhile
from typing import Final
from zoneinfo import ZoneInfo

HORIZON_DAYS: Final = 62


@dataclass(frozen=True, slots=True)
class Hours:
    """When people work: shifts by weekday (0 is Monday), as local hours, without the closed days."""

    zone: ZoneInfo
    shifts: Mapping[int, tuple[tuple[time, time], ...]]
    closed: frozenset[date] = field(default_factory=frozenset)

    def windows(self, start: float) -> Iterator[tuple[float, float]]:
        """The shifts that end after `start`, in epoch seconds and in order, for two months."""
        day = datetime.fromtimestamp(start, self.zone).date() - timedelta(days=1)
        for offset in range(HORIZON_DAYS):
            today = day + timedelta(days=offset)
            if today in self.closed:
                continue
            for opens, closes in self.shifts.get(today.weekday(), ()):
                begin = datetime.combine(today, opens, self.zone).timestamp()
                # A shift that closes at 00:00 ends with the day.
                last = today + timedelta(days=1) if closes == time(0) else today
                end = datetime.combine(last, closes, self.zone).timestamp()
                if end > start:
                    yield max(begin, start), end

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
        """Seconds worked from `start` to `end`, which lies within two months; 0 when it is not later."""
        windows = takewhile(lambda window: window[0] < end, self.windows(start))
        return sum(min(close, end) - begin for begin, close in windows)
