"""Where the evidence names nobody: with whom a person begins, and which case is meant."""

from dataclasses import replace

from schemas.vocabulary import CauseKind, Outcome
from services.router.lifecycle.cases import MARGIN
from services.router.tracing.company import Rules
from services.router.tracing.model import (
    HOUR,
    NO_CLUES,
    PARTS,
    Case,
    Clues,
    Complaint,
    ProcessEvent,
    SymptomScore,
)
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


def _shifted(events: tuple[ProcessEvent, ...], hours: int) -> tuple[ProcessEvent, ...]:
    return tuple(replace(event, at=event.at + hours * HOUR) for event in events)


def test_how_long_the_customer_waits_speaks_for_a_case(shop: Rules) -> None:
    """Two late orders, a week apart: the wait that is named tells them apart, within a quarter, and by itself names none."""
    events = tuple(Order(shop).usual(until="packed").events)
    at = PLACED + 480 * HOUR
    words = Complaint("c1", at, "id", (SymptomScore("late_delivery", 0.9),))
    old, new = Case("old", events), Case("new", _shifted(events, 240))

    def values(clues: Clues) -> tuple[int, int]:
        return (
            plausibility(words, old, shop, at, clues),
            plausibility(words, new, shop, at, clues),
        )

    plain = values(NO_CLUES)
    assert abs(plain[0] - plain[1]) < MARGIN
    for waited in (480, 540):
        found = values(Clues(waited))
        assert found[0] - found[1] >= MARGIN, waited
    for waited in (240, 210):
        found = values(Clues(waited))
        assert found[1] - found[0] >= MARGIN, waited
    neither = values(Clues(24))
    assert abs(neither[0] - neither[1]) < MARGIN
    assert max(neither) < max(plain)


def test_a_sum_that_is_named_speaks_for_the_case_that_has_it(shop: Rules) -> None:
    """Any number that an event of the case carries, whole or broken; truth is no number."""
    events = tuple(Order(shop).usual(until="packed").events)
    at = PLACED + 480 * HOUR
    words = Complaint("c1", at, "id", (SymptomScore("late_delivery", 0.9),))

    def value(*amounts: int, **attributes: float | bool) -> int:
        paid = replace(events[0], attributes=dict(attributes))
        return plausibility(words, Case("c", (paid, *events[1:])), shop, at, Clues(None, amounts))

    assert value(15_000_000, amount=150_000) - value(15_000_000, amount=99_000) >= MARGIN
    assert value(8_990, amount=89.9) > value(8_990, amount=89)
    assert value(100, gift=True) == value(100)
    assert value(amount=150_000) == value()
