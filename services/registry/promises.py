"""Whether a promise can be kept when everybody keeps to their allowance.

It stands apart because it is a small simulation: with working calendars the longest way depends on when
a case begins, so that every half hour of an ordinary week is tried, for every combination of attributes
that allowances depend on.

Hazard: an ordinary week has no public holidays. A promise in elapsed time may still be missed over
Eid with nobody late; such a complaint is traced to the promise itself, which is what it is.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

from services.registry.calendars import Intervals, intervals
from services.registry.errors import Problem
from services.registry.fields import Condition
from services.registry.model import Activity, Allowance, Company, Process, Promise, Within

_HOUR = 3_600_000_000
_YEAR = 2026
"""Any year will do: its holidays are not looked at."""
_MONDAY = datetime(_YEAR, 1, 5, tzinfo=UTC)
_WEEK = tuple(
    round((_MONDAY + timedelta(minutes=30 * step)).timestamp()) * 1_000_000 for step in range(336)
)
Case = Mapping[str, str | int | bool]


def kept_by_plan(
    company: Company, process: Process, file: str, key: str, promise: Promise
) -> Iterator[Problem]:
    """Yield a problem when the allowances on the longest way exceed the promise, in any kind of case.

    All references must have been checked, and `after` must have no loop.
    """
    field = f"promises.{key}"
    if (promise.within is None) != (promise.start is None):
        yield Problem(file, field, "`from` and `within` belong together", "Give both, or neither.")
        return
    if promise.within is None or promise.start is None:
        if promise.withins:
            yield Problem(
                file,
                f"{field}.withins",
                "there are promised times by attribute but neither `from` nor `within`, so none of them counts",
                'Add from = "<activity>" and within = "…" for the other cases.',
            )
        return
    order = _between(process, promise.start, promise.activity)
    if order is None:
        yield Problem(
            file,
            f"{field}.from",
            f'"{promise.activity}" does not come after "{promise.start}"',
            "Name an activity that precedes it.",
        )
        return
    weeks = {
        name: intervals(calendar, with_holidays=False, years=(_YEAR, _YEAR))
        for name, calendar in company.calendars.items()
    }
    clocks = {name: _clock(company, process.activities[name]) for name in order}
    if not company.calendars.keys() >= {*filter(None, clocks.values())}:
        return  # a department names a calendar that is not there, which is said where it does
    by_calendar = promise.calendar is not None or any(clocks.values())
    for case in _variants(process, promise):
        within = _chosen(promise.withins, case, promise.within)
        worst: tuple[int, int, int] | None = None
        for begin in _WEEK if by_calendar else _WEEK[:1]:
            needed = _spend(process, order, clocks, case, weeks, begin)
            promised = _finish(weeks, promise.calendar, begin, within) - begin
            if needed > promised and (worst is None or needed - promised > worst[0]):
                worst = (needed - promised, needed, begin)
        if worst is None:
            continue
        over, needed, begin = worst
        shown = [", ".join(f"{k} = {v}" for k, v in sorted(case.items())) or "any case"]
        if by_calendar:
            wall = datetime.fromtimestamp(begin / 1_000_000, ZoneInfo(company.company.timezone))
            shown.append(f"begun on a {wall:%A} at {wall:%H:%M}")
        yield Problem(
            file,
            f"{field}.within",
            f"the allowances on the way add up to {needed / _HOUR:g} h, beyond the promised "
            f"{(needed - over) / _HOUR:g} h ({'; '.join(shown)})",
            "Promise more, or allow less: as it stands no department can be late "
            "and the customer still waits.",
        )


def _clock(company: Company, activity: Activity) -> str | None:
    """Return the calendar in which an activity's allowance is counted."""
    if activity.calendar != "owner":
        return activity.calendar
    return company.departments[activity.owner].calendar


def _between(process: Process, start: str, end: str) -> list[str] | None:
    """Return what lies on a way from ``start`` to ``end``, predecessors first; None without a way."""
    order: list[str] = []

    def visit(key: str) -> bool:
        if key == start or key in order:
            return True
        reached = [visit(before) for before in process.activities[key].after]
        if any(reached):
            order.append(key)
        return any(reached)

    return order if visit(end) else None


def _spend(
    process: Process,
    order: list[str],
    clocks: Mapping[str, str | None],
    case: Case,
    weeks: Mapping[str, Intervals],
    begin: int,
) -> int:
    """Return how long the longest way takes that begins then, if each step uses its allowance up."""
    finished: dict[str, int] = {}
    for key in order:
        activity = process.activities[key]
        at = max((finished[b] for b in activity.after if b in finished), default=begin)
        allowance = _chosen(activity.allowances, case, activity.allowance)
        finished[key] = _finish(weeks, clocks[key], at, allowance)
    return finished[order[-1]] - begin if order else 0


def _finish(weeks: Mapping[str, Intervals], calendar: str | None, at: int, duration: int) -> int:
    """Return when ``duration`` is used up, in a calendar's ordinary weeks or in elapsed time."""
    if calendar is None or duration == 0:
        return at + duration
    week = weeks[calendar]
    left = duration
    for start, end in week[max(bisect_right(week, (at, 2**62)) - 1, 0) :]:
        begin = max(start, at)
        if end - begin >= left:
            return begin + left
        left -= max(end - begin, 0)
    return week[-1][1] + left


def _variants(process: Process, promise: Promise) -> list[dict[str, str | int | bool]]:
    """Return every combination of the attribute values that conditions name, and "other"."""
    values: dict[str, set[str | int | bool]] = {}
    conditions: list[Condition] = [w.when for w in promise.withins]
    for activity in process.activities.values():
        conditions += [a.when for a in activity.allowances]
    for condition in conditions:
        for name, value in condition.items():
            values.setdefault(name, {"(other)"}).add(value)
    names = sorted(values)
    choices = [sorted(values[name], key=repr) for name in names]
    return [dict(zip(names, combination, strict=True)) for combination in product(*choices)]


def _chosen(options: Iterable[Within | Allowance], case: Case, otherwise: int | None) -> int:
    for option in options:
        if all(case.get(name) == value for name, value in option.when.items()):
            return option.within if isinstance(option, Within) else option.allowance
    return otherwise or 0
