"""Turns a trouble into what a customer would type about it.

It stands apart so that variety (slang, haste, greeting, language) is one seeded function and the simulation says only what
went wrong.  Hazard: noise must not change the meaning, so words that carry it are never dropped.
"""

from __future__ import annotations

import random
import re
from enum import StrEnum, unique
from types import ModuleType
from typing import Final

from services.simulator import phrases_en, phrases_id


@unique
class Trouble(StrEnum):
    """What the customer notices; the name of the list of sentences."""

    LATE = "LATE"
    LATE_BUT_HERE = "LATE_BUT_HERE"
    WRONG = "WRONG"
    SHORT = "SHORT"
    DAMAGED = "DAMAGED"
    NOT_RECEIVED = "NOT_RECEIVED"
    REFUND = "REFUND"
    CHARGE = "CHARGE"
    OWN = "OWN"


LANGUAGES: Final[dict[str, ModuleType]] = {"id": phrases_id, "en": phrases_en}
ENGLISH_SHARE: Final = 0.25
REFERENCE_SHARE: Final = 0.15
"""Real complaints almost never carry an order number; ours do a little more often, so that both ways are played."""


def write(trouble: Trouble, *, case_id: str, days: int, draw: random.Random) -> tuple[str, str]:
    """A complaint about `trouble`.

    Args:
        trouble: What it is about.
        case_id: The order, named in the text now and then.
        days: How many days the customer has been waiting; at least 2 is written.
        draw: The only source of chance.

    Returns:
        The text and its language, `id` or `en`.
    """
    language = "en" if draw.random() < ENGLISH_SHARE else "id"
    phrases = LANGUAGES[language]
    item, other = draw.sample(phrases.ITEMS, 2)
    amount = draw.choice((15, 25, 49, 75, 120, 189, 250)) * 1000
    core = str(draw.choice(getattr(phrases, trouble.value))).format(
        item=item,
        other=other,
        days=max(2, days),
        amount=_money(amount, language, draw),
        name=draw.choice(phrases.NAMES),
    )
    parts = [core]
    if draw.random() < 0.45:
        parts.insert(0, draw.choice(phrases.OPENERS))
    if draw.random() < 0.5:
        parts.append(draw.choice(phrases.CLOSERS))
    if draw.random() < REFERENCE_SHARE:
        parts.append(("no pesanan " if language == "id" else "order ") + case_id)
    text = draw.choice((", ", ". ", " ", " ... ")).join(parts)
    return _hasten(text, phrases, draw), language


def _money(amount: int, language: str, draw: random.Random) -> str:
    if language == "id":
        return draw.choice(
            (f"{amount // 1000}rb", f"Rp{amount:,}".replace(",", "."), f"{amount // 1000} ribu")
        )
    return draw.choice((f"Rp {amount:,}", f"{amount // 1000}k"))


def _hasten(text: str, phrases: ModuleType, draw: random.Random) -> str:
    """Type it as on a phone: slang, shouting, three exclamation marks, a capital or none."""
    haste = draw.random()
    for word, short in phrases.SLANG:
        if draw.random() < haste:
            text = re.sub(rf"\b{word}\b", draw.choice(short), text)
    if draw.random() < 0.12:
        text += draw.choice(("!!!", "!!", "??", " :(", " huhu", "......"))
    style = draw.random()
    if style < 0.08:
        return text.upper()
    return text[0].upper() + text[1:] if style < 0.5 else text
