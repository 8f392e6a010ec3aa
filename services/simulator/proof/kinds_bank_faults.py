"""What goes wrong at the bank other than time: faults on record, contradictions, and words that say little.

It stands apart from `kinds_bank` because here an event other than a finish tells the cause.
"""

from __future__ import annotations

import random

from services.simulator.proof.model import Expect
from services.simulator.proof.plan import Note, Plan, When


def _fault(line: str, activity: str, fault: str, words: str, owner: str) -> Plan:
    note = Note(activity, attributes={"fault": fault})
    return Plan(line, words, When.AFTER, activity, notes=(note,), shares={owner: 1.0})


def held_without_cause(_draw: random.Random) -> Plan:
    """Held for a day, and there was nothing to find; fraud monitoring says so itself."""
    note = Note("transfer_screened", attributes={"fault": "held_without_cause"}, hours_after=2)
    return Plan(
        "transfer",
        "TRANSFER_LATE",
        late={"transfer_screened": 1.0},
        notes=(note,),
        shares={"fraud": 1.0},
    )


def mistyped(_draw: random.Random) -> Plan:
    """The customer's own digit."""
    return _fault(
        "transfer", "transfer_ordered", "account_number_mistyped", "TRANSFER_NOT_THERE", "customer"
    )


def unreadable_document(_draw: random.Random) -> Plan:
    """The customer's photo cannot be read; the branch asks again, and days pass."""
    note = Note("identity_checked", attributes={"fault": "document_unreadable"}, hours_after=3)
    return Plan(
        "account",
        "ACCOUNT_LATE",
        late={"identity_checked": 1.0},
        notes=(note,),
        shares={"customer": 1.0},
    )


def not_credited(_draw: random.Random) -> Plan:
    """The receiving bank reports that it has not credited."""
    note = Note("transfer_credited", attributes={"fault": "not_credited"}, hours_after=3)
    return Plan(
        "transfer",
        "TRANSFER_LATE",
        late={"transfer_credited": 1.0},
        notes=(note,),
        shares={"other-bank": 1.0},
    )


def credited_not_there(_draw: random.Random) -> Plan:
    """Credited, says the switch; not there, says the customer."""
    return Plan("transfer", "TRANSFER_NOT_THERE", When.ARRIVED, shares={"other-bank": 1.0})


def posted_twice(_draw: random.Random) -> Plan:
    """The same transfer left the account twice."""
    return _fault("transfer", "transfer_released", "posted_twice", "CHARGED_TWICE", "payments")


def wrong_fee(_draw: random.Random) -> Plan:
    """A fee that does not belong there."""
    return _fault("transfer", "transfer_released", "fee_misposted", "WRONG_FEE", "payments")


def other_amount(draw: random.Random) -> Plan:
    """Another amount left than was ordered; no check says so."""
    amount = draw.randrange(100, 2_000) * 1000
    return Plan(
        "transfer",
        "WRONG_AMOUNT",
        When.AFTER,
        "transfer_released",
        attributes={
            "transfer_ordered": {"amount": amount},
            "transfer_released": {"amount_released": amount * 10},
        },
        shares={"payments": 1.0},
    )


def app_outage(_draw: random.Random) -> Plan:
    """The app stopped while the transfer was sent."""
    return _fault("transfer", "transfer_ordered", "app_timeout", "APP_DOWN", "digital")


def rejected_not_reversed(_draw: random.Random) -> Plan:
    """The other bank did not take it, and the money has not come back."""
    return Plan("reversal", "REVERSAL_LATE", stops="transfer_reversed", shares={"payments": 1.0})


def decided_not_credited(_draw: random.Random) -> Plan:
    """Approved days ago; the ledger, which speaks every night, shows nothing."""
    return Plan("dispute", "DISPUTE_LATE", stops="refund_credited", shares={"payments": 1.0})


def misfiled(_draw: random.Random) -> Plan:
    """Filed under another payment, found later, days lost."""
    note = Note("dispute_registered", attributes={"fault": "dispute_misfiled"})
    return Plan(
        "dispute",
        "DISPUTE_LATE",
        late={"dispute_registered": 1.0},
        notes=(note,),
        shares={"contact-centre": 1.0},
    )


def merchant_charged_twice(_draw: random.Random) -> Plan:
    """The investigation finds that the merchant charged twice."""
    return _fault(
        "dispute", "dispute_investigated", "merchant_charged_twice", "CHARGED_TWICE", "merchant"
    )


