"""What is planted into an order, and the truth that follows from it.

It stands apart so that every kind of mistake is one entry to read.  Hazard: a planted delay has to outweigh all slack of
the promise, or nothing is late and nobody complains; the ranges below are checked by a test over many seeds.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from services.simulator.model import Fault, Truth
from services.simulator.shop import HOUR, OWNERS, PROMISE_HOURS
from services.simulator.texts import Trouble

EXTRA_HOURS: Final = {"java": (135.0, 165.0), "outer": (145.0, 178.0)}
"""What one late activity costs: with the shortest ride of its region, enough to break the promise by itself."""
HALF_HOURS: Final = (75.0, 100.0)
"""What each of two late activities costs."""
EARLY: Final = (0.0, 8.5)
"""In which days of the run an order is placed whose complaint takes long to come."""
LATE_ENOUGH: Final = (22.0, 22.5)
"""For an impatient customer: the promise runs out only after the run."""

LATE_ACTIVITIES: Final = {
    Fault.LATE_CONFIRMATION: "confirmed",
    Fault.LATE_PICKING: "picked",
    Fault.LATE_PACKING: "packed",
    Fault.LATE_HANDOVER: "handed_over",
    Fault.COURIER_LATE: "delivered",
}
PAIRS: Final = (
    ("confirmed", "picked"),
    ("confirmed", "packed"),
    ("picked", "handed_over"),
    ("picked", "packed"),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What will go wrong with one order."""

    promise_hours: float
    placed_between: tuple[float, float] = EARLY
    extra_hours: Mapping[str, float] = field(default_factory=dict)
    fault_events: Mapping[str, str] = field(default_factory=dict)
    """Activity -> the fault's id that its system reports."""
    trouble: Trouble | None = None
    on_delivery: bool = False
    """The customer notices when the parcel is there, or should be."""
    impatient: bool = False
    refund: bool = False
    truth: Truth | None = None

    def delay(self, activity: str) -> float:
        """Seconds of planted delay."""
        return self.extra_hours.get(activity, 0.0) * HOUR

    def fault_event(self, activity: str) -> str | None:
        """The id of the planted fault of this activity."""
        return self.fault_events.get(activity)


def plan_for(fault: Fault | None, region: str, draw: random.Random) -> Plan:
    """Decide what goes wrong with an order of this region; nothing when `fault` is None."""
    promise = float(PROMISE_HOURS[region])
    if fault is None:
        return Plan(promise, placed_between=(0.0, 23.5))
    if fault in LATE_ACTIVITIES:
        return _late(fault, (LATE_ACTIVITIES[fault],), EXTRA_HOURS[region], promise, draw)
    if fault is Fault.SEVERAL_LATE:
        return _late(fault, draw.choice(PAIRS), HALF_HOURS, promise, draw)
    if fault is Fault.IMPOSSIBLE_PROMISE:
        truth = Truth(fault, ("promise",), "promise", ("delivered",))
        return Plan(draw.uniform(16, 22), trouble=_late_trouble(draw), truth=truth)
    if fault is Fault.IMPATIENT:
        truth = Truth(fault, (), "none", ())
        return Plan(
            promise, placed_between=LATE_ENOUGH, trouble=Trouble.LATE, impatient=True, truth=truth
        )
    if fault is Fault.CUSTOMER_OWN:
        return _customer(promise, EXTRA_HOURS[region], draw)
    return _on_arrival(fault, promise, draw)


def _late_trouble(draw: random.Random) -> Trouble:
    """Two in three complain while they wait, the others once it is there."""
    return Trouble.LATE if draw.random() < 0.67 else Trouble.LATE_BUT_HERE


def _late(
    fault: Fault,
    activities: tuple[str, ...],
    hours: tuple[float, float],
    promise: float,
    draw: random.Random,
) -> Plan:
    extra = {activity: draw.uniform(*hours) for activity in activities}
    ordered = sorted(activities, key=lambda activity: -extra[activity])
    truth = Truth(fault, tuple(OWNERS[activity] for activity in ordered), "delay", tuple(ordered))
    return Plan(promise, extra_hours=extra, trouble=_late_trouble(draw), truth=truth)


def _customer(promise: float, hours: tuple[float, float], draw: random.Random) -> Plan:
    """Paid days after ordering, or gave an address that nobody can find."""
    if draw.random() < 0.5:
        truth = Truth(Fault.CUSTOMER_OWN, ("customer",), "delay", ("payment_received",))
        extra = {"payment_received": draw.uniform(*hours)}
        return Plan(promise, extra_hours=extra, trouble=_late_trouble(draw), truth=truth)
    truth = Truth(Fault.CUSTOMER_OWN, ("customer",), "fault", ("delivered",))
    extra = {"delivered": draw.uniform(*hours)}
    events = {"delivered": "address_incomplete"}
    return Plan(promise, extra_hours=extra, fault_events=events, trouble=Trouble.OWN, truth=truth)


def _on_arrival(fault: Fault, promise: float, draw: random.Random) -> Plan:
    """What shows when the parcel is opened, the bill is read, or the money does not come."""
    match fault:
        case Fault.WRONG_ITEM:
            activity, event, trouble = "picked", "wrong_item_picked", Trouble.WRONG
        case Fault.SHORT if draw.random() < 0.5:
            activity, event, trouble = "picked", "item_short", Trouble.SHORT
        case Fault.SHORT:
            activity, event, trouble = "packed", "packed_incomplete", Trouble.SHORT
        case Fault.DAMAGED:
            activity, event, trouble = "packed", "damaged_in_packing", Trouble.DAMAGED
        case Fault.INVOICE_MISMATCH:
            activity, event, trouble = "invoice_issued", "invoice_mismatch", Trouble.CHARGE
        case Fault.NOT_RECEIVED:
            truth = Truth(fault, ("courier",), "contradiction", ("delivered",))
            return Plan(promise, trouble=Trouble.NOT_RECEIVED, on_delivery=True, truth=truth)
        case Fault.REFUND_UNPAID:
            truth = Truth(fault, ("finance",), "delay", ("refund_paid",))
            return Plan(promise, trouble=Trouble.REFUND, refund=True, truth=truth)
        case _:
            raise ValueError(f"{fault} is planted elsewhere")
    truth = Truth(fault, (OWNERS[activity],), "fault", (activity,))
    return Plan(
        promise,
        fault_events={activity: event},
        trouble=trouble,
        on_delivery=trouble is not Trouble.CHARGE,
        truth=truth,
    )
