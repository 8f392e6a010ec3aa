"""Working calendars: shifts, public holidays and what a company does differently, as intervals.

It stands apart because it is the only place that knows the `holidays` package and because compiling
takes tens of milliseconds: it happens when rules are compiled, once per calendar and process, never when
a folder is merely loaded.

Hazard: holidays that follow the moon (Eid, Vesak) are estimates beyond the next few years, and change
with the package: its version is part of what a decision was made with.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from functools import cache
from typing import Annotated, Final, Literal, Self, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, model_validator

from services.registry.fields import STRICT, Zone
from services.registry.zones import offsets, utc

YEARS: Final = (2010, 2040)
"""First and last year that a calendar is compiled for."""
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Intervals = tuple[tuple[int, int], ...]
"""(start, end) in µs UTC, ascending."""

_DAY_NAMES: Final = "(mon|tue|wed|thu|fri|sat|sun)"
_DAYS_PATTERN: Final = f"^{_DAY_NAMES}(-{_DAY_NAMES})?$"
_MINUTE: Final = 60_000_000
_DAY: Final = 24 * 60 * _MINUTE
_EPOCH: Final = date(1970, 1, 1)
_SHIFT_PATTERN: Final = r"^([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-4]):([0-5][0-9])$"
_SHIFT: Final = re.compile(_SHIFT_PATTERN)
_REGION: Final = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")


def _shift(value: object) -> object:
    # Before pydantic's own look at the pattern, whose message would be the pattern itself.
    match = _SHIFT.fullmatch(value) if isinstance(value, str) else None
    if match is None or (match[3] == "24" and match[4] != "00"):
        raise ValueError('write a shift as "08:00-17:00"; one past midnight as "22:00-06:00"')
    if match[1] == match[3] and match[2] == match[4]:
        raise ValueError('a shift has a start and another end; a whole day is "00:00-24:00"')
    return value


def _days(value: object) -> object:
    if not isinstance(value, str) or not re.fullmatch(_DAYS_PATTERN, value):
        raise ValueError('name a day ("sat") or a range ("mon-fri")')
    return value


def _region(value: str) -> str:
    if not _REGION.fullmatch(value) or not known_region(value):
        raise ValueError('name a country as "ID", or a part of it as "BR-SP"')
    return value


Shift = Annotated[
    str, Field(pattern=_SHIFT_PATTERN, examples=["08:00-17:00"]), BeforeValidator(_shift)
]
"""Wall times ``HH:MM-HH:MM``; an end before the start lies on the next day."""
Days = Annotated[
    str, Field(pattern=_DAYS_PATTERN, examples=["mon-fri", "sat"]), BeforeValidator(_days)
]
Shifts = dict[Days, list[Shift]]
Kind = Literal["public", "government", "bank"]


class _Table(BaseModel):
    model_config = STRICT


class Period(_Table):
    """Other hours for some weeks, such as Ramadan: they replace the week's on days that are worked."""

    first: date
    """The first day."""
    last: date
    """The last day, included."""
    shifts: Annotated[Shifts, Field(min_length=1)]
    """As in the calendar."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.last < self.first:
            raise ValueError("the period ends before it begins")
        return self


class Calendar(_Table):
    """``[calendars.<id>]`` in ``calendars.toml``: when somebody works."""

    timezone: Zone
    """Of the wall clock that the shifts are written by."""
    shifts: Annotated[Shifts, Field(min_length=1)]
    """Day or range of days -> shifts; later entries replace earlier ones for their days."""
    holidays: Annotated[str, AfterValidator(_region)] | None = None
    """Country (``ID``) or part of one (``BR-SP``) whose public holidays are free."""
    holiday_kinds: list[Kind] = ["public"]
    """Kinds of holidays that are free; Indonesia's joint leave days are ``government``."""
    extra_holidays: list[date] = []
    """Days free beside them."""
    working_days: list[date] = []
    """Days worked all the same: by their weekday's shifts, or the week's first if it has none."""
    periods: list[Period] = []
    """Other hours for some weeks."""

    @model_validator(mode="after")
    def _works(self) -> Self:
        if not any(week_of(self.shifts)):
            raise ValueError("nobody ever works in this calendar")
        both = sorted(set(self.extra_holidays) & set(self.working_days))
        if both:
            raise ValueError(f"{both[0]} is both an extra holiday and a working day")
        return self


