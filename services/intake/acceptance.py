"""From what was sent to what is stored: ids, digests, and identities turned into HMACs.  Pure.

It stands apart because a retry that reaches another process must give the same id and the same digest.  Hazard: a change
in the normalising of a reference makes an old customer a new one, and a change in a digest makes every retry a conflict.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.codec import EncodedRecord, encode, wrap
from schemas.complaint import ComplaintMessagedV1, ComplaintReceivedV1, CustomerRef
from schemas.process import ProcessObservedV1
from schemas.times import rfc3339
from services.chassis import ids
from services.intake.bodies import ComplaintBody, CustomerRefBody, MessageBody, ProcessEventBody

SOURCE = "/akar/intake"
_TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
)


@dataclass(frozen=True, slots=True)
class Receipt:
    """The circumstances in which something was received.

    Attributes:
        channel: Who sent it, by its key.
        received_at: When.
        salt: Key of the HMAC over customer references.
        phone_country: Country code of national phone numbers.
        traceparent: The sender's W3C trace context, already checked.
    """

    channel: str
    received_at: datetime
    salt: bytes
    phone_country: str = "62"
    traceparent: str | None = None


def complaint(body: ComplaintBody, receipt: Receipt, key: str) -> ComplaintReceivedV1:
    """The complaint that `key` names, exactly as it was accepted."""
    refs = customer_refs(body.customer_refs, receipt)
    accepted: dict[str, Any] = {
        "text": body.text,
        "case_id": body.case_id,
        "customer_refs": [[ref.kind, ref.digest] for ref in refs],
        "channel_ref": body.channel_ref,
        "language": body.language,
        "occurred_at": None if body.occurred_at is None else rfc3339(body.occurred_at),
        "remedy_sought": body.remedy_sought,
        "attachments": body.attachments,
        "attributes": body.attributes,
    }
    return ComplaintReceivedV1(
        complaint_id=ids.complaint_id(receipt.channel, key),
        channel=receipt.channel,
        text=body.text,
        case_id=body.case_id,
        customer_refs=refs,
        channel_ref=body.channel_ref,
        language=body.language,
        occurred_at=body.occurred_at or receipt.received_at,
        received_at=receipt.received_at,
        remedy_sought=body.remedy_sought,
        attachments=body.attachments,
        attributes=body.attributes,
        # What the sender said, without what we added (times of receipt differ between retries), and without plain
        # references: a digest of a phone number can be guessed.
        body_digest=digest(accepted),
    )


def message(
    body: MessageBody, receipt: Receipt, complaint_id: str, key: str
) -> ComplaintMessagedV1:
    """What the customer said later about `complaint_id`."""
    return ComplaintMessagedV1(
        complaint_id=complaint_id,
        message_id=ids.message_id(complaint_id, receipt.channel, key),
        channel=receipt.channel,
        kind=body.kind,
        text=body.text,
        sent_at=body.sent_at or receipt.received_at,
    )


def message_digest(body: MessageBody) -> str:
    """What makes two messages with one key differ."""
    sent_at = None if body.sent_at is None else rfc3339(body.sent_at)
    return digest({"kind": body.kind.value, "text": body.text, "sent_at": sent_at})


def process_event(body: ProcessEventBody, receipt: Receipt) -> ProcessObservedV1:
    """The event; without an id of its own it gets one from its contents, so that a repeat has the same."""
    refs = customer_refs(body.customer_refs, receipt)
    event_id = body.event_id
    if event_id is None:
        event_id = ids.event_id(
            "process",
            digest(
                {
                    "case_id": body.case_id,
                    "activity": body.activity,
                    "transition": body.transition.value,
                    "at": rfc3339(body.at),
                    "due_at": None if body.due_at is None else rfc3339(body.due_at),
                    "source": body.source,
                    "customer_refs": [[ref.kind, ref.digest] for ref in refs],
                    "objects": body.objects,
                    "attributes": body.attributes,
                }
            ),
        )
    return ProcessObservedV1(
        event_id=event_id,
        case_id=body.case_id,
        activity=body.activity,
        transition=body.transition,
        at=body.at,
        due_at=body.due_at,
        source=body.source,
        customer_refs=refs,
        objects=body.objects,
        attributes=body.attributes,
        recorded_at=receipt.received_at,
    )


def complaint_record(accepted: ComplaintReceivedV1, receipt: Receipt) -> EncodedRecord:
    """The record for `complaint.received`; a retry's has the same event id."""
    return encode(
        wrap(
            accepted,
            id=ids.event_id(accepted.event_type, accepted.complaint_id),
            source=SOURCE,
            time=accepted.occurred_at,
            correlationid=accepted.complaint_id,
            traceparent=receipt.traceparent,
        )
    )


