"""A record that could not be processed: kept whole, with where it lay and why."""

from __future__ import annotations

from typing import ClassVar

from schemas.envelope import Contract, Timestamp


class DeadLetterV1(Contract):
    """The original bytes (base64), their coordinates, and the reason."""

    event_type: ClassVar[str] = "record.dead-lettered"
    subject_field: ClassVar[str] = "origin"

    origin: str
    """`topic:partition:offset`, unique."""
    topic: str
    partition: int
    offset: int
    key: str | None
    """Base64; absent when the record had none."""
    value: str | None
    headers: tuple[tuple[str, str | None], ...]
    """Names and base64 values, in order."""
    service: str
    reason: str
    """A code to count by: `invalid_json`, `unknown_version`, `wrong_key`, `conflict`, …"""
    detail: str
    failed_at: Timestamp
