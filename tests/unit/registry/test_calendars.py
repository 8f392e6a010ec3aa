"""Calendars compiled to intervals, against the wall clock itself."""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import holidays
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.registry.calendars import Calendar, intervals
from services.registry.zones import offsets, utc
from services.router.rules import working_time
from services.router.tracing.worktime import WorkingTime

OFFICE: dict[str, Any] = {
    "timezone": "Asia/Jakarta",
    "shifts": {"mon-thu": ["08:00-12:00", "13:00-17:00"], "fri": ["08:00-11:30", "13:30-17:00"]},
    "holidays": "ID",
}
NIGHTS: dict[str, Any] = {
    "timezone": "Europe/Berlin",
    "shifts": {"mon-sun": ["06:00-14:00", "22:00-06:00"]},
    "holidays": "DE-BE",
}
ROUND: dict[str, Any] = {"timezone": "America/Sao_Paulo", "shifts": {"mon-sun": ["00:00-24:00"]}}
LATE: dict[str, Any] = {
    "timezone": "America/New_York",
    "shifts": {"sat-mon": ["01:15-02:45"], "tue-fri": ["09:00-17:30"]},
    "holidays": "US-NY",
}
WRITTEN = {"office": OFFICE, "nights": NIGHTS, "round": ROUND, "late": LATE}


@cache
def compiled(name: str) -> WorkingTime:
    return working_time(Calendar.model_validate(WRITTEN[name]))


@cache
def free(region: str) -> frozenset[date]:
    country, _, part = region.partition("-")
    return frozenset(
        holidays.country_holidays(country, subdiv=part or None, years=range(2010, 2041))
    )


def on_shift(name: str, moment: datetime) -> bool:
    """What somebody with a clock on the wall and the rota beside it would say."""
    written = WRITTEN[name]
    wall = moment.astimezone(ZoneInfo(written["timezone"]))
    clock = wall.strftime("%H:%M")
    for back in (0, 1):  # a shift may have begun yesterday
        day = wall.date() - timedelta(days=back)
        if "holidays" in written and day in free(written["holidays"]):
            continue
        for days, shifts in written["shifts"].items():
            first, last = (DAYS.index(part) for part in (days.split("-") * 2)[:2])
            if day.weekday() not in {(first + n) % 7 for n in range((last - first) % 7 + 1)}:
                continue
            for shift in shifts:
                start, end = shift.split("-")
                over = end <= start
                if back == 0 and start <= clock and (over or clock < end):
                    return True
                if back == 1 and over and clock < end:
                    return True
    return False


DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MOMENTS = st.integers(0, (2040 - 2011) * 365 * 24 * 60).map(
    lambda minute: datetime(2011, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
)


@given(st.sampled_from(["office", "nights", "round"]), MOMENTS)
def test_a_moment_is_worked_when_the_wall_clock_says_so(name: str, moment: datetime) -> None:
    """Thirty years, several shifts a day, nights, holidays, summer time."""
    assert compiled(name).working(round(moment.timestamp()) * 1_000_000) == on_shift(name, moment)


@pytest.mark.parametrize("name", ["office", "nights", "round"])
def test_a_year_minute_by_quarter_hour(name: str) -> None:
    """Every quarter of an hour of 2018, when Brazil and Germany both changed their clocks."""
    calendar = compiled(name)
    for quarter in range(365 * 96):
        moment = datetime(2018, 1, 1, tzinfo=UTC) + timedelta(minutes=15 * quarter)
        assert calendar.working(round(moment.timestamp()) * 1_000_000) == on_shift(name, moment)


def test_a_shift_that_begins_in_the_skipped_hour_begins_with_the_skip() -> None:
    """01:15-02:45 on the night when New York's clocks go from 02:00 to 03:00 lasts 45 minutes."""
    calendar = compiled("late")
    begin = round(datetime(2026, 3, 8, 0, 0, tzinfo=ZoneInfo("America/New_York")).timestamp())
    day = 23 * 3600
    assert calendar.between(begin * 1_000_000, (begin + day) * 1_000_000) == 45 * 60 * 1_000_000


def test_a_shift_that_begins_in_the_doubled_hour_begins_with_the_first() -> None:
    """01:15-02:45 on the night when 01:00 to 02:00 comes twice lasts two and a half hours."""
    calendar = compiled("late")
    begin = round(datetime(2026, 11, 1, 0, 0, tzinfo=ZoneInfo("America/New_York")).timestamp())
    day = 25 * 3600
    assert calendar.between(begin * 1_000_000, (begin + day) * 1_000_000) == 150 * 60 * 1_000_000


@given(
    st.sampled_from(["Asia/Jakarta", "America/Sao_Paulo", "Europe/Berlin", "Australia/Lord_Howe"]),
    MOMENTS,
)
def test_wall_time_and_back(zone: str, moment: datetime) -> None:
    """What a clock shows leads back to the moment, or to the first of two that look alike."""
    wall = moment.astimezone(ZoneInfo(zone))
    shown = round(wall.replace(tzinfo=UTC).timestamp()) * 1_000_000
    expected = round(wall.replace(fold=0).timestamp()) * 1_000_000
    assert utc(shown, offsets(zone)) == expected


def hours(calendar: Calendar, day: date) -> float:
    zone = ZoneInfo(calendar.timezone)
    begin = datetime(day.year, day.month, day.day, tzinfo=zone)
    low, high = (round(at.timestamp()) * 1_000_000 for at in (begin, begin + timedelta(days=1)))
    return working_time(calendar).between(low, high) / 3_600_000_000


def test_what_the_company_does_differently_wins() -> None:
    """Extra holidays, days worked all the same, other hours in Ramadan."""
    calendar = Calendar.model_validate(
        OFFICE
        | {
            "extra_holidays": [date(2026, 2, 11)],
            "working_days": [date(2026, 8, 17), date(2026, 2, 14)],
            "periods": [
                {
                    "first": date(2026, 2, 18),
                    "last": date(2026, 3, 19),
                    "shifts": {"mon-fri": ["08:00-15:00"]},
                }
            ],
        }
    )
    assert hours(calendar, date(2026, 2, 10)) == 8  # a Tuesday
    assert hours(calendar, date(2026, 2, 11)) == 0  # the company's outing
    assert hours(calendar, date(2026, 2, 14)) == 8  # a Saturday made up for
    assert hours(calendar, date(2026, 2, 17)) == 0  # Lunar New Year
    assert hours(calendar, date(2026, 2, 18)) == 7  # Ramadan
    assert hours(calendar, date(2026, 2, 21)) == 0  # Saturdays stay free
    assert hours(calendar, date(2026, 8, 17)) == 8  # Independence Day, worked


def test_joint_leave_days_are_free_only_when_asked_for() -> None:
    """In Indonesia the government names them each year; not every company follows."""
    joint = date(2026, 3, 20)
    plain = Calendar.model_validate(OFFICE)
    follows = Calendar.model_validate(OFFICE | {"holiday_kinds": ["public", "government"]})
    assert hours(plain, joint) == 7
    assert hours(follows, joint) == 0


def test_ordinary_weeks_know_no_holidays() -> None:
    """What is checked against a promise is a week as any other."""
    calendar = Calendar.model_validate(OFFICE)
    ordinary = WorkingTime.of(intervals(calendar, with_holidays=False, years=(2026, 2026)))
    year = [round(datetime(y, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000 for y in (2026, 2027)]
    assert ordinary.between(year[0], year[1]) > working_time(calendar).between(year[0], year[1])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"shifts": {"mon": ["8-17"]}}, 'write a shift as "08:00-17:00"'),
        ({"shifts": {"mon": ["08:00-08:00"]}}, "a start and another end"),
        ({"shifts": {"mon": ["08:00-24:30"]}}, "write a shift"),
        ({"shifts": {"monday": ["08:00-17:00"]}}, "name a day"),
        ({"shifts": {"mon": []}}, "nobody ever works"),
        ({"holidays": "Indonesia"}, "name a country"),
        ({"holidays": "ID-XX"}, "name a country"),
        (
            {"extra_holidays": [date(2026, 5, 4)], "working_days": [date(2026, 5, 4)]},
            "both an extra holiday",
        ),
    ],
)
def test_what_makes_no_calendar_is_refused(changed: dict[str, Any], said: str) -> None:
    """Each with its remedy in words."""
    with pytest.raises(ValidationError, match=said):
        Calendar.model_validate(OFFICE | changed)
