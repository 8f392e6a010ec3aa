"""What the linear model looks at in a text: pieces of words, words, stems, pairs, concepts, cues.

It stands apart because training and running must see exactly the same: `training` imports it. Words come from
`symptoms.words`, spelled as the pack spells them. No feature holds more than two words in a row.

Hazard: a change here makes every trained model worthless until it is trained again; `VERSION` is part of a model's file and
a model of another version is refused.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from services.router.tracing.packs import LanguagePack

VERSION: Final = 1
BLOCKS: Final = ("char", "word", "pair", "concept", "first", "cue")
"""Each block of features is brought to length 1 by itself before it is weighed."""

_SHORTEST: Final = 2
_LONGEST: Final = 5
REACH: Final = 3
"""Concepts at most this many words apart make a pair."""
OPENING: Final = 6
"""The first words of a text count once more: complaints open with what matters."""
_STEM: Final = 4
"""Letters that a stem keeps at least."""
_PREFIXES: Final[Mapping[str, tuple[str, ...]]] = {
    "id": (
        "memper", "peng", "peny", "meng", "meny", "pem", "pen", "mem", "men", "nge", "ber", "ter", "per", "di", "ke", "se",
        "me", "pe", "ng", "ny",
    ),
}  # fmt: skip
_SUFFIXES: Final[Mapping[str, tuple[str, ...]]] = {
    "id": ("nya", "kan", "lah", "kah", "an", "ku", "in", "i"),
    "en": ("ing", "ed", "es", "s", "ly"),
    "pt": (
        "mente",
        "aram",
        "ando",
        "indo",
        "ado",
        "ada",
        "ido",
        "ida",
        "ei",
        "ou",
        "os",
        "as",
        "es",
        "am",
        "o",
        "a",
        "e",
        "s",
    ),
}
EVENLY: Final = 100
"""What a word counts, in hundredths, when all places of a text count the same."""
_TENTHS: Final = 10
_CUE_LEAST: Final = -30
_CUE_MOST: Final = 90
_NAMED: Final = 10
"""Tenths of weight from which a cue counts as having named its symptom."""


def spelled(found: Sequence[str], pack: LanguagePack) -> list[str]:
    """Return the words as the pack spells them; long numbers become ``0``."""
    spell = pack.spell
    return ["0" if len(word) > 2 and word.isdigit() else spell.get(word, word) for word in found]


def stem(word: str, language: str) -> str:
    """Return a word without one common ending and one common beginning; crude, and the same everywhere."""
    if len(word) <= _STEM:
        return word
    for ending in _SUFFIXES.get(language, ()):
        if word.endswith(ending) and len(word) - len(ending) >= _STEM:
            word = word[: -len(ending)]
            break
    for beginning in _PREFIXES.get(language, ()):
        if word.startswith(beginning) and len(word) - len(beginning) >= _STEM:
            return word[len(beginning) :]
    return word


def pieces(word: str) -> Iterator[str]:
    """Yield the character features of one word; ``_`` marks its ends."""
    edged = f"_{word}_"
    for size in range(_SHORTEST, _LONGEST + 1):
        for start in range(len(edged) - size + 1):
            yield "c:" + edged[start : start + size]


def single(word: str, language: str) -> tuple[str, str]:
    """Return the word and the stem features of one word."""
    return "w:" + word, "s:" + stem(word, language)


def pairs(stems: Sequence[str]) -> list[str]:
    """Return features of stems next to each other, and with one word between them."""
    near = [f"b:{a} {b}" for a, b in itertools.pairwise(stems)]
    near += [f"k:{a} {b}" for a, b in zip(stems, stems[2:], strict=False)]
    return near


def first(stems: Sequence[str]) -> list[str]:
    """Return features of the words that a text opens with."""
    return ["f:" + one for one in stems[:OPENING]]


def concepts(places: Sequence[tuple[str, ...]]) -> dict[str, int]:
    """Return the concepts of a text and their pairs in order, each with the place where it is first met."""
    found: dict[str, int] = {}
    for position, here in enumerate(places):
        if not here:
            continue
        for one in here:
            found.setdefault("n:" + one, position)
        for there in places[position + 1 : position + 1 + REACH]:
            for one in there:
                for other in here:
                    if one != other:
                        found.setdefault("n:" + other + ">" + one, position)
    return found


def early(count: int, more: int) -> tuple[int, ...]:
    """Return what each of ``count`` words counts, in hundredths: ``more`` above even at the beginning, as much below at the end.

    What a complaint names first is what it is most about. The last value, `EVENLY`, is for what has no place.
    """
    by_place = (EVENLY + more * (count - 2 * place - 1) // count for place in range(count))
    return (*by_place, EVENLY)


def cues(weights: Mapping[str, float], labels: Sequence[str]) -> list[tuple[str, int]]:
    """Return what the pack's cues say: weight in tenths, whether it names the symptom, which names it most."""
    if not weights:
        return [("q-", 50)]
    tenths = [(label, round(weights[label] * _TENTHS)) for label in labels if label in weights]
    most = max((value for _, value in tenths), default=0)
    found: list[tuple[str, int]] = []
    for label, value in tenths:
        if value:
            found.append(("q:" + label, min(max(value, _CUE_LEAST), _CUE_MOST)))
        if value >= _NAMED:
            found.append(("q>" + label, 50))
            if value == most:
                found.append(("q^" + label, 50))
    if most < _NAMED:
        found.append(("q-", 50))
    return found
