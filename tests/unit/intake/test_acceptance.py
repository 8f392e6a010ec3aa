"""What is stored of what was sent: the same for a retry, another for other content."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import decode
from schemas.complaint import ComplaintReceivedV1
from schemas.process import ProcessObservedV1
from services.chassis import ids
from services.intake import acceptance
from services.intake.acceptance import Receipt
from services.intake.bodies import ComplaintBody, MessageBody, ProcessEventBody

AT = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)
RECEIPT = Receipt("web", AT, b"sixteen bytes of salt")
LATER = replace(RECEIPT, received_at=AT + timedelta(minutes=5))
EVENT: dict[str, Any] = {
    "case_id": "o1",
    "activity": "pack",
    "transition": "complete",
    "at": "2026-03-01T09:00:00+07:00",
}


def complaint(**fields: Any) -> ComplaintBody:
    return ComplaintBody.model_validate_json(json.dumps({"text": "belum sampai", **fields}))


def event(**fields: Any) -> ProcessEventBody:
    return ProcessEventBody.model_validate_json(json.dumps({**EVENT, **fields}))


def test_retry_has_the_same_id_and_digest() -> None:
    """The time of receipt differs between retries; what stands for the complaint does not."""
    first = acceptance.complaint(complaint(), RECEIPT, "key-00001")
    again = acceptance.complaint(complaint(), LATER, "key-00001")
    assert first.complaint_id == again.complaint_id == ids.complaint_id("web", "key-00001")
    assert first.body_digest == again.body_digest
    assert first.occurred_at == first.received_at == AT


@pytest.mark.parametrize(
    "changed",
    [
        {"text": "sudah sampai"},
        {"case_id": "o2"},
        {"language": "id"},
        {"occurred_at": "2026-03-01T00:00:00Z"},
        {"customer_refs": [{"kind": "phone", "value": "0812"}]},
        {"attachments": ["https://x.example/1"]},
        {"attributes": {"a": 1}},
        {"channel_ref": "77"},
        {"remedy_sought": "refund"},
    ],
)
def test_every_field_counts_in_the_digest(changed: dict[str, Any]) -> None:
    """A key that comes with anything else changed is a conflict."""
    plain = acceptance.complaint(complaint(), RECEIPT, "key-00001")
    other = acceptance.complaint(complaint(**changed), RECEIPT, "key-00001")
    assert plain.complaint_id == other.complaint_id
    assert plain.body_digest != other.body_digest


def test_time_is_stored_in_utc() -> None:
    """The same instant under another offset is the same content."""
    west = acceptance.complaint(
        complaint(occurred_at="2026-03-01T09:00:00+07:00"), RECEIPT, "k" * 8
    )
    zulu = acceptance.complaint(complaint(occurred_at="2026-03-01T02:00:00Z"), RECEIPT, "k" * 8)
    assert west == zulu


def test_complaint_travels_as_cloud_event() -> None:
    """What is written can be read by the contract, keyed and correlated by the complaint; a retry has its id."""
    receipt = replace(RECEIPT, traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01")
    accepted = acceptance.complaint(complaint(case_id="o1"), receipt, "key-00001")
    record = acceptance.complaint_record(accepted, receipt)
    envelope = decode(
        [ComplaintReceivedV1], key=record.key, value=record.value, headers=record.headers
    )
    assert envelope.data == accepted
    assert envelope.correlationid == envelope.subject == accepted.complaint_id
    assert envelope.source == "/akar/intake"
    assert envelope.traceparent == receipt.traceparent
    again = acceptance.complaint_record(
        acceptance.complaint(complaint(case_id="o1"), LATER, "key-00001"), LATER
    )
    assert dict(again.headers)["ce_id"] == dict(record.headers)["ce_id"]


def test_event_without_id_gets_one_from_its_contents() -> None:
    """Sent twice it is one event; with another time it is another."""
    first = acceptance.process_event(event(), RECEIPT)
    again = acceptance.process_event(event(at="2026-03-01T02:00:00Z"), LATER)
    other = acceptance.process_event(event(at="2026-03-01T02:00:01Z"), RECEIPT)
    assert first.event_id == again.event_id != other.event_id
    assert acceptance.process_event(event(event_id="wms-1"), RECEIPT).event_id == "wms-1"


def test_event_carries_the_attesting_source() -> None:
    """The envelope's source is the system that attests the event, or intake when it is not said."""
    for source, told in (("wms", "/wms"), (None, "/akar/intake")):
        accepted = acceptance.process_event(event(source=source), RECEIPT)
        record = acceptance.process_record(accepted, RECEIPT)
        envelope = decode(
            [ProcessObservedV1], key=record.key, value=record.value, headers=record.headers
        )
        assert envelope.source == told
        assert envelope.data.recorded_at == AT
        assert record.key == b"o1"


