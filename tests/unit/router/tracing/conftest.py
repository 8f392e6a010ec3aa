"""A shop order to tell stories with: hours since it was placed, one call per event."""

from dataclasses import dataclass, field

import pytest

from schemas.vocabulary import Transition
from services.registry import load_example
from services.router.rules import rules_from
from services.router.tracing.company import Rules
from services.router.tracing.model import (
    HOUR,
    Attribute,
    Case,
    Complaint,
    Decision,
    ProcessEvent,
    SymptomScore,
)
from services.router.tracing.tracer import trace

PLACED = 1_772_330_400_000_000
"""2026-03-01T02:00:00Z."""


@dataclass
class Order:
    """One order; times are hours after it was placed."""

    rules: Rules
    events: list[ProcessEvent] = field(default_factory=list)
    watermarks: dict[str, int] = field(default_factory=dict)
    heard: dict[str, int] = field(default_factory=dict)

    def event(
        self,
        activity: str,
        hour: float,
        transition: str = "complete",
        due: float | None = None,
        **attributes: Attribute,
    ) -> "Order":
        at = PLACED + round(hour * HOUR)
        self.events.append(
            ProcessEvent(
                event_id=f"{activity}-{transition}-{len(self.events)}",
                activity=activity,
                transition=Transition(transition),
                at=at,
                recorded_at=at,
                due_at=None if due is None else PLACED + round(due * HOUR),
                attributes=attributes,
            )
        )
        return self

    def usual(self, until: str = "delivered", **late: float) -> "Order":
        """Play an order in time up to an activity; ``late`` adds hours to the named activities."""
        hour = 0.0
        for activity, takes in USUAL:
            hour += takes + late.get(activity, 0.0)
            self.event(activity, hour)
            if activity == until:
                return self
        return self

    def complain(
        self, hour: float, symptom: str = "late_delivery", as_of: float | None = None
    ) -> Decision:
        at = PLACED + round(hour * HOUR)
        symptoms = (SymptomScore(symptom, 0.9),) if symptom else ()
        return trace(
            Complaint("c1", at, "id", symptoms),
            Case("o1", tuple(self.events), self.watermarks, heard=self.heard),
            self.rules,
            at if as_of is None else PLACED + round(as_of * HOUR),
        )


USUAL = (
    ("order_placed", 0.0),
    ("payment_received", 1.0),
    ("payment_verified", 1.0),
    ("confirmed", 3.0),
    ("picked", 8.0),
    ("packed", 4.0),
    ("handed_over", 8.0),
    ("delivered", 48.0),
)


@pytest.fixture(scope="session")
def shop() -> Rules:
    return rules_from(load_example("shop"))


@pytest.fixture(scope="session")
def bank() -> Rules:
    return rules_from(load_example("bank"))


@pytest.fixture
def order(shop: Rules) -> Order:
    return Order(shop)
