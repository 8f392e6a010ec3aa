"""Events that got lost: how they are counted, and what a step that nobody reported is worth then."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.vocabulary import CauseKind, Finding, Outcome
from services.router.tracing import losses
from services.router.tracing.company import Rules
from services.router.tracing.fusion import TILT, by_step, tilt
from services.router.tracing.model import HOUR, PARTS, Case, Complaint, SymptomScore
from services.router.tracing.tracer import trace

from .conftest import PLACED, Order
from .stories import change

DROPS = {"wms": (300, 60), "storefront": (200, 40), "payment-gateway": (200, 40)}
"""Sources that lose every fifth event."""
COUNTS = st.dictionaries(
    st.sampled_from(["a", "b", "c"]),
    st.integers(0, 50).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))),
)


def counted(order: Order, hour: float = 300) -> dict[str, tuple[int, int]]:
    return losses.counted(order.events, order.rules, PLACED + round(hour * HOUR))


def test_what_something_followed_must_have_happened(order: Order) -> None:
    """Packed, so it was picked, confirmed and paid; whether packing was told to anybody else is not known."""
    order.event("order_placed", 0).event("payment_received", 1).event("packed", 20)
    assert counted(order) == {
        "storefront": (2, 1),
        "payment-gateway": (2, 1),
        "wms": (1, 1),
    }


def test_what_has_not_been_followed_yet_is_not_lost(order: Order) -> None:
    """The last thing that is known shows nothing about what comes next, and later events nothing of before."""
    order.event("order_placed", 0).event("payment_received", 1)
    assert counted(order) == {"storefront": (1, 0)}
    assert counted(order, 0.5) == {}


def test_what_need_not_be_in_every_case_is_not_lost(order: Order) -> None:
    """No scan on the way, and a check that was left out: both are as they should be."""
    order.usual()
    assert counted(order) == {"storefront": (2, 0), "payment-gateway": (2, 0), "wms": (3, 0)}
    skipped = Order(order.rules).event("picked", 9, "skip").event("packed", 20)
    assert "wms" not in counted(skipped)


@given(st.lists(COUNTS, max_size=60))
def test_counts_stay_bounded_and_whole(cases: list[dict[str, tuple[int, int]]]) -> None:
    """However many cases, no count grows without end, and no more is lost than happened."""
    total: losses.Losses = {}
    for case in cases:
        total = losses.added(total, case)
    for happened, lost in total.values():
        assert 0 <= lost <= happened <= losses.MOST


def test_a_source_that_nobody_knows_is_taken_for_a_usual_one() -> None:
    """One event in a hundred, until more is known; its own count outweighs the others' in the end."""
    assert losses.rates(["wms"], {}) == (pytest.approx(0.01),)
    (own,) = losses.rates(["wms"], {"wms": (400, 80)})
    (others,) = losses.rates(["ledger"], {"wms": (400, 80)})
    assert own == pytest.approx(0.199, abs=0.002)
    assert others == pytest.approx(0.162, abs=0.002)


def alike(_: str) -> float:
    """Nobody is late more readily than anybody else."""
    return 1.0


def test_the_odds_of_where_a_case_stands_by_hand() -> None:
    """Two more steps of others behind it, a fifth of the events lost: 1 / (1 + 0.2 + 0.04)."""
    assert losses.still([("a", 0.2), ("b", 0.2), ("c", 0.2)], alike) == round(PARTS / 1.24)
    assert losses.still([("a", 0.2), ("a", 0.2), ("c", 0.2)], alike) == round(PARTS * 1.2 / 1.24)
    assert losses.still([("a", 0.2), ("b", 0.2), ("a", 0.2)], alike) == round(PARTS / 1.24)
    assert losses.still([("a", 0.0), ("b", 0.0), ("c", 0.0)], alike) == PARTS


def test_whoever_is_seldom_late_is_doubted_more() -> None:
    """The open step is of somebody who is late a third as often as usual, the next of somebody three times as often."""
    readily = {"payment": 1 / 3, "seller": 3.0, "carrier": 1.0}
    unseen = [("payment", 0.2), ("seller", 0.2), ("carrier", 0.2)]
    assert losses.still(unseen, readily.__getitem__) == round(
        PARTS * (1 / 3) / (1 / 3 + 0.2 * 3 + 0.04)
    )
    assert losses.still(unseen[1:], readily.__getitem__) == round(PARTS * 3 / 3.2)


def test_an_open_step_is_less_sure_where_its_source_drops_events(order: Order) -> None:
    """Nobody reported the packing; packed and handed over it may be all the same, with the courier since."""
    order.usual(until="picked")
    at = PLACED + 200 * HOUR
    complaint = Complaint("c1", at, "id", (SymptomScore("late_delivery", 0.95),))
    sure = trace(complaint, Case("o1", tuple(order.events)), order.rules, at)
    case = Case("o1", tuple(order.events), {}, DROPS)
    doubted = trace(complaint, case, order.rules, at)
    assert sure.causes[0].parts == PARTS
    assert doubted.causes[0].department == "packing"
    assert doubted.causes[1].kind is CauseKind.UNKNOWN
    assert 0 < doubted.causes[1].parts < PARTS // 2
    assert doubted.confidence_parts < sure.confidence_parts
    assert doubted.question is None or doubted.question.department == "packing"


