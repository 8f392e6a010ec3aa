"""Clocks that are wrong: zones, skew, times that do not fit. What they leave in doubt is charged to nobody."""

from dataclasses import replace

import pytest

from schemas.vocabulary import Finding
from services.router.tracing.company import Rules
from services.router.tracing.model import HOUR

from .conftest import PLACED, Order
from .stories import findings, shares


def in_zone(order: Order, source_of: dict[str, str], source: str, off: float) -> Order:
    """Shift what one source says by hours; it is recorded when it really happened."""
    order.events = [
        replace(event, at=event.at + round(off * HOUR))
        if source_of[event.activity] == source
        else event
        for event in order.events
    ]
    return order


@pytest.mark.parametrize("off", [7.0, -7.0])
def test_a_zone_error_is_put_right_and_said(shop: Rules, off: float) -> None:
    """The warehouse sends Jakarta's wall time as UTC, or the other way round: the same answer, flagged."""
    sources = {key: rule.source for key, rule in shop.activities.items()}
    right = Order(shop).usual(confirmed=120).complain(200)
    wrong = in_zone(Order(shop).usual(confirmed=120), sources, "wms", off).complain(200)
    assert shares(wrong) == shares(right)
    assert Finding.ZONE_ERROR in findings(wrong)
    assert any("time zone" in sentence.text for sentence in wrong.explanation["en"])


def test_a_doubtful_zone_charges_nobody_within_it(shop: Rules) -> None:
    """One event recorded seven hours after it says it happened: that much is charged to nobody."""
    order = Order(shop).usual(until="handed_over").event("delivered", 25 + 74)
    event = order.events[-1]
    order.events[-1] = replace(event, recorded_at=event.at + 7 * HOUR)
    order.event("delivered", 0, "schedule", due=80)
    order.events[-1] = replace(order.events[-1], source="storefront")
    decision = order.complain(120)
    assert Finding.ZONE_ERROR in findings(decision)
    assert "courier" not in shares(decision)


def test_nothing_is_recorded_before_it_happens(order: Order) -> None:
    """A clock that is 40 minutes ahead: flagged, and the time is that of the record."""
    order.usual(confirmed=120)
    order.events[-1] = replace(order.events[-1], at=order.events[-1].at + 2 * HOUR // 3)
    decision = order.complain(200)
    assert Finding.CLOCK_SKEW in findings(decision)
    assert decision.causes[0].department == "back-office"


def test_what_lies_within_two_clocks_difference_charges_nobody(order: Order) -> None:
    """Delivered an hour before it was handed over, by two clocks: an hour's delay is nobody's."""
    order.event("delivered", 0, "schedule", due=22)
    order.usual(until="packed").event("handed_over", 30).event("delivered", 29)
    decision = order.complain(60)
    assert findings(decision) & {Finding.CLOCK_SKEW, Finding.DISPUTED}
    assert "courier" not in shares(decision)


def test_a_time_that_does_not_fit_is_not_used(order: Order) -> None:
    """Picked, as recorded, four days after all that follows it: nobody is charged for four days."""
    order.usual()
    order.events = [
        replace(event, at=PLACED + 100 * HOUR, recorded_at=PLACED + 100 * HOUR)
        if event.activity == "picked"
        else event
        for event in order.events
    ]
    order.event("delivered", 0, "schedule", due=60)
    decision = order.complain(110)
    assert Finding.DISORDERED in findings(decision)
    assert "warehouse" not in shares(decision)
