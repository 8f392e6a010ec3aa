"""Between giver and receiver, from one attempt to the next, part by part: whose time it was."""

from dataclasses import replace

from schemas.vocabulary import CauseKind, Finding, Transition
from services.router.tracing.company import FaultRule, Rules
from services.router.tracing.model import HOUR

from .conftest import PLACED, USUAL, Order
from .stories import change, findings, shares


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


def in_two(order: Order, until: str, late: float) -> Order:
    """Two parcels: A came in time; of B, picked some hours late, nothing is known beyond one activity."""
    order.usual(until="confirmed")
    for part, begin, end in (("A", 5.0, "delivered"), ("B", 5.0 + late, until)):
        hour = begin
        for activity, takes in USUAL[4:]:
            hour += takes
            order.event(activity, hour)
            order.events[-1] = replace(order.events[-1], objects={"parcel": part})
            if activity == end:
                break
    return order


def test_goods_are_incomplete_only_once_every_part_has_come(order: Order) -> None:
    """What is missing in the first parcel lies in the second, which was picked five days late."""
    decision = in_two(order, "handed_over", 120).complain(200, "incomplete_order")
    assert set(shares(decision)) == {"warehouse"}
    both = in_two(Order(order.rules), "delivered", 120).complain(220, "incomplete_order")
    assert set(shares(both)) == {None}


def test_a_part_is_known_from_what_comes_right_before_the_split(order: Order) -> None:
    """Picked for parcel B, and never packed: packing, although parcel A came."""
    decision = in_two(order, "picked", 0).complain(220)
    assert decision.causes[0].department == "packing"
    scanned = Order(order.rules).usual(until="confirmed")
    for activity, hour in (("picked", 13), ("packed", 17), ("handed_over", 25), ("in_transit", 40)):
        scanned.event(activity, hour)
        number = "JX-1" if activity == "in_transit" else "A"
        scanned.events[-1] = replace(scanned.events[-1], objects={"parcel": number})
    decision = scanned.complain(220)
    assert set(shares(decision)) == {"courier"}, "the carrier's own number is no other parcel"


def test_a_fault_explains_the_time_of_what_a_missing_event_joins_it_with(order: Order) -> None:
    """Nobody told of the hand-over; the first attempt, in time, found no address: the days after it are the customer's."""
    order.usual(until="packed").event("delivered", 60, "fail", fault="address_incomplete")
    order.event("delivered", 190)
    assert shares(order.complain(220))["customer"] > 9_000
    late = Order(order.rules).usual(until="packed")
    late.event("delivered", 150, "fail", fault="address_incomplete").event("delivered", 190)
    apart = shares(late.complain(220))
    assert apart[None] > 3_000, (
        "what was lost before the first attempt is packing's or the courier's"
    )
    assert apart["customer"] > 3_000


def test_a_fault_explains_nothing_of_what_a_silent_source_cannot_tell(shop: Rules) -> None:
    """The time since the courier's last word stays nobody's, whatever was on record before."""
    order = Order(change(shop, "courier-api", assumed=False, every=24 * HOUR)).usual(until="packed")
    order.event("delivered", 60, "fail", fault="address_incomplete")
    order.watermarks = {"courier-api": PLACED + 100 * HOUR}
    assert shares(order.complain(220))[None] > 7_000


def misaddressed(
    shop: Rules, department: str, likelihood: float
) -> dict[tuple[str, Transition], tuple[FaultRule, ...]]:
    """The shop's faults, and one of the order itself that explains late deliveries."""
    names, explains = {"en": "an address"}, {"late_delivery": likelihood}
    where = "order_placed", Transition.FAIL
    return {**shop.faults, where: (FaultRule("misaddressed", *where, department, names, explains),)}


def test_what_was_wrong_from_the_start_explains_what_does_not_get_done(shop: Rules) -> None:
    """Ordered to another address, and nothing is heard of the delivery; a delivery that came late is the courier's."""
    faults = misaddressed(shop, "customer", 0.9)
    order = Order(replace(shop, faults=faults)).event(
        "order_placed", 0, "fail", fault="misaddressed"
    )
    open_ = order.usual(until="handed_over").complain(220)
    assert shares(open_)["customer"] > 9_000
    assert "courier" not in shares(open_)
    came = order.event("delivered", 200).complain(220)
    assert came.causes[0].department == "courier"
    assert shares(came)["customer"] > 0


def test_what_was_wrong_from_the_start_stays_beside_an_impossible_promise(shop: Rules) -> None:
    """A promise that ran out within everybody's time is no delay that a fault could explain: both keep their weight."""
    faults = misaddressed(shop, "digital", 0.5)
    promise = replace(shop.promises["delivery"], within=26 * HOUR, withins=(), publisher="finance")
    rules = replace(shop, faults=faults, promises={**shop.promises, "delivery": promise})
    order = Order(rules).usual(until="handed_over")
    alone = order.complain(40)
    assert {cause.kind for cause in alone.causes} == {CauseKind.PROMISE}
    both = order.event("order_placed", 0, "fail", fault="misaddressed").complain(40)
    assert {cause.kind for cause in both.causes} == {CauseKind.PROMISE, CauseKind.FAULT}
    assert shares(both)["digital"] > 0
