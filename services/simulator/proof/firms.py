"""The three companies as the generator knows them: who does what, how long it usually takes, what is allowed and promised.

It stands apart because it is the second, independent statement of the examples' registries; a unit test compares the two.
Hazard: an ordinary step must stay well within its allowance, or the planted truth is not the only one.  Times are hours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from zoneinfo import ZoneInfo

from services.simulator.calendar import Hours


@dataclass(frozen=True, slots=True)
class Step:
    """One activity of a line."""

    activity: str
    owner: str
    source: str
    usual: tuple[float, float]
    allowed: float | None = None
    """None: nothing is held against anybody for its time."""
    more: Mapping[str, float] = field(default_factory=dict)
    """Variant of the case -> another allowance."""
    takes: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """Variant of the case -> another usual time."""
    by_date: bool = False
    """The allowance is told as a due date in a schedule event."""
    announced: bool = False
    """It is not part of every case: a schedule event with its date says when it has begun."""
    shifts: Hours | None = None
    """When its people work: usual times and allowances are hours of work; None: hours as they pass."""
    waits: tuple[str, ...] = ()
    """Activities beside the line that must be done before it can begin."""


@dataclass(frozen=True, slots=True)
class Line:
    """One kind of case, from its first activity to the promised one."""

    name: str
    prefix: str
    steps: tuple[Step, ...]
    promised: str
    begins: str
    """The activity from whose finish the promise is counted."""
    within: float
    longer: Mapping[str, float] = field(default_factory=dict)
    """Variant -> another promise."""
    shifts: Hours | None = None
    """The promise is counted in these hours."""
    told: bool = False
    """The promise is a date in a schedule event, told when the case begins."""
    beside: Mapping[str, tuple[Step, ...]] = field(default_factory=dict)
    """Activity -> steps that run beside the line once it is done."""
    variants: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Attribute of the first event -> its values."""

    def step(self, activity: str) -> Step:
        """The step of an activity, on the line or beside it."""
        everything = (*self.steps, *(step for steps in self.beside.values() for step in steps))
        return next(step for step in everything if step.activity == activity)

    def promise(self, variant: str) -> float:
        """Hours promised to a customer of this variant."""
        return self.longer.get(variant, self.within)


@dataclass(frozen=True, slots=True)
class Firm:
    """A company."""

    id: str
    zone: ZoneInfo
    lines: tuple[Line, ...]
    languages: Mapping[str, float]
    """Language -> share of the customers who write in it."""
    nightly: frozenset[str] = frozenset()
    """Sources that always export at night, as the registry says."""

    def line(self, name: str) -> Line:
        """A line by its name."""
        return next(line for line in self.lines if line.name == name)


_PAYMENT: Final = "payment-gateway"
_ORDER: Final = (
    Step("order_placed", "customer", "storefront", (0, 0)),
    Step("payment_received", "customer", _PAYMENT, (0.05, 6), 24),
    Step("payment_verified", "payments", _PAYMENT, (0.05, 1.6), 2, {"bank_transfer": 6}),
    Step("confirmed", "back-office", "storefront", (0.2, 4.5), 6),
    Step("picked", "warehouse", "wms", (0.5, 9), 12),
    Step("packed", "packing", "wms", (0.3, 4.5), 6),
    Step("handed_over", "packing", "wms", (0.5, 9), 12),
    Step("delivered", "courier", "courier-api", (20, 58), 72, {"outer": 120}, {"outer": (50, 100)}),
)
_REFUND: Final = (
    Step("refund_requested", "customer", "care-desk", (12, 60)),
    Step("refund_approved", "customer-care", "care-desk", (1, 20), 24),
    Step("refund_paid", "finance", "ledger", (4, 40), 48),
)
_ORDER_VARIANTS: Final = {
    "region": ("java", "java", "java", "outer"),
    "payment_method": ("card", "ewallet", "virtual_account", "bank_transfer"),
}
_INVOICE: Final = (Step("invoice_issued", "finance", "ledger", (0.3, 18), 24),)

SHOP: Final = Firm(
    "shop",
    ZoneInfo("Asia/Jakarta"),
    (
        Line(
            "order",
            "INV",
            _ORDER,
            "delivered",
            "order_placed",
            148,
            {"outer": 196},
            beside={"confirmed": _INVOICE},
            variants=_ORDER_VARIANTS,
        ),
        Line(
            "refund",
            "INV",
            (*_ORDER, *_REFUND),
            "refund_paid",
            "refund_requested",
            96,
            variants=_ORDER_VARIANTS,
        ),
    ),
    {"id": 0.75, "en": 0.25},
)

OLIST: Final = Firm(
    "olist",
    ZoneInfo("America/Sao_Paulo"),
    (
        Line(
            "order",
            "PED",
            (
                Step("order_placed", "customer", "marketplace", (0, 0)),
                Step(
                    "payment_approved",
                    "payment",
                    "marketplace",
                    (0.2, 30),
                    48,
                    {"boleto": 96},
                    {"boleto": (20, 80)},
                ),
                Step("handed_to_carrier", "seller", "marketplace", (10, 80), 96, by_date=True),
                Step(
                    "delivered_to_customer",
                    "carrier",
                    "marketplace",
                    (60, 200),
                    240,
                    by_date=True,
                ),
            ),
            "delivered_to_customer",
            "order_placed",
            384,
            {"boleto": 432},
            told=True,
            variants={"payment_type": ("credit_card", "credit_card", "credit_card", "boleto")},
        ),
    ),
    {"pt": 1.0},
)