def test_whoever_says_that_it_is_not_done_is_believed(order: Order) -> None:
    """An answer by a person ends the doubt that an event was lost."""
    order.usual(until="picked")
    order.event("packed", 199, "start", answered_by="packing")
    at = PLACED + 200 * HOUR
    complaint = Complaint("c1", at, "id", (SymptomScore("late_delivery", 0.95),))
    decision = trace(complaint, Case("o1", tuple(order.events), {}, DROPS), order.rules, at)
    assert decision.outcome is Outcome.ASSIGNED
    assert decision.causes[0].parts == PARTS


def test_who_says_by_when_it_was_promised_does_not_say_that_it_is_not_done(order: Order) -> None:
    """Only an answer about the step itself ends the doubt that its event was lost."""
    order.usual(until="picked")
    at = PLACED + 200 * HOUR
    complaint = Complaint("c1", at, "id", (SymptomScore("late_delivery", 0.95),))
    doubted = trace(complaint, Case("o1", tuple(order.events), {}, DROPS), order.rules, at)
    order.event("packed", 199, "schedule", answered_by="digital")
    dated = trace(complaint, Case("o1", tuple(order.events), {}, DROPS), order.rules, at)
    assert dated.causes == doubted.causes
    assert dated.causes[0].parts < PARTS


def test_what_is_finished_is_not_doubted(order: Order) -> None:
    """A delay between two completions that are on record stands, however many other events get lost."""
    order.usual(picked=150)
    at = PLACED + 260 * HOUR
    complaint = Complaint("c1", at, "id", (SymptomScore("late_delivery", 0.95),))
    one = trace(complaint, Case("o1", tuple(order.events)), order.rules, at)
    two = trace(complaint, Case("o1", tuple(order.events), {}, DROPS), order.rules, at)
    assert one.canonical() == two.canonical()


@given(lost=st.integers(0, 100), more=st.integers(0, 100))
def test_more_losses_never_make_anybody_surer(shop: Rules, lost: int, more: int) -> None:
    """The share of whoever holds the open step falls with what its sources are known to lose."""
    order = Order(shop).usual(until="confirmed")
    at = PLACED + 200 * HOUR
    complaint = Complaint("c1", at, "id", (SymptomScore("late_delivery", 0.95),))
    parts = []
    for rate in (lost, lost + more):
        counts = {"wms": (400, rate), "courier-api": (400, rate)}
        decision = trace(complaint, Case("o1", tuple(order.events), {}, counts), shop, at)
        parts.append(
            sum(cause.parts for cause in decision.causes if cause.department == "warehouse")
        )
    assert parts[1] <= parts[0]


def test_a_lost_event_is_told_as_missing_and_not_as_silence(order: Order) -> None:
    """The source speaks; what may be missing is one event."""
    order.usual(until="picked")
    at = PLACED + 200 * HOUR
    complaint = Complaint("c1", at, "id", (SymptomScore("late_delivery", 0.95),))
    decision = trace(complaint, Case("o1", tuple(order.events), {}, DROPS), order.rules, at)
    assert Finding.SILENT not in {piece.finding for piece in decision.evidence}
    assert Finding.OVERDUE in {piece.finding for piece in decision.evidence}


def whose(order: Order, department: str) -> int:
    """The parts of a department, named for a step that nobody reported of an order that is late."""
    at = PLACED + 200 * HOUR
    complaint = Complaint("c1", at, "id", (SymptomScore("late_delivery", 0.95),))
    decision = trace(complaint, Case("o1", tuple(order.events), {}, DROPS), order.rules, at)
    return sum(cause.parts for cause in decision.causes if cause.department == department)


def test_a_prior_is_for_all_the_steps_of_a_department(shop: Rules) -> None:
    """Packing packs and hands over, the courier delivers: as often late, each of packing's steps is half as often."""
    rule = replace(shop.symptoms["late_delivery"], priors={"packing": 0.3, "courier": 0.3})
    assert by_step(rule, "packing", shop) == tilt(rule, "packing", TILT) / 2
    assert by_step(rule, "courier", shop) == tilt(rule, "courier", TILT)
    assert by_step(rule, "customer", shop) == tilt(rule, "customer", TILT), (
        "placing it takes no time"
    )
    assert by_step(replace(rule, priors={}), "packing", shop) == 1.0
    rules = replace(shop, symptoms={**shop.symptoms, "late_delivery": rule})
    order = Order(rules).usual(until="packed")
    (rate,) = losses.rates(["wms"], losses.added(DROPS, counted(order)))
    assert whose(order, "packing") == pytest.approx(PARTS * 0.5 / (0.5 + rate), abs=1)


def test_what_should_have_followed_beside_the_way_shows_that_a_step_is_open(shop: Rules) -> None:
    """Nobody reported the confirmation, and no invoice came of it either: both events would have to be lost."""
    both = whose(Order(shop).usual(until="payment_verified"), "back-office")
    rare = replace(shop.activities["invoice_issued"], optional=True)
    rules = replace(shop, activities={**shop.activities, "invoice_issued": rare})
    alone = whose(Order(rules).usual(until="payment_verified"), "back-office")
    assert both > alone
    late = replace(shop.activities["invoice_issued"], allowance=400 * HOUR)
    rules = replace(shop, activities={**shop.activities, "invoice_issued": late})
    assert whose(Order(rules).usual(until="payment_verified"), "back-office") == alone, (
        "not due yet"
    )
    dark = change(shop, "ledger", assumed=False, every=24 * HOUR)
    assert whose(Order(dark).usual(until="payment_verified"), "back-office") == alone, (
        "it has not spoken"
    )
