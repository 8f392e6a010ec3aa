"""How long a process that has ended waits for its next start."""

from __future__ import annotations

import pytest

from services.local.process import AT_ONCE_SECONDS, RESTART, wait_before_start


def test_one_that_ends_at_once_is_started_less_and_less_often() -> None:
    """Starts are 0.1, 0.2, 0.4 … and in the end 5 s apart."""
    waits = [wait_before_start(ends, 0.0) for ends in range(1, 12)]
    assert waits == sorted(waits)
    assert waits[:3] == pytest.approx([0.1, 0.2, 0.4])
    assert waits[-1] == RESTART.waits[-1] == 5.0


def test_one_that_served_between_its_ends_is_started_at_once() -> None:
    """Killed every six seconds, the seventh time is no worse than the first: what counts is the time between two starts."""
    assert [wait_before_start(ends, 6.0) for ends in (1, 7, 50)] == [AT_ONCE_SECONDS] * 3


def test_a_life_counts_against_the_wait() -> None:
    """After a life of two seconds three of the five are left."""
    assert wait_before_start(50, 2.0) == pytest.approx(3.0)
