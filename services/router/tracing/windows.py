"""The second reader of a text: a small network over windows of five words.

It stands apart from `linear` because it sees what a sum over words cannot: which words stand together ("malah dibatalkan"), the
strongest place in a long text, and what comes early. Each word is a vector, a window is the sum of what its five words say to
each filter, and of each filter the best window counts twice: as it is, and the less the later it comes.

A trouble that the text denies ("tidak pecah") is no word at all here: a network that is shown thousands of troubles and a few
denials does not learn them.

All is whole numbers, so that the result is the same on every machine: products of whole numbers below 2**53 are exact in
floating point in any order, whichever library adds them up.

Hazard: what a word says is remembered up to `_REMEMBERED` words (a few kilobytes each); that is speed only and changes no result.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from math import sqrt
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from services.router.tracing import features

LONGEST: Final = 90
"""Words read; what comes later is left to the linear model."""
WIDTH: Final = 5
"""Words of a window; the middle one is its place."""
EDGE: Final = WIDTH // 2
PIECES: Final = 0.7
"""How much a word's pieces count beside its name, its stem and its concepts, together and whatever their number."""
SHORTEST: Final = 3
"""Letters of the shortest piece that a word's vector is made of."""
VECTOR_UNITS: Final = 256
FILTER_UNITS: Final = 256
LOUDEST: Final = 25 * FILTER_UNITS
"""What one word may say to one filter: five of these still fit into 16 bits."""
_REMEMBERED: Final = 8_192

Whole = npt.NDArray[np.float64]
"""Whole numbers in floating point."""


_NO_WORDS: Final = (0,) * EDGE


@lru_cache(maxsize=LONGEST)
def _falling(count: int) -> npt.NDArray[np.int32]:
    """Return ``count`` down to 1, one below the other."""
    return np.arange(count, 0, -1, dtype=np.int32)[:, None]


class Spoken(Protocol):
    """A text as the network sees it."""

    @property
    def words(self) -> Sequence[str]:
        """Spelled words."""
        ...

    @property
    def places(self) -> Sequence[tuple[str, ...]]:
        """The concepts of each word."""
        ...


class WindowsError(ValueError):
    """The lines of a network cannot be used; the message says why."""


_DENIES: Final = 1
_BETWEEN: Final = 2
_DENIABLE: Final = 3
_DENIED: Final = re.compile(rb"\x01[\x01\x02]*\x03")
"""Kinds of words in a row: one that denies, any between, a trouble."""


@dataclass(frozen=True, slots=True)
class Denials:
    """Words that deny ("tidak"), words that may stand between ("ada", "yang"), and the stems of troubles that can be denied."""

    deny: frozenset[str]
    between: frozenset[str]
    stems: frozenset[str]

    def kind(self, word: str, language: str) -> int:
        """Return what a spelled word is here; 0 is none of the three."""
        if word in self.deny:
            return _DENIES
        if word in self.between:
            return _BETWEEN
        return _DENIABLE if features.stem(word, language) in self.stems else 0


def denied(kinds: Iterable[int]) -> list[int]:
    """Return the places of the words that are denied, from each word's kind."""
    return [found.end() - 1 for found in _DENIED.finditer(bytes(kinds))]


