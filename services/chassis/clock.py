"""The one place that reads a clock.

It stands apart so that every decision can be made again at another time: who needs the time takes a `Clock`.
Hazard: wall time may jump; measure durations with `monotonic` and write down instants with `now`.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What tells the time."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds since an arbitrary point, never going back."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        """The wall clock."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """The monotonic clock."""
        return time.monotonic()


class FixedClock:
    """A clock that stands still until it is told to go on; for tests and replays."""

    def __init__(self, at: datetime) -> None:
        if at.tzinfo is None:
            raise ValueError("a clock needs an aware time")
        self._now = at.astimezone(UTC)
        self._monotonic = 0.0

    def now(self) -> datetime:
        """The time that it was set to."""
        return self._now

    def monotonic(self) -> float:
        """Seconds that it was advanced by."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let time go on by `seconds`."""
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds


class Interval:
    """Says when it is time again, at most once in so many seconds; the first time at once."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._next = clock.monotonic()

    def due(self) -> bool:
        """Whether it is time; the next time is counted from here."""
        now = self._clock.monotonic()
        if now < self._next:
            return False
        self._next = now + self._seconds
        return True


def microseconds(at: datetime) -> int:
    """Epoch microseconds of an aware time: the unit of the pure tracing core."""
    delta = at - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def from_microseconds(value: int) -> datetime:
    """The aware UTC time of epoch microseconds."""
    return _EPOCH + timedelta(microseconds=value)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
