"""Where the evidence names nobody: with whom a person begins, and which case is meant."""

from dataclasses import replace

from schemas.vocabulary import CauseKind, Outcome
from services.router.tracing.company import Rules
from services.router.tracing.model import HOUR, PARTS, Case, Complaint, SymptomScore
from services.router.tracing.plausible import plausibility

from .conftest import PLACED, Order


def test_where_nobody_is_named_a_person_learns_where_to_begin(order: Order) -> None:
    """Words alone: candidates by the company's priors, and no cause."""
    decision = order.usual().complain(90, "wrong_item")
    assert decision.outcome is Outcome.TRIAGE
    assert [c.kind for c in decision.causes] == [CauseKind.UNKNOWN]
    assert decision.candidates
    assert sum(each.parts for each in decision.candidates) == PARTS


def test_the_case_that_explains_the_words_is_the_most_plausible(shop: Rules) -> None:
    """Of a late order, one delivered in time and one placed later, the late one is meant."""
    at = PLACED + 170 * HOUR
    words = Complaint("c1", at, "id", (SymptomScore("late_delivery", 0.9),))
    late = Case("late", tuple(Order(shop).usual(until="packed").events))
    fine = Case("fine", tuple(Order(shop).usual().events))
    later = Case(
        "later",
        tuple(replace(event, at=event.at + 300 * HOUR) for event in Order(shop).usual().events),
    )
    values = [plausibility(words, case, shop, at) for case in (late, fine, later)]
    assert values[0] > values[1] > values[2] == 0
    assert values[0] <= PARTS
