"""Fits the second reader: a small network over windows of five words (`services.router.tracing.windows` runs it).

It stands apart because it is learned by steps, not solved: Adam over batches of texts of about the same length, words and parts
of vectors left out at random, several networks from several seeds whose logits are averaged.

Hazard: sums are in single precision; another machine's library may round them otherwise, and the weights then differ in their
last digits. The same machine with one thread gives the same weights.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy import sparse

from services.router.tracing import features
from services.router.tracing.windows import (
    EDGE,
    LONGEST,
    PIECES,
    SHORTEST,
    WIDTH,
    Denials,
    denied,
)
from training import weights
from training.texts import Text
from training.vectors import Seen

SEEDS: Final[Mapping[str, tuple[int, ...]]] = {"id": (1, 2)}
"""The networks of each language that has them: two small ones of different luck together cost what one of twice the size does."""
SHARE: Final = 0.3
"""What the networks' logits count beside the linear model's margins."""
SECOND: Final = 0.25
"""How much a text counts for its second and third label."""
SMOOTH: Final = 0.04
"""What is spread over all labels, so that no text is learned by heart."""
FEWEST: Final = 6
FEWEST_PIECE: Final = 60
"""Texts that a word, and a piece of a word, must be in."""
VECTOR: Final = 24
FILTERS: Final = 64
EPOCHS: Final = 7
BATCH: Final = 96
RATE: Final = 3e-3
WARM: Final = 50
"""Steps until the full rate."""
LOST_WORDS: Final = 0.1
LOST_VECTOR: Final = 0.1
LOST_POOLED: Final = 0.35
STIR: Final = 0.3
"""How much of the random start is left where words have vectors."""
_SINGLE: Final = np.float32
DENIALS: Final[Mapping[str, Denials]] = {
    "id": Denials(
        frozenset({"tidak", "bukan", "tanpa", "takada", "belum", "jarang"}),
        frozenset({"ada", "yang", "yg", "pernah", "juga", "pun", "satupun", "terlalu", "begitu"}),
        frozenset(
            {
                "rusak", "pecah", "penyok", "sobek", "robek", "bocor", "retak", "patah", "lecet", "cacat", "hancur",
                "remuk", "tumpah", "baret", "gores", "kotor", "luntur", "telat", "lambat", "lamban", "lama", "lemot",
                "molor", "salah", "hilang", "palsu", "nyasar", "error",
            }
        ),
    ),
}  # fmt: skip
"""What a customer denies; "jangan" and "susah" are no denials, "tidak sampai" and "tidak sopan" are troubles."""

UNREAD: Final = np.zeros(0, np.int32)
"""The numbers of a text that the networks are not taught."""

Word = tuple[str, tuple[str, ...]]


def teaches(text: Text) -> bool:
    """Say whether the networks are taught a text; the linear model is taught all."""
    return text.source in weights.NETWORKS


@dataclass(frozen=True, slots=True)
class Alphabet:
    """The features of words (feature -> column), words that were met, and what each is made of (row 0 is no word)."""

    language: str
    columns: Mapping[str, int]
    words: Mapping[Word, int]
    made_of: Any

    def numbered(self, seen: Seen) -> Any:
        """Return the numbers of a text's words."""
        words = seen.words[:LONGEST]
        found = np.array([self.words[one] for one in words], dtype=np.int32)
        if (denials := DENIALS.get(self.language)) is not None:
            found[denied(denials.kind(word, self.language) for word, _ in words)] = 0
        return found

    def for_words_of(self, texts: Sequence[Seen]) -> Alphabet:
        """Return the same features for the words of other texts."""
        met = sorted({one for seen in texts for one in seen.words[:LONGEST]})
        parts = {one: _parts(one, self.language) for one in met}
        return _made_of(self.language, self.columns, parts)


def alphabet(texts: Sequence[Seen], language: str) -> Alphabet:
    """Return what enough texts have."""
    met = Counter(one for seen in texts for one in set(seen.words[:LONGEST]))
    parts = {one: _parts(one, language) for one in sorted(met)}
    seen_in: Counter[str] = Counter()
    for one, (names, pieces) in parts.items():
        for name in {*names, *pieces}:
            seen_in[name] += met[one]
    kept = sorted(
        name
        for name, times in seen_in.items()
        if times >= (FEWEST_PIECE if name.startswith("c:") else FEWEST)
    )
    return _made_of(language, {name: n for n, name in enumerate(kept)}, parts)


