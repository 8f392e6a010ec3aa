"""Time that counts for whoever works: allowances in calendars."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.vocabulary import Transition
from services.router.tracing.company import Rules
from services.router.tracing.lateness import measure
from services.router.tracing.model import HOUR, Case, ProcessEvent
from services.router.tracing.timeline import build

from .conftest import PLACED, Order
from .stories import SHOP, in_office_hours, office, shares

CHAIN = SHOP.promises["delivery"].chain


def test_an_allowance_counts_in_its_calendar(shop: Rules) -> None:
    """Six office hours from Sunday morning are over on Monday afternoon: nobody is late on Monday."""
    rules = in_office_hours(shop, "confirmed")
    order = Order(rules).usual(until="payment_verified").event("confirmed", 29)
    order.event("picked", 170).event("packed", 172)
    names = {c.department for c in order.complain(200).causes}
    assert "back-office" not in names
    assert "back-office" in {c.department for c in replace(order, rules=shop).complain(200).causes}


durations = st.lists(st.integers(0, 6_000), min_size=7, max_size=7)


@settings(max_examples=60)
@given(durations, st.sets(st.sampled_from(["confirmed", "picked", "packed", "handed_over"])))
def test_own_delays_in_calendars_add_up_to_the_elapsed_lateness(
    minutes: list[int], counted: set[str]
) -> None:
    """Sum of signed own delays = real end - the end of the plan, whatever the calendars are."""
    rules = in_office_hours(SHOP, *sorted(counted))
    at, events = PLACED, [ProcessEvent("0", CHAIN[0], Transition.COMPLETE, PLACED, PLACED)]
    for activity, took in zip(CHAIN[1:], minutes, strict=True):
        at += took * HOUR // 60
        events.append(ProcessEvent(activity, activity, Transition.COMPLETE, at, at))
    case = Case("o1", tuple(events))
    lateness = measure(
        rules.promises["delivery"], case, build(case, rules, at, at), rules, at, denied=True
    )
    plan = PLACED
    for activity in CHAIN[1:]:
        allowance = rules.activities[activity].allowance or 0
        plan = office().add(plan, allowance) if activity in counted else plan + allowance
    assert sum(stretch.own or 0 for stretch in lateness.path) == at - plan
    for stretch in lateness.path:
        if stretch.allowed_until is not None and stretch.end <= stretch.allowed_until:
            assert stretch.charged == 0


def test_what_may_have_been_allowed_is_not_charged_where_the_beginning_is_lost(
    order: Order,
) -> None:
    """108 h to a customer whose region is not on record: too long within Java, in time beyond it."""
    order.usual(picked=80, delivered=60)
    assert "courier" in shares(order.complain(240))
    order.events.pop(0)
    assert set(shares(order.complain(240))) == {"warehouse"}
    order.event("picked", 92, "start", region="java")
    assert "courier" in shares(order.complain(240)), "another event tells where"
