"""What the imaginary company brings forth: process events, complaints, and the truth about each.

It stands apart because the player, the files and the tests read it without knowing how it came to be.  Hazard: `Truth`
must never reach the pipeline; it travels beside a complaint and is not part of what is posted.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum, unique
from typing import Any, Final

NAMES_CUSTOMER: Final = frozenset({"order_placed", "payment_received"})
"""Activities whose events tell whose order it is."""
UNKNOWN_ORDER_EVERY: Final = 5
"""So often a channel knows the customer's telephone only."""


@unique
class Fault(StrEnum):
    """What was planted into an order."""

    LATE_CONFIRMATION = "late confirmation"
    LATE_PICKING = "late picking"
    LATE_PACKING = "late packing"
    LATE_HANDOVER = "late hand-over"
    COURIER_LATE = "courier late"
    SEVERAL_LATE = "several late at once"
    WRONG_ITEM = "wrong item picked"
    SHORT = "item left out"
    DAMAGED = "badly packed, damaged"
    NOT_RECEIVED = "marked delivered, not received"
    REFUND_UNPAID = "refund approved, not paid"
    INVOICE_MISMATCH = "invoice differs from order"
    IMPOSSIBLE_PROMISE = "impossible promise"
    CUSTOMER_OWN = "customer's own"
    IMPATIENT = "nobody's: asked before it was due"


@dataclass(frozen=True, slots=True)
class Observed:
    """One process event as a system of the shop reports it."""

    event_id: str
    case_id: str
    activity: str
    transition: str
    at: datetime
    """When it happened."""
    known_at: datetime
    """When its system sends it; never before `at`."""
    due_at: datetime | None = None
    source: str | None = None
    objects: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, str | int | float | bool] = field(default_factory=dict)

    def payload(self) -> dict[str, Any]:
        """The body for `POST /v1/process-events`."""
        body: dict[str, Any] = {
            "event_id": self.event_id,
            "case_id": self.case_id,
            "activity": self.activity,
            "transition": self.transition,
            "at": self.at.isoformat(),
        }
        if self.activity in NAMES_CUSTOMER:
            body["customer_refs"] = [telephone_of(self.case_id)]
        if self.due_at is not None:
            body["due_at"] = self.due_at.isoformat()
        if self.source is not None:
            body["source"] = self.source
        if self.objects:
            body["objects"] = self.objects
        if self.attributes:
            body["attributes"] = self.attributes
        return body


@dataclass(frozen=True, slots=True)
class Truth:
    """What really caused a complaint."""

    fault: Fault
    departments: tuple[str, ...]
    """Whose own doing it was, the largest part first; a party outside or `promise` stands here too; empty: nobody's."""
    kind: str
    """`delay`, `fault`, `contradiction`, `promise` or `none`."""
    activities: tuple[str, ...]
    """The activities that went wrong, in the order of `departments`."""


@dataclass(frozen=True, slots=True)
class Grievance:
    """One complaint as a channel sends it."""

    key: str
    """The idempotency key."""
    case_id: str
    text: str
    language: str
    at: datetime

    def payload(self) -> dict[str, Any]:
        """The body for `POST /v1/complaints`; the language is left for Akar to find."""
        body: dict[str, Any] = {"text": self.text, "occurred_at": self.at.isoformat()}
        if knows_the_order(self.case_id):
            return body | {"case_id": self.case_id}
        return body | {"customer_refs": [telephone_of(self.case_id)]}


def telephone_of(case_id: str) -> dict[str, str]:
    """How the shop and the channel both know this order's customer."""
    return {"kind": "phone", "value": f"+62811{zlib.crc32(case_id.encode()) % 10**8:08d}"}


def knows_the_order(case_id: str) -> bool:
    """Whether the channel can say which order it is: four of five can, the others know only who writes."""
    return zlib.crc32(case_id.encode()) % UNKNOWN_ORDER_EVERY != 0


@dataclass(frozen=True, slots=True)
class Play:
    """A whole run: everything in the order in which it becomes known, and the truth by complaint key."""

    items: tuple[Observed | Grievance, ...]
    truths: dict[str, Truth]

    @property
    def complaints(self) -> tuple[Grievance, ...]:
        """The complaints alone, in order."""
        return tuple(item for item in self.items if isinstance(item, Grievance))

    @property
    def events(self) -> tuple[Observed, ...]:
        """The process events alone, in order."""
        return tuple(item for item in self.items if isinstance(item, Observed))
