"""The shop as the simulator knows it: who does what, when they work, what is allowed, what is promised.

It stands apart because it is the second, independent statement of `examples/shop`; a unit test compares the two.  Hazard:
the planted truth is only as good as these numbers, so an ordinary order must stay well within every allowance.
"""

from __future__ import annotations

from datetime import time
from typing import Final
from zoneinfo import ZoneInfo

from services.simulator.calendar import Hours

ZONE: Final = ZoneInfo("Asia/Jakarta")
HOUR: Final = 3600.0

OWNERS: Final = {
    "order_placed": "customer",
    "payment_received": "customer",
    "payment_verified": "payments",
    "confirmed": "back-office",
    "picked": "warehouse",
    "packed": "packing",
    "handed_over": "packing",
    "in_transit": "courier",
    "delivered": "courier",
    "invoice_issued": "finance",
    "refund_requested": "customer",
    "refund_approved": "customer-care",
    "refund_paid": "finance",
}
"""Activity -> whose work it is."""

SOURCES: Final = {
    "order_placed": "storefront",
    "payment_received": "payment-gateway",
    "payment_verified": "payment-gateway",
    "confirmed": "storefront",
    "picked": "wms",
    "packed": "wms",
    "handed_over": "wms",
    "in_transit": "courier-api",
    "delivered": "courier-api",
    "invoice_issued": "ledger",
    "refund_requested": "care-desk",
    "refund_approved": "care-desk",
    "refund_paid": "ledger",
}
"""Activity -> the system that reports it."""

LAG_SECONDS: Final = {"courier-api": 1200.0, "ledger": 300.0}
"""How long after it happened a system sends an event, at most; the others within seconds."""

ALLOWED_HOURS: Final = {
    "payment_received": 24,
    "payment_verified": 2,
    "confirmed": 6,
    "picked": 12,
    "packed": 6,
    "handed_over": 12,
    "delivered": 72,
    "invoice_issued": 24,
    "refund_approved": 24,
    "refund_paid": 48,
}
OUTER_DELIVERY_HOURS: Final = 120
TRANSFER_VERIFIED_HOURS: Final = 6
PROMISE_HOURS: Final = {"java": 148, "outer": 196}
"""Region -> hours from the order to the doorstep, as told to the customer."""
REFUND_PROMISE_HOURS: Final = 96


def _every_day(*shifts: tuple[time, time]) -> Hours:
    return Hours(ZONE, dict.fromkeys(range(7), shifts))


BACK_OFFICE: Final = _every_day((time(0), time(0, 30)), (time(5), time(0)))
WAREHOUSE: Final = _every_day((time(6), time(14)), (time(14), time(23)))
PACKING: Final = _every_day((time(0), time(1)), (time(5), time(13)), (time(13), time(0)))
FINANCE: Final = _every_day((time(8), time(20)))
PICKUPS: Final = (time(8), time(13), time(18), time(22))
"""When the courier's van comes."""
ROUND: Final = _every_day((time(8), time(21)))
"""When the courier rings at doors."""

DESKS: Final = {"back-office": 2, "pickers": 2, "packers": 2}
METHODS: Final = ("card", "ewallet", "virtual_account", "bank_transfer")
