"""The bank, through the pure core: a handful of cases made by hand, each with the cause a person would name."""

from datetime import datetime

import pytest

from schemas.vocabulary import CauseKind, Outcome, Transition
from services.router.tracing.company import Rules
from services.router.tracing.model import (
    Attribute,
    Case,
    Complaint,
    Decision,
    ProcessEvent,
    SymptomScore,
)
from services.router.tracing.symptoms import classify
from services.router.tracing.tracer import trace
from tests.support import companies


@pytest.fixture(scope="module")
def bank() -> Rules:
    return companies.rules("bank")


def micros(wall: str) -> int:
    return round(datetime.fromisoformat(f"{wall}+07:00").timestamp()) * 1_000_000


def did(
    activity: str, wall: str, transition: str = "complete", **attributes: Attribute
) -> ProcessEvent:
    """Say what happened, by Jakarta wall time."""
    at = micros(wall)
    return ProcessEvent(
        event_id=f"{activity}-{transition}",
        activity=activity,
        transition=Transition(transition),
        at=at,
        recorded_at=at,
        attributes=attributes,
    )


def traced(rules: Rules, events: list[ProcessEvent], wall: str, symptom: str) -> Decision:
    """Trace a complaint made at ``wall``; every source has spoken up to then."""
    at = micros(wall)
    complaint = Complaint("c1", at, "id", (SymptomScore(symptom, 0.9),))
    case = Case("x1", tuple(events), dict.fromkeys(rules.sources, at))
    return trace(complaint, case, rules, at)


def helped_by(decision: Decision) -> str | None:
    return decision.recovery.department if decision.recovery is not None else None


def cause(decision: Decision) -> tuple[Outcome, str | None]:
    return decision.outcome, decision.causes[0].department


def test_a_transfer_held_in_screening_is_fraud_monitoring_s(bank: Rules) -> None:
    """Payments released at once, after five hours of screening."""
    decision = traced(
        bank,
        [
            did("transfer_ordered", "2026-06-09T10:00"),
            did("transfer_screened", "2026-06-09T15:00"),
            did("transfer_released", "2026-06-09T15:10"),
            did("transfer_credited", "2026-06-09T15:20"),
        ],
        "2026-06-09T16:00",
        "late_delivery",
    )
    assert cause(decision) == (Outcome.ASSIGNED, "fraud")
    assert decision.causes[0].kind is CauseKind.DELAY


def test_a_transfer_that_the_other_bank_keeps_is_external(bank: Rules) -> None:
    """Released in time; payments, who manages the other bank, is asked to help."""
    decision = traced(
        bank,
        [
            did("transfer_ordered", "2026-06-09T10:00"),
            did("transfer_screened", "2026-06-09T10:05"),
            did("transfer_released", "2026-06-09T10:20"),
        ],
        "2026-06-10T10:00",
        "late_delivery",
    )
    assert cause(decision) == (Outcome.EXTERNAL, "other-bank")
    assert helped_by(decision) == "payments"


def test_a_transfer_posted_twice_is_payments(bank: Rules) -> None:
    """A fault event explains the charge."""
    decision = traced(
        bank,
        [
            did("transfer_ordered", "2026-06-09T10:00"),
            did("transfer_screened", "2026-06-09T10:05"),
            did("transfer_released", "2026-06-09T10:20", "fail", fault="posted_twice"),
            did("transfer_released", "2026-06-09T10:20"),
            did("transfer_credited", "2026-06-09T10:30"),
        ],
        "2026-06-09T12:00",
        "wrong_charge",
    )
    assert cause(decision) == (Outcome.ASSIGNED, "payments")


def test_a_mistyped_account_number_is_the_customer_s(bank: Rules) -> None:
    """Said without blame, and the contact centre helps."""
    decision = traced(
        bank,
        [
            did("transfer_ordered", "2026-06-09T10:00"),
            did("transfer_ordered", "2026-06-09T10:00", "fail", fault="account_number_mistyped"),
            did("transfer_screened", "2026-06-09T10:05"),
            did("transfer_released", "2026-06-09T10:20"),
            did("transfer_rejected", "2026-06-09T10:40"),
            did("transfer_reversed", "2026-06-09T12:40"),
        ],
        "2026-06-09T13:00",
        "payment_failed",
    )
    assert cause(decision) == (Outcome.EXTERNAL, "customer")


def test_a_card_approved_weeks_late_is_the_back_office_s(bank: Rules) -> None:
    """The factory and the courier did their part in time."""
    decision = traced(
        bank,
        [
            did("card_requested", "2026-06-02T09:00"),
            did("card_approved", "2026-06-24T16:00"),
            did("card_produced", "2026-06-25T15:00"),
            did("card_dispatched", "2026-06-25T18:00"),
            did("card_delivered", "2026-06-27T11:00"),
        ],
        "2026-06-27T12:00",
        "late_delivery",
    )
    assert cause(decision) == (Outcome.ASSIGNED, "back-office")


