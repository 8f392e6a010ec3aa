"""Words given after the complaint, exports and outages: they clear nobody at another's cost."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.vocabulary import Finding, Outcome
from services.router.tracing.model import HOUR, Case, Complaint, SymptomScore
from services.router.tracing.tracer import trace

from .conftest import PLACED, Order
from .stories import SHOP, by_hand, change, findings, shares


def test_who_clears_themselves_afterwards_blames_nobody_else(order: Order) -> None:
    """Once the customer has complained, packing enters that it had handed over long ago."""
    order.usual(until="packed")
    before = order.complain(200)
    assert before.causes[0].department == "packing"
    by_hand(order, "handed_over", 25, 201, "packing")
    after = order.complain(200, as_of=202)
    assert Finding.SELF_SERVING in findings(after)
    assert "courier" not in shares(after)
    assert after.outcome is Outcome.ASKED
    assert after.question is not None
    assert (after.question.fact, after.question.department) == ("confirm", "logistics")
    by_hand(order, "handed_over", 25, 203, "logistics")
    confirmed = order.complain(200, as_of=204)
    assert confirmed.causes[0].department == "courier"


def test_whoever_tells_it_differently_is_not_passed_over(order: Order) -> None:
    """Picked at 150 h, the warehouse enters afterwards: late in any case, and packing is asked whether it is so."""
    by_hand(order.usual(until="confirmed"), "picked", 150, 201, "warehouse")
    decision = order.complain(200, as_of=202)
    assert decision.outcome is Outcome.ASKED
    assert decision.question is not None
    assert (decision.question.fact, decision.question.department) == ("confirm", "packing")


def test_a_replay_of_history_is_nobody_s_late_word(order: Order) -> None:
    """A case that was imported as a whole after the complaint is judged as if it had been known then."""
    order.usual(until="delivered", delivered=100).event("refund_requested", 160)
    order.event("refund_approved", 170)
    known = order.complain(280, "refund_overdue")
    order.events = [replace(event, recorded_at=PLACED + 900 * HOUR) for event in order.events]
    replayed = order.complain(280, "refund_overdue")
    assert replayed.causes == known.causes
    assert replayed.outcome is Outcome.ASSIGNED


def test_nobody_speaks_with_a_complaint_in_mind_before_it_is_received(order: Order) -> None:
    """A history told again: entered in March after the complaint was written, before it came in. Later, it counts for doubt."""
    order.usual(until="packed")
    by_hand(order, "handed_over", 25, 900, "packing")
    at = PLACED + 200 * HOUR
    case = Case("o1", tuple(order.events))
    for received, doubted in ((None, True), (201, True), (901, False)):
        complaint = Complaint(
            "c1",
            at,
            "id",
            (SymptomScore("late_delivery", 0.9),),
            None if received is None else PLACED + received * HOUR,
        )
        decision = trace(complaint, case, order.rules, PLACED + 902 * HOUR)
        assert (Finding.SELF_SERVING in findings(decision)) is doubted
        assert (decision.causes[0].department == "packing") is doubted


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 190),
    st.sampled_from(["picked", "packed", "handed_over", "confirmed"]),
    st.sampled_from(["back-office", "warehouse", "packing"]),
    st.sampled_from(["confirmed", "picked", "packed"]),
)
def test_a_self_serving_event_alone_never_moves_blame(
    hour: int, activity: str, sender: str, until: str
) -> None:
    """What a department enters afterwards never raises another's share by more than its own."""
    order = Order(SHOP).usual(until=until)
    before = shares(order.complain(200))
    after = shares(by_hand(order, activity, hour, 201, sender).complain(200, as_of=202))
    own = max(0, after.get(sender, 0) - before.get(sender, 0))
    for department in set(after) - {sender, None}:
        assert after[department] - before.get(department, 0) <= own + 100


@settings(max_examples=60, deadline=None)
@given(st.integers(20, 180), st.sampled_from(["wms", "courier-api", "storefront"]), st.booleans())
def test_an_export_or_an_outage_never_adds_blame(hour: int, source: str, nightly: bool) -> None:
    """Hearing of what a source did only later charges nobody more than hearing all of it."""
    rules = change(SHOP, source, assumed=False, every=24 * HOUR if nightly else None)
    full = Order(SHOP).usual(picked=20, delivered=60)
    at = PLACED + hour * HOUR
    heard = tuple(
        event
        for event in full.events
        if event.at <= at or SHOP.activities[event.activity].source != source
    )
    said = Complaint("c1", PLACED + 190 * HOUR, "id", (SymptomScore("late_delivery", 0.9),))
    part = trace(said, Case("o1", heard, {source: at}), rules, said.occurred_at)
    whole = trace(said, Case("o1", tuple(full.events)), SHOP, said.occurred_at)
    owners = {
        rule.owner
        for rule in SHOP.activities.values()
        if rule.source == source and rule.owner != "customer"
    }
    charged = {c.department: c.hours for c in whole.causes}
    for cause in part.causes:
        if cause.department in owners:
            assert cause.hours <= charged.get(cause.department, 0.0) + 0.01
