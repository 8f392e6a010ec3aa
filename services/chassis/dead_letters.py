"""A record that cannot be processed, turned into the event that keeps it.

It stands apart so that every service keeps the same things: the whole record, where it lay, and a reason to count by.
Hazard: the dead letter holds the customer's words, as its topic's readers must know; its reason and detail must not.
"""

from __future__ import annotations

from base64 import b64encode
from datetime import datetime

from schemas.codec import wrap
from schemas.dead_letter import DeadLetterV1
from schemas.envelope import Envelope
from services.chassis import ids
from services.chassis.records import Received

DETAIL_LIMIT = 1000
VALUE_LIMIT = 700_000
"""Bytes of a value that is kept whole: base64 makes it a third larger, and a broker takes a megabyte by default."""


def dead_letter(
    record: Received, *, service: str, reason: str, detail: str, failed_at: datetime
) -> Envelope[DeadLetterV1]:
    """The envelope for the service's dead-letter topic; the same record gives the same id.

    Args:
        record: What could not be processed.
        service: `router`, `notifier`, `console`.
        reason: A word from code to count by, such as a `ContractViolation`'s code.
        detail: A sentence for the person who looks, without any of the record's own text.
        failed_at: When it failed.
    """
    origin = f"{record.topic}:{record.partition}:{record.offset}"
    value = record.value
    if value is not None and len(value) > VALUE_LIMIT:
        detail = f"(the value of {len(value)} bytes is left out: it lies at {origin}) {detail}"
        value = None
    data = DeadLetterV1(
        origin=origin,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=_text(record.key),
        value=_text(value),
        headers=tuple((name, _text(value)) for name, value in record.headers),
        service=service,
        reason=reason,
        detail=detail[:DETAIL_LIMIT],
        failed_at=failed_at,
    )
    return wrap(
        data,
        id=ids.event_id("dead-letter", service, origin),
        source=f"/akar/{service}",
        time=failed_at,
    )


def _text(value: bytes | None) -> str | None:
    return None if value is None else b64encode(value).decode()