def test_message_is_bound_to_complaint_channel_and_key() -> None:
    """The same key about another complaint is another message."""
    body = MessageBody.model_validate_json('{"kind": "satisfied"}')
    first = acceptance.message(body, RECEIPT, "c1", "key-00001")
    assert first == acceptance.message(body, RECEIPT, "c1", "key-00001")
    assert first.message_id != acceptance.message(body, RECEIPT, "c2", "key-00001").message_id
    assert first.sent_at == AT


@pytest.mark.parametrize(
    ("written", "normalised"),
    [
        ("0812-3456-7890", "+6281234567890"),
        ("+62 812 3456 7890", "+6281234567890"),
        ("+62 (0)812 3456 7890", "+6281234567890"),
        ("0062 812 3456 7890", "+6281234567890"),
        ("6281234567890", "+6281234567890"),
        ("０８１２３４５６７８９０", "+6281234567890"),
        ("+1 (202) 555-0100", "+12025550100"),
        ("+620", "+620"),
    ],
)
def test_phone_has_one_spelling(written: str, normalised: str) -> None:
    """All the ways in which one phone is written are one reference."""
    assert acceptance.normalise_reference("phone", written, "62") == normalised


def test_mail_and_accounts_are_folded() -> None:
    """Case and spaces do not make another customer."""
    assert acceptance.normalise_reference("email", " Siti@Example.COM ", "62") == "siti@example.com"
    assert acceptance.normalise_reference("account", "AB 12-3", "62") == "ab12-3"


def test_references_leave_only_as_hmacs() -> None:
    """What is written holds no plain reference, no repeat, and depends on salt and kind."""
    refs = [
        {"kind": "phone", "value": "0812-3456-7890"},
        {"kind": "phone", "value": "+6281234567890"},
        {"kind": "account", "value": "+6281234567890"},
    ]
    accepted = acceptance.complaint(complaint(customer_refs=refs), RECEIPT, "key-00001")
    record = acceptance.complaint_record(accepted, RECEIPT)
    assert b"81234567890" not in record.value
    assert len(accepted.customer_refs) == 2
    assert len({ref.digest for ref in accepted.customer_refs}) == 2
    salted = replace(RECEIPT, salt=b"another salt of sixteen")
    other = acceptance.complaint(complaint(customer_refs=refs), salted, "key-00001")
    assert not {r.digest for r in other.customer_refs} & {r.digest for r in accepted.customer_refs}


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("abcdefgh", "abcdefgh"),
        ('"abcdefgh"', "abcdefgh"),
        (' "abcdefgh" ', "abcdefgh"),
        ("x" * 128, "x" * 128),
        ("x" * 129, None),
        ("seven77", None),
        ('"seven77"', None),
        ('"abcdefgh', None),
        ('abc"defgh', None),
        ("with a space", None),
        ("kunci-é-kunci", None),
        ("line\nbreak-x", None),
        ("", None),
    ],
)
def test_idempotency_key_is_bare_or_quoted_ascii(header: str, key: str | None) -> None:
    """8 to 128 printable ASCII characters without spaces, with or without the draft's quotes."""
    assert acceptance.idempotency_key(header) == key


@given(st.text(max_size=140))
def test_accepted_keys_are_safe_in_headers(header: str) -> None:
    """Whatever is sent, an accepted key has no line break, quote or byte beyond ASCII."""
    key = acceptance.idempotency_key(header)
    assert key is None or (key.isascii() and key.isprintable() and not set(key) & set('" \r\n'))


@pytest.mark.parametrize(
    ("header", "taken"),
    [
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", True),
        ("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", False),
        ("00-00000000000000000000000000000000-00f067aa0ba902b7-01", False),
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\nx: y", False),
        (None, False),
    ],
)
def test_trace_context_is_passed_on_only_if_well_formed(header: str | None, taken: bool) -> None:
    """A header that is no W3C trace context is left out, not stored."""
    assert acceptance.traceparent(header) == (header if taken else None)