def message_record(accepted: ComplaintMessagedV1, receipt: Receipt) -> EncodedRecord:
    """The record for `complaint.messaged`."""
    return encode(
        wrap(
            accepted,
            id=accepted.message_id,
            source=SOURCE,
            time=accepted.sent_at,
            correlationid=accepted.complaint_id,
            traceparent=receipt.traceparent,
        )
    )


def process_record(accepted: ProcessObservedV1, receipt: Receipt) -> EncodedRecord:
    """The record for `process.observed`; its source is the system that attests it, if it is named."""
    return encode(
        wrap(
            accepted,
            id=accepted.event_id,
            source=f"/{accepted.source}" if accepted.source else SOURCE,
            time=accepted.at,
            traceparent=receipt.traceparent,
        )
    )


def customer_refs(refs: Iterable[CustomerRefBody], receipt: Receipt) -> tuple[CustomerRef, ...]:
    """The references as HMACs, without repeats, in order of kind and digest."""
    found = {
        (ref.kind, reference_digest(ref.kind, ref.value, receipt.salt, receipt.phone_country))
        for ref in refs
    }
    return tuple(CustomerRef(kind=kind, digest=digest) for kind, digest in sorted(found))


def reference_digest(kind: str, value: str, salt: bytes, phone_country: str) -> str:
    """Hex HMAC-SHA256 of a normalised reference under the company's salt."""
    normalised = normalise_reference(kind, value, phone_country)
    return hmac.digest(salt, f"{kind}\0{normalised}".encode(), "sha256").hex()


def normalise_reference(kind: str, value: str, phone_country: str) -> str:
    """One spelling for all the ways in which one phone, address or account is written.

    Phones become `+` and digits, national ones (a single leading 0) with `phone_country`; the rest is folded to lower case
    without spaces.
    """
    text = "".join(unicodedata.normalize("NFKC", value).split()).casefold()
    if kind != "phone":
        return text
    digits = re.sub(r"\D", "", text, flags=re.ASCII)
    if digits.startswith("00"):
        digits = digits[2:]
    elif digits.startswith("0") and not text.startswith("+"):
        digits = phone_country + digits[1:]
    # "+62 (0)812 …": the national 0 in brackets is not dialled.
    if "(0)" in text and digits.startswith(f"{phone_country}0"):
        digits = phone_country + digits[len(phone_country) + 1 :]
    return f"+{digits}"


def digest(content: Any) -> str:
    """Hex SHA-256 of canonical JSON."""
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def idempotency_key(header: str) -> str | None:
    """The key in an `Idempotency-Key` header, bare or quoted; None if it cannot be one.

    The draft (draft-ietf-httpapi-idempotency-key-header-07) has it as a quoted string; most senders leave the quotes out.
    """
    text = header.strip()
    if len(text) >= 2 and text[0] == text[-1] == '"':
        text = text[1:-1]
    if '"' in text or not re.fullmatch(r"[\x21-\x7e]{8,128}", text):
        return None
    return text


def traceparent(header: str | None) -> str | None:
    """The W3C trace context if it is well formed; anything else is left out."""
    return header if header is not None and _TRACEPARENT.fullmatch(header) else None
