"""Texts without labels, as lists of words: what the vectors of words are learned from.

It stands apart because it decides what may be among them: each text once, none of a few words, and never one on which a language is
judged, whether it is held out or not.

Hazard: texts are compared as spelled words, so that another case or mark does not let a judged text slip in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from training import public
from training.texts import Source

SHORTEST: Final = 4
"""Words of a text; shorter ones are mostly praise in a word or two."""


def gather(
    language: str,
    folder: Path,
    spelled: Callable[[str], tuple[str, ...]],
    *,
    known: Iterable[str],
    judged: Iterable[str],
) -> tuple[list[tuple[str, ...]], list[Source]]:
    """Return the words of each text of a language's public sources and of ``known`` ones, less the ``judged``; and the sources.

    Without public sources there is nothing.
    """
    seen = {spelled(text) for text in judged}
    found: list[tuple[str, ...]] = []
    gathered: list[Source] = []

    def add(texts: Iterable[str]) -> int:
        before = len(found)
        for text in texts:
            words = spelled(text)
            if len(words) >= SHORTEST and words not in seen:
                seen.add(words)
                found.append(words)
        return len(found) - before

    for one in public.sources(language, public.UNLABELLED):
        files = [path for name in one.files if (path := one.local(folder, name)).is_file()]
        if files:
            digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
            name = f"{one.repository} at {one.commit}, words near words only"
            gathered.append(Source(name, digest, add(public.texts_of(one, folder))))
    if gathered:
        add(known)
    return found, gathered
