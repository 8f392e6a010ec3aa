"""Vectors of words from texts without labels: words that stand among the same words get about the same vector.

It stands apart because it learns nothing about symptoms: it counts which words stand near each other in thousands of texts and
brings the counts down to a few dimensions. The network over windows starts from them instead of from nothing, so that "penyok"
helps "peyok" before either was labelled.

Hazard: without the public reviews (`unlabelled`) the network starts from random numbers, and reads a little worse.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import cg
from sklearn.utils.extmath import randomized_svd

FEWEST: Final = 5
"""Times that a word must be met."""
MOST: Final = 20_000
"""Words; the most frequent ones."""
REACH: Final = 4
"""Words on each side that count, each the less the farther it is."""
EVEN: Final = 0.75
"""Power of a neighbour's frequency: below 1 rare neighbours say less than their surprise."""
SURE: Final = 200
"""Times from which a word's vector is taken at its full word."""
STIFF: Final = 0.05
"""What keeps the parts of words from making up what they do not know."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """A vector of length 1 for each word, and how often it was met."""

    rows: Mapping[str, int]
    times: Any
    vectors: Any

    def start(self, words: Mapping[tuple[str, tuple[str, ...]], int], made_of: Any) -> Any:
        """Return vectors of the features that words are made of (feature, dimension), such that a word's add up to its own.

        ``words`` are rows of ``made_of``. A word that was not met gets its vector from the parts that it shares with others.
        """
        met = [
            (row, at) for (word, _), row in words.items() if (at := self.rows.get(word)) is not None
        ]
        places = [at for _, at in met]
        trust = sparse.diags(np.sqrt(np.minimum(self.times[places], SURE) / SURE))
        parts = trust @ made_of[[row for row, _ in met]].astype(float)
        wanted = parts.T @ (trust @ self.vectors[places])
        square = (parts.T @ parts + STIFF * sparse.eye(parts.shape[1])).tocsr()
        found = [cg(square, column, rtol=1e-3, maxiter=60)[0] for column in wanted.T]
        return np.array(found, dtype=np.float32).T


def learn(texts: Sequence[Sequence[str]], size: int) -> Meaning:
    """Return vectors of ``size`` numbers for the frequent words of these texts (each a list of spelled words)."""
    times = Counter(word for text in texts for word in text)
    kept = sorted((word for word, n in times.items() if n >= FEWEST), key=lambda w: (-times[w], w))
    rows = {word: row for row, word in enumerate(kept[:MOST])}
    apart = [-1] * REACH
    flat = np.array([row for text in texts for row in [*(rows.get(w, -1) for w in text), *apart]])
    count = len(rows)
    near = sparse.csr_matrix((count, count))
    for distance in range(1, REACH + 1):
        here, there = flat[:-distance], flat[distance:]
        known = (here >= 0) & (there >= 0)
        values = np.full(int(known.sum()), 1.0 / distance)
        pairs = sparse.coo_matrix(
            (values, (here[known], there[known])), shape=(count, count)
        ).tocsr()
        near = near + pairs + pairs.T
    often = np.asarray(near.sum(axis=1)).ravel()
    even = often**EVEN
    cells = near.tocoo()
    surprise = np.log(cells.data * even.sum() / (often[cells.row] * even[cells.col]))
    positive = surprise > 0
    table = sparse.csr_matrix(
        (surprise[positive], (cells.row[positive], cells.col[positive])), shape=(count, count)
    )
    left, strength, _ = randomized_svd(table, size, n_iter=4, random_state=0)
    vectors = left * strength**0.5
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return Meaning(rows, np.array([times[word] for word in rows]), vectors)
