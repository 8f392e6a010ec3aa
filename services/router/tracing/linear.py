"""The linear model over the features of a text: whole numbers in a table, added up.

It stands apart so that what is learned is data: `parse` reads a model's lines, nothing is unpickled. Weights are whole
numbers, so that sums are the same on every machine in every order; what follows them (one division and one root for each
block, a table of powers) is IEEE arithmetic that is rounded the same everywhere. No BLAS.

Hazard: what a word contributes is remembered up to `_REMEMBERED` words; that is speed only and changes no result.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import Final

import numpy as np
import numpy.typing as npt

from services.router.tracing import features
from services.router.tracing.packs import LanguagePack

FORMAT: Final = "akar-symptom-model 1"
_REMEMBERED: Final = 50_000
_STEPS: Final = 64
"""Steps of the exponential's table for each unit."""
_FAR: Final = 24
_STEP_DOWN: Final = 0.984496437005408409
"""exp(-1/64)."""

Row = npt.NDArray[np.int64]


class ModelError(ValueError):
    """A model's lines cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class LinearModel:
    """One language's weights.

    ``rows`` maps a feature to its row in ``table``, whose columns are the labels' weights and, last, the feature's squared
    length in its block (10^-3). ``scale`` divides the sums into units of the temperature-scaled logit.
    """

    language: str
    labels: tuple[str, ...]
    bias: tuple[int, ...]
    scale: float
    rows: Mapping[str, int]
    table: Row
    header: Mapping[str, str]
    digest: str
    _words: dict[str, tuple[Row, Row, str]] = field(default_factory=dict)

    def probabilities(
        self, words: Sequence[str], places: Sequence[tuple[str, ...]], weights: Mapping[str, float]
    ) -> list[float]:
        """Return the probability of each label; they add up to 1 but for rounding in the last place.

        ``words`` are spelled, ``places`` their concepts, ``weights`` what the pack's cues say by symptom.
        """
        chars, singles, stems = self._single(words)
        logits = [float(value) for value in self.bias]
        for summed in (
            chars,
            singles,
            self._sum(features.pairs(stems)),
            self._sum(features.concepts(places)),
            self._sum(features.first(stems)),
        ):
            length = int(summed[-1])
            if length:
                factor = sqrt(length / 1000.0)
                for position, value in enumerate(summed[:-1].tolist()):
                    logits[position] += value / factor
        for name, times in features.cues(weights, self.labels):
            row = self.rows.get(name)
            if row is not None:
                for position, value in enumerate(self.table[row, :-1].tolist()):
                    logits[position] += value * times / 50.0
        return _shares([value / self.scale for value in logits])

    def _single(self, words: Sequence[str]) -> tuple[Row, Row, list[str]]:
        """Add up what each word contributes by itself; return also the stems."""
        known = self._words
        if len(known) > _REMEMBERED:
            known.clear()
        stems: list[str] = []
        width = self.table.shape[1]
        chars: Row = np.zeros(width, dtype=np.int64)
        singles: Row = np.zeros(width, dtype=np.int64)
        for word in words:
            entry = known.get(word)
            if entry is None:
                entry = known[word] = (
                    self._sum(list(features.pieces(word))),
                    self._sum(list(features.single(word, self.language))),
                    features.stem(word, self.language),
                )
            chars += entry[0]
            singles += entry[1]
            stems.append(entry[2])
        return chars, singles, stems

    def _sum(self, names: Sequence[str]) -> Row:
        rows = self.rows
        found = [row for name in names if (row := rows.get(name)) is not None]
        if not found:
            return np.zeros(self.table.shape[1], dtype=np.int64)
        summed: Row = self.table[found].sum(axis=0)
        return summed


def parse(text: str) -> LinearModel:
    """Return the model that the lines describe.

    Raises:
        ModelError: The format or the version of the features is another, or the digest does not fit.
    """
    body, mark, digest = text.rstrip("\n").rpartition("\ndigest\t")
    if not mark or not text.startswith(FORMAT + "\n"):
        raise ModelError(f"this is no model of format {FORMAT!r}: train it again (make train)")
    if hashlib.sha256(body.encode()).hexdigest() != digest:
        raise ModelError("the digest does not fit the weights: restore the file or train it again")
    head, _, rest = body.partition("\nfeatures\n")
    header = dict(line.split("\t", 1) for line in head.split("\n")[1:] if "\t" in line)
    if header.get("version") != str(features.VERSION):
        raise ModelError(
            f"its features are of version {header.get('version')}, here it is {features.VERSION}: train it again"
        )
    labels = tuple(header["labels"].split())
    rows: dict[str, int] = {}
    numbers: list[list[int]] = []
    for line in rest.split("\n"):
        name, _, values = line.partition("\t")
        rows[name] = len(numbers)
        numbers.append([int(value) for value in values.split()])
    table = np.array(numbers, dtype=np.int64)
    if table.shape != (len(rows), len(labels) + 1):
        raise ModelError("a row has not one number for each label and one for its length")
    return LinearModel(
        language=header["language"],
        labels=labels,
        bias=tuple(int(value) for value in header["bias"].split()),
        scale=float(header["scale"]),
        rows=rows,
        table=table,
        header=header,
        digest=digest,
    )


def seal(body: str) -> str:
    """Return a model's lines with their digest as the last line."""
    return f"{body}\ndigest\t{hashlib.sha256(body.encode()).hexdigest()}\n"


def _powers() -> tuple[float, ...]:
    found = [1.0]
    for _ in range(_STEPS * _FAR):
        found.append(found[-1] * _STEP_DOWN)
    return tuple(found)


_EXP: Final = _powers()


def _shares(logits: Sequence[float]) -> list[float]:
    """Return the softmax by a table of powers (steps of 1/64), the same on every machine."""
    most = max(logits)
    steps = [min(round((most - value) * _STEPS), _STEPS * _FAR) for value in logits]
    powers = [_EXP[step] for step in steps]
    total = sum(powers)
    return [power / total for power in powers]


def concepts_of(word: str, pack: LanguagePack) -> tuple[str, ...]:
    """Return the concepts of a word that is spelled as the pack spells it: exact ones first, then the longest stem's."""
    exact = pack.exact.get(word, ())
    size = len(word)
    for length in pack.stem_lengths:
        if length <= size and (stems := pack.stems.get(word[:length])) is not None:
            return exact + stems
    return exact
