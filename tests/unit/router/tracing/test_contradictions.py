"""Events that do not go together: a follow-up that never came, a number out of bounds."""

import pytest

from schemas.vocabulary import CauseKind, Transition
from services.router.tracing.company import ContradictionRule, Exceeds, Fact, Rules, Unfollowed
from services.router.tracing.contradictions import Contradiction, contradiction
from services.router.tracing.model import HOUR, Attribute, Case, ProcessEvent
from services.router.tracing.timeline import build

from .conftest import Order

BEGIN = 1_772_330_400_000_000


def told(activity: str, hour: float, **attributes: Attribute) -> ProcessEvent:
    at = BEGIN + round(hour * HOUR)
    return ProcessEvent(
        f"{activity}@{hour}", activity, Transition.COMPLETE, at, at, attributes=attributes
    )


def shown(
    rules: Rules, rule: ContradictionRule, *events: ProcessEvent, hour: float, heard: float
) -> Contradiction | None:
    """Hold a rule against a case as known at ``hour``, its sources having spoken until ``heard``."""
    at = BEGIN + round(hour * HOUR)
    timeline = build(Case("c", events), rules, at, at)
    return contradiction(rule, timeline, rules, lambda _source: BEGIN + round(heard * HOUR))


@pytest.fixture
def unfollowed() -> ContradictionRule:
    return ContradictionRule(
        "approved_not_paid",
        "order",
        {"en": "approved and not paid"},
        "finance",
        {"refund_overdue": 0.9},
        unfollowed=Unfollowed("refund_approved", "refund_paid", 72 * HOUR),
    )


@pytest.fixture
def far() -> ContradictionRule:
    return ContradictionRule(
        "far",
        "order",
        {"en": "far away"},
        "courier",
        {"delivered_not_received": 0.9},
        exceeds=Exceeds(Fact("delivered", "distance_m"), 500.0),
    )


def test_what_never_followed_is_shown_once_its_time_is_up(
    shop: Rules, unfollowed: ContradictionRule
) -> None:
    """Approved, and 73 hours later not paid: the approval shows it, the payment is what is off."""
    approved = told("refund_approved", 10)
    assert shown(shop, unfollowed, approved, hour=81, heard=81) is None
    found = shown(shop, unfollowed, approved, hour=83, heard=83)
    assert found == Contradiction(unfollowed, "refund_paid", (approved.event_id,))


def test_what_followed_in_time_or_late_contradicts_nothing(
    shop: Rules, unfollowed: ContradictionRule
) -> None:
    """A payment is a payment: how late it was is for the clock to say."""
    approved = told("refund_approved", 10)
    for hour in (20, 200):
        paid = told("refund_paid", hour)
        assert shown(shop, unfollowed, approved, paid, hour=300, heard=300) is None


def test_what_never_began_cannot_be_followed(shop: Rules, unfollowed: ContradictionRule) -> None:
    """Without an approval there is nothing to pay."""
    assert shown(shop, unfollowed, told("refund_requested", 1), hour=300, heard=300) is None


def test_a_silent_source_shows_no_omission(shop: Rules, unfollowed: ContradictionRule) -> None:
    """The ledger last spoke before the time was up: it may have been paid since."""
    approved = told("refund_approved", 10)
    assert shown(shop, unfollowed, approved, hour=300, heard=82) is None
    assert shown(shop, unfollowed, approved, hour=300, heard=82.1) is not None


def test_working_hours_count_where_the_rule_names_a_calendar(bank: Rules) -> None:
    """Sixteen hours of the owner's work are two days, and a weekend more where one lies between."""
    (rule,) = (each for each in bank.contradictions if each.id == "decided_not_credited")
    assert rule.unfollowed is not None
    assert rule.unfollowed.calendar is not None
    until = bank.calendars[rule.unfollowed.calendar].add(BEGIN + 10 * HOUR, rule.unfollowed.within)
    end = (until - BEGIN) / HOUR
    assert end > 10 + 16
    decided = told("refund_decided", 10)
    assert shown(bank, rule, decided, hour=end, heard=end) is None
    assert shown(bank, rule, decided, hour=end + 1, heard=end + 1) is not None


@pytest.mark.parametrize(
    ("distance", "off"),
    [(499, False), (500, False), (500.5, True), ("900", True), ("far", False), (True, False)],
)
def test_a_number_above_its_limit_is_shown(
    shop: Rules, far: ContradictionRule, distance: Attribute, *, off: bool
) -> None:
    """The limit itself is within bounds; a number written as text is one; what is no number says nothing."""
    event = told("delivered", 50, distance_m=distance)
    found = shown(shop, far, event, hour=60, heard=60)
    assert (found is not None) is off
    if found is not None:
        assert found == Contradiction(far, "delivered", (event.event_id,))


def test_the_last_word_about_a_number_counts(shop: Rules, far: ContradictionRule) -> None:
    """A second scan at the door takes the first one's place."""
    first, second = told("delivered", 50, distance_m=900), told("delivered", 51, distance_m=20)
    assert shown(shop, far, first, second, hour=60, heard=60) is None
    assert shown(shop, far, first, hour=60, heard=60) is not None


def test_a_limit_may_be_another_fact(shop: Rules) -> None:
    """Billed more than was quoted: both events are shown; without the quote nothing is."""
    rule = ContradictionRule(
        "above_quote",
        "order",
        {"en": "above the quote"},
        "finance",
        {"wrong_charge": 0.9},
        exceeds=Exceeds(Fact("invoice_issued", "billed"), Fact("order_placed", "quoted")),
    )
    placed, billed = told("order_placed", 0, quoted=100), told("invoice_issued", 9, billed=120)
    found = shown(shop, rule, placed, billed, hour=60, heard=60)
    assert found is not None
    assert found.events == tuple(sorted((placed.event_id, billed.event_id)))
    assert shown(shop, rule, told("order_placed", 0), billed, hour=60, heard=60) is None
    assert shown(shop, rule, billed, hour=60, heard=60) is None


def test_events_that_do_not_go_together_are_a_cause(order: Order) -> None:
    """The invoice holds another amount than the order."""
    order.event("order_placed", 0, amount=100_000).usual(until="confirmed")
    order.event("invoice_issued", 10, invoiced_amount=120_000)
    decision = order.complain(60, "wrong_charge")
    assert decision.causes[0].department == "finance"
    assert decision.causes[0].kind is CauseKind.CONTRADICTION
