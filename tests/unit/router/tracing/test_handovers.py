"""Between giver and receiver, from one attempt to the next, part by part: whose time it was."""

from dataclasses import replace

from schemas.vocabulary import Finding
from services.router.tracing.company import Rules

from .conftest import Order
from .stories import findings, shares


def told_by(order: Order, activity: str, hour: float, source: str) -> Order:
    order.event(activity, hour)
    order.events[-1] = replace(order.events[-1], source=source)
    return order


def test_a_gap_between_giver_and_receiver_is_charged_to_neither(order: Order) -> None:
    """Packing says handed over at 25 h, the courier says received at 150 h: a person has to ask."""
    order.usual(until="handed_over")
    told_by(order, "handed_over", 150, "courier-api")
    decision = order.complain(200)
    assert Finding.DISPUTED in findings(decision)
    assert not {"packing", "courier"} & set(shares(decision))
    assert Finding.DISPUTED in {fact.finding for fact in decision.missing}


def test_a_receiver_s_word_against_its_own_interest_counts(order: Order) -> None:
    """The courier says it had the parcel since hour 25; packing only recorded it at hour 90."""
    order.usual(until="packed").event("handed_over", 90)
    told_by(order, "handed_over", 25, "courier-api")
    decision = order.complain(200)
    assert decision.causes[0].department == "courier"
    assert "packing" not in shares(decision)


def test_the_first_attempt_s_reason_explains_the_time_after_it(shop: Rules) -> None:
    """An address nobody finds at the first attempt, in time: the delay after it is the customer's."""
    repeats = replace(shop.activities["delivered"], repeats=True)
    rules = replace(shop, activities={**shop.activities, "delivered": repeats})
    order = Order(rules).usual(until="handed_over")
    order.event("delivered", 60, "fail", fault="address_incomplete")
    order.event("delivered", 100, "fail", fault="forged_attempt")
    decision = order.event("delivered", 180).complain(200)
    assert decision.causes[0].department == "customer"
    assert Finding.ATTEMPT in findings(decision)


def test_the_last_part_decides_by_its_own_way(order: Order) -> None:
    """Two parcels: A came in time, B was picked five days late; the warehouse, and nobody of A's way."""
    order.usual(until="confirmed")
    for part, late in (("A", 0.0), ("B", 120.0)):
        hour = 5.0 + late
        for activity, takes in (
            ("picked", 8),
            ("packed", 4),
            ("handed_over", 8),
            ("delivered", 48),
        ):
            hour += takes
            order.event(activity, hour)
            order.events[-1] = replace(order.events[-1], objects={"parcel": part})
    decision = order.complain(220)
    assert decision.causes[0].department == "warehouse"
    assert set(shares(decision)) == {"warehouse"}
