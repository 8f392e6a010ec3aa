"""What customers say, and the state of what became of it."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from schemas.envelope import Contract, Identifier, Slug, Timestamp
from schemas.vocabulary import ComplaintState, LocatedBy, MessageKind

AttributeValue = str | int | float | bool
"""What an attribute may hold: never a nested object."""

Attributes = Annotated[dict[str, AttributeValue], Field(max_length=64)]


class CustomerRef(Contract):
    """One way to recognise a customer, already turned into an HMAC; the plain value never leaves intake."""

    event_type: ClassVar[str] = "customer.ref"

    kind: Slug
    """`phone`, `email`, `account`, `marketplace`, …"""
    digest: str
    """Hex HMAC-SHA256 of the normalised value under the company's salt."""


class ComplaintReceivedV1(Contract):
    """A complaint that was answered with 202, exactly as it was accepted."""

    event_type: ClassVar[str] = "complaint.received"

    complaint_id: Identifier
    channel: Slug
    text: str = Field(max_length=20_000)
    case_id: Identifier | None = None
    """The process case (order, payment, ticket) when the channel knows it."""
    customer_refs: tuple[CustomerRef, ...] = ()
    channel_ref: str | None = None
    """The channel's own id of this complaint."""
    language: str | None = None
    """BCP 47, if the channel knows it."""
    occurred_at: Timestamp
    """When the customer complained: the channel's word, or the time of receipt."""
    received_at: Timestamp
    remedy_sought: str | None = None
    attachments: tuple[str, ...] = ()
    attributes: Attributes = Field(default_factory=dict)
    body_digest: str
    """Hex SHA-256 of the accepted content: the same key with another digest is a conflict."""


class ComplaintMessagedV1(Contract):
    """Something the customer said later about a complaint that exists."""

    event_type: ClassVar[str] = "complaint.messaged"

    complaint_id: Identifier
    message_id: Identifier
    channel: Slug
    kind: MessageKind
    text: str | None = Field(default=None, max_length=20_000)
    sent_at: Timestamp


class ComplaintStatusV1(Contract):
    """Where a complaint stands now; compacted, the last one counts."""

    event_type: ClassVar[str] = "complaint.status.changed"

    complaint_id: Identifier
    channel: Slug
    state: ComplaintState
    revision: int = Field(ge=0)
    """The decision this rests on; 0 before the first."""
    case_id: Identifier | None = None
    located_by: LocatedBy | None = None
    """How the case was found; absent without one."""
    who_can_help: Slug | None = None
    """The department that holds the recovery, if one does."""
    departments: tuple[Slug, ...] = ()
    """Every department with an open assignment."""
    since: Timestamp
    """When the complaint came into this state."""
    next_check_at: Timestamp | None = None
    """When Akar will trace again by itself, if it waits."""
    customer_words: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """What to tell the customer: language -> sentences."""
    updated_at: Timestamp
