"""Stories of one order, each with the answer that a fair colleague would give."""

from dataclasses import replace

import pytest

from schemas.vocabulary import CauseKind, Finding, Outcome, Transition
from services.router.tracing.choice import calibrated
from services.router.tracing.company import Rules
from services.router.tracing.model import HOUR, PARTS, Case, Complaint, SymptomScore
from services.router.tracing.tracer import trace

from .conftest import PLACED, Order


def test_upstream_delay_is_named_and_whoever_holds_the_order_can_help(order: Order) -> None:
    """The back office confirmed late; the courier, who keeps to plan, holds the parcel now."""
    order.usual(until="handed_over", confirmed=120)
    decision = order.complain(170)
    assert decision.outcome is Outcome.ASSIGNED
    assert decision.causes[0].department == "back-office"
    assert decision.causes[0].kind is CauseKind.DELAY
    assert decision.causes[0].activity == "confirmed"
    assert decision.recovery is not None
    assert (decision.recovery.department, decision.recovery.action) == ("logistics", "manage")


def test_an_open_activity_beyond_its_allowance_is_named(order: Order) -> None:
    """Packing has held the order since it was picked; the promise is gone."""
    decision = order.usual(until="picked").complain(160)
    assert [c.department for c in decision.causes] == ["packing"]
    assert decision.recovery is not None
    assert decision.recovery.department == "packing"
    assert decision.recovery.action == "finish"
    assert Finding.OVERDUE in {e.finding for e in decision.evidence}


def test_a_party_outside_is_external_and_its_manager_can_help(order: Order) -> None:
    """The courier took four days longer than planned."""
    decision = order.usual(delivered=150).complain(230)
    assert decision.outcome is Outcome.EXTERNAL
    assert decision.causes[0].department == "courier"
    assert decision.causes[0].kind is CauseKind.EXTERNAL
    assert decision.recovery is not None
    assert decision.recovery.department == "logistics"


def test_the_customer_who_paid_late_is_the_honest_answer(order: Order) -> None:
    """Payment came five days after the order; everyone else kept to plan."""
    decision = order.usual(payment_received=120).complain(200)
    assert decision.outcome is Outcome.EXTERNAL
    assert decision.causes[0].kind is CauseKind.CUSTOMER


def test_two_delays_share_in_proportion(order: Order) -> None:
    """Picking was 60 h beyond its allowance, packing 20 h: three quarters and one quarter."""
    decision = order.usual(picked=64, packed=22, delivered=20).complain(200)
    shares = {c.department: c.parts for c in decision.causes}
    assert shares == {"warehouse": 7_500, "packing": 2_500}


def test_before_the_promise_runs_out_nobody_is_named_and_the_time_is_told(order: Order) -> None:
    """A late-delivery complaint after two days waits for the promised time."""
    decision = order.usual(until="handed_over").complain(48)
    assert decision.outcome is Outcome.WAITING
    assert decision.waiting_until is not None
    assert decision.waiting_until > PLACED + 148 * HOUR
    assert [c.kind for c in decision.causes] == [CauseKind.UNKNOWN]
    again = order.complain(48, as_of=(decision.waiting_until - PLACED) / HOUR)
    assert again.outcome is not Outcome.WAITING


def test_a_promise_that_can_no_longer_be_kept_is_not_waited_for(order: Order) -> None:
    """Confirmation is 60 h over on the third day: by plan the promise is lost, so act now."""
    order.usual(until="payment_verified")
    assert order.complain(40).outcome is Outcome.WAITING
    decision = order.complain(68)
    assert decision.outcome is Outcome.ASSIGNED
    assert decision.causes[0].department == "back-office"
    assert decision.recovery is not None
    assert (decision.recovery.department, decision.recovery.action) == ("back-office", "finish")
    assert Finding.PROMISE_PENDING in {e.finding for e in decision.evidence}
    assert "by plan" in decision.explanation["en"][0].text
    assert decision.digest() == order.complain(68, as_of=160).digest()


def test_delivered_in_time_after_the_complaint_ends_the_waiting(order: Order) -> None:
    """A customer who wrote early and then got the parcel in time has nobody to be told about."""
    order.usual()
    decision = order.complain(48, as_of=74)
    assert decision.outcome is Outcome.TRIAGE
    assert [c.kind for c in decision.causes] == [CauseKind.UNKNOWN]