def _made_of(
    language: str, columns: Mapping[str, int], parts: Mapping[Word, tuple[list[str], list[str]]]
) -> Alphabet:
    rows: list[int] = []
    places: list[int] = []
    values: list[float] = []
    for row, (names, pieces) in enumerate(parts.values(), start=1):
        found = [columns[name] for name in pieces if name in columns]
        known = [columns[name] for name in names if name in columns]
        rows += [row] * (len(known) + len(found))
        places += known + found
        values += [1.0] * len(known) + [PIECES / max(len(found), 1) ** 0.5] * len(found)
    shape = (len(parts) + 1, len(columns))
    made_of = sparse.csr_matrix((np.array(values, _SINGLE), (rows, places)), shape=shape)
    words = {one: n for n, one in enumerate(parts, start=1)}
    return Alphabet(language, columns, words, made_of)


def _parts(one: Word, language: str) -> tuple[list[str], list[str]]:
    """Return a word's features: its name, stem and concepts; its pieces."""
    word, concepts = one
    pieces = [name for name in features.pieces(word) if len(name) >= SHORTEST + len("c:")]
    return [*features.single(word, language), *("n:" + name for name in concepts)], pieces


@dataclass(frozen=True, slots=True)
class Network:
    """What was learned: vectors by feature, filters, their bias, what each filter says of each label, and its start."""

    vectors: Any
    filters: Any
    bias: Any
    kept: Any
    start: Any


@dataclass(frozen=True, slots=True)
class _Batch:
    """What a batch gave on the way to its logits; the way back needs it."""

    logits: Any
    words: Any
    unique: Any
    back: Any
    lost: Any
    windows: Any
    heard: Any
    early: Any
    best: tuple[Any, Any]
    pooled: Any
    left: Any


def _forward(
    net: Network, made_of: Any, numbers: Sequence[Any], draw: np.random.Generator | None
) -> _Batch:
    sizes = np.array([max(len(one), 1) for one in numbers])
    most = int(sizes.max())
    words = np.zeros((len(numbers), most + 2 * EDGE), np.int32)
    for at, one in enumerate(numbers):
        words[at, EDGE : EDGE + len(one)] = one
    if draw is not None:
        words[draw.random(words.shape) < LOST_WORDS] = 0
    unique, back = np.unique(words, return_inverse=True)
    back = back.reshape(words.shape)
    said = (made_of[unique] @ net.vectors)[back]
    lost: Any = None
    if draw is not None:
        shape = (len(numbers), 1, said.shape[2])
        lost = (draw.random(shape) > LOST_VECTOR).astype(_SINGLE) / _SINGLE(1 - LOST_VECTOR)
        said = said * lost
    windows = np.concatenate([said[:, place : place + most] for place in range(WIDTH)], axis=2)
    windows = windows.reshape(-1, windows.shape[2])
    inside = np.arange(most)[None] < sizes[:, None]
    heard = (windows @ net.filters + net.bias).reshape(len(numbers), most, -1)
    heard = np.maximum(heard, 0) * inside[:, :, None].astype(_SINGLE)
    early = (1 - np.arange(most)[None] / sizes[:, None]).clip(0, 1).astype(_SINGLE) * inside
    later = heard * early[:, :, None]
    best = heard.argmax(axis=1), later.argmax(axis=1)
    row, column = np.arange(len(numbers))[:, None], np.arange(heard.shape[2])[None]
    pooled = np.concatenate([heard[row, best[0], column], later[row, best[1], column]], axis=1)
    left: Any = None
    dropped = pooled
    if draw is not None:
        left = (draw.random(pooled.shape) > LOST_POOLED).astype(_SINGLE) / _SINGLE(1 - LOST_POOLED)
        dropped = pooled * left
    logits = dropped @ net.kept + net.start
    return _Batch(logits, words, unique, back, lost, windows, heard, early, best, pooled, left)


def _backward(net: Network, made_of: Any, seen: _Batch, wrong: Any) -> dict[str, Any]:
    """Return the slope of the loss for each array of the network, from its slope for the logits."""
    count, most, filters = seen.heard.shape
    row, column = np.arange(count)[:, None], np.arange(filters)[None]
    found = {"kept": (seen.pooled * seen.left).T @ wrong, "start": wrong.sum(axis=0)}
    pooled = (wrong @ net.kept.T) * seen.left * (seen.pooled > 0)
    heard = np.zeros_like(seen.heard)
    first, second = seen.best
    heard[row, first, column] += pooled[:, :filters]
    np.add.at(heard, (row, second, column), pooled[:, filters:] * seen.early[row, second])
    heard = heard.reshape(-1, filters)
    touched = np.flatnonzero(heard.any(axis=1))
    found["filters"] = seen.windows[touched].T @ heard[touched]
    found["bias"] = heard[touched].sum(axis=0)
    windows = np.zeros_like(seen.windows)
    windows[touched] = heard[touched] @ net.filters.T
    windows = windows.reshape(count, most, WIDTH, -1)
    said = np.zeros((count, most + 2 * EDGE, windows.shape[3]), _SINGLE)
    for place in range(WIDTH):
        said[:, place : place + most] += windows[:, :, place]
    said *= seen.lost
    size = seen.back.size
    chosen = sparse.csr_matrix(
        (np.ones(size, _SINGLE), seen.back.ravel(), np.arange(size + 1)),
        shape=(size, len(seen.unique)),
    )
    found["vectors"] = made_of[seen.unique].T @ (chosen.T @ said.reshape(size, -1))
    return found


