"""What really happened in a case, as the company's own systems report it.

The one contract that systems outside Akar write themselves, so it stays tiny.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from schemas.complaint import Attributes, CustomerRef
from schemas.envelope import Contract, Identifier, Slug, Timestamp
from schemas.vocabulary import Transition


class ProcessObservedV1(Contract):
    """One transition of one activity of one case."""

    event_type: ClassVar[str] = "process.observed"
    subject_field: ClassVar[str] = "case_id"

    event_id: Identifier
    case_id: Identifier
    activity: Slug
    transition: Transition
    at: Timestamp
    """When it happened, by the clock of the source."""
    due_at: Timestamp | None = None
    """With `schedule`: when the activity has to be finished."""
    source: Slug | None = None
    """The system that attests it; absent: the registry's source of that activity."""
    customer_refs: tuple[CustomerRef, ...] = ()
    objects: dict[str, str] = Field(default_factory=dict, max_length=32)
    """Things the case shares with others: route, batch, warehouse, invoice run."""
    attributes: Attributes = Field(default_factory=dict)
    recorded_at: Timestamp | None = None
    """When Akar got to know it; absent (a system that writes Kafka itself): the record's own timestamp."""