@pytest.mark.parametrize(
    ("fault", "activity", "symptom", "department"),
    [
        ("wrong_item_picked", "picked", "wrong_item", "warehouse"),
        ("item_short", "picked", "incomplete_order", "warehouse"),
        ("damaged_in_packing", "packed", "damaged_item", "packing"),
        ("damaged_in_transit", "delivered", "damaged_item", "courier"),
        ("invoice_mismatch", "invoice_issued", "wrong_charge", "finance"),
        ("payment_not_matched", "payment_verified", "payment_failed", "payments"),
        ("voucher_not_applied", "order_placed", "promo_not_honoured", "digital"),
        ("forged_attempt", "delivered", "staff_conduct", "courier"),
    ],
)
def test_a_recorded_fault_explains_its_symptom(
    order: Order, fault: str, activity: str, symptom: str, department: str
) -> None:
    """A fault event decides, although nothing was late."""
    order.usual().event(activity, 20, "fail", fault=fault)
    decision = order.complain(90, symptom)
    assert decision.outcome in {Outcome.ASSIGNED, Outcome.EXTERNAL}
    assert decision.causes[0].department == department


def test_a_fault_does_not_explain_another_symptom(order: Order) -> None:
    """A wrong item says nothing about a refund."""
    order.usual().event("picked", 14, "fail", fault="wrong_item_picked")
    decision = order.complain(90, "refund_overdue")
    assert decision.outcome is Outcome.TRIAGE
    assert [c.kind for c in decision.causes] == [CauseKind.UNKNOWN]


def test_a_skipped_check_is_a_cause_of_its_own_kind(order: Order) -> None:
    """The check before packing was left out, and something is missing."""
    order.usual().event("packed", 16, "skip", fault="check_skipped")
    decision = order.complain(90, "incomplete_order")
    assert decision.causes[0].kind is CauseKind.SKIPPED
    assert decision.causes[0].department == "packing"


def test_marked_delivered_and_not_there_is_a_contradiction(order: Order) -> None:
    """The scan says delivered, the customer says not here."""
    decision = order.usual().complain(90, "delivered_not_received")
    assert decision.causes[0].department == "courier"
    assert Finding.CONTRADICTION in {e.finding for e in decision.evidence}


def test_words_alone_name_nobody_but_someone_can_help(order: Order) -> None:
    """Poor quality, nothing recorded: a person decides, the remedy's owner is known."""
    decision = order.usual().complain(90, "defective_product")
    assert decision.outcome is Outcome.TRIAGE
    assert [c.department for c in decision.causes] == [None]
    assert decision.recovery is not None
    assert decision.recovery.department == "customer-care"


def test_goods_that_never_came_cannot_be_poor(order: Order) -> None:
    """A word about quality while the parcel is overdue is judged as waiting."""
    decision = order.usual(until="packed").complain(200, "defective_product")
    assert decision.causes[0].department == "packing"


def test_no_events_is_triage_with_what_is_missing(order: Order) -> None:
    """An unknown case names the fact that would help, and who owes it."""
    decision = order.complain(0)
    assert decision.outcome is Outcome.TRIAGE
    assert decision.missing[0].activity == "delivered"
    assert decision.process is None


def test_a_case_that_began_after_the_complaint_is_another_case(order: Order) -> None:
    """An order placed after the customer wrote cannot be what they wrote about."""
    order.usual(confirmed=200)
    decision = order.complain(-5, as_of=400)
    assert decision.outcome is Outcome.TRIAGE
    assert [c.kind for c in decision.causes] == [CauseKind.UNKNOWN]


def test_a_missing_event_leaves_a_stretch_to_nobody(order: Order) -> None:
    """Picked is not recorded, packed came late: warehouse and packing cannot be told apart."""
    order.usual(until="confirmed").event("packed", 120).event("handed_over", 126)
    decision = order.event("delivered", 190).complain(200)
    assert decision.causes[0].kind is CauseKind.UNKNOWN
    assert ("picked", "warehouse") in {(m.activity, m.department) for m in decision.missing}
    assert decision.outcome is Outcome.ASKED
    assert {c.department for c in decision.candidates} == {"warehouse", "packing"}


