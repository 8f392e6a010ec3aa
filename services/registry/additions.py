"""A company's own words beside a language pack: `packs/<language>.more.toml`.

It stands apart because a pack is a thousand lines that nobody should have to copy in order to add two: what the product
learns about a language goes on reaching a company that only adds its trade's words.  Pure.

Hazard: what is added changes what is read, so it is part of the digest: the pack that decides is the two put together.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from services.registry.check import unknown
from services.registry.errors import Problem
from services.registry.model import Pack, PackAdditions


def file_of(language: str) -> str:
    """The file's name within the folder."""
    return f"packs/{language}.more.toml"


def language_of(name: str) -> str:
    """The language of a pack's file, or of one that adds to it."""
    return PurePosixPath(name).name.partition(".")[0]


def together(pack: Pack, more: PackAdditions, file: str) -> tuple[Pack, list[Problem]]:
    """The pack with what the company adds, and what does not fit, which is left out.

    Words are added to a concept that there is already; a spelling of the company's own goes before the pack's.
    """
    words = {concept: list(known) for concept, known in pack.words.items()}
    for concept, added in more.words.items():
        words[concept] = [*words.get(concept, ()), *added]
    cues, problems = [], []
    for position, cue in enumerate(more.cues, start=1):
        wrong = [
            problem
            for concept in (*cue.words, *cue.without)
            for problem in unknown(file, f"cues[{position}]", "concept", concept, words)
        ]
        problems += wrong
        if not wrong:
            cues.append(cue)
    merged = {"spell": {**pack.spell, **more.spell}, "words": words, "cues": [*pack.cues, *cues]}
    return pack.model_copy(update=merged), problems
