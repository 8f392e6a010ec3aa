"""What goes wrong at the bank with time and with what the systems tell.

It stands apart from the shop's kinds because nothing here is a parcel: money, cards, accounts, working hours.
"""

from __future__ import annotations

import random
from typing import Final

from services.simulator.proof.model import Expect
from services.simulator.proof.plan import Note, Plan, When

LATE: Final = (
    ("transfer", "transfer_screened"),
    ("transfer", "transfer_released"),
    ("transfer", "transfer_credited"),
    ("card", "card_approved"),
    ("card", "card_produced"),
    ("card", "card_dispatched"),
    ("card", "card_delivered"),
    ("dispute", "dispute_investigated"),
    ("dispute", "refund_decided"),
    ("heard", "merchant_heard"),
    ("account", "identity_checked"),
    ("account", "account_created"),
    ("account", "risk_screened"),
)
WORDS: Final = {
    "transfer": "TRANSFER_LATE",
    "reversal": "REVERSAL_LATE",
    "card": "CARD_LATE",
    "dispute": "DISPUTE_LATE",
    "heard": "DISPUTE_LATE",
    "account": "ACCOUNT_LATE",
}
PAIRS: Final = (
    ("card", "card_approved", "card_produced"),
    ("card", "card_produced", "card_delivered"),
    ("dispute", "dispute_investigated", "refund_decided"),
    ("account", "identity_checked", "account_created"),
    ("transfer", "transfer_screened", "transfer_credited"),
)


def single_delay(draw: random.Random) -> Plan:
    """One desk took days, or hours where minutes are allowed."""
    line, late = draw.choice(LATE)
    return Plan(line, WORDS[line], late={late: 1.0})


def double_delay(draw: random.Random) -> Plan:
    """Two of them, each a good part."""
    line, first, second = draw.choice(PAIRS)
    part = draw.uniform(0.35, 0.65)
    return Plan(line, WORDS[line], late={first: part, second: 1 - part})


def upstream_masked(draw: random.Random) -> Plan:
    """The card was approved or made late; the courier rode as always, after the promised day."""
    return Plan(
        "card",
        "CARD_CAME_LATE",
        When.ARRIVED,
        late={draw.choice(("card_approved", "card_produced")): 1.0},
    )


def stuck_open(draw: random.Random) -> Plan:
    """Nobody has touched it since."""
    line, stops, owner = draw.choice(
        (
            ("transfer", "transfer_screened", "fraud"),
            ("transfer", "transfer_released", "payments"),
            ("card", "card_produced", "card-operations"),
            ("dispute", "refund_decided", "back-office"),
            ("account", "identity_checked", "branch"),
        )
    )
    return Plan(line, WORDS[line], stops=stops, shares={owner: 1.0})


def missing_between_owners(draw: random.Random) -> Plan:
    """When the card was approved is not on record."""
    owner, late = draw.choice(
        (("back-office", "card_approved"), ("card-operations", "card_produced"))
    )
    return Plan(
        "card",
        "CARD_CAME_LATE",
        When.ARRIVED,
        late={late: 1.0},
        untold=frozenset({"card_approved"}),
        shares={owner: 1.0},
        expect=Expect.ASK,
    )


def missing_within_owner(draw: random.Random) -> Plan:
    """When the card was made is not on record; before and after it is one department's."""
    return Plan(
        "card",
        "CARD_CAME_LATE",
        When.ARRIVED,
        late={draw.choice(("card_produced", "card_dispatched")): 1.0},
        untold=frozenset({"card_produced"}),
    )


def late_arriving(draw: random.Random) -> Plan:
    """The approval is booked days later."""
    owner, late = draw.choice(
        (("back-office", "card_approved"), ("card-operations", "card_produced"))
    )
    return Plan(
        "card",
        "CARD_CAME_LATE",
        When.ARRIVED,
        late={late: 1.0},
        belated=frozenset({"card_approved"}),
        shares={owner: 1.0},
        expect=Expect.ASK,
    )


def nightly_ledger(_draw: random.Random) -> Plan:
    """Credited today and in time; the ledger speaks at two in the morning, and the customer asks before."""
    return Plan(
        "dispute",
        "DISPUTE_LATE",
        When.AFTER,
        "refund_credited",
        after_hours=(1.0, 4.0),
        just_kept=True,
        shares={},
        expect=Expect.WAIT,
    )