def test_when_every_allowance_was_met_the_promise_itself_is_the_cause(shop: Rules) -> None:
    """A promise told as 60 h cannot hold 72 h of courier; it is nobody's delay."""
    order = Order(shop).usual(until="handed_over").event("delivered", 90)
    rules = replace(
        shop,
        promises={
            **shop.promises,
            "delivery": replace(shop.promises["delivery"], within=60 * HOUR),
        },
    )
    decision = replace(order, rules=rules).complain(95)
    assert decision.causes[0].kind is CauseKind.PROMISE
    assert decision.causes[0].department is None
    assert decision.outcome is Outcome.ASSIGNED
    assert decision.evidence[-1].department == "digital"


def test_a_promise_told_too_short_is_not_charged_to_the_last_in_line(order: Order) -> None:
    """Promised in 20 h by an event; the courier, within its 72 h, is not to be named."""
    order.event("delivered", 0, "schedule", due=20).usual(until="handed_over")
    decision = order.complain(40)
    assert decision.causes[0].kind is CauseKind.PROMISE
    assert decision.causes[0].parts == PARTS


def test_a_fault_of_the_activity_explains_its_delay(order: Order) -> None:
    """The courier was slow because the customer's address was incomplete."""
    order.usual(until="handed_over").event("delivered", 60, "fail", fault="address_incomplete")
    decision = order.complain(200)
    assert decision.causes[0].department == "customer"
    # 0.9 / (0.9 + 0.1 · 0.2): the courier may have been slow without it, and is not told for that.
    assert decision.causes[0].parts == 9_783
    assert decision.causes[1].kind is CauseKind.UNKNOWN


def test_of_two_explanations_of_one_delay_the_likelier_is_told(order: Order) -> None:
    """A fault that seldom delays is no reason to tell whoever it belongs to: it stays possible, and nobody's alert."""
    key = ("delivered", Transition.FAIL)
    rare = tuple(
        replace(fault, explains=dict.fromkeys(fault.explains, 0.1))
        for fault in order.rules.faults[key]
    )
    order.rules = replace(order.rules, faults={**order.rules.faults, key: rare})
    order.usual(until="handed_over").event("delivered", 60, "fail", fault="address_incomplete")
    decision = order.complain(200)
    assert [cause.department for cause in decision.causes] == ["courier", None]


def test_of_two_open_branches_the_one_with_a_fault_on_record_counts(bank: Rules) -> None:
    """Nothing was heard of the screening, which may be a lost event; that the document was unreadable is on record."""
    order = Order(bank).event("account_applied", 0)
    assert order.complain(130, "late_delivery").causes[0].department == "fraud"
    order.event("identity_checked", 3, "fail", fault="document_unreadable")
    decision = order.complain(130, "late_delivery")
    assert decision.causes[0].department == "customer"
    assert "fraud" not in {cause.department for cause in decision.causes}


def test_what_went_wrong_had_begun(bank: Rules) -> None:
    """The order itself is not on record, but its screening failed: the time since then is not nobody's, and no promise's."""
    order = Order(bank).event("transfer_screened", 2, "fail", fault="held_without_cause")
    decision = order.complain(30, "late_delivery")
    assert "promise" not in {cause.kind for cause in decision.causes}


def test_a_promise_of_which_nothing_is_measured_is_not_too_short(order: Order) -> None:
    """Of the whole case only the date is on record: that says nothing about who was late, nor that nobody was."""
    order.event("delivered", 0, "schedule", due=148)
    decision = order.complain(300)
    assert decision.causes[0].kind is CauseKind.UNKNOWN
    assert decision.outcome is Outcome.TRIAGE


def test_a_fault_explains_a_delay_whatever_the_customer_calls_the_waiting(order: Order) -> None:
    """Words about a wrong item before anything came are about waiting, and so is the incomplete address."""
    order.usual(until="handed_over").event("delivered", 60, "fail", fault="address_incomplete")
    decision = order.complain(200, "wrong_item")
    assert decision.causes[0].department == "customer"


def test_what_nothing_supports_gives_way_to_what_the_case_shows(order: Order) -> None:
    """The words may mean rudeness or waiting: a parcel that is days late says which."""
    order.usual(until="confirmed")
    at = PLACED + 200 * HOUR
    case = Case("o1", tuple(order.events), {})
    for unsupported, named in ((0.6, True), (0.95, False)):
        words = (
            SymptomScore("app_failure", unsupported),
            SymptomScore("late_delivery", 0.9 * (1 - unsupported)),
        )
        decision = trace(Complaint("c1", at, "id", words), case, order.rules, at)
        assert (decision.outcome is Outcome.ASSIGNED) is named


