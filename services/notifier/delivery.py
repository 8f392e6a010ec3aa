"""What becomes of an alert: send it, leave it, try again, give up.  Pure: time, jitter and answers are passed in.

It stands apart so that each rule of delivery is a row in a test.  Hazard: a rule that turns an alert down loses it for
the department, so every one has a reason that is recorded.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import Enum, unique
from typing import Final

from schemas.vocabulary import NotificationOutcome, NotificationStage

WAITS: Final = (
    5.0,
    30.0,
    120.0,
    600.0,
    1800.0,
    7200.0,
    18000.0,
    36000.0,
    50400.0,
    72000.0,
    86400.0,
)
"""Seconds between twelve attempts, about 75 hours in all: the reach of Standard Webhooks' own schedule, with a denser
beginning because a customer waits."""
JITTER: Final = 0.2
LONGEST_RETRY_AFTER: Final = 36_000.0
"""Ten hours: a receiver may ask for patience, not for silence."""
GONE: Final = 410


@dataclass(frozen=True, slots=True)
class Alert:
    """One thing to tell one department."""

    assignment_id: str
    complaint_id: str
    department: str
    revision: int
    stage: NotificationStage


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger has about a notification already."""

    outcome: NotificationOutcome | None
    """None: planned, never attempted."""
    planned: bool
    """Whether its inbox record has been seen; false when only `notification.recorded` told of it."""

    @property
    def final(self) -> bool:
        """Whether nothing more is to be done."""
        return self.outcome not in (None, NotificationOutcome.ATTEMPTED)


@unique
class Action(Enum):
    """What to do with an alert now."""

    SEND = "send"
    CONTINUE = "continue"
    """An earlier life of this service attempted it; its schedule goes on."""
    SKIP = "skip"
    """It is done, or planned already: a repeat."""
    SUPPRESS = "suppress"


@dataclass(frozen=True, slots=True)
class Plan:
    """An action and, unless it is to send, why."""

    action: Action
    reason: str = ""


def plan(*, known: Known | None, receiver: bool, gone: bool) -> Plan:
    """Decide about an alert that an inbox record asks for.

    Args:
        known: what the ledger has under its notification id.
        receiver: whether its department has one.
        gone: whether that receiver answered 410 and has not been configured anew.
    """
    if known is not None and known.planned:
        return Plan(Action.SKIP, "repeat")
    if known is not None and known.final:
        return Plan(Action.SKIP, "recorded")
    if not receiver:
        return Plan(Action.SUPPRESS, "no_receiver")
    if gone:
        return Plan(Action.SUPPRESS, "receiver_gone")
    return Plan(Action.SEND if known is None else Action.CONTINUE)


@dataclass(frozen=True, slots=True)
class Answer:
    """How one attempt ended: a status, or the error that there was instead of one."""

    status: int | None
    error: str | None = None
    """A word from code: `timeout`, `connect`, `address_forbidden`, …"""
    retry_after: str | None = None
    """The header as it came."""

    @property
    def accepted(self) -> bool:
        """Whether the receiver has the message."""
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an attempt means."""

    outcome: NotificationOutcome
    detail: str | None = None
    next_attempt_at: datetime | None = None
    gone: bool = False
    """The receiver wants nothing any more."""


def judge(answer: Answer, *, wait: float | None, now: datetime) -> Verdict:
    """What follows from an attempt.

    Only 2xx is delivered; a redirect is a failure, since following one would hand the message to someone else.

    Args:
        answer: how it ended.
        wait: seconds to the next attempt by the schedule, jitter included; None when this was the last.
        now: the time of the answer, aware.
    """
    if answer.accepted:
        return Verdict(NotificationOutcome.DELIVERED)
    detail = answer.error or f"status_{answer.status}"
    if answer.status == GONE:
        return Verdict(NotificationOutcome.ABANDONED, "receiver_gone", gone=True)
    if wait is None:
        return Verdict(NotificationOutcome.ABANDONED, f"exhausted:{detail}")
    asked = retry_after_seconds(answer.retry_after, now=now)
    if asked is not None:
        wait = max(wait, min(asked, LONGEST_RETRY_AFTER))
    return Verdict(NotificationOutcome.ATTEMPTED, detail, now + timedelta(seconds=wait))


def retry_after_seconds(header: str | None, *, now: datetime) -> float | None:
    """Seconds that a `Retry-After` header asks for (RFC 9110, 10.2.3); None when it says nothing readable."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdecimal():
        return float(text) if len(text) <= 10 else LONGEST_RETRY_AFTER
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return max(0.0, (at - now).total_seconds())


def superseded(*, attempts: int, newer_waits: bool) -> bool:
    """Whether an alert that failed should give way to a newer one about the same assignment.

    A newer one says all that an older one did.  One that was never attempted goes out first: in order, as long as the
    receiver answers.
    """
    return newer_waits and attempts > 0