@dataclass(frozen=True, slots=True)
class Windows:
    """One language's network.

    ``vectors`` has one row for each feature of ``rows``; ``filters`` is (vector, place in the window x filter), ``bias`` by
    filter; ``kept`` is (2 x filter, label), for the best window and for the best one when early ones count more.
    """

    language: str
    rows: Mapping[str, int]
    vectors: npt.NDArray[np.int64]
    filters: Whole
    bias: npt.NDArray[np.int16]
    kept: Whole
    start: Whole
    scale: float
    denials: Denials | None
    _known: dict[tuple[str, tuple[str, ...]], int] = field(
        default_factory=dict, init=False, compare=False
    )
    _said: npt.NDArray[np.int16] = field(init=False, compare=False)
    """What a word (its row in ``_known``) says in each place of a window to each filter, with the bias in the first."""
    _kinds: bytearray = field(init=False, compare=False)
    """What a word (its row) is to `Denials`."""
    _denying: set[int] = field(default_factory=set, init=False, compare=False)
    """Rows of the words that deny."""

    def __post_init__(self) -> None:
        """Make room for words; memory is taken only as they come."""
        room = np.zeros((_REMEMBERED + 1, WIDTH, len(self.bias)), dtype=np.int16)
        # A window has one word, or none, in its first place: the bias is said there.
        room[0, 0] = self.bias
        object.__setattr__(self, "_said", room)
        object.__setattr__(self, "_kinds", bytearray(len(room)))

    def logits(self, texts: Sequence[Spoken]) -> Whole:
        """Return what the network adds to each label's logit: (text, label)."""
        added: Whole = np.zeros((len(texts), self.kept.shape[1]))
        spoken = [number for number, text in enumerate(texts) if text.words]
        if not spoken:
            return added
        if len(self._known) + sum([min(len(text.words), LONGEST) for text in texts]) > _REMEMBERED:
            self._known.clear()
            self._denying.clear()
        # Between two texts lie as many words that are none as a window could reach beyond its text.
        rows = [*_NO_WORDS]
        counts: list[int] = []
        for number in spoken:
            found = self._found(texts[number])
            counts.append(len(found))
            rows += found
            rows += _NO_WORDS
        said = self._said.take(rows, axis=0)
        count = len(rows) - 2 * EDGE
        heard = said[:count, 0] + said[1 : count + 1, 1]
        for place in range(2, WIDTH):
            heard += said[place : place + count, place]
        pooled = np.empty((len(spoken), 2, heard.shape[1]))
        begin = 0
        for number, size in enumerate(counts):
            here = heard[begin : begin + size]
            here.max(axis=0, out=pooled[number, 0])
            pooled[number, 1] = (here * _falling(size)).max(axis=0) // size
            begin += size + EDGE
        # What no window says enough of is silent: below 0 here is below 0 in every place.
        summed = np.maximum(pooled, 0).reshape(len(spoken), -1) @ self.kept + self.start
        added[spoken] = summed / self.scale
        return added

    def _found(self, text: Spoken) -> list[int]:
        """Return the rows of a text's words; a trouble that it denies is none."""
        known = self._known
        met = list(zip(text.words[:LONGEST], text.places, strict=False))
        found = [known[one] if one in known else self._learn(one) for one in met]
        if not self._denying.isdisjoint(found):
            for place in denied(map(self._kinds.__getitem__, found)):
                found[place] = 0
        return found

    def _learn(self, one: tuple[str, tuple[str, ...]]) -> int:
        """Work out what a word says, and return its row."""
        word, concepts = one
        names = [*features.single(word, self.language), *("n:" + name for name in concepts)]
        get = self.rows.get
        vector = self._sum([row for name in names if (row := get(name)) is not None])
        pieces = [row for name in features.pieces(word) if (row := get(name)) is not None]
        if pieces:
            vector += np.rint(self._sum(pieces) * (PIECES / sqrt(len(pieces))))
        said = np.rint((vector @ self.filters) / VECTOR_UNITS)
        row = len(self._known) + 1
        self._known[one] = row
        if self.denials is not None:
            kind = self._kinds[row] = self.denials.kind(word, self.language)
            if kind == _DENIES:
                self._denying.add(row)
        self._said[row] = np.clip(said, -LOUDEST, LOUDEST).reshape(WIDTH, -1)
        self._said[row, 0] += self.bias
        return row

    def _sum(self, rows: Sequence[int]) -> Whole:
        summed: Whole = self.vectors[list(rows)].sum(axis=0).astype(np.float64)
        return summed


def read(lines: Sequence[str], language: str, labels: int) -> Windows:
    """Return the network that a model's lines after its features describe.

    Raises:
        WindowsError: The numbers are not as many as there should be.
    """
    lines, denials = _denials(lines)
    try:
        parts = [lines.index(name) for name in ("bias", "filters", "kept", "start", "scale")]
    except ValueError as error:
        raise WindowsError(f"a part of the windows is missing: {error}") from error
    bias, filters, kept, start, scale = (
        lines[here + 1 : there] for here, there in zip(parts, [*parts[1:], len(lines)], strict=True)
    )
    names, numbers = [], []
    for line in lines[: parts[0]]:
        name, _, values = line.partition("\t")
        names.append(name)
        numbers.append(values)
    width = len(bias[0].split())
    size = len(numbers[0].split())
    return Windows(
        language=language,
        rows={name: row for row, name in enumerate(names)},
        vectors=_table(numbers, size).astype(np.int64),
        filters=_table(filters, WIDTH * width),
        bias=_table(bias, width)[0].astype(np.int16),
        kept=_table(kept, labels),
        start=_table(start, labels)[0],
        scale=float(scale[0]),
        denials=denials,
    )


def _denials(lines: Sequence[str]) -> tuple[Sequence[str], Denials | None]:
    """Return the lines before the last part, and that part: the denials, where the network has them."""
    if "denials" not in lines:
        return lines, None
    at = lines.index("denials")
    if len(lines) != at + 1 + len(fields(Denials)):
        raise WindowsError("a line of the denials is missing")
    return lines[:at], Denials(*(frozenset(line.split()) for line in lines[at + 1 :]))


def _table(lines: Sequence[str], width: int) -> Whole:
    numbers = np.fromstring(" ".join(lines), dtype=np.int64, sep=" ")
    if width == 0 or numbers.size != width * len(lines):
        raise WindowsError(f"a row of the windows has not {width} numbers")
    return numbers.reshape(len(lines), width).astype(np.float64)
