"""A language pack, compiled: how customers of one language say what went wrong.

It stands apart from the matching so that a pack can be built by hand in a test. Packs are data
(`services/registry/packs`); nothing here knows a language.

Hazard: stems are tried longest first, so that a short stem cannot swallow a longer one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

_REMEMBERED: Final = 50_000
"""Words whose concepts are remembered; speed only."""


@dataclass(frozen=True, slots=True)
class Cue:
    """Concepts that together speak for a symptom (weight > 0) or against it (weight < 0)."""

    symptom: str
    words: tuple[str, ...]
    within: int
    ordered: bool
    without: tuple[str, ...]
    weight: float


@dataclass(frozen=True, slots=True)
class LanguagePack:
    """One language: spelling, concepts and cues.

    ``exact`` maps a word to its concepts, ``stems`` a beginning to its concepts; ``cues`` are
    grouped by their first concept.
    """

    language: str
    common: frozenset[str]
    spell: Mapping[str, str]
    exact: Mapping[str, tuple[str, ...]]
    stems: Mapping[str, tuple[str, ...]]
    stem_lengths: tuple[int, ...]
    """Lengths of the stems, longest first."""
    cues: Mapping[str, tuple[Cue, ...]]
    _known: dict[str, tuple[str, ...]] = field(default_factory=dict, compare=False)

    def concepts(self, word: str) -> tuple[str, ...]:
        """Return the concepts of a word spelled as the pack spells it: its own, then those of its longest stem."""
        known = self._known.get(word)
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            known = self._known[word] = self._look_up(word)
        return known

    def _look_up(self, word: str) -> tuple[str, ...]:
        exact = self.exact.get(word, ())
        size = len(word)
        for length in self.stem_lengths:
            if length <= size and (stems := self.stems.get(word[:length])) is not None:
                return exact + tuple(one for one in stems if one not in exact)
        return exact


def compile_pack(
    language: str,
    common: Iterable[str],
    spell: Mapping[str, str],
    words: Mapping[str, Iterable[str]],
    cues: Iterable[Cue],
) -> LanguagePack:
    """Compile a pack from plain data; ``stem*`` in ``words`` is a stem."""
    exact: dict[str, set[str]] = {}
    stems: dict[str, set[str]] = {}
    for concept, entries in words.items():
        for entry in entries:
            if entry.endswith("*"):
                stems.setdefault(entry[:-1], set()).add(concept)
            else:
                exact.setdefault(entry, set()).add(concept)
    grouped: dict[str, list[Cue]] = {}
    for cue in cues:
        grouped.setdefault(cue.words[0], []).append(cue)
    return LanguagePack(
        language=language,
        common=frozenset(common),
        spell=dict(spell),
        exact={word: tuple(sorted(found)) for word, found in exact.items()},
        stems={stem: tuple(sorted(found)) for stem, found in stems.items()},
        stem_lengths=tuple(sorted({len(stem) for stem in stems}, reverse=True)),
        cues={concept: tuple(found) for concept, found in grouped.items()},
    )
