"""Read from a customer's words what went wrong, in any language that has a pack.

It stands apart because it is the only part of the core that sees text. Words become concepts (by
the pack's spelling, word lists and stems), and *cues* look for concepts near each other: "belum"
near "sampai" is waiting, "tidak" near "rusak" is no damage. What the cues say is one part of what
the language's linear model weighs; where a language has no model, weights by hand decide.

Hazard: a model's probabilities are calibrated on texts like those it was fitted on; weights by hand
only order the symptoms. Both are the same on every machine.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import floor, fsum
from typing import Final, NamedTuple

from services.router.tracing.company import Rules
from services.router.tracing.features import spelled
from services.router.tracing.linear import Text
from services.router.tracing.model import SymptomScore
from services.router.tracing.packs import Cue, LanguagePack

MOST: Final = 3
"""A text is given at most this many symptoms."""
_LONGEST: Final = 4_000
"""Characters read; a complaint says what it is about before that."""
_NAMED_FROM: Final = 1.0
"""A symptom counts from this weight on."""
_DOUBT: Final = 1.5
"""Weight of "nothing that can be named": one weak cue alone stays unsure."""
_LEAST: Final = 0.05
"""A symptom less probable than this is left out."""

_SURE_FROM: Final = 0.12
"""Below this the likeliest symptom of a model is a guess, and nothing is named."""

_REMEMBERED: Final = 8_192
"""Words whose stretched letters are remembered as shortened; speed only."""

_WORD: Final = re.compile(r"[a-z]+|[0-9]+")
_STRETCHED: Final = re.compile(r"([a-z])\1{2,}")


def words(text: str) -> list[str]:
    """Return the words of a text: lower case, without accents or stretched letters, in order."""
    plain = text[:_LONGEST].lower()
    if not plain.isascii():
        plain = unicodedata.normalize("NFKD", plain)
        plain = "".join(c for c in plain if not unicodedata.combining(c))
    return list(map(_shortened, _WORD.findall(plain)))


@lru_cache(maxsize=_REMEMBERED)
def _shortened(word: str) -> str:
    return _STRETCHED.sub(r"\1", word)


def _spoken(found: Sequence[str], rules: Rules) -> LanguagePack | None:
    """Return the pack that knows most of some words, None if none knows any."""
    best, spoken = 0, None
    for pack in rules.packs:
        common, exact = pack.common, pack.exact
        count = sum([2 if word in common else word in exact for word in found])
        if count > best:
            best, spoken = count, pack
    return spoken


class Reading(NamedTuple):
    """What a text says: in which language, None if no word of it is known, and what went wrong."""

    language: str | None
    symptoms: tuple[SymptomScore, ...]


def classify(text: str, language: str | None, rules: Rules) -> tuple[SymptomScore, ...]:
    """Return at most `MOST` symptoms of a text, likeliest first, ties by id.

    ``language`` is what the channel says; without one, or without a pack for it, it is detected.
    The probabilities add up to at most 1; the rest is doubt. When nothing can be named the only
    symptom is the company's vague one.
    """
    return read(((text, language),), rules)[0].symptoms


def read(texts: Sequence[tuple[str, str | None]], rules: Rules) -> list[Reading]:
    """Return what each text says, as `classify` does, and in which language; many at once take half the time."""
    nothing = (SymptomScore(rules.vague, 1.0),)
    readings: list[Reading] = []
    by_model: dict[str, list[tuple[int, Text]]] = {}
    for number, (text, language) in enumerate(texts):
        found = words(text)
        pack = _pack(language, rules) or _spoken(found, rules)
        readings.append(Reading(None if pack is None else pack.language, nothing))
        if not [1 for word in found if not word.isdigit()]:
            continue
        pack = pack or rules.packs[0]
        written = spelled(found, pack)
        places = [pack.concepts(word) for word in written]
        weights = weigh(places, pack)
        if pack.language in rules.models:
            heard = Text(written, places, weights)
            by_model.setdefault(pack.language, []).append((number, heard))
        else:
            readings[number] = Reading(readings[number].language, _by_hand(weights, rules))
    for language, those in by_model.items():
        model = rules.models[language]
        shares = model.probabilities([heard for _, heard in those])
        for (number, heard), its in zip(those, shares, strict=True):
            named = _named(heard.weights, its, model.labels, rules)
            readings[number] = Reading(readings[number].language, named)
    return readings


def _named(
    weights: Mapping[str, float], shares: Sequence[float], labels: Sequence[str], rules: Rules
) -> tuple[SymptomScore, ...]:
    """Return the symptoms that a model's shares, and the cues of symptoms that it was never taught, name."""
    own = _own(weights, labels, rules)
    rest = 1 - fsum(own.values())
    ranked = [(-share * rest, label) for share, label in zip(shares, labels, strict=True)]
    ranked = sorted([*ranked, *((-share, symptom) for symptom, share in own.items())])
    scores = [
        SymptomScore(label, floor(-share * 10_000) / 10_000)
        for share, label in ranked
        if label in rules.symptoms and (share < -_LEAST or share == ranked[0][0])
    ]
    if not scores or scores[0].probability < _SURE_FROM:
        return (SymptomScore(rules.vague, 1.0),)
    return tuple(scores[: 1 if scores[0].symptom == rules.vague else MOST])


