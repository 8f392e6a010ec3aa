"""Where one fact would decide, its owner is asked: until the answer, or for as long as it is waited for."""

from dataclasses import replace

from schemas.vocabulary import Finding, Outcome
from services.router.tracing.company import Rules
from services.router.tracing.model import HOUR

from .conftest import PLACED, Order
from .stories import by_hand, change, findings


def test_an_answer_against_one_s_own_interest_decides(order: Order) -> None:
    """Asked when the goods were picked, the warehouse says: four days later than planned."""
    order.usual(until="confirmed").event("packed", 120).event("handed_over", 126)
    order.event("delivered", 190)
    asked = order.complain(200)
    assert asked.question is not None
    assert (asked.question.activity, asked.question.department) == ("picked", "warehouse")
    assert asked.question.text["en"]
    by_hand(order, "picked", 116, 204, "warehouse")
    answered = order.complain(200, as_of=205)
    assert answered.outcome is Outcome.ASSIGNED
    assert answered.causes[0].department == "warehouse"
    assert {Finding.ANSWERED, Finding.BACKDATED} <= set(findings(answered))
    assert Finding.SELF_SERVING not in findings(answered)


def test_a_question_is_not_waited_for_for_ever(order: Order) -> None:
    """A day after the last news a person decides without the answer."""
    order.usual(until="confirmed").event("packed", 120).event("handed_over", 126)
    order.event("delivered", 190)
    asked = order.complain(200)
    assert asked.waiting_until == PLACED + 224 * HOUR
    assert order.complain(200, as_of=224).outcome is Outcome.TRIAGE


def test_an_answer_has_as_long_as_ever_when_the_news_itself_came_late(order: Order) -> None:
    """Told at 300 h of a delivery at 190 h: a day from then, which lies behind what the decision is about."""
    order.usual(until="confirmed").event("packed", 120).event("handed_over", 126)
    order.event("delivered", 190)
    order.events[-1] = replace(order.events[-1], recorded_at=PLACED + 300 * HOUR)
    asked = order.complain(200)
    assert asked.outcome is Outcome.ASKED
    assert asked.waiting_until == PLACED + 324 * HOUR


def test_a_question_waits_for_the_working_hours_of_whoever_is_asked(order: Order) -> None:
    """Asked on Saturday at 19:00, with Sunday free: the answer is waited for until 15:00 on Monday."""
    warehouse = replace(order.rules.departments["warehouse"], calendar="finance")
    order.rules = replace(
        order.rules, departments={**order.rules.departments, "warehouse": warehouse}
    )
    order.usual(until="confirmed").event("packed", 110).event("handed_over", 116)
    order.event("delivered", 150)
    asked = order.complain(154)
    assert asked.outcome is Outcome.ASKED
    assert asked.waiting_until == PLACED + 198 * HOUR
    assert order.complain(154, as_of=197).outcome is Outcome.ASKED
    assert order.complain(154, as_of=198).outcome is Outcome.TRIAGE


def test_what_cannot_change_who_is_named_is_not_waited_for(shop: Rules) -> None:
    """Finance is days late with a refund; the ledger, which speaks at night, can only say by how much."""
    order = Order(change(shop, "ledger", assumed=False, every=24 * HOUR)).usual()
    order.event("refund_requested", 100).event("refund_approved", 110)
    order.watermarks = {"ledger": PLACED + 215 * HOUR}
    decision = order.complain(230, "refund_overdue")
    assert decision.outcome is Outcome.ASSIGNED
    assert decision.causes[0].department == "finance"
    assert Finding.SILENT in findings(decision)
    order.watermarks = {"ledger": PLACED + 170 * HOUR}
    assert order.complain(230, "refund_overdue").outcome is not Outcome.ASSIGNED, (
        "it may have been paid since"
    )
