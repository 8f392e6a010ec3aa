"""Each rule of delivery, as a row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.vocabulary import NotificationOutcome
from services.chassis.retry import RetryPolicy
from services.notifier.delivery import (
    JITTER,
    LONGEST_RETRY_AFTER,
    WAITS,
    Action,
    Answer,
    Known,
    judge,
    plan,
    retry_after_seconds,
    superseded,
)

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
DONE = (
    NotificationOutcome.DELIVERED,
    NotificationOutcome.ABANDONED,
    NotificationOutcome.SUPPRESSED,
)


def test_what_nobody_knows_is_sent() -> None:
    """A new alert with a receiver is sent."""
    assert plan(known=None, receiver=True, gone=False).action is Action.SEND


@pytest.mark.parametrize("receiver", [True, False])
def test_a_record_that_comes_again_changes_nothing(receiver: bool) -> None:
    """What is planned stays planned, whatever the receivers are now."""
    for outcome in (None, *NotificationOutcome):
        assert (
            plan(known=Known(outcome, planned=True), receiver=receiver, gone=False).action
            is Action.SKIP
        )


@pytest.mark.parametrize("outcome", DONE)
def test_what_was_recorded_as_ended_is_not_sent_again(outcome: NotificationOutcome) -> None:
    """A ledger that learnt of it from the topic leaves it."""
    assert (
        plan(known=Known(outcome, planned=False), receiver=True, gone=False).action is Action.SKIP
    )


def test_what_was_only_attempted_goes_on() -> None:
    """An earlier life's attempts count, and its schedule goes on."""
    known = Known(NotificationOutcome.ATTEMPTED, planned=False)
    assert plan(known=known, receiver=True, gone=False).action is Action.CONTINUE


def test_nobody_to_tell_is_recorded_with_the_reason() -> None:
    """No receiver, or one that is gone, suppresses; never silently."""
    assert plan(known=None, receiver=False, gone=False).reason == "no_receiver"
    assert plan(known=None, receiver=True, gone=True).reason == "receiver_gone"


@given(status=st.integers(200, 299), wait=st.none() | st.floats(0, 1e5))
def test_only_2xx_is_delivered(status: int, wait: float | None) -> None:
    """Whatever the schedule says, a 2xx ends it well."""
    assert judge(Answer(status), wait=wait, now=NOW).outcome is NotificationOutcome.DELIVERED


@given(status=st.integers(100, 199) | st.integers(300, 409) | st.integers(411, 599))
def test_everything_else_is_tried_again_while_the_schedule_lasts(status: int) -> None:
    """A redirect, too: following one would hand the message to someone else."""
    again = judge(Answer(status), wait=5.0, now=NOW)
    assert (again.outcome, again.next_attempt_at) == (
        NotificationOutcome.ATTEMPTED,
        NOW + timedelta(seconds=5),
    )
    last = judge(Answer(status), wait=None, now=NOW)
    assert (last.outcome, last.detail) == (
        NotificationOutcome.ABANDONED,
        f"exhausted:status_{status}",
    )


def test_gone_ends_it_and_the_receiver() -> None:
    """410 is the receiver's last word."""
    verdict = judge(Answer(410), wait=5.0, now=NOW)
    assert (verdict.outcome, verdict.gone) == (NotificationOutcome.ABANDONED, True)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("Wed, 04 Mar 2026 05:07:07 GMT", 60.0),
        ("Wed, 04 Mar 2026 05:00:00 GMT", 0.0),
        ("", None),
        ("-1", None),
        ("soon", None),
        ("１", None),
        ("9" * 500, LONGEST_RETRY_AFTER),
        (None, None),
    ],
)
def test_retry_after_in_both_forms(header: str | None, seconds: float | None) -> None:
    """Seconds or a date; what cannot be read says nothing."""
    assert retry_after_seconds(header, now=NOW) == seconds


@pytest.mark.parametrize(
    ("asked", "waits"), [("60", 60.0), ("1", 5.0), ("999999", LONGEST_RETRY_AFTER)]
)
def test_patience_is_given_as_asked_within_bounds(asked: str, waits: float) -> None:
    """Retry-After lengthens a wait up to ten hours, and never shortens one."""
    verdict = judge(Answer(503, None, asked), wait=5.0, now=NOW)
    assert verdict.next_attempt_at == NOW + timedelta(seconds=waits)


@given(st.text())
def test_no_header_can_break_it(header: str) -> None:
    """Whatever a receiver answers, there is a next attempt between now and ten hours on."""
    at = judge(Answer(503, None, header), wait=5.0, now=NOW).next_attempt_at
    assert at is not None
    assert timedelta(seconds=5) <= at - NOW <= timedelta(seconds=LONGEST_RETRY_AFTER)


def test_the_schedule_reaches_three_days_with_a_dense_beginning() -> None:
    """Twelve attempts over about 75 hours, three of them in the first minute."""
    policy = RetryPolicy(WAITS, JITTER)
    assert policy.attempts == 12
    assert 72 <= sum(WAITS) / 3600 <= 80
    assert sum(WAITS[:2]) <= 60
    assert list(WAITS) == sorted(WAITS)


def test_a_newer_message_replaces_one_that_failed_and_waits_for_one_that_did_not() -> None:
    """In order while the receiver answers; only the newest after a failure."""
    assert superseded(attempts=1, newer_waits=True)
    assert not superseded(attempts=0, newer_waits=True)
    assert not superseded(attempts=3, newer_waits=False)
