"""From texts to the matrix that is fitted, by the very features that run in the product.

It stands apart because the lengths of blocks must be those of `services.router.tracing.linear`: a text's block is divided by
the root of the summed squared weights of its features, each occurrence counted.

Hazard: features seen in fewer than `FEWEST` texts are left out, so that no rare phrase of a customer's enters the model.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import log, sqrt
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy import sparse

from services.router.tracing import features
from services.router.tracing.packs import Cue, LanguagePack, compile_pack
from services.router.tracing.symptoms import weigh, words

FEWEST: Final[Mapping[str, int]] = {"id": 8, "en": 3, "pt": 3}
"""Texts that a feature must be in."""
WEIGHTS: Final[Mapping[str, float]] = {
    "char": 0.6,
    "word": 1.3,
    "pair": 1.0,
    "concept": 1.3,
    "first": 0.8,
    "cue": 1.0,
}
EARLY: Final[Mapping[str, int]] = {"id": 60}
"""Hundredths by which the first words of a text count more, and the last ones less (`features.early`)."""
_PACKS: Final = Path(__file__).parents[1] / "services" / "registry" / "packs"


@cache
def pack(language: str) -> LanguagePack:
    """Return the shipped pack of a language."""
    raw = tomllib.loads((_PACKS / f"{language}.toml").read_text(encoding="utf-8"))
    cues = [
        Cue(
            one["symptom"],
            tuple(one["words"]),
            one.get("within", 4),
            one.get("ordered", False),
            tuple(one.get("without", ())),
            one.get("weight", 3.0),
        )
        for one in raw["cues"]
    ]
    return compile_pack(language, raw["common"], raw.get("spell", {}), raw["words"], cues)


def spelled(text: str, language: str) -> tuple[str, ...]:
    """Return the words of a text as the language's pack spells them."""
    return tuple(features.spelled(words(text), pack(language)))


@dataclass(frozen=True, slots=True)
class Seen:
    """A text's features by block (with repeats) with their places, its cues with their values, its words with their concepts."""

    blocks: Mapping[str, Sequence[tuple[str, int]]]
    cues: Sequence[tuple[str, int]]
    words: Sequence[tuple[str, tuple[str, ...]]]


def look(text: str, language: str, labels: Sequence[str]) -> Seen:
    """Return the features of one text."""
    spoken = pack(language)
    found = spelled(text, language)
    stems = [features.stem(word, language) for word in found]
    places = [spoken.concepts(word) for word in found]
    count = len(found)
    starts = [*range(max(count - 1, 0)), *range(max(count - 2, 0))]
    blocks: dict[str, list[tuple[str, int]]] = {
        "char": [(name, n) for n, word in enumerate(found) for name in _pieces(word)],
        "word": [
            (name, n) for n, word in enumerate(found) for name in features.single(word, language)
        ],
        "pair": list(zip(features.pairs(stems), starts, strict=True)),
        "concept": sorted(features.concepts(places).items()),
        # What a text opens with has no other place.
        "first": [(name, count) for name in features.first(stems)],
    }
    cues = features.cues(weigh(places, spoken), labels)
    return Seen(blocks, cues, list(zip(found, places, strict=True)))


@cache
def _pieces(word: str) -> tuple[str, ...]:
    return tuple(features.pieces(word))


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Feature -> column, and its weight (inverse document frequency); how much more early words count."""

    columns: Mapping[str, int]
    idf: Mapping[str, float]
    block: Mapping[str, str]
    early: int

    def matrix(self, texts: Sequence[Seen]) -> Any:
        """Return one row for each text (scipy CSR)."""
        rows: list[int] = []
        columns: list[int] = []
        values: list[float] = []
        for number, seen in enumerate(texts):
            early = features.early(len(seen.words), self.early)
            for block, names in seen.blocks.items():
                known = [(name, place) for name, place in names if name in self.columns]
                length = sqrt(sum(self.idf[name] ** 2 for name, _ in known))
                times: Counter[str] = Counter()
                for name, place in known:
                    times[name] += early[place]
                for name, hundredths in times.items():
                    rows.append(number)
                    columns.append(self.columns[name])
                    often = hundredths / features.EVENLY
                    values.append(WEIGHTS[block] * often * self.idf[name] / length)
            for name, value in seen.cues:
                if name in self.columns:
                    rows.append(number)
                    columns.append(self.columns[name])
                    values.append(WEIGHTS["cue"] * value / 50.0)
        shape = (len(texts), len(self.columns))
        return sparse.csr_matrix((np.array(values), (rows, columns)), shape=shape)


def vocabulary(texts: Sequence[Seen], language: str) -> Vocabulary:
    """Return the features that enough texts have."""
    seen_in: Counter[str] = Counter()
    block_of: dict[str, str] = {}
    for seen in texts:
        for block, names in seen.blocks.items():
            for name in {name for name, _ in names}:
                seen_in[name] += 1
                block_of[name] = block
        for name in {name for name, _ in seen.cues}:
            seen_in[name] += 1
            block_of[name] = "cue"
    kept = sorted(name for name, times in seen_in.items() if times >= FEWEST[language])
    idf = {name: 1.0 + log((1 + len(texts)) / (1 + seen_in[name])) for name in kept}
    blocks = {name: block_of[name] for name in kept}
    return Vocabulary({name: n for n, name in enumerate(kept)}, idf, blocks, EARLY.get(language, 0))
