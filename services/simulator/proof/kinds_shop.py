"""What goes wrong in the online shop, from the viewpoint of those who work there; one function for each kind.

It stands apart from the other companies' kinds only for length.  Hazard: each kind must be true to life and say the truth that a
person who saw everything would say; none may be written to please the core.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Final

from services.simulator.proof.model import Expect
from services.simulator.proof.plan import Note, Plan, When

Kind = Callable[[random.Random], Plan]

LATE: Final = ("payment_verified", "confirmed", "picked", "packed", "handed_over", "delivered")
PAIRS: Final = (
    ("confirmed", "picked"),
    ("confirmed", "packed"),
    ("picked", "handed_over"),
    ("payment_verified", "picked"),
    ("packed", "delivered"),
    ("picked", "delivered"),
)
WMS: Final = ("picked", "packed", "handed_over")


def _when(draw: random.Random) -> When:
    return When.WAITING if draw.random() < 0.6 else When.ARRIVED


def _words(when: When) -> str:
    return "LATE" if when is When.WAITING else "LATE_BUT_HERE"


def _late(draw: random.Random, late: Mapping[str, float]) -> Plan:
    when = _when(draw)
    return Plan("order", _words(when), when, late=late)


def single_delay(draw: random.Random) -> Plan:
    """One department took days."""
    return _late(draw, {draw.choice(LATE): 1.0})


def double_delay(draw: random.Random) -> Plan:
    """Two departments took too long, each a good part of it."""
    first, second = draw.choice(PAIRS)
    part = draw.uniform(0.35, 0.65)
    return _late(draw, {first: part, second: 1 - part})


def upstream_masked(draw: random.Random) -> Plan:
    """Handed on late; the courier rode as always and rang after the promised day: everybody sees the courier."""
    late = draw.choice(("confirmed", "picked", "packed"))
    return Plan("order", "LATE_BUT_HERE", When.ARRIVED, late={late: 1.0})


def small_before_large(draw: random.Random) -> Plan:
    """A few hours over early on, days over later."""
    late = draw.choice(("handed_over", "delivered"))
    return Plan(
        "order",
        "LATE",
        late={late: 1.0},
        extra={"confirmed": draw.uniform(8, 12)},
        quick=frozenset({"picked", "packed"}),
    )


def stuck_open(draw: random.Random) -> Plan:
    """Nobody has touched it since."""
    stops = draw.choice(("confirmed", "picked", "packed", "handed_over"))
    owner = {"confirmed": "back-office", "picked": "warehouse"}.get(stops, "packing")
    return Plan("order", "LATE", stops=stops, shares={owner: 1.0})


def lost_on_the_way(_draw: random.Random) -> Plan:
    """The courier has it, says its last scan, and nobody finds it."""
    return Plan("order", "LATE", stops="delivered", shares={"courier": 1.0})


def missing_between_owners(draw: random.Random) -> Plan:
    """The event that would part two departments never came."""
    owner, late = draw.choice((("warehouse", "picked"), ("packing", "packed")))
    return Plan(
        "order",
        "LATE_BUT_HERE",
        When.ARRIVED,
        late={late: 1.0},
        untold=frozenset({"picked"}),
        shares={owner: 1.0},
        expect=Expect.ASK,
    )


def missing_within_owner(draw: random.Random) -> Plan:
    """An event is missing, but what lies on both sides of it is one department's."""
    late = draw.choice(("packed", "handed_over"))
    return Plan(
        "order", "LATE_BUT_HERE", When.ARRIVED, late={late: 1.0}, untold=frozenset({"packed"})
    )


def missing_elsewhere(draw: random.Random) -> Plan:
    """An event is missing where nothing was late."""
    return Plan(
        "order",
        "LATE_BUT_HERE",
        When.ARRIVED,
        late={draw.choice(("handed_over", "delivered")): 1.0},
        untold=frozenset({draw.choice(("payment_verified", "payment_received"))}),
    )


def late_arriving(draw: random.Random) -> Plan:
    """The handhelds were offline: what parts two departments arrives days after the complaint."""
    owner, late = draw.choice((("warehouse", "picked"), ("packing", "packed")))
    return Plan(
        "order",
        "LATE_BUT_HERE",
        When.ARRIVED,
        late={late: 1.0},
        belated=frozenset({"picked"}),
        shares={owner: 1.0},
        expect=Expect.ASK,
    )


def nightly_export(_draw: random.Random) -> Plan:
    """The courier delivers in time and reports at night; the neighbour has it, and the customer asks."""
    return Plan(
        "order",
        "LATE",
        When.AFTER,
        after="delivered",
        after_hours=(2.0, 5.0),
        just_kept=True,
        nightly="courier-api",
        shares={},
        expect=Expect.WAIT,
    )


def nightly_but_clear(draw: random.Random) -> Plan:
    """The courier reports at night, and what was late lies before it."""
    return Plan(
        "order", "LATE", late={draw.choice(("picked", "packed")): 1.0}, nightly="courier-api"
    )


def outage_of_the_courier(draw: random.Random) -> Plan:
    """The courier's interface is down: it is late, or it was there three times and nobody opened."""
    return Plan(
        "order",
        "LATE",
        late={"delivered": 1.0},
        outage=("courier-api", "delivered"),
        shares={draw.choice(("courier", "customer")): 1.0},
        expect=Expect.WAIT,
    )


