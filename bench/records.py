"""Process events as intake writes them: many orders under way at once, each going through the shop's process step by step.

Deterministic, so that every contender reads the same bytes.  Made by format strings, since the contract's own encoder would
take longer than what is measured; `verify` holds the first of them against the contract.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from schemas import codec
from schemas.process import ProcessObservedV1

STEPS = (
    # activity, transition, source, hours after the order
    ("order_placed", "complete", "storefront", 0),
    ("payment_received", "complete", "payment-gateway", 2),
    ("payment_verified", "complete", "payment-gateway", 3),
    ("delivered", "schedule", "storefront", 4),
    ("confirmed", "complete", "storefront", 6),
    ("picked", "start", "wms", 8),
    ("picked", "complete", "wms", 12),
    ("packed", "complete", "wms", 16),
    ("handed_over", "complete", "wms", 24),
    ("in_transit", "complete", "courier-api", 40),
    ("in_transit", "complete", "courier-api", 60),
    ("delivered", "complete", "courier-api", 80),
)
UNDER_WAY = 5_000
"""Orders whose events are interleaved."""
_EPOCH = datetime(2026, 11, 2, tzinfo=UTC)


class Event(NamedTuple):
    """One record."""

    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


def events(count: int, *, steps: int = len(STEPS)) -> Iterator[Event]:
    """The first `count` records; each order takes `steps` of them."""
    wave = UNDER_WAY * steps
    for number in range(count):
        generation, rest = divmod(number, wave)
        step, lane = divmod(rest, UNDER_WAY)
        yield _event(number, f"ORD-{generation:03d}-{lane:06d}", lane, step)


def _event(number: int, case_id: str, lane: int, step: int) -> Event:
    activity, transition, source, hours = STEPS[step]
    at = _EPOCH + timedelta(hours=hours, seconds=lane)
    when = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    recorded = (at + timedelta(seconds=2)).strftime("%Y-%m-%dT%H:%M:%S.250000Z")
    due = (
        f'"{(at + timedelta(hours=144)).strftime("%Y-%m-%dT%H:%M:%SZ")}"'
        if transition == "schedule"
        else "null"
    )
    event_id = f"{number:08x}-0000-5000-8000-{lane:012x}"
    value = (
        f'{{"event_id":"{event_id}","case_id":"{case_id}","activity":"{activity}","transition":"{transition}",'
        f'"at":"{when}","due_at":{due},"source":"{source}","customer_refs":[],'
        f'"objects":{{"warehouse":"jkt-{lane % 4}","batch":"B-{lane % 97}"}},'
        f'"attributes":{{"payment_method":"card","region":"inner","parcels":1}},"recorded_at":"{recorded}"}}'
    )
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", event_id.encode()),
        ("ce_source", f"/{source}".encode()),
        ("ce_type", b"process.observed"),
        ("ce_subject", case_id.encode()),
        ("ce_time", when.encode()),
        ("ce_dataschema", b"process.observed.v1"),
        ("content-type", b"application/json; charset=utf-8"),
    ]
    return Event(case_id.encode(), value.encode(), headers)


def verify(sample: int = 200) -> None:
    """Check that the records keep the contract and are what its own encoder would write.

    Raises:
        AssertionError: They are not; the figures would mean nothing.
    """
    for number in range(0, UNDER_WAY * len(STEPS), UNDER_WAY * len(STEPS) // sample):
        step, lane = divmod(number, UNDER_WAY)
        event = _event(number, f"ORD-000-{lane:06d}", lane, step)
        envelope = codec.decode(
            (ProcessObservedV1,), key=event.key, value=event.value, headers=event.headers
        )
        again = codec.encode(envelope)
        assert (again.key, again.value, list(again.headers)) == event, f"record {number} differs"
