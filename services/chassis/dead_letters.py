"""A record that cannot be processed, turned into the event that keeps it.

It stands apart so that every service keeps the same things: the whole record, where it lay, and a reason to count by.
Hazard: the dead letter holds the customer's words, as its topic's readers must know; its reason and detail must not.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from schemas.codec import wrap
from schemas.dead_letter import DeadLetterV1
from schemas.envelope import Envelope
from services.chassis import ids
from services.chassis.records import Received

DETAIL_LIMIT = 1000
VALUE_LIMIT = 700_000
"""Bytes of a value that is kept whole: base64 makes it a third larger, and a broker takes a megabyte by default."""


KEY_LIMIT = 2_000
HEADERS_LIMIT = 8_000
"""The same of a key, and of all headers together: far more than any writer that keeps to the contracts has."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a dead letter keeps of a record."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    detail: str


def keep(
    origin: str,
    *,
    key: bytes | None,
    value: bytes | None,
    headers: Iterable[tuple[str, bytes | None]],
    detail: str,
) -> Kept:
    """As much of a record as fits into another one; the detail names what is left out, and where it lies.

    Whole it would not: no letter could be written, and the reader would meet the same record after every start.
    """
    headers = tuple(headers)
    # Each header costs some bytes more than its text; a million empty ones are too many as well.
    size = sum(len(name.encode()) + len(each or b"") + 8 for name, each in headers)
    left_out = []
    if key is not None and len(key) > KEY_LIMIT:
        left_out.append(f"the key of {len(key)} bytes")
        key = None
    if value is not None and len(value) > VALUE_LIMIT:
        left_out.append(f"the value of {len(value)} bytes")
        value = None
    if size > HEADERS_LIMIT:
        left_out.append(f"the headers of {size} bytes")
        headers = ()
    if left_out:
        verb = "is" if len(left_out) == 1 and not left_out[0].startswith("the headers") else "are"
        lies = "it lies" if verb == "is" else "they lie"
        detail = f"({' and '.join(left_out)} {verb} left out: {lies} at {origin}) {detail}"
    return Kept(key, value, headers, detail)


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
    kept = keep(origin, key=record.key, value=record.value, headers=record.headers, detail=detail)
    data = DeadLetterV1(
        origin=origin,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=_text(kept.key),
        value=_text(kept.value),
        headers=tuple((name, _text(value)) for name, value in kept.headers),
        service=service,
        reason=reason,
        detail=kept.detail[:DETAIL_LIMIT],
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