def test_a_promise_that_was_never_given_is_not_missed(bank: Rules) -> None:
    """Money comes back within a day of a rejection: without one there is nothing to wait for."""
    order = Order(bank).event("transfer_ordered", 0, screening="automatic")
    order.event("transfer_screened", 0.1).event("transfer_released", 0.2)
    order.event("transfer_credited", 0.5)
    decision = order.complain(60, "payment_failed")
    assert all(cause.activity != "transfer_reversed" for cause in decision.causes)
    assert decision.outcome is Outcome.TRIAGE


def test_the_way_to_a_promise_begins_where_it_was_given(bank: Rules) -> None:
    """Screening took a day, and the rejected money is not back: only the second is about the second promise."""
    order = Order(bank).event("transfer_ordered", 0, screening="automatic")
    order.event("transfer_screened", 30).event("transfer_released", 30.2)
    order.event("transfer_rejected", 31)
    decision = order.complain(31 + 90, "refund_overdue")
    assert {cause.department for cause in decision.causes} == {"payments"}


def test_a_date_set_at_the_beginning_tells_when_it_was(order: Order) -> None:
    """The order itself is not on record, but the date that was set with it is: payment took ten days of it."""
    order.event("delivered", 0, "schedule", due=148)
    order.event("payment_received", 240).event("payment_verified", 241)
    decision = order.complain(260)
    assert decision.causes[0].department == "customer"
    assert decision.causes[0].hours == 216


def test_a_due_date_told_after_the_complaint_clears_nobody(order: Order) -> None:
    """Moving the promised time once the customer has written changes nothing."""
    order.usual(until="packed")
    before = order.complain(160)
    order.event("delivered", 161, "schedule", due=400)
    order.event("delivered", -1, "schedule", due=100)
    after = order.complain(160, as_of=162)
    assert after.causes[0].department == before.causes[0].department
    assert after.outcome is before.outcome


def test_silence_of_a_nightly_source_is_waiting_not_lateness(shop: Rules) -> None:
    """The warehouse exports at night; until it speaks, the open step is not anyone's delay."""
    wms = replace(shop.sources["wms"], assumed=False, every=24 * HOUR)
    rules = replace(shop, sources={**shop.sources, "wms": wms})
    order = Order(rules).usual(until="confirmed")
    order.watermarks["wms"] = PLACED + 12 * HOUR
    decision = order.complain(150)
    assert decision.outcome is Outcome.ASKED  # overdue to speak: nothing says when it will
    assert decision.question is not None
    assert decision.question.department == "warehouse"
    assert decision.causes[0].kind is CauseKind.UNKNOWN
    assert Finding.SILENT in {m.finding for m in decision.missing}
    order.watermarks["wms"] = PLACED + 140 * HOUR
    spoken = order.complain(150)
    assert spoken.causes[0].department == "warehouse"


def test_a_silent_source_that_will_speak_is_waited_for(shop: Rules) -> None:
    """The ledger speaks every two days, and will tomorrow; the refund may have been paid since."""
    ledger = replace(shop.sources["ledger"], assumed=False, every=48 * HOUR)
    rules = replace(shop, sources={**shop.sources, "ledger": ledger})
    order = Order(rules).usual()
    order.event("refund_requested", 100).event("refund_approved", 110)
    order.watermarks["ledger"] = PLACED + 180 * HOUR
    decision = order.complain(210, "refund_overdue")
    assert decision.outcome is Outcome.WAITING
    assert decision.waiting_until == PLACED + (180 + 48) * HOUR


@pytest.mark.parametrize(
    ("heard", "until"),
    [
        (190, 190 + 48 + 2),  # a round and a little after it last spoke
        (180, 180 + 48),
        (150, 180 + 48),  # noted late; it told of 180 since
        (290, 180 + 48),  # it speaks, and only of long ago: that is no rhythm to wait for
    ],
)
def test_the_next_word_comes_a_round_after_the_last_one_not_after_what_it_told(
    shop: Rules, heard: int, until: int
) -> None:
    """An export at night ends with the day's last event; the next one comes a day after the export."""
    ledger = replace(shop.sources["ledger"], assumed=False, every=48 * HOUR)
    order = Order(replace(shop, sources={**shop.sources, "ledger": ledger})).usual()
    order.event("refund_requested", 100).event("refund_approved", 110)
    order.watermarks["ledger"] = PLACED + 180 * HOUR
    order.heard["ledger"] = PLACED + heard * HOUR
    decision = order.complain(210, "refund_overdue")
    assert decision.outcome is Outcome.WAITING
    assert decision.waiting_until == PLACED + until * HOUR


