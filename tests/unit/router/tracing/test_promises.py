"""By when something was promised: asked where no date is on record, and a cause where it could not be kept."""

from dataclasses import replace

from schemas.vocabulary import CauseKind, Finding, Outcome
from services.router.tracing.company import Rules
from services.router.tracing.model import HOUR, PARTS, Case, Complaint, SymptomScore
from services.router.tracing.reasoning import Looks

from .conftest import PLACED, Order
from .stories import change, findings, shares


def undated(shop: Rules, **changes: object) -> Order:
    """An order of a company whose promises are dates in events, confirmed five days late; no date is on record."""
    promise = replace(shop.promises["delivery"], start=None, within=None, withins=(), **changes)  # type: ignore[arg-type]
    rules = replace(shop, promises={**shop.promises, "delivery": promise})
    return Order(rules).usual(confirmed=120)


def dated(order: Order, due: float, by: str, recorded: float = 202) -> Order:
    order.event("delivered", recorded, "schedule", due=due, answered_by=by)
    return order


def test_a_promise_without_a_date_is_asked_of_whoever_publishes_it(shop: Rules) -> None:
    """Nobody knows whether it was late: its publisher is asked by when it was due, and the answer decides."""
    order = undated(shop)
    asked = order.complain(200)
    assert asked.outcome is Outcome.ASKED
    assert asked.question is not None
    assert (asked.question.activity, asked.question.department) == ("delivered", "digital")
    assert asked.question.fact == "due"
    assert asked.question.text["en"] == "By when was delivery promised to the customer?"
    assert {cause.kind for cause in asked.causes} == {CauseKind.UNKNOWN}

    late = dated(order, 148, "digital").complain(200, as_of=203)
    assert late.causes[0].department == "back-office"
    assert late.outcome is Outcome.ASSIGNED
    assert Finding.ANSWERED in findings(late)
    assert late.question is None


def test_a_due_date_answered_that_was_kept_names_nobody(shop: Rules) -> None:
    """Delivered in time by what was promised: a person reads the words, and nobody is asked again."""
    decision = dated(undated(shop), 300, "digital").complain(200, as_of=203)
    assert decision.outcome is Outcome.TRIAGE
    assert {cause.kind for cause in decision.causes} == {CauseKind.UNKNOWN}


def test_who_has_a_part_in_the_way_moves_nobody_else_by_a_due_date(shop: Rules) -> None:
    """A promise that the warehouse publishes: that it was missed names others, so its word alone is set aside."""
    order = undated(shop, publisher="warehouse")
    assert order.complain(200, as_of=201).question is None, "a useless answer is not asked for"
    decision = dated(order, 148, "warehouse").complain(200, as_of=203)
    assert Finding.SELF_SERVING in findings(decision)
    assert "back-office" not in shares(decision)


def test_a_promise_whose_beginning_nothing_shows_is_not_asked_for(shop: Rules) -> None:
    """It may never have been given."""
    order = undated(shop)
    promise = replace(order.rules.promises["delivery"], start="refund_requested")
    order.rules = replace(order.rules, promises={**order.rules.promises, "delivery": promise})
    assert order.complain(200).question is None


def test_a_due_date_answered_is_no_word_of_its_source(shop: Rules) -> None:
    """A courier that tells every other night is as silent as before about a parcel whose date was asked."""
    rules = change(shop, "courier-api", assumed=False, every=48 * HOUR)
    order = undated(rules)
    order.events.pop()
    order.watermarks = {"courier-api": PLACED + 150 * HOUR}
    decision = dated(order, 148, "digital", recorded=262).complain(260, as_of=265)
    assert "courier" not in shares(decision)


def test_a_date_that_is_answered_moves_none_on_record(order: Order) -> None:
    """Not even one that is said to have been given before the complaint."""
    order.usual(confirmed=120).event("delivered", 0, "schedule", due=148)
    before = order.complain(200, as_of=203)
    assert before.causes[0].department == "back-office"
    dated(order, 300, "digital", recorded=100)
    order.events[-1] = replace(order.events[-1], recorded_at=PLACED + 202 * HOUR)
    assert order.complain(200, as_of=203).causes == before.causes


def test_each_date_that_may_be_answered_is_looked_at(shop: Rules) -> None:
    """Two answers that differ in nothing but the date are two cases."""
    order = undated(shop)
    at = PLACED + 200 * HOUR
    complaint = Complaint("c1", at, "id", (SymptomScore("late_delivery", 0.9),))
    looks = Looks(complaint, Case("o1", tuple(order.events)), order.rules, at)
    one, other = (dated(Order(shop), due, "digital", 200).events[0] for due in (148, 300))
    assert looks.told(one).named == PARTS
    assert looks.told(other).named == 0


def test_who_publishes_a_promise_that_cannot_be_kept_is_named_with_it(order: Order) -> None:
    """Promised in 20 h by an event: the promise is the cause, and its publisher can prevent the next."""
    order.event("delivered", 0, "schedule", due=20).usual(until="handed_over")
    cause = order.complain(40).causes[0]
    assert (cause.kind, cause.department, cause.publisher) == (CauseKind.PROMISE, None, "digital")
