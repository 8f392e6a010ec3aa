"""The linear model over the features of a text: whole numbers in a table, added up.

It stands apart so that what is learned is data: `parse` reads a model's lines, nothing is unpickled. Weights are whole
numbers, so that sums are the same on every machine in every order; what follows them (one division and one root for each
block, a table of powers) is IEEE arithmetic that is rounded the same everywhere. No BLAS.

Hazard: what a word contributes is remembered up to `_REMEMBERED` words; that is speed only and changes no result.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import fsum
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from services.router.tracing import features
from services.router.tracing.windows import Windows, WindowsError, read

FORMAT: Final = "akar-symptom-model 1"
_REMEMBERED: Final = 50_000
_AT_ONCE: Final = 32
"""Texts added up at once,"""
_WORDS_AT_ONCE: Final = 4_000
"""and their words together, but for a text that has more by itself: a row of a quarter of a kilobyte for each."""
_STEPS: Final = 64
"""Steps of the exponential's table for each unit."""
_FAR: Final = 24
_STEP_DOWN: Final = 0.984496437005408409
"""exp(-1/64)."""

Row = npt.NDArray[np.int64]
_NOTHING: Final[Mapping[str, int]] = {}
_Known = tuple[int, str, Mapping[str, int], Mapping[str, int]]
"""What is known of a word: the row of what it contributes by itself, its stem, the rows of the stem with the next and the
one after."""


class Text(NamedTuple):
    """What a model reads of a text: spelled words, the concepts of each, what the pack's cues say by symptom."""

    words: Sequence[str]
    places: Sequence[tuple[str, ...]]
    weights: Mapping[str, float]


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
    _words: dict[str, _Known] = field(default_factory=dict, init=False, compare=False)
    _bias: npt.NDArray[np.float64] = field(init=False, compare=False)
    _said: Row = field(init=False, compare=False)
    """What each known word contributes by itself: its pieces, word and stem, the squared lengths of both; the first row is
    nothing."""
    _met: dict[tuple[tuple[str, ...], tuple[str, ...]], tuple[int, ...]] = field(
        default_factory=dict, init=False, compare=False
    )

    def __post_init__(self) -> None:
        """Make room for words; memory is taken only as they come."""
        width = 2 * (len(self.labels) + 1)
        object.__setattr__(self, "_bias", np.array(self.bias, dtype=np.float64))
        object.__setattr__(self, "_said", np.zeros((_REMEMBERED + 1, width), dtype=np.int64))

    def probabilities(self, texts: Sequence[Text]) -> list[list[float]]:
        """Return the probability of each label for each text; a text's add up to 1 but for rounding in the last place.

        Many texts at once take half the time that each by itself would, and give the same.
        """
        found: list[list[float]] = []
        for some in _some(texts):
            found += self._together(some)
        return found

    def _together(self, texts: Sequence[Text]) -> list[list[float]]:
        """Add up the blocks of some texts in one table each: what single words say, and everything else."""
        if sum([len(text.words) for text in texts]) + len(self._words) > _REMEMBERED:
            self._words.clear()
        said: list[int] = []
        said_counts: list[int] = []
        said_starts: list[int] = []
        rows: list[int] = []
        counts: list[int] = []
        starts: list[int] = []
        get, nothing, known = self.rows.get, len(self.table) - 1, self._words
        for words, places, weights in texts:
            early = _early(len(words), self.early)
            entries = [known.get(word) or self._look_up(word) for word in words]
            # The row of nothing opens each block, so that none is empty.
            said_starts.append(len(said))
            said += [0, *[entry[0] for entry in entries]]
            said_counts += [0, *early[:-1]]
            starts.append(len(rows))
            self._pairs(entries, early, rows, counts)
            starts.append(len(rows))
            met = self._concepts(places)
            rows += [nothing, *met]
            counts += [0, *[early[place] for place in met.values()]]
            starts.append(len(rows))
            stems = [entry[1] for entry in entries[: features.OPENING]]
            opening = [row for name in features.first(stems) if (row := get(name)) is not None]
            rows += [nothing, *opening]
            counts += [features.EVENLY] * (1 + len(opening))
            starts.append(len(rows))
            rows.append(nothing)
            counts.append(0)
            for name, times in features.cues(weights, self.labels):
                if (row := get(name)) is not None:
                    rows.append(row)
                    counts.append(times)
        many, width = len(texts), len(self.labels)
        blocks = _added(self.table, rows, counts, starts, 1).reshape(many, -1, width + 1)
        single = _added(self._said, said, said_counts, said_starts, 2)
        apart = _evened(blocks[:, :3, :width], blocks[:, :3, width:])
        alone = _evened(single[:, :-2].reshape(many, 2, width), single[:, -2:, None])
        logits = self._bias + apart[:, 0]
        for block in (apart[:, 1], apart[:, 2], alone[:, 0], alone[:, 1]):
            logits += block
        logits += blocks[:, 3, :width] / 50.0
        logits /= self.scale
        if self.windows is not None:
            logits += self.windows.logits(texts)
        return _shares(logits)

    def _look_up(self, word: str) -> _Known:
        rows = self.rows
        place = len(self._words) + 1
        pieces, whole = (
            self._sum([row for name in names if (row := rows.get(name)) is not None])
            for names in (features.pieces(word), features.single(word, self.language))
        )
        self._said[place] = [*pieces[:-1], *whole[:-1], pieces[-1], whole[-1]]
        stem = features.stem(word, self.language)
        tables = self.near.get(stem, _NOTHING), self.skipped.get(stem, _NOTHING)
        entry = self._words[word] = (place, stem, *tables)
        return entry

    def _pairs(
        self, known: Sequence[_Known], early: Sequence[int], rows: list[int], counts: list[int]
    ) -> None:
        """Append the rows of `features.pairs` and what their first words count, without making their names."""
        rows.append(len(self.table) - 1)
        counts.append(0)
        last = after = ""
        for place in range(len(known) - 1, -1, -1):
            _, stem, near, skipped = known[place]
            if last in near:
                rows.append(near[last])
                counts.append(early[place])
            if after in skipped:
                rows.append(skipped[after])
                counts.append(early[place])
            last, after = stem, last

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