def test_waiting_or_asking_does_not_depend_on_how_confidence_is_calibrated(shop: Rules) -> None:
    """Whatever was learned: a day's waiting for the ledger is cheaper than a question, ten days' is not."""
    for calibration in ((), ((7_643, 9_900), (9_999, 9_950)), ((500, 1_000), (9_999, 6_000))):
        for every, outcome in ((48, Outcome.WAITING), (14 * 24, Outcome.ASKED)):
            ledger = replace(shop.sources["ledger"], assumed=False, every=every * HOUR)
            sources = {**shop.sources, "ledger": ledger}
            order = Order(replace(shop, sources=sources, calibration=calibration)).usual()
            order.event("refund_requested", 100).event("refund_approved", 110)
            order.watermarks["ledger"] = PLACED + 180 * HOUR
            assert order.complain(210, "refund_overdue").outcome is outcome


def test_below_what_was_learned_confidence_falls_to_nothing(shop: Rules) -> None:
    """A table whose lowest point lies high says nothing of what is less sure than that."""
    rules = replace(shop, calibration=((8_000, 6_000), (10_000, 9_000)))
    assert [calibrated(raw, rules) for raw in (0, 4_000, 8_000, 9_000)] == [0, 3_000, 6_000, 7_500]


def test_who_would_have_to_wait_for_long_is_better_asked(shop: Rules) -> None:
    """The ledger speaks every two weeks: a question to finance costs less than another week."""
    ledger = replace(shop.sources["ledger"], assumed=False, every=14 * 24 * HOUR)
    rules = replace(shop, sources={**shop.sources, "ledger": ledger})
    order = Order(rules).usual()
    order.event("refund_requested", 100).event("refund_approved", 110)
    order.watermarks["ledger"] = PLACED + 111 * HOUR
    decision = order.complain(210, "refund_overdue")
    assert decision.outcome is Outcome.ASKED
    assert decision.question is not None
    assert (decision.question.activity, decision.question.department) == ("refund_paid", "finance")
    assert decision.waiting_until == PLACED + (210 + 24) * HOUR


def test_a_refund_beyond_its_allowance_names_who_holds_it(order: Order) -> None:
    """Approved in time, not paid: finance holds it."""
    order.usual().event("refund_requested", 100).event("refund_approved", 110)
    decision = order.complain(220, "refund_overdue")
    assert decision.causes[0].department == "finance"
    assert decision.recovery is not None
    assert decision.recovery.activity == "refund_paid"


def test_a_vague_complaint_is_about_what_is_objectively_late(order: Order) -> None:
    """Nothing can be read from the words, the promise is missed: time is traced."""
    decision = order.usual(until="confirmed").complain(170, "")
    assert decision.causes[0].department == "warehouse"


def test_an_unsupported_symptom_does_not_dilute_a_supported_one(order: Order) -> None:
    """Late and overcharged: the delay is found, the charge is nobody's without evidence."""
    order.usual(until="picked")
    at = PLACED + 160 * HOUR
    scores = (SymptomScore("late_delivery", 0.5), SymptomScore("wrong_charge", 0.4))
    case = Case("o1", tuple(order.events))
    decision = trace(Complaint("c1", at, "id", scores), case, order.rules, at)
    assert [(c.department, c.parts) for c in decision.causes] == [("packing", PARTS)]


def test_repeated_delivery_of_an_event_changes_nothing(order: Order) -> None:
    """The same event ids twice give the same bytes."""
    once = order.usual(picked=100).complain(200)
    order.events.extend(order.events)
    assert order.complain(200).canonical() == once.canonical()


def test_growing_older_by_an_hour_is_no_material_change(order: Order) -> None:
    """An open activity that grows does not alert anybody again."""
    order.usual(until="picked")
    first, later = order.complain(160), order.complain(160, as_of=162)
    assert first.canonical() != later.canonical()
    assert first.digest() == later.digest()


def test_later_evidence_moves_the_answer(order: Order) -> None:
    """Packed turns out to have been done in time: the courier's side is open, not packing's."""
    order.usual(until="picked")
    before = order.complain(200)
    order.event("packed", 17).event("handed_over", 20)
    after = order.complain(200, as_of=200)
    assert before.causes[0].department == "packing"
    assert after.causes[0].department == "courier"
    assert before.digest() != after.digest()
