"""How the router finds out which case a complaint is about; its own, keyed by customer and by complaint.

It stands apart from `tracing` because nothing is decided here: a case has to be known before it can be traced.  A customer is
the HMAC of one way to recognise them (`CustomerRef.digest`), so that one person with a telephone and an e-mail is two.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from schemas.envelope import Contract, Identifier, Share, Timestamp


class CaseOpenedV1(Contract):
    """A case of this customer was heard of; repeated after a while as long as there is news of it."""

    event_type: ClassVar[str] = "case.opened"
    subject_field: ClassVar[str] = "customer"

    customer: Identifier
    """Hex digest of a `CustomerRef`."""
    case_id: Identifier
    seen_at: Timestamp
    """When the event that names the customer was recorded."""


class CaseSearchedV1(Contract):
    """Which cases may a complaint of this customer be about?"""

    event_type: ClassVar[str] = "case.searched"
    subject_field: ClassVar[str] = "customer"

    customer: Identifier
    complaint_id: Identifier
    occurred_at: Timestamp


class CaseFoundV1(Contract):
    """The customer's cases: the answer to a search, and again when another one is heard of."""

    event_type: ClassVar[str] = "case.found"

    complaint_id: Identifier
    customer: Identifier
    cases: tuple[Identifier, ...] = Field(max_length=100)
    """Last seen first."""


class CaseWeighedV1(Contract):
    """How well one case explains a complaint: the answer to a `trace.requested` whose reason is `weighed`."""

    event_type: ClassVar[str] = "case.weighed"

    complaint_id: Identifier
    case_id: Identifier
    sequence: int = Field(ge=1)
    """Of the question."""
    known: bool
    """Whether anything was ever heard of such a case."""
    plausibility: Share