def fit(
    letters: Alphabet,
    numbers: Sequence[Any],
    texts: Sequence[Text],
    labels: Sequence[str],
    chosen: Any,
    seed: int,
    *,
    start: Any = None,
) -> Network:
    """Return a network fitted on the chosen texts; the same seed gives the same network.

    ``start`` are the vectors of the features (`meaning`) from which it starts; None starts from random ones.
    """
    draw = np.random.default_rng(seed)
    rows = np.array(chosen)
    first = np.array([labels.index(text.labels[0]) for text in texts])
    pull = np.array([weights.NETWORKS.get(text.source, 0.0) for text in texts])
    share = np.bincount(first[rows], pull[rows], len(labels))
    counted = pull * ((share.sum() / len(labels) / share) ** 0.5)[first]
    counted = (counted / counted[rows].mean()).astype(_SINGLE)
    wanted = np.zeros((len(texts), len(labels)), _SINGLE)
    for at, text in enumerate(texts):
        for place, label in enumerate(text.labels):
            wanted[at, labels.index(label)] = 1.0 if place == 0 else SECOND
    wanted /= wanted.sum(axis=1, keepdims=True)
    wanted = wanted * (1 - SMOOTH) + SMOOTH / len(labels)
    net = _start(len(letters.columns), len(labels), draw)
    if start is not None:
        net.vectors[...] = start + STIR * net.vectors
    mean = {name: np.zeros_like(getattr(net, name)) for name in Network.__slots__}
    square = {name: np.zeros_like(getattr(net, name)) for name in Network.__slots__}
    sizes = np.array([max(len(one), 1) for one in numbers])
    total = EPOCHS * (len(rows) // BATCH + 1)
    step = 0
    for _ in range(EPOCHS):
        mixed = rows[draw.permutation(len(rows))]
        mixed = mixed[np.argsort((sizes[mixed] + draw.random(len(mixed)) * 8) // 10, kind="stable")]
        batches = [mixed[here : here + BATCH] for here in range(0, len(mixed), BATCH)]
        for number in draw.permutation(len(batches)):
            batch = batches[number]
            seen = _forward(net, letters.made_of, [numbers[row] for row in batch], draw)
            wrong = (_shares(seen.logits) - wanted[batch]) * counted[batch][:, None] / len(batch)
            step += 1
            rate = RATE * max(0.02, 1 - step / total) * min(1.0, step / WARM)
            for name, slope in _backward(net, letters.made_of, seen, wrong).items():
                mean[name] += 0.1 * (slope - mean[name])
                square[name] += 0.02 * (slope * slope - square[name])
                down = np.sqrt(square[name] / (1 - 0.98**step)) + 1e-7
                getattr(net, name)[...] -= (rate / (1 - 0.9**step)) * mean[name] / down
    return net


def _start(names: int, labels: int, draw: np.random.Generator) -> Network:
    width = WIDTH * VECTOR
    return Network(
        draw.normal(0, 0.1, (names, VECTOR)).astype(_SINGLE),
        draw.normal(0, 1.4 / width**0.5, (width, FILTERS)).astype(_SINGLE),
        np.zeros(FILTERS, _SINGLE),
        draw.normal(0, 0.1, (2 * FILTERS, labels)).astype(_SINGLE),
        np.zeros(labels, _SINGLE),
    )


def _shares(logits: Any) -> Any:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def logits(nets: Sequence[Network], letters: Alphabet, numbers: Sequence[Any]) -> Any:
    """Return what the networks say of each text, averaged, and so moved that a text's logits add up to 0."""
    found = np.zeros((len(numbers), len(nets[0].start)))
    order = np.argsort([len(one) for one in numbers], kind="stable")
    for here in range(0, len(order), BATCH):
        batch = order[here : here + BATCH]
        for net in nets:
            seen = _forward(net, letters.made_of, [numbers[row] for row in batch], None)
            found[batch] += seen.logits / len(nets)
    return found - found.mean(axis=1, keepdims=True)
