"""The bank as the generator knows it: transfers, cards, disputes, accounts, each with the hours in which people work.

It stands apart from the other firms because its allowances are counted in working hours, by this simulator's own calendar.
Hazard: only the season of the runs is right (summer 2026); the holidays of other months are not listed.
"""

from __future__ import annotations

from datetime import date, time
from typing import Final
from zoneinfo import ZoneInfo

from services.simulator.calendar import Hours
from services.simulator.proof.firms import Firm, Line, Step

ZONE: Final = ZoneInfo("Asia/Jakarta")
HOLIDAYS: Final = frozenset({date(2026, 8, 17), date(2026, 8, 25)})
"""Independence Day and the Prophet's birthday."""

_WEEK: Final = range(5)
COUNTER: Final = Hours(
    ZONE,
    {day: ((time(8), time(12)), (time(13), time(15))) for day in _WEEK},
    HOLIDAYS,
)
OFFICE: Final = Hours(
    ZONE,
    {
        **{day: ((time(8), time(12)), (time(13), time(17))) for day in range(4)},
        4: ((time(8), time(11, 30)), (time(13, 30), time(18))),
    },
    HOLIDAYS,
)
FACTORY: Final = Hours(
    ZONE,
    {
        **{day: ((time(6), time(14)), (time(14), time(22))) for day in _WEEK},
        5: ((time(6), time(12)),),
    },
    HOLIDAYS,
)
DESK: Final = Hours(ZONE, {day: ((time(6), time(14)), (time(14), time(22))) for day in range(7)})

_TRANSFER: Final = (
    Step("transfer_ordered", "customer", "mobile-app", (0, 0)),
    Step(
        "transfer_screened",
        "fraud",
        "fraud-engine",
        (0.005, 0.1),
        1 / 6,
        {"manual": 4},
        {"manual": (0.3, 3)},
    ),
    Step("transfer_released", "payments", "core-banking", (0.01, 0.35), 0.5),
)
_SCREENING: Final = {"screening": ("automatic", "automatic", "automatic", "manual")}
_DISPUTE: Final = (
    Step("dispute_opened", "customer", "case-desk", (0, 0)),
    Step("dispute_registered", "contact-centre", "case-desk", (0.1, 1.3), 2, shifts=DESK),
    Step("dispute_investigated", "fraud", "fraud-engine", (2, 18), 24),
)
_DECIDED: Final = (
    Step("refund_decided", "back-office", "dispute-desk", (1, 10), 16, shifts=OFFICE),
    Step("refund_credited", "payments", "ledger", (0.5, 5), 8, shifts=DESK),
)
_RISK: Final = (Step("risk_screened", "fraud", "fraud-engine", (0.02, 1.4), 2),)

BANK: Final = Firm(
    "bank",
    ZONE,
    (
        Line(
            "transfer",
            "TRF",
            (
                *_TRANSFER,
                Step("transfer_credited", "other-bank", "switch", (0.01, 1.2), 2),
            ),
            "transfer_credited",
            "transfer_ordered",
            3,
            {"manual": 8},
            variants=_SCREENING,
        ),
        Line(
            "reversal",
            "TRF",
            (
                *_TRANSFER,
                Step("transfer_rejected", "other-bank", "switch", (0.05, 1)),
                Step("transfer_reversed", "payments", "core-banking", (0.2, 2.5), 4, shifts=DESK),
            ),
            "transfer_reversed",
            "transfer_rejected",
            24,
            variants=_SCREENING,
        ),
        Line(
            "card",
            "KRT",
            (
                Step("card_requested", "customer", "mobile-app", (0, 0)),
                Step("card_approved", "back-office", "core-banking", (0.5, 5), 8, shifts=OFFICE),
                Step(
                    "card_produced", "card-operations", "card-system", (2, 11), 16, shifts=FACTORY
                ),
                Step(
                    "card_dispatched", "card-operations", "card-system", (0.4, 4), 6, shifts=FACTORY
                ),
                Step(
                    "card_delivered",
                    "courier",
                    "courier-api",
                    (16, 55),
                    72,
                    {"outer": 120},
                    {"outer": (50, 100)},
                ),
            ),
            "card_delivered",
            "card_requested",
            80,
            {"outer": 112},
            shifts=OFFICE,
            variants={"region": ("java", "java", "java", "outer")},
        ),
        Line(
            "dispute",
            "SGH",
            (*_DISPUTE, *_DECIDED),
            "refund_credited",
            "dispute_opened",
            112,
            shifts=OFFICE,
        ),
        Line(
            "heard",
            "SGH",
            (
                *_DISPUTE,
                Step("merchant_heard", "merchant", "dispute-desk", (20, 100), 120, announced=True),
                *_DECIDED,
            ),
            "refund_credited",
            "dispute_opened",
            112,
            shifts=OFFICE,
        ),
        Line(
            "account",
            "REK",
            (
                Step("account_applied", "customer", "mobile-app", (0, 0)),
                Step("identity_checked", "branch", "onboarding", (0.5, 4), 6, shifts=COUNTER),
                Step(
                    "account_created",
                    "back-office",
                    "core-banking",
                    (0.5, 5),
                    8,
                    shifts=OFFICE,
                    waits=("risk_screened",),
                ),
                Step("access_sent", "digital", "mobile-app", (0.02, 0.6), 1),
            ),
            "access_sent",
            "account_applied",
            24,
            shifts=OFFICE,
            beside={"account_applied": _RISK},
        ),
    ),
    {"id": 0.75, "en": 0.25},
    frozenset({"ledger"}),
)