def _own(weights: Mapping[str, float], labels: Sequence[str], rules: Rules) -> Mapping[str, float]:
    """Return the part of symptoms that the model was never taught: a company's own, by the cues of its own pack."""
    if len(weights) == 0 or all(symptom in labels for symptom in weights):
        return {}
    named = {
        symptom: weight * weight
        for symptom, weight in sorted(weights.items())
        if symptom not in labels and symptom in rules.symptoms and weight >= _NAMED_FROM
    }
    total = fsum(named.values()) + _DOUBT
    return {symptom: square / total for symptom, square in named.items()}


def _by_hand(weights: Mapping[str, float], rules: Rules) -> tuple[SymptomScore, ...]:
    named = {
        symptom: weight
        for symptom, weight in weights.items()
        if weight >= _NAMED_FROM and symptom in rules.symptoms
    }
    if not named:
        return (SymptomScore(rules.vague, 1.0),)
    squares = {symptom: weight * weight for symptom, weight in sorted(named.items())}
    total = fsum(squares.values()) + _DOUBT
    ranked = sorted(squares, key=lambda symptom: (-squares[symptom], symptom))
    scores = [SymptomScore(symptom, round(squares[symptom] / total, 4)) for symptom in ranked]
    return tuple(score for score in scores[:MOST] if score.probability >= _LEAST)


def weigh(words_concepts: Sequence[tuple[str, ...]], pack: LanguagePack) -> Mapping[str, float]:
    """Return the weight of each symptom that a cue of the pack speaks about, from each word's concepts."""
    places: dict[str, list[int]] = {}
    for position, concepts in enumerate(words_concepts):
        for concept in concepts:
            places.setdefault(concept, []).append(position)
    weights: dict[str, float] = {}
    for concept in sorted(places):
        for cue in pack.cues.get(concept, ()):
            # Most cues want a second concept that the text has not: asked here, before a call.
            if (len(cue.words) == 1 or cue.words[1] in places) and _speaks(cue, places):
                weights[cue.symptom] = weights.get(cue.symptom, 0.0) + cue.weight
    return weights


def _pack(language: str | None, rules: Rules) -> LanguagePack | None:
    for pack in rules.packs:
        if pack.language == language:
            return pack
    return None


def _speaks(cue: Cue, places: Mapping[str, list[int]]) -> bool:
    """Say whether all concepts of the cue stand close enough, and none that voids it anywhere; the second one is there."""
    for concept in cue.without:
        if concept in places:
            return False
    words = cue.words
    if len(words) == 1:
        return True
    if len(words) == 2:
        within, least = cue.within, 0 if cue.ordered else -cue.within
        there = places[words[1]]
        for here in places[words[0]]:
            for other in there:
                if least <= other - here <= within and other != here:
                    return True
        return False
    rest = words[1:]
    for concept in rest:
        if concept not in places:
            return False
    return any(_near(rest, position, cue, places, (position,)) for position in places[words[0]])


def _near(
    rest: tuple[str, ...],
    last: int,
    cue: Cue,
    places: Mapping[str, list[int]],
    used: tuple[int, ...],
) -> bool:
    for position in places[rest[0]]:
        distance = position - last
        if position in used or (cue.ordered and distance < 0) or abs(distance) > cue.within:
            continue
        if len(rest) == 1 or _near(rest[1:], position, cue, places, (*used, position)):
            return True
    return False
