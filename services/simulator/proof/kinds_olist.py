"""What goes wrong at the marketplace: payment, seller and carrier, each with a date to keep.

It stands apart because here due dates stand in events, one export holds everything, and no system reports faults.
"""

from __future__ import annotations

import random
from typing import Final

from services.simulator.proof.model import Expect
from services.simulator.proof.plan import Plan, When

OWNERS: Final = {
    "payment_approved": "payment",
    "handed_to_carrier": "seller",
    "delivered_to_customer": "carrier",
}
LATE: Final = tuple(OWNERS)


def _late(draw: random.Random, late: dict[str, float]) -> Plan:
    when = When.WAITING if draw.random() < 0.5 else When.ARRIVED
    return Plan("order", "LATE" if when is When.WAITING else "LATE_BUT_HERE", when, late=late)


def single_delay(draw: random.Random) -> Plan:
    """One of the three was days late."""
    return _late(draw, {draw.choice(LATE): 1.0})


def double_delay(draw: random.Random) -> Plan:
    """The seller and the carrier, each a good part."""
    part = draw.uniform(0.35, 0.65)
    return _late(draw, {"handed_to_carrier": part, "delivered_to_customer": 1 - part})


def upstream_masked(_draw: random.Random) -> Plan:
    """The seller handed over days late, the carrier took no longer than planned and missed the date."""
    return Plan("order", "LATE_BUT_HERE", When.ARRIVED, late={"handed_to_carrier": 1.0})


def stuck_open(draw: random.Random) -> Plan:
    """The seller never handed over, or the carrier never came."""
    stops = draw.choice(("handed_to_carrier", "delivered_to_customer"))
    return Plan("order", "LATE", stops=stops, shares={OWNERS[stops]: 1.0})


def missing_between_owners(draw: random.Random) -> Plan:
    """Nothing tells when the seller handed over."""
    owner, late = draw.choice(
        (("seller", "handed_to_carrier"), ("carrier", "delivered_to_customer"))
    )
    return Plan(
        "order",
        "LATE_BUT_HERE",
        When.ARRIVED,
        late={late: 1.0},
        untold=frozenset({"handed_to_carrier"}),
        shares={owner: 1.0},
        expect=Expect.ASK,
    )


def late_arriving(draw: random.Random) -> Plan:
    """The seller's hand-over is reported after the complaint."""
    owner, late = draw.choice(
        (("seller", "handed_to_carrier"), ("carrier", "delivered_to_customer"))
    )
    return Plan(
        "order",
        "LATE_BUT_HERE",
        When.ARRIVED,
        late={late: 1.0},
        belated=frozenset({"handed_to_carrier"}),
        shares={owner: 1.0},
        expect=Expect.ASK,
    )


def export_stopped(draw: random.Random) -> Plan:
    """The export stopped before the hand-over; the seller was late, or the carrier."""
    owner, late = draw.choice(
        (("seller", "handed_to_carrier"), ("carrier", "delivered_to_customer"))
    )
    return Plan(
        "order",
        "LATE",
        late={late: 1.0},
        outage=("marketplace", "handed_to_carrier"),
        shares={owner: 1.0},
        expect=Expect.WAIT,
    )


def wrong_zone(draw: random.Random) -> Plan:
    """Everything is three hours off; days were lost all the same."""
    return Plan(
        "order",
        "LATE_BUT_HERE",
        When.ARRIVED,
        late={draw.choice(LATE): 1.0},
        shifted={"marketplace": draw.choice((3.0, -3.0))},
    )


def misleading_text(_draw: random.Random) -> Plan:
    """The customer scolds the carrier; the seller sat on it."""
    return Plan("order", "BLAMES_COURIER", late={"handed_to_carrier": 1.0})


def no_reference(draw: random.Random) -> Plan:
    """Somebody's order is late."""
    return Plan(
        "order",
        "LATE",
        late={draw.choice(LATE): 1.0},
        referred=False,
        shares={},
        expect=Expect.NOBODY,
    )


def entered_by_hand(_draw: random.Random) -> Plan:
    """After the complaint the seller enters a hand-over in time."""
    return Plan(
        "order",
        "LATE",
        stops="handed_to_carrier",
        by_hand="handed_to_carrier",
        shares={"seller": 1.0},
        expect=Expect.ASK,
    )


def copies_in_disorder(draw: random.Random) -> Plan:
    """The export repeats itself."""
    when = When.ARRIVED
    return Plan("order", "LATE_BUT_HERE", when, late={draw.choice(LATE): 1.0}, copies=True)


def marked_delivered(_draw: random.Random) -> Plan:
    """Delivered, says the carrier."""
    return Plan("order", "NOT_RECEIVED", When.ARRIVED, shares={"carrier": 1.0})


def before_it_is_due(_draw: random.Random) -> Plan:
    """There is time yet."""
    return Plan("order", "LATE_ASKING", When.EARLY, shares={}, expect=Expect.WAIT)


def wrong_item_unrecorded(_draw: random.Random) -> Plan:
    """Another thing in the box, and no system says where it was mixed up."""
    return Plan("order", "WRONG", When.ARRIVED, shares={}, expect=Expect.NOBODY)


def vague_and_late(draw: random.Random) -> Plan:
    """Disappointed; the case shows what about."""
    return Plan("order", "VAGUE", late={draw.choice(LATE[1:]): 1.0})


def praise(_draw: random.Random) -> Plan:
    """Not a complaint."""
    return Plan("order", "PRAISE", When.ARRIVED, shares={}, expect=Expect.NOBODY)
