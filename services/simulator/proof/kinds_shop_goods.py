"""What goes wrong with the goods, the bill, the money back and the words; the shop's other kinds.

It stands apart from `kinds_shop` (time) because here an event other than a finish tells the cause.
"""

from __future__ import annotations

import random

from services.simulator.proof.model import Expect
from services.simulator.proof.plan import Note, Plan, When


def _fault(
    activity: str,
    fault: str,
    words: str,
    owner: str,
    when: When = When.ARRIVED,
    after: str | None = None,
) -> Plan:
    note = Note(activity, attributes={"fault": fault})
    return Plan("order", words, when, after, notes=(note,), shares={owner: 1.0})


def wrong_item(_draw: random.Random) -> Plan:
    """Another thing was picked."""
    return _fault("picked", "wrong_item_picked", "WRONG", "warehouse")


def item_short(draw: random.Random) -> Plan:
    """One piece too few, in picking or in packing."""
    if draw.random() < 0.5:
        return _fault("picked", "item_short", "SHORT", "warehouse")
    return _fault("packed", "packed_incomplete", "SHORT", "packing")


def damaged_in_packing(_draw: random.Random) -> Plan:
    """A thin bag around glass."""
    return _fault("packed", "damaged_in_packing", "DAMAGED", "packing")


def damaged_in_transit(_draw: random.Random) -> Plan:
    """It fell off the belt at the courier's."""
    return _fault("delivered", "damaged_in_transit", "DAMAGED", "courier")


def defective(_draw: random.Random) -> Plan:
    """It does not work, and nothing on record says why: the maker, perhaps."""
    return Plan("order", "DEFECT", When.ARRIVED, shares={}, expect=Expect.NOBODY)


def swapped_labels(_draw: random.Random) -> Plan:
    """Two parcels got each other's label."""
    return _fault("packed", "label_swapped", "WRONG", "packing")


def skipped_check(_draw: random.Random) -> Plan:
    """The last look into the box was left out, and something was not in it."""
    note = Note("packed", "skip", {"fault": "check_skipped"})
    return Plan("order", "SHORT", When.ARRIVED, notes=(note,), shares={"packing": 1.0})


def invoice_fault(_draw: random.Random) -> Plan:
    """Finance's own check finds that the invoice differs from the order."""
    return _fault(
        "invoice_issued", "invoice_mismatch", "CHARGE", "finance", When.AFTER, "invoice_issued"
    )


def invoiced_not_as_ordered(draw: random.Random) -> Plan:
    """No check finds it: the two amounts stand in two systems."""
    amount = draw.randrange(80, 900) * 1000
    return Plan(
        "order",
        "CHARGE",
        When.AFTER,
        "invoice_issued",
        attributes={
            "order_placed": {"amount": amount},
            "invoice_issued": {"invoiced_amount": amount + draw.choice((15, 25, 49)) * 1000},
        },
        shares={"finance": 1.0},
    )


def refund_unpaid(_draw: random.Random) -> Plan:
    """Approved, and then nothing."""
    return Plan("refund", "REFUND", stops="refund_paid", shares={"finance": 1.0})


def refund_not_approved(_draw: random.Random) -> Plan:
    """The request lies with customer care."""
    return Plan("refund", "REFUND", late={"refund_approved": 1.0})


def marked_delivered(_draw: random.Random) -> Plan:
    """Delivered, says the scan; the customer has nothing."""
    return Plan("order", "NOT_RECEIVED", When.ARRIVED, shares={"courier": 1.0})


def delivered_elsewhere(_draw: random.Random) -> Plan:
    """The courier noticed later that it went to another door."""
    return _fault("delivered", "misdelivered", "NOT_RECEIVED", "courier")


def payment_not_matched(_draw: random.Random) -> Plan:
    """Paid, and the payment was not matched to the order."""
    note = Note("payment_verified", attributes={"fault": "payment_not_matched"}, hours_after=1)
    return Plan(
        "order",
        "PAYMENT",
        When.AFTER,
        "payment_received",
        after_hours=(6.0, 50.0),
        extra={"payment_verified": 60.0},
        notes=(note,),
        shares={"payments": 1.0},
    )


def system_outage(_draw: random.Random) -> Plan:
    """The app broke while ordering."""
    return _fault("order_placed", "app_error", "APP", "digital", When.AFTER, "order_placed")


def voucher(_draw: random.Random) -> Plan:
    """The voucher was promised and not applied."""
    return _fault(
        "order_placed", "voucher_not_applied", "PROMO", "digital", When.AFTER, "order_placed"
    )


def cancelled_unasked(_draw: random.Random) -> Plan:
    """The order was cancelled, and the customer had not asked for that."""
    note = Note("confirmed", "cancel", {"fault": "cancelled_in_error"})
    return Plan(
        "order",
        "CANCELLED",
        When.AFTER,
        "confirmed",
        notes=(note,),
        stops="picked",
        shares={"back-office": 1.0},
    )


def conduct(_draw: random.Random) -> Plan:
    """The courier shouted, and it is on record."""
    return _fault("delivered", "courier_conduct", "CONDUCT", "courier")


def conduct_unrecorded(_draw: random.Random) -> Plan:
    """Somebody was rude, and nothing is on record."""
    return Plan("order", "CONDUCT", When.ARRIVED, shares={}, expect=Expect.NOBODY)


def vague_and_late(draw: random.Random) -> Plan:
    """Disappointed, says the text; the case shows what about."""
    return Plan("order", "VAGUE", late={draw.choice(("picked", "packed", "delivered")): 1.0})


def vague_and_nothing(_draw: random.Random) -> Plan:
    """Disappointed, says the text; the case shows nothing."""
    return Plan("order", "VAGUE", When.ARRIVED, shares={}, expect=Expect.NOBODY)


def praise(_draw: random.Random) -> Plan:
    """Not a complaint."""
    return Plan("order", "PRAISE", When.ARRIVED, shares={}, expect=Expect.NOBODY)
