"""Working time: the arithmetic, against minutes counted one by one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.tracing.worktime import WorkingTime

MINUTE = 60_000_000


@st.composite
def calendars(draw: st.DrawFn) -> WorkingTime:
    """A few intervals over some hundred minutes, in any order, perhaps touching."""
    bounds = draw(st.lists(st.tuples(st.integers(0, 300), st.integers(1, 60)), min_size=1))
    return WorkingTime.of((start * MINUTE, (start + length) * MINUTE) for start, length in bounds)


minutes = st.integers(-100, 500)


def counted(calendar: WorkingTime, begin: int, end: int) -> int:
    """The working minutes between two minutes, counted."""
    return sum(calendar.working(minute * MINUTE) for minute in range(begin, end))


@given(calendars(), minutes, minutes)
def test_between_is_the_minutes_counted(calendar: WorkingTime, a: int, b: int) -> None:
    """Inside, before and after the table alike, and negative when turned round."""
    low, high = sorted((a, b))
    expected = counted(calendar, low, high) * MINUTE
    assert calendar.between(low * MINUTE, high * MINUTE) == expected
    assert calendar.between(high * MINUTE, low * MINUTE) == -expected


@given(calendars(), st.integers(-100 * MINUTE, 500 * MINUTE), st.integers(-200, 400))
def test_add_is_undone_by_between(calendar: WorkingTime, at: int, worked: int) -> None:
    """What is added is what lies between, forward and back."""
    duration = worked * MINUTE + worked
    assert calendar.between(at, calendar.add(at, duration)) == duration


@given(calendars(), minutes, st.integers(1, 200))
def test_add_ends_at_the_first_possible_moment(
    calendar: WorkingTime, begin: int, worked: int
) -> None:
    """A microsecond earlier is not enough; so nobody gets the night after the shift as well."""
    at = begin * MINUTE
    end = calendar.add(at, worked * MINUTE)
    assert calendar.between(at, end - 1) < worked * MINUTE


@given(calendars(), minutes, st.integers(0, 300), st.integers(0, 300))
def test_more_is_never_earlier(calendar: WorkingTime, begin: int, a: int, b: int) -> None:
    """A longer allowance never ends before a shorter one."""
    low, high = sorted((a, b))
    at = begin * MINUTE
    assert calendar.add(at, low * MINUTE) <= calendar.add(at, high * MINUTE)


@given(calendars(), minutes)
def test_opens_is_the_next_working_minute(calendar: WorkingTime, begin: int) -> None:
    """Or the present one."""
    expected = next(m for m in range(begin, 1_000) if calendar.working(m * MINUTE))
    assert calendar.opens(begin * MINUTE) == expected * MINUTE


def test_a_calendar_without_working_time_is_refused() -> None:
    """Nothing would ever be due in it."""
    with pytest.raises(ValueError, match="without any working time"):
        WorkingTime.of([(5, 5)])
