"""Time zones as tables of offsets.

It stands apart because the pure cores may not read the time zone database: they get a table, and
everything that turns wall time into UTC here uses the same one.

Hazard: a table covers `YEARS`; outside, the first and the last offset are used.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

YEARS: Final = (2010, 2045)
"""The years for which wall times are exact (the end is not included)."""

Offsets = tuple[tuple[int, int], ...]
"""(from µs UTC, seconds east of Greenwich), ascending; the first counts from the beginning of time."""

_SECOND: Final = 1_000_000


@cache
def offsets(name: str) -> Offsets:
    """Return the zone's offsets, found day by day, then by the minute: zones change on whole minutes."""
    zone = ZoneInfo(name)

    def seconds(at: datetime) -> int:
        offset = at.astimezone(zone).utcoffset()
        return round(offset.total_seconds()) if offset is not None else 0

    day, last = datetime(YEARS[0], 1, 1, tzinfo=UTC), datetime(YEARS[1], 1, 1, tzinfo=UTC)
    table = [(-(2**62), seconds(day))]
    while day < last:
        following = day + timedelta(days=1)
        if seconds(following) != table[-1][1]:
            low, high = 0, 24 * 60
            while high - low > 1:
                middle = (low + high) // 2
                if seconds(day + timedelta(minutes=middle)) == table[-1][1]:
                    low = middle
                else:
                    high = middle
            change = day + timedelta(minutes=high)
            table.append((round(change.timestamp()) * _SECOND, seconds(change)))
        day = following
    return tuple(table)


def utc(wall: int, table: Offsets) -> int:
    """Return the moment (µs UTC) at which the zone's clocks show ``wall`` (µs since 1970 on that clock).

    A time that clocks show twice is the first of the two; a time that they skip is the moment of the
    skip.
    """
    # Offsets differ by hours, so only the segments around the wall time can hold it.
    position = max(bisect_right(table, (wall - 86_400 * _SECOND, 2**31)) - 1, 0)
    while True:
        moment = wall - table[position][1] * _SECOND
        if position + 1 == len(table) or moment < table[position + 1][0]:
            return max(moment, table[position][0])
        position += 1
