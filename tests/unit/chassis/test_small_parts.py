"""Clock, retry policy and dead letters."""

from __future__ import annotations

from base64 import b64decode
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import encode
from services.chassis.clock import (
    FixedClock,
    Interval,
    SystemClock,
    from_microseconds,
    microseconds,
)
from services.chassis.dead_letters import dead_letter
from services.chassis.errors import BrokerUnavailable, Overloaded, PermanentError, TransientError
from services.chassis.records import Received
from services.chassis.retry import RetryPolicy, exponential

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def test_system_clock_is_aware_and_monotonic() -> None:
    """Wall time carries its zone; the other clock does not go back."""
    clock = SystemClock()
    assert clock.now().tzinfo is UTC
    assert clock.monotonic() <= clock.monotonic()


def test_fixed_clock_moves_only_when_told() -> None:
    """Both its clocks go on together, by what was asked."""
    clock = FixedClock(NOON)
    clock.advance(90)
    assert clock.now() == NOON + timedelta(seconds=90)
    assert clock.monotonic() == 90


def test_fixed_clock_refuses_a_time_without_zone() -> None:
    """A naive time would be read as somebody's local one."""
    with pytest.raises(ValueError, match="aware"):
        FixedClock(datetime(2026, 3, 2))


@given(
    st.datetimes(
        min_value=datetime(1900, 1, 1),
        max_value=datetime(2200, 1, 1),
        timezones=st.integers(-840, 840).map(lambda m: timezone(timedelta(minutes=m))),
    )
)
def test_microseconds_are_exact(at: datetime) -> None:
    """To microseconds and back is the same instant, whatever its zone."""
    assert from_microseconds(microseconds(at)) == at


def test_retry_policy_counts_attempts() -> None:
    """Three waits are four attempts, and nothing follows the last."""
    policy = RetryPolicy((0.0, 5.0, 30.0))
    assert policy.attempts == 4
    assert [policy.wait_after(n) for n in (1, 2, 3, 4)] == [0.0, 5.0, 30.0, None]


@given(st.floats(0, 1))
def test_jitter_stays_within_its_part(spread: float) -> None:
    """A wait of 10 s with a fifth of jitter lies in 8..12 s."""
    wait = RetryPolicy((10.0,), jitter=0.2).wait_after(1, spread)
    assert wait is not None
    assert 8.0 <= wait <= 12.0


def test_exponential_waits_grow_to_the_longest() -> None:
    """Waits double up to the bound."""
    assert exponential(1, longest=5, attempts=5).waits == (1, 2, 4, 5)


def test_errors_say_whether_to_try_again() -> None:
    """A broker that is away and a full queue are worth another try; a bad record is not."""
    assert isinstance(Overloaded(), BrokerUnavailable)
    assert isinstance(BrokerUnavailable(), TransientError)
    assert not isinstance(PermanentError("invalid_data"), TransientError)
    assert Overloaded("500").code == "overloaded"


def test_dead_letter_keeps_the_whole_record() -> None:
    """Bytes that are no text come back out of the dead letter as they were, with their place and the reason."""
    record = Received(
        "complaint.received", 3, 42, b"k\xff", b"\x00{", (("ce_id", b"1"), ("x", None)), NOON
    )
    envelope = dead_letter(
        record, service="router", reason="invalid_data", detail="x" * 5000, failed_at=NOON
    )
    data = envelope.data
    assert data.origin == envelope.subject == "complaint.received:3:42"
    assert data.key is not None
    assert data.value is not None
    assert (b64decode(data.key), b64decode(data.value)) == (b"k\xff", b"\x00{")
    assert data.headers == (("ce_id", "MQ=="), ("x", None))
    assert len(data.detail) == 1000
    assert encode(envelope).key == b"complaint.received:3:42"


def test_an_interval_is_due_at_once_and_then_once_in_its_time() -> None:
    """However often it is asked; a late answer does not make the next one early."""
    clock = FixedClock(NOON)
    interval = Interval(clock, 1.0)
    assert [interval.due(), interval.due()] == [True, False]
    clock.advance(0.9)
    assert not interval.due()
    clock.advance(2.5)
    assert [interval.due(), interval.due()] == [True, False]
    clock.advance(1.0)
    assert interval.due()


def test_dead_letter_of_the_same_record_has_the_same_id() -> None:
    """A record that is put aside twice, after a crash, is recognised as one."""
    record = Received("t", 0, 1, None, None, (), NOON)
    first = dead_letter(record, service="router", reason="a", detail="", failed_at=NOON)
    second = dead_letter(
        record, service="router", reason="b", detail="", failed_at=NOON + timedelta(seconds=9)
    )
    assert first.id == second.id
