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

FORMAT: Final = "akar-symptom-model 1"
_REMEMBERED: Final = 50_000
_STEPS: Final = 64
"""Steps of the exponential's table for each unit."""
_FAR: Final = 24
_STEP_DOWN: Final = 0.984496437005408409
"""exp(-1/64)."""

Row = npt.NDArray[np.int64]
_NOTHING: Final[Mapping[str, int]] = {}


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
    near: Mapping[str, Mapping[str, int]]
    """Rows of stems next to each other: first -> second -> row."""
    skipped: Mapping[str, Mapping[str, int]]
    """Rows of stems with one word between them."""
    before: Mapping[str, Mapping[str, int]]
    """Rows of concepts, one before the other."""
    _words: dict[str, tuple[Row, str]] = field(default_factory=dict, compare=False)

    def probabilities(
        self, words: Sequence[str], places: Sequence[tuple[str, ...]], weights: Mapping[str, float]
    ) -> list[float]:
        """Return the probability of each label; they add up to 1 but for rounding in the last place.

        ``words`` are spelled, ``places`` their concepts, ``weights`` what the pack's cues say by symptom.
        """
        width = len(self.labels) + 1
        both, stems = self._single(words)
        opening = [self.rows.get(name) for name in features.first(stems)]
        logits = [float(value) for value in self.bias]
        for summed in (
            both[:width],
            both[width:],
            self._sum(self._pairs(stems)),
            self._sum(self._concepts(places)),
            self._sum([row for row in opening if row is not None]),
        ):
            values = summed.tolist()
            length = values.pop()
            if length:
                factor = sqrt(length / 1000.0)
                logits = [one + value / factor for one, value in zip(logits, values, strict=True)]
        said = np.zeros(width, dtype=np.int64)
        for name, times in features.cues(weights, self.labels):
            row = self.rows.get(name)
            if row is not None:
                said += self.table[row] * times
        values = said.tolist()[:-1]
        logits = [one + value / 50.0 for one, value in zip(logits, values, strict=True)]
        return _shares([value / self.scale for value in logits])

    def _single(self, words: Sequence[str]) -> tuple[Row, list[str]]:
        """Add up what each word contributes by itself (pieces, then word and stem); return also the stems."""
        known = self._words
        if len(known) > _REMEMBERED:
            known.clear()
        stems: list[str] = []
        both: Row = np.zeros(2 * (len(self.labels) + 1), dtype=np.int64)
        for word in words:
            entry = known.get(word)
            if entry is None:
                entry = known[word] = self._look_up(word)
            both += entry[0]
            stems.append(entry[1])
        return both, stems

    def _look_up(self, word: str) -> tuple[Row, str]:
        rows = self.rows
        parts = [
            self._sum([row for name in names if (row := rows.get(name)) is not None])
            for names in (features.pieces(word), features.single(word, self.language))
        ]
        return np.concatenate(parts), features.stem(word, self.language)

    def _pairs(self, stems: Sequence[str]) -> list[int]:
        """Return the rows of `features.pairs`, without making their names."""
        found: list[int] = []
        for position, stem in enumerate(stems):
            for gap, table in ((1, self.near), (2, self.skipped)):
                if position + gap < len(stems):
                    row = table.get(stem, _NOTHING).get(stems[position + gap])
                    if row is not None:
                        found.append(row)
        return found

    def _concepts(self, places: Sequence[tuple[str, ...]]) -> list[int]:
        """Return the rows of `features.concepts`, without making their names."""
        found: set[int] = set()
        rows, before = self.rows, self.before
        for position, here in enumerate(places):
            if not here:
                continue
            ahead = [
                one
                for there in places[position + 1 : position + 1 + features.REACH]
                for one in there
            ]
            for other in here:
                alone = rows.get("n:" + other)
                if alone is not None:
                    found.add(alone)
                later = before.get(other)
                if later is not None:
                    for one in ahead:
                        row = later.get(one)
                        if row is not None:
                            found.add(row)
        return list(found)

    def _sum(self, found: Sequence[int]) -> Row:
        if not found:
            return np.zeros(len(self.labels) + 1, dtype=np.int64)
        summed: Row = np.add.reduce(self.table.take(found, axis=0), axis=0)
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
    near, skipped, before = (
        _nested(rows, "b:", " "),
        _nested(rows, "k:", " "),
        _nested(rows, "n:", ">"),
    )
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
        near=near,
        skipped=skipped,
        before=before,
    )


def _nested(rows: Mapping[str, int], kind: str, between: str) -> dict[str, dict[str, int]]:
    """Return the rows of one kind of pairs as first -> second -> row."""
    found: dict[str, dict[str, int]] = {}
    for name, row in rows.items():
        if name.startswith(kind) and between in name:
            first, second = name[len(kind) :].split(between)
            found.setdefault(first, {})[second] = row
    return found


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