def test_a_card_that_the_factory_holds_is_card_operations(bank: Rules) -> None:
    """Approved the same day, printed three weeks later, still on its way."""
    decision = traced(
        bank,
        [
            did("card_requested", "2026-06-02T09:00"),
            did("card_approved", "2026-06-02T15:00"),
            did("card_produced", "2026-06-24T15:00"),
            did("card_dispatched", "2026-06-24T18:00"),
        ],
        "2026-06-25T12:00",
        "late_delivery",
    )
    assert cause(decision) == (Outcome.ASSIGNED, "card-operations")


def test_a_card_left_with_the_courier_is_external(bank: Rules) -> None:
    """Card operations manages the courier and is asked to help."""
    decision = traced(
        bank,
        [
            did("card_requested", "2026-06-02T09:00"),
            did("card_approved", "2026-06-02T15:00"),
            did("card_produced", "2026-06-03T15:00"),
            did("card_dispatched", "2026-06-03T18:00"),
        ],
        "2026-06-24T12:00",
        "late_delivery",
    )
    assert cause(decision) == (Outcome.EXTERNAL, "courier")
    assert helped_by(decision) == "card-operations"


def test_a_card_that_does_not_work_is_card_operations(bank: Rules) -> None:
    """The chip could not be read; everything was in time."""
    decision = traced(
        bank,
        [
            did("card_requested", "2026-06-02T09:00"),
            did("card_approved", "2026-06-02T15:00"),
            did("card_produced", "2026-06-03T15:00", "fail", fault="chip_unreadable"),
            did("card_produced", "2026-06-03T15:00"),
            did("card_dispatched", "2026-06-03T18:00"),
            did("card_delivered", "2026-06-05T11:00"),
        ],
        "2026-06-05T12:00",
        "defective_product",
    )
    assert cause(decision) == (Outcome.ASSIGNED, "card-operations")


def test_a_refund_that_nobody_credits_is_payments(bank: Rules) -> None:
    """Registered, investigated and decided in time; the money does not come."""
    decision = traced(
        bank,
        [
            did("dispute_opened", "2026-06-02T09:00"),
            did("dispute_registered", "2026-06-02T10:00"),
            did("dispute_investigated", "2026-06-03T09:00"),
            did("refund_decided", "2026-06-04T10:00"),
        ],
        "2026-07-02T12:00",
        "refund_overdue",
    )
    assert cause(decision) == (Outcome.ASSIGNED, "payments")
    assert helped_by(decision) == "payments"


def test_of_two_branches_the_one_that_held_the_account_counts(bank: Rules) -> None:
    """Risk was screened at once; the branch took a week for the identity."""
    decision = traced(
        bank,
        [
            did("account_applied", "2026-06-02T09:00"),
            did("risk_screened", "2026-06-02T09:30"),
            did("identity_checked", "2026-06-11T14:00"),
            did("account_created", "2026-06-11T16:00"),
            did("access_sent", "2026-06-11T16:10"),
        ],
        "2026-06-11T17:00",
        "account_access",
    )
    assert cause(decision) == (Outcome.ASSIGNED, "branch")


def test_a_weekend_is_nobody_s_delay(bank: Rules) -> None:
    """Approved on Monday after a Friday afternoon: eight office hours, though three days passed."""
    decision = traced(
        bank,
        [
            did("card_requested", "2026-06-05T16:00"),
            did("card_approved", "2026-06-08T15:00"),
            did("card_produced", "2026-06-09T14:00"),
            did("card_dispatched", "2026-06-09T19:00"),
            did("card_delivered", "2026-06-30T10:00"),
        ],
        "2026-06-30T12:00",
        "late_delivery",
    )
    assert cause(decision) == (Outcome.EXTERNAL, "courier")
    assert "back-office" not in {each.department for each in decision.causes}


def test_an_amount_that_changed_on_the_way_is_payments(bank: Rules) -> None:
    """No fault event says so: the order and the release contradict each other."""
    decision = traced(
        bank,
        [
            did("transfer_ordered", "2026-06-09T10:00", amount=500_000),
            did("transfer_screened", "2026-06-09T10:05"),
            did("transfer_released", "2026-06-09T10:20", amount_released=5_000_000),
            did("transfer_credited", "2026-06-09T10:30"),
        ],
        "2026-06-09T12:00",
        "wrong_charge",
    )
    assert cause(decision) == (Outcome.ASSIGNED, "payments")


def test_a_card_scanned_far_from_its_address_is_the_courier_s(bank: Rules) -> None:
    """The scan says delivered; where it was made says otherwise."""
    decision = traced(
        bank,
        [
            did("card_requested", "2026-06-02T09:00"),
            did("card_approved", "2026-06-02T15:00"),
            did("card_produced", "2026-06-03T15:00"),
            did("card_dispatched", "2026-06-03T18:00"),
            did("card_delivered", "2026-06-05T11:00", distance_m=8_200),
        ],
        "2026-06-05T12:00",
        "delivered_not_received",
    )
    assert cause(decision) == (Outcome.EXTERNAL, "courier")


def test_a_complaint_without_its_case_names_nobody(bank: Rules) -> None:
    """Words alone are no evidence, whatever they say."""
    at = micros("2026-06-10T10:00")
    symptoms = classify("transfer saya gagal tapi saldo terpotong", "id", bank)
    decision = trace(Complaint("c1", at, "id", symptoms), Case("x1", ()), bank, at)
    assert decision.causes[0].department is None
    assert decision.outcome is Outcome.TRIAGE
