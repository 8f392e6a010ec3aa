"""What is told again weighs once, and what went wrong again weighs twice."""

from dataclasses import replace

from schemas.vocabulary import Finding

from .conftest import Order
from .stories import findings, shares


def test_the_same_sent_again_under_another_id_counts_once(order: Order) -> None:
    """A copy with a new id changes the flags and nothing else."""
    order.usual(confirmed=120)
    once = order.complain(200)
    order.events.append(replace(order.events[4], event_id="again"))
    twice = order.complain(200)
    assert twice.digest() == once.digest()
    assert Finding.DUPLICATE in findings(twice)


def fault(
    order: Order,
    name: str,
    hour: float,
    activity: str = "packed",
    source: str | None = None,
    parcel: str | None = None,
    **said: str,
) -> Order:
    order.event(activity, hour, "fail", fault=name, **said)
    objects = {} if parcel is None else {"parcel": parcel}
    order.events[-1] = replace(order.events[-1], source=source, objects=objects)
    return order


def test_a_fault_told_twice_weighs_once(order: Order) -> None:
    """Damage in packing and damage on the way are as likely, however often packing's is told, by whomever and when."""
    fault(order.usual(), "damaged_in_packing", 15)
    fault(order, "damaged_in_transit", 60, "delivered")
    once = order.complain(90, "damaged_item")
    fault(order, "damaged_in_packing", 15, source="courier-api")
    fault(order, "damaged_in_packing", 40)
    fault(order, "damaged_in_packing", 80, source="care-desk", entered="manual")
    again = order.complain(90, "damaged_item")
    assert [(c.department, c.parts) for c in again.causes] == [
        (c.department, c.parts) for c in once.causes
    ]
    assert shares(again)["packing"] == shares(again)["courier"]
    assert again.digest() == once.digest()
    assert again.confidence_parts == once.confidence_parts
    packing = next(cause for cause in again.causes if cause.department == "packing")
    assert len(packing.events) == 4, "each telling is named"
    said = [s for s in again.explanation["en"] if "damaged in packing" in s.text]
    assert [set(s.events) for s in said] == [set(packing.events)], "and told as one"


def test_what_went_wrong_with_two_parcels_weighs_twice(order: Order) -> None:
    """Damage of B is not damage of A told again; who names no parcel tells one of the two again."""
    alone = shares(
        fault(order.usual(), "damaged_in_packing", 15, parcel="A").complain(90, "damaged_item")
    )
    both = shares(fault(order, "damaged_in_packing", 15, parcel="B").complain(90, "damaged_item"))
    assert both["packing"] > alone["packing"]
    assert shares(fault(order, "damaged_in_packing", 14).complain(90, "damaged_item")) == both


def test_what_went_wrong_again_when_it_was_done_again_weighs_twice(order: Order) -> None:
    """Packed and damaged, packed anew a day later and damaged again."""
    fault(order.usual(), "damaged_in_packing", 15).event("packed", 46).event("handed_over", 50)
    alone = shares(order.complain(120, "damaged_item"))
    assert shares(fault(order, "damaged_in_packing", 16.5).complain(120, "damaged_item")) == alone
    again = shares(fault(order, "damaged_in_packing", 45).complain(120, "damaged_item"))
    assert again["packing"] > alone["packing"]


def test_two_things_that_went_wrong_weigh_both(order: Order) -> None:
    """A visit that was made up, and how the courier behaved at the next moment."""
    order.usual(until="handed_over")
    alone = shares(fault(order, "forged_attempt", 60, "delivered").complain(75, "staff_conduct"))
    both = shares(fault(order, "courier_conduct", 60, "delivered").complain(75, "staff_conduct"))
    assert both["courier"] > alone["courier"]


def test_each_attempt_that_failed_is_a_fault_of_its_own(order: Order) -> None:
    """Twice nobody came: two; the same visit dated twenty minutes later by the care desk is one."""
    order.usual(until="handed_over")
    alone = shares(fault(order, "forged_attempt", 60, "delivered").complain(75, "staff_conduct"))
    fault(order, "forged_attempt", 60.3, "delivered", "care-desk")
    assert shares(order.complain(75, "staff_conduct")) == alone
    twice = shares(fault(order, "forged_attempt", 70, "delivered").complain(75, "staff_conduct"))
    assert twice["courier"] > alone["courier"]


def test_a_fault_told_without_end_is_told_in_a_few_sentences(order: Order) -> None:
    """A machine that reports the same attempt every minute: all events are named, and nobody reads hundreds of lines."""
    order.usual(until="handed_over")
    for minute in range(300):
        fault(order, "forged_attempt", 40 + minute / 60, "delivered")
    decision = order.complain(75, "staff_conduct")
    assert len(decision.causes[0].events) == 300
    said = [s for s in decision.explanation["en"] if "an attempt recorded" in s.text]
    assert len(said) == 20
    assert sum(len(s.events) for s in said) == 300


def test_what_is_told_once_it_is_over_is_no_further_attempt(order: Order) -> None:
    """A parcel that came damaged, reported on the day and again the day after."""
    order.usual()
    alone = shares(
        fault(order, "damaged_in_transit", 73, "delivered").complain(120, "damaged_item")
    )
    fault(order, "damaged_in_transit", 97, "delivered")
    assert shares(order.complain(120, "damaged_item")) == alone
