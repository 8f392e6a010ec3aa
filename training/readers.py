"""Both readers of one language, fitted together: the linear model, and the networks where the language has them.

It stands apart because judging and the final fit must do the very same: features of a set of texts once, then fits on some of them.

Hazard: a language's vocabulary is of all texts that are given, so texts that are held out must not be among them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from training import fit, vectors, windows
from training.meaning import Meaning
from training.texts import Text


@dataclass(frozen=True, slots=True)
class Learned:
    """What was fitted on some of the texts."""

    readers: Readers
    fitted: fit.Fitted
    networks: tuple[windows.Network, ...]

    def margins(self, rows: Any) -> Any:
        """Return the margins of some of the readers' own texts."""
        readers = self.readers
        found = self.fitted.margins(readers.matrix[rows])
        if readers.letters is not None:
            numbers = [readers.numbers[row] for row in rows]
            found += windows.SHARE * windows.logits(self.networks, readers.letters, numbers)
        return found

    def of_texts(self, seen: Sequence[vectors.Seen]) -> Any:
        """Return the margins of other texts."""
        readers = self.readers
        found = self.fitted.margins(readers.words.matrix(seen))
        if readers.letters is not None:
            letters = readers.letters.for_words_of(seen)
            numbers = [letters.numbered(one) for one in seen]
            found += windows.SHARE * windows.logits(self.networks, letters, numbers)
        return found


@dataclass(frozen=True, slots=True)
class Readers:
    """Texts of one language as both readers see them."""

    language: str
    labels: Sequence[str]
    texts: Sequence[Text]
    words: vectors.Vocabulary
    matrix: Any
    letters: windows.Alphabet | None
    numbers: Sequence[Any]
    """The words of each text as the networks see them; none where they are not taught it."""
    start: Any
    """Vectors that the networks start from, or None."""

    @classmethod
    def of(
        cls,
        seen: Sequence[vectors.Seen],
        texts: Sequence[Text],
        language: str,
        labels: Sequence[str],
        words_mean: Meaning | None,
    ) -> Readers:
        """Return the readers of these texts, with nothing learned yet."""
        words = vectors.vocabulary(seen, language)
        letters, numbers = None, []
        if language in windows.SEEDS:
            taught = [
                one if windows.teaches(text) else None
                for one, text in zip(seen, texts, strict=True)
            ]
            letters = windows.alphabet([one for one in taught if one], language)
            numbers = [letters.numbered(one) if one else windows.UNREAD for one in taught]
        start = None
        if letters is not None and words_mean is not None:
            start = words_mean.start(letters.words, letters.made_of)
        return cls(language, labels, texts, words, words.matrix(seen), letters, numbers, start)

    def learn(self, rows: Any) -> Learned:
        """Fit on these rows."""
        chosen = np.array(rows)
        fitted = fit.fit(self.matrix, self.texts, self.labels, chosen, self.language)
        networks: tuple[windows.Network, ...] = ()
        if self.letters is not None:
            taught = np.array([row for row in rows if windows.teaches(self.texts[row])])
            networks = tuple(
                windows.fit(
                    self.letters,
                    self.numbers,
                    self.texts,
                    self.labels,
                    taught,
                    seed,
                    start=self.start,
                )
                for seed in windows.SEEDS[self.language]
            )
        return Learned(self, fitted, networks)
