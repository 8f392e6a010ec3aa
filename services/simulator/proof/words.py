"""Writes what the customer of a case would type.

It stands apart so that a kind names only its list of sentences.  Hazard: the words are judged by the real classifier; they must
stay what people write, whatever it makes of them.
"""

from __future__ import annotations

import random
import re
from types import ModuleType
from typing import Final

from services.simulator import phrases_en, phrases_id
from services.simulator.proof import words_bank_en, words_bank_id, words_en, words_id, words_pt

SOURCES: Final[dict[str, tuple[ModuleType, ...]]] = {
    "id": (words_bank_id, words_id, phrases_id),
    "en": (words_bank_en, words_en, phrases_en),
    "pt": (words_pt,),
}
"""Language -> modules, the first one that has a list wins."""
BARE: Final = frozenset({"VAGUE", "PRAISE"})
"""Lists whose sentences stand alone: a closing such as "please help" would say something else."""


def write(name: str, language: str, *, days: int, draw: random.Random, company: str = "") -> str:
    """A text from a list; a company's own list (`BANK_LATE`) goes before the general one."""
    sentences = found(name, language, company)
    items = found("ITEMS", language, company)
    item, other = draw.sample(items, 2)
    core = str(draw.choice(sentences)).format(
        item=item,
        other=other,
        days=max(2, days),
        amount=_money(draw.choice((15, 25, 49, 75, 120, 189, 250, 400)), language, draw),
        name=draw.choice(found("NAMES", language, company)),
    )
    parts = [core]
    if name not in BARE:
        if draw.random() < 0.4:
            parts.insert(0, draw.choice(found("OPENERS", language, company)))
        if draw.random() < 0.4:
            parts.append(draw.choice(found("CLOSERS", language, company)))
    return _typed(draw.choice((", ", ". ", " ", " ... ")).join(parts), language, draw)


def found(name: str, language: str, company: str = "") -> tuple[str, ...]:
    """The list of a name in a language.

    Raises:
        LookupError: No such list.
    """
    for wanted in (f"{company.upper()}_{name}", name):
        for module in SOURCES[language]:
            if hasattr(module, wanted):
                sentences: tuple[str, ...] = getattr(module, wanted)
                return sentences
    raise LookupError(f"no sentences {name} in {language}")


def _money(thousands: int, language: str, draw: random.Random) -> str:
    if language == "id":
        return draw.choice((f"{thousands}rb", f"Rp{thousands}.000", f"{thousands} ribu"))
    return f"R$ {thousands}" if language == "pt" else f"Rp {thousands},000"


def _typed(text: str, language: str, draw: random.Random) -> str:
    """Slang, a missing letter, shouting or not: as on a phone."""
    haste = draw.random()
    for module in SOURCES[language]:
        for word, short in getattr(module, "SLANG", ()):
            if draw.random() < haste:
                text = re.sub(rf"\b{word}\b", draw.choice(short), text)
    if draw.random() < 0.15:
        text = _slip(text, draw)
    if draw.random() < 0.12:
        text += draw.choice(("!!!", "!!", "??", " :(", "......"))
    style = draw.random()
    if style < 0.07:
        return text.upper()
    return text[0].upper() + text[1:] if style < 0.5 else text


def _slip(text: str, draw: random.Random) -> str:
    """Leave one letter out of one long word."""
    words = text.split(" ")
    long = [index for index, word in enumerate(words) if len(word) > 6 and word.isalpha()]
    if long:
        index = draw.choice(long)
        cut = draw.randrange(1, len(words[index]) - 1)
        words[index] = words[index][:cut] + words[index][cut + 1 :]
    return " ".join(words)