def strangers_payment(_draw: random.Random) -> Plan:
    """A payment by a stranger that screening let pass."""
    return _fault("dispute", "dispute_investigated", "card_used_by_a_stranger", "NOT_MINE", "fraud")


def other_kind_of_card(_draw: random.Random) -> Plan:
    """Gold was asked for, and silver was made."""
    return Plan(
        "card",
        "OTHER_CARD",
        When.ARRIVED,
        attributes={
            "card_requested": {"card_type": "gold"},
            "card_produced": {"card_type_produced": "silver"},
        },
        shares={"card-operations": 1.0},
    )


def request_miskeyed(_draw: random.Random) -> Plan:
    """The branch keyed another card than was asked for."""
    note = Note("card_requested", attributes={"fault": "request_miskeyed"})
    return Plan("card", "OTHER_CARD", When.ARRIVED, notes=(note,), shares={"branch": 1.0})


def unreadable_chip(_draw: random.Random) -> Plan:
    """No machine reads the chip."""
    note = Note("card_produced", attributes={"fault": "chip_unreadable"})
    return Plan("card", "CARD_DEAD", When.ARRIVED, notes=(note,), shares={"card-operations": 1.0})


def missing_letter(_draw: random.Random) -> Plan:
    """The letter with the PIN was not in it."""
    note = Note("card_dispatched", attributes={"fault": "pin_letter_missing"})
    return Plan("card", "NO_PIN", When.ARRIVED, notes=(note,), shares={"card-operations": 1.0})


def damaged_on_the_way(_draw: random.Random) -> Plan:
    """The envelope was folded, and so was the card."""
    note = Note("card_delivered", attributes={"fault": "card_damaged_on_the_way"})
    return Plan("card", "CARD_BROKEN", When.ARRIVED, notes=(note,), shares={"courier": 1.0})


def marked_delivered(_draw: random.Random) -> Plan:
    """Delivered, says the scan; the customer has no card."""
    return Plan("card", "CARD_NOT_THERE", When.ARRIVED, shares={"courier": 1.0})


def delivered_far_away(draw: random.Random) -> Plan:
    """Delivered, says the scan, kilometres from the address."""
    return Plan(
        "card",
        "CARD_NOT_THERE",
        When.ARRIVED,
        attributes={"card_delivered": {"distance_m": draw.randrange(3_000, 20_000)}},
        shares={"courier": 1.0},
    )


def blocked(_draw: random.Random) -> Plan:
    """The account was blocked by screening, without a finding."""
    note = Note("risk_screened", attributes={"fault": "blocked_without_cause"})
    return Plan("account", "NO_ACCESS", When.ARRIVED, notes=(note,), shares={"fraud": 1.0})


def no_code(_draw: random.Random) -> Plan:
    """The code for the first log-in was not sent."""
    note = Note("access_sent", attributes={"fault": "code_not_sent"})
    return Plan("account", "NO_CODE", When.ARRIVED, notes=(note,), shares={"digital": 1.0})


def cancelled_unasked(_draw: random.Random) -> Plan:
    """The application was cancelled, and the customer had not asked for that."""
    note = Note("account_created", "cancel", {"fault": "application_cancelled"})
    return Plan(
        "account",
        "CANCELLED",
        When.AFTER,
        "account_created",
        notes=(note,),
        stops="access_sent",
        shares={"back-office": 1.0},
    )


def conduct_unrecorded(_draw: random.Random) -> Plan:
    """Somebody at a counter was rude, and nothing is on record."""
    return Plan("account", "CONDUCT", When.ARRIVED, shares={}, expect=Expect.NOBODY)


def vague_and_late(draw: random.Random) -> Plan:
    """Disappointed; the case shows what about."""
    line, late = draw.choice(
        (
            ("card", "card_produced"),
            ("transfer", "transfer_screened"),
            ("account", "identity_checked"),
        )
    )
    return Plan(line, "VAGUE", late={late: 1.0})


def vague_and_nothing(_draw: random.Random) -> Plan:
    """Disappointed; the case shows nothing."""
    return Plan("card", "VAGUE", When.ARRIVED, shares={}, expect=Expect.NOBODY)


def praise(_draw: random.Random) -> Plan:
    """Not a complaint."""
    return Plan("card", "PRAISE", When.ARRIVED, shares={}, expect=Expect.NOBODY)
