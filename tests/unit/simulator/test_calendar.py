"""The simulator's own working hours."""

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from services.simulator.calendar import Hours

ZONE = ZoneInfo("Asia/Jakarta")
OFFICE = Hours(
    ZONE,
    {weekday: ((time(8), time(12)), (time(13), time(17))) for weekday in range(5)},
    closed=frozenset({date(2026, 3, 18)}),
)


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp()


@pytest.mark.parametrize(
    ("start", "worked", "end"),
    [
        ("2026-03-16 09:00", 3600, "2026-03-16 10:00"),
        ("2026-03-16 11:30", 3600, "2026-03-16 13:30"),
        ("2026-03-16 20:00", 3600, "2026-03-17 09:00"),
        ("2026-03-17 16:00", 7200, "2026-03-19 09:00"),
        ("2026-03-20 16:00", 7200, "2026-03-23 09:00"),
    ],
    ids=["same shift", "over lunch", "from the evening", "over a closed day", "over a weekend"],
)
def test_work_is_done_in_working_hours_only(start: str, worked: float, end: str) -> None:
    """Breaks, nights, closed days and weekends do not count."""
    assert OFFICE.after(at(start), worked) == at(end)
    assert OFFICE.between(at(start), at(end)) == pytest.approx(worked)


def test_a_shift_until_midnight_ends_with_the_day() -> None:
    """00:00 as the end is the next day's beginning."""
    late = Hours(ZONE, dict.fromkeys(range(7), ((time(18), time(0)),)))
    assert late.after(at("2026-03-16 23:30"), 3600) == at("2026-03-17 18:30")


def test_nobody_at_work_is_an_error() -> None:
    """Instead of a search without end."""
    with pytest.raises(ValueError, match="nobody works"):
        Hours(ZONE, {}).after(at("2026-03-16 09:00"), 1)
