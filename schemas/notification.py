"""Every attempt to reach a department, as an event."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from schemas.envelope import Contract, Identifier, Slug, Timestamp
from schemas.vocabulary import NotificationOutcome


class NotificationRecordedV1(Contract):
    """One attempt and how it ended; `notification_id` stays the same over all attempts of one alert."""

    event_type: ClassVar[str] = "notification.recorded"

    notification_id: Identifier
    """The webhook id: UUIDv5 of assignment, revision, receiver and stage."""
    assignment_id: Identifier
    complaint_id: Identifier
    department: Slug
    revision: int = Field(ge=1)
    receiver: str
    stage: Slug
    """`opened`, `updated`, `withdrawn`, …"""
    outcome: NotificationOutcome
    attempt: int = Field(ge=0)
    """Counts from 1; 0 when nothing was sent (suppressed)."""
    status_code: int | None = None
    detail: str | None = None
    at: Timestamp
    next_attempt_at: Timestamp | None = None