def outage_but_clear(draw: random.Random) -> Plan:
    """The courier's interface is down, and the warehouse was days late before."""
    late = draw.choice(("confirmed", "picked", "packed"))
    return Plan("order", "LATE", late={late: 1.0}, outage=("courier-api", "delivered"))


def clock_ahead(draw: random.Random) -> Plan:
    """The warehouse's clock runs hours ahead; somebody was days late all the same."""
    late = draw.choice(("confirmed", "picked", "delivered"))
    return Plan(
        "order",
        "LATE_BUT_HERE",
        When.ARRIVED,
        late={late: 1.0},
        shifted={"wms": draw.uniform(2, 9)},
    )


def clock_behind(draw: random.Random) -> Plan:
    """The warehouse's clock runs behind: its work seems done before it came in."""
    late = draw.choice(("confirmed", "packed", "delivered"))
    return Plan(
        "order",
        "LATE_BUT_HERE",
        When.ARRIVED,
        late={late: 1.0},
        shifted={"wms": -draw.uniform(2, 9)},
    )


def wrong_zone(draw: random.Random) -> Plan:
    """Wall time sent as if it were UTC, or the other way round: seven hours off."""
    source = draw.choice(("wms", "courier-api", "payment-gateway"))
    late = draw.choice(("confirmed", "picked", "delivered"))
    return Plan(
        "order",
        "LATE_BUT_HERE",
        When.ARRIVED,
        late={late: 1.0},
        shifted={source: draw.choice((7.0, -7.0))},
    )


def entered_by_hand(_draw: random.Random) -> Plan:
    """After the complaint the courier enters a delivery, as if it had been in time; the customer has nothing."""
    return Plan(
        "order",
        "LATE",
        stops="delivered",
        by_hand="delivered",
        shares={"courier": 1.0},
        expect=Expect.ASK,
    )


def impossible_promise(draw: random.Random) -> Plan:
    """A campaign promised the next day; everybody kept to what they are allowed."""
    return Plan(
        "order",
        "LATE_BUT_HERE" if (arrived := draw.random() < 0.5) else "LATE",
        When.ARRIVED if arrived else When.WAITING,
        promise=draw.uniform(16, 22),
        shares={"promise": 1.0},
    )


def misleading_text(draw: random.Random) -> Plan:
    """The customer scolds the courier; the parcel lay here."""
    return Plan(
        "order", "BLAMES_COURIER", late={draw.choice(("confirmed", "picked", "packed")): 1.0}
    )


def no_reference(draw: random.Random) -> Plan:
    """No order number, no account: somebody's parcel is late."""
    return Plan(
        "order",
        "LATE",
        late={draw.choice(LATE): 1.0},
        referred=False,
        shares={},
        expect=Expect.NOBODY,
    )


def customer_paid_late(_draw: random.Random) -> Plan:
    """Ordered on Monday, paid on Sunday."""
    return Plan("order", "LATE", late={"payment_received": 1.0}, shares={"customer": 1.0})


def customer_address(_draw: random.Random) -> Plan:
    """The street without a number: the courier had to ask for days."""
    note = Note("delivered", attributes={"fault": "address_incomplete"}, hours_after=30)
    return Plan("order", "OWN", late={"delivered": 1.0}, notes=(note,), shares={"customer": 1.0})


def before_it_is_due(_draw: random.Random) -> Plan:
    """Asked while there is time, and everything goes its way."""
    return Plan("order", "LATE_ASKING", When.EARLY, shares={}, expect=Expect.WAIT)


def nobodys_doing(_draw: random.Random) -> Plan:
    """It came when promised, and the customer had hoped for earlier."""
    return Plan("order", "SLOW_BUT_IN_TIME", When.ARRIVED, shares={}, expect=Expect.NOBODY)


def disputed_handover(draw: random.Random) -> Plan:
    """Scanned as handed over, says packing; received much later, says the courier, who then rode as always."""
    owner = draw.choice(("packing", "courier"))
    return Plan(
        "order",
        "LATE",
        extra={"delivered": 150.0},
        receiver_says=("handed_over", "courier-api", 100.0),
        shares={owner: 1.0},
        expect=Expect.ASK,
    )


def split_shipment(draw: random.Random) -> Plan:
    """Two parcels; the first came, the second lay in the warehouse."""
    return Plan(
        "order",
        "PARTLY",
        late={draw.choice(("picked", "packed")): 1.0},
        second_parcel="picked",
    )


def second_attempt(_draw: random.Random) -> Plan:
    """The van broke down at the first try; days until the second."""
    note = Note("delivered", attributes={"fault": "attempt_failed"}, hours_after=30)
    return Plan("order", "LATE_BUT_HERE", When.ARRIVED, late={"delivered": 1.0}, notes=(note,))


def copies_in_disorder(draw: random.Random) -> Plan:
    """Every system sends everything two or three times, in any order."""
    when = _when(draw)
    return Plan("order", _words(when), when, late={draw.choice(LATE): 1.0}, copies=True)


def other_fault_is_beside_it(_draw: random.Random) -> Plan:
    """The courier was late as well, but what the customer writes about is another thing in the box."""
    note = Note("picked", attributes={"fault": "wrong_item_picked"})
    return Plan(
        "order",
        "WRONG",
        When.ARRIVED,
        late={"delivered": 1.0},
        notes=(note,),
        shares={"warehouse": 1.0},
    )
