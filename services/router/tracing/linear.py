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
from functools import lru_cache
from math import sqrt
from typing import Final

import numpy as np
import numpy.typing as npt

from services.router.tracing import features
from services.router.tracing.windows import Windows, WindowsError, read

FORMAT: Final = "akar-symptom-model 1"
_REMEMBERED: Final = 50_000
_STEPS: Final = 64
"""Steps of the exponential's table for each unit."""
_FAR: Final = 24
_STEP_DOWN: Final = 0.984496437005408409
"""exp(-1/64)."""

Row = npt.NDArray[np.int64]
_NOTHING: Final[Mapping[str, int]] = {}
_Known = tuple[Row, str, Mapping[str, int], Mapping[str, int]]
"""What is known of a word: what it contributes by itself, its stem, the rows of the stem with the next and the one after."""


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
    early: int
    """Hundredths by which the first words count more, and the last ones less."""
    windows: Windows | None
    """The second reader, where the language has one; it adds to the logits."""
    _words: dict[str, _Known] = field(default_factory=dict, compare=False)
    _met: dict[tuple[tuple[str, ...], tuple[str, ...]], tuple[int, ...]] = field(
        default_factory=dict, compare=False
    )

    def probabilities(
        self, words: Sequence[str], places: Sequence[tuple[str, ...]], weights: Mapping[str, float]
    ) -> list[float]:
        """Return the probability of each label; they add up to 1 but for rounding in the last place.

        ``words`` are spelled, ``places`` their concepts, ``weights`` what the pack's cues say by symptom.
        """
        width = len(self.labels) + 1
        nothing = len(self.table) - 1
        count = len(words)
        early = _early(count, self.early)
        both, known = self._single(words, early)
        get = self.rows.get
        # What has no place, and the row of nothing that opens each block, count evenly: place ``count``.
        found, places_ = self._pairs(known)
        starts = [0, len(found)]
        met = self._concepts(places)
        found += [nothing, *met]
        places_ += [count, *met.values()]
        starts.append(len(found))
        stems = [one[1] for one in known[: features.OPENING]]
        opening = [row for name in features.first(stems) if (row := get(name)) is not None]
        found += [nothing, *opening]
        places_ += [count] * (1 + len(opening))
        taken = self.table.take(found, axis=0)
        taken[:, :-1] *= early.take(places_)[:, None]
        summed = np.add.reduceat(taken, starts, axis=0).tolist()
        summed.append(both[:width].tolist())
        summed.append(both[width:].tolist())
        said = [
            (row, times)
            for name, times in features.cues(weights, self.labels)
            if (row := get(name)) is not None
        ]
        logits = [float(value) for value in self.bias]
        for values in summed:
            length = values.pop()
            if length:
                factor = sqrt(length / 1000.0) * features.EVENLY
                logits = [one + value / factor for one, value in zip(logits, values, strict=True)]
        if said:
            times = np.array([times for _, times in said], dtype=np.int64)[:, None]
            values = (
                (self.table.take([row for row, _ in said], axis=0) * times).sum(axis=0).tolist()
            )
            values.pop()
            logits = [one + value / 50.0 for one, value in zip(logits, values, strict=True)]
        logits = [value / self.scale for value in logits]
        if self.windows is not None:
            more = self.windows.logits(words, places)
            logits = [one + other for one, other in zip(logits, more, strict=True)]
        return _shares(logits)

    def _single(self, words: Sequence[str], early: Row) -> tuple[Row, list[_Known]]:
        """Add up what each word contributes by itself (pieces, then word and stem); return also what is known of each."""
        known = self._words
        if len(known) > _REMEMBERED:
            known.clear()
        width = len(self.labels) + 1
        if not words:
            return np.zeros(2 * width, dtype=np.int64), []
        entries = [known.get(word) or self._look_up(word) for word in words]
        said = np.array([entry[0] for entry in entries])
        both: Row = early[:-1] @ said
        # A block's squared length (its last column) does not depend on places.
        both[width - 1 :: width] = said[:, width - 1 :: width].sum(axis=0)
        return both, entries

    def _look_up(self, word: str) -> _Known:
        rows = self.rows
        parts = [
            self._sum([row for name in names if (row := rows.get(name)) is not None])
            for names in (features.pieces(word), features.single(word, self.language))
        ]
        stem = features.stem(word, self.language)
        tables = self.near.get(stem, _NOTHING), self.skipped.get(stem, _NOTHING)
        entry = self._words[word] = (np.concatenate(parts), stem, *tables)
        return entry

    def _pairs(self, known: Sequence[_Known]) -> tuple[list[int], list[int]]:
        """Return the rows of `features.pairs` and the places of their first words, without making their names."""
        found = [len(self.table) - 1]
        places = [len(known)]
        last = after = ""
        for place in range(len(known) - 1, -1, -1):
            _, stem, near, skipped = known[place]
            if last in near:
                found.append(near[last])
                places.append(place)
            if after in skipped:
                found.append(skipped[after])
                places.append(place)
            last, after = stem, last
        return found, places

    def _concepts(self, places: Sequence[tuple[str, ...]]) -> dict[int, int]:
        """Return the rows of `features.concepts` and their first places, without making their names."""
        found: dict[int, int] = {}
        met = self._met
        if len(met) > _REMEMBERED:
            met.clear()
        for position, here in enumerate(places):
            if not here:
                continue
            rows = met.get((here, ()))
            if rows is None:
                rows = met[here, ()] = self._meet(here, ())
            for row in rows:
                found.setdefault(row, position)
            for there in places[position + 1 : position + 1 + features.REACH]:
                if there:
                    rows = met.get((here, there))
                    if rows is None:
                        rows = met[here, there] = self._meet(here, there)
                    for row in rows:
                        found.setdefault(row, position)
        return found

    def _meet(self, here: tuple[str, ...], there: tuple[str, ...]) -> tuple[int, ...]:
        """Return the rows of one word's concepts (``there`` empty), or of their pairs with a later word's."""
        if not there:
            return tuple(row for one in here if (row := self.rows.get("n:" + one)) is not None)
        return tuple(
            row
            for other in here
            for one in there
            if one != other and (row := self.before.get(other, _NOTHING).get(one)) is not None
        )

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
    rest, _, more = rest.partition("\nwindows\n")
    header = dict(line.split("\t", 1) for line in head.split("\n")[1:] if "\t" in line)
    if header.get("version") != str(features.VERSION):
        raise ModelError(
            f"its features are of version {header.get('version')}, here it is {features.VERSION}: train it again"
        )
    labels = tuple(header["labels"].split())
    rows: dict[str, int] = {}
    numbers: list[str] = []
    for line in rest.split("\n"):
        name, _, values = line.partition("\t")
        rows[name] = len(numbers)
        numbers.append(values)
    # All at once: a model has a million numbers, and every process reads one when it starts.
    table: Row = np.fromstring(" ".join(numbers), dtype=np.int64, sep=" ")
    if table.size != len(rows) * (len(labels) + 1):
        raise ModelError("a row has not one number for each label and one for its length")
    table = table.reshape(len(rows), len(labels) + 1)
    near, skipped, before = (
        _nested(rows, "b:", " "),
        _nested(rows, "k:", " "),
        _nested(rows, "n:", ">"),
    )
    # The last row is nothing at all: it opens each block, so that none is empty.
    table = np.vstack([table, np.zeros((1, table.shape[1]), dtype=np.int64)])
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
        early=int(header.get("early", "0")),
        windows=_windows(more, header["language"], len(labels)),
    )


def _windows(lines: str, language: str, labels: int) -> Windows | None:
    try:
        return read(lines.split("\n"), language, labels) if lines else None
    except WindowsError as error:
        raise ModelError(f"{error}: restore the file or train it again") from error


@lru_cache(maxsize=512)
def _early(count: int, more: int) -> Row:
    return np.array(features.early(count, more), dtype=np.int64)


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
    powers = [_EXP[min(round((most - value) * _STEPS), _STEPS * _FAR)] for value in logits]
    total = sum(powers)
    return [power / total for power in powers]