_early = lru_cache(maxsize=512)(features.early)


def _some(texts: Sequence[Text]) -> Iterator[Sequence[Text]]:
    """Yield the texts a few at a time."""
    begin = count = 0
    for at, text in enumerate(texts):
        count += len(text.words)
        if at > begin and (at - begin == _AT_ONCE or count > min(_WORDS_AT_ONCE, _REMEMBERED)):
            yield texts[begin:at]
            begin, count = at, len(text.words)
    if texts:
        yield texts[begin:]


def _added(
    table: Row, rows: Sequence[int], counts: Sequence[int], starts: Sequence[int], lengths: int
) -> Row:
    """Return the sums of some rows, each as often as it counts, one for each block that starts.

    The last columns, so many squared lengths, do not depend on what a row counts.
    """
    taken = table.take(rows, axis=0)
    taken[:, :-lengths] *= np.array(counts, dtype=np.int64)[:, None]
    summed: Row = np.add.reduceat(taken, starts, axis=0)
    return summed


def _evened(values: Row, length: Row) -> npt.NDArray[np.float64]:
    """Return sums as if each block had length 1; one without any feature has none, and says nothing."""
    evened: npt.NDArray[np.float64] = values / (
        np.sqrt(np.maximum(length, 1) / 1000.0) * features.EVENLY
    )
    return evened


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


_EXP: Final = np.array(_powers())


def _shares(logits: npt.NDArray[np.float64]) -> list[list[float]]:
    """Return the softmax of each row by a table of powers (steps of 1/64), the same on every machine."""
    below = np.rint((logits.max(axis=1, keepdims=True) - logits) * _STEPS)
    powers = _EXP.take(np.minimum(below, _STEPS * _FAR).astype(np.int64))
    # How a sum is rounded on the way differs between versions of Python and of numpy; this one is exact.
    totals = np.array([fsum(row) for row in powers.tolist()])
    shares: list[list[float]] = (powers / totals[:, None]).tolist()
    return shares