def week_of(shifts: Shifts) -> tuple[tuple[str, ...], ...]:
    """Return the shifts of Monday to Sunday."""
    week: list[tuple[str, ...]] = [()] * 7
    for days, hours in shifts.items():
        first, _, last = days.partition("-")
        start, length = DAYS.index(first), (DAYS.index(last or first) - DAYS.index(first)) % 7
        for offset in range(length + 1):
            week[(start + offset) % 7] = tuple(hours)
    return tuple(week)


def intervals(
    calendar: Calendar, *, with_holidays: bool = True, years: tuple[int, int] = YEARS
) -> Intervals:
    """Return the working intervals of the years (the last included), ascending, perhaps touching.

    ``with_holidays=False`` gives ordinary weeks: shifts only.
    """
    return _compiled(calendar.model_dump_json(), with_holidays=with_holidays, years=years)


def forget() -> None:
    """Drop what was compiled: 10 MB for three companies, of use while one is loaded and turned into rules."""
    _compiled.cache_clear()


@cache
def _compiled(calendar_json: str, *, with_holidays: bool, years: tuple[int, int]) -> Intervals:
    calendar = Calendar.model_validate_json(calendar_json)
    table = offsets(calendar.timezone)
    free: frozenset[date] = frozenset()
    if with_holidays:
        free = _free(calendar, years) | frozenset(calendar.extra_holidays)
    worked = frozenset(calendar.working_days) if with_holidays else frozenset()
    periods = calendar.periods if with_holidays else []
    found = []
    for day, hours in _calendar_days(calendar, periods, free - worked, worked, years):
        midnight = (day - _EPOCH).days * _DAY
        for start, end in hours:
            found.append((utc(midnight + start, table), utc(midnight + end, table)))
    return tuple(sorted((start, end) for start, end in found if start < end))


def _calendar_days(
    calendar: Calendar,
    periods: Iterable[Period],
    free: frozenset[date],
    worked: frozenset[date],
    years: tuple[int, int],
) -> Iterator[tuple[date, Intervals]]:
    """Yield each day that is worked with its shifts, in µs since its midnight."""
    week = _parsed(week_of(calendar.shifts))
    fallback = next(hours for hours in week if hours)
    special = {}
    for period in periods:
        other = _parsed(week_of(period.shifts))
        for offset in range((period.last - period.first).days + 1):
            day = period.first + timedelta(days=offset)
            special[day] = other[day.weekday()]
    day, last = date(years[0], 1, 1), date(years[1], 12, 31)
    while day <= last:
        if day not in free:
            hours = week[day.weekday()]
            if hours and day in special:
                hours = special[day]
            if not hours and day in worked:
                hours = special.get(day) or fallback
            if hours:
                yield day, hours
        day += timedelta(days=1)


def _parsed(week: tuple[tuple[str, ...], ...]) -> tuple[Intervals, ...]:
    return tuple(tuple(_minutes(shift) for shift in hours) for hours in week)


def _minutes(shift: str) -> tuple[int, int]:
    match = _SHIFT.fullmatch(shift)
    assert match is not None
    start = (int(match[1]) * 60 + int(match[2])) * _MINUTE
    end = (int(match[3]) * 60 + int(match[4])) * _MINUTE
    return start, end if end > start else end + _DAY


def _free(calendar: Calendar, years: tuple[int, int]) -> frozenset[date]:
    if calendar.holidays is None:
        return frozenset()
    return _holidays(calendar.holidays, tuple(sorted(set(calendar.holiday_kinds))), years)


@cache
def _holidays(region: str, kinds: tuple[str, ...], years: tuple[int, int]) -> frozenset[date]:
    # Imported here: the package takes a tenth of a second, and most companies have no calendar.
    import holidays

    country, _, part = region.partition("-")
    span = range(years[0], years[1] + 1)
    chosen = tuple(kind for kind in kinds if kind in kinds_of(region))
    if not chosen:
        return frozenset()
    return frozenset(
        holidays.country_holidays(country, subdiv=part or None, years=span, categories=chosen)
    )


@cache
def kinds_of(region: str) -> tuple[str, ...]:
    """Return the kinds that the `holidays` package knows there, of those that a calendar may name; sorted."""
    import holidays

    country, _, part = region.partition("-")
    offered = holidays.country_holidays(country, subdiv=part or None).supported_categories
    return tuple(sorted(set(offered).intersection(get_args(Kind))))


@cache
def known_region(region: str) -> bool:
    """Return whether the `holidays` package knows the country, and that part of it."""
    import holidays

    country, _, part = region.partition("-")
    supported = holidays.list_supported_countries(include_aliases=False)
    return country in supported and (not part or part in supported[country])