def nightly_but_clear(draw: random.Random) -> Plan:
    """The ledger speaks at night, and what was late lies before it."""
    return Plan(
        "dispute",
        "DISPUTE_LATE",
        late={draw.choice(("dispute_investigated", "refund_decided")): 1.0},
    )


def outage_of_the_switch(draw: random.Random) -> Plan:
    """The switch is silent: the other bank sits on it, or it was credited to what the customer mistyped."""
    return Plan(
        "transfer",
        "TRANSFER_LATE",
        late={"transfer_credited": 1.0},
        outage=("switch", "transfer_credited"),
        shares={draw.choice(("other-bank", "customer")): 1.0},
        expect=Expect.WAIT,
    )


def outage_but_clear(_draw: random.Random) -> Plan:
    """The switch is silent, and the transfer was held here for a day before."""
    return Plan(
        "transfer",
        "TRANSFER_LATE",
        late={"transfer_screened": 1.0},
        outage=("switch", "transfer_credited"),
    )


def wrong_clock(draw: random.Random) -> Plan:
    """The card system's clock is hours off; days were lost all the same."""
    return Plan(
        "card",
        "CARD_CAME_LATE",
        When.ARRIVED,
        late={draw.choice(("card_approved", "card_produced", "card_delivered")): 1.0},
        shifted={"card-system": draw.choice((1, -1)) * draw.uniform(2, 9)},
    )


def wrong_zone(draw: random.Random) -> Plan:
    """The fraud engine's wall time is taken for another zone's: seven hours where minutes are allowed."""
    return Plan(
        "transfer",
        "TRANSFER_LATE",
        late={draw.choice(("transfer_released", "transfer_credited")): 1.0},
        shifted={"fraud-engine": draw.choice((7.0, -7.0))},
    )


def entered_by_hand(_draw: random.Random) -> Plan:
    """After the complaint card operations enter the hand-over, as if it had been in time."""
    return Plan(
        "card",
        "CARD_LATE",
        stops="card_dispatched",
        by_hand="card_dispatched",
        shares={"card-operations": 1.0},
        expect=Expect.ASK,
    )


def impossible_promise(draw: random.Random) -> Plan:
    """A leaflet said tomorrow; everybody kept to what they are allowed."""
    return Plan(
        "card",
        "CARD_LATE",
        promise=draw.uniform(16, 22),
        shares={"promise": 1.0},
    )


def misleading_text(draw: random.Random) -> Plan:
    """The customer scolds the courier, or the other bank; it lay here."""
    if draw.random() < 0.5:
        return Plan("card", "CARD_BLAMES_COURIER", late={"card_produced": 1.0})
    return Plan("transfer", "TRANSFER_BLAMES_BANK", late={"transfer_screened": 1.0})


def no_reference(draw: random.Random) -> Plan:
    """Somebody's transfer, somebody's card."""
    line, late = draw.choice(LATE)
    return Plan(
        line, WORDS[line], late={late: 1.0}, referred=False, shares={}, expect=Expect.NOBODY
    )


def before_it_is_due(draw: random.Random) -> Plan:
    """There is time yet."""
    line, words = draw.choice((("card", "CARD_ASKING"), ("dispute", "DISPUTE_ASKING")))
    return Plan(line, words, When.EARLY, shares={}, expect=Expect.WAIT)


def disputed_handover(draw: random.Random) -> Plan:
    """Handed over, says card operations; received days later, says the courier."""
    return Plan(
        "card",
        "CARD_LATE",
        extra={"card_delivered": 400.0},
        receiver_says=("card_dispatched", "courier-api", 190.0),
        shares={draw.choice(("card-operations", "courier")): 1.0},
        expect=Expect.ASK,
    )


def second_attempt(_draw: random.Random) -> Plan:
    """Nobody could be sent a second time for days."""
    note = Note("card_delivered", attributes={"fault": "card_attempt_failed"}, hours_after=40)
    return Plan("card", "CARD_CAME_LATE", When.ARRIVED, late={"card_delivered": 1.0}, notes=(note,))


def copies_in_disorder(draw: random.Random) -> Plan:
    """Every system sends everything two or three times, in any order."""
    line, late = draw.choice(LATE)
    return Plan(line, WORDS[line], late={late: 1.0}, copies=True)
