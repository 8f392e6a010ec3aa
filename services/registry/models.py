"""The symptom models that are shipped: weights fitted from labelled texts, one file for each language.

It stands apart because weights belong to the product and not to a company: a company's digest holds their digests, and its folder
never holds them. The files lie beside the language packs and are written by `make train`.

Hazard: reading them takes a tenth of a second; they are kept once read, which is safe because a release never changes its own
files.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final

_PACKS: Final = Path(__file__).parent / "packs"


@cache
def model_text(language: str) -> str | None:
    """Return the lines of a language's model; None when none is shipped."""
    path = _PACKS / f"{language}.model"
    return path.read_text(encoding="utf-8") if path.is_file() else None


def digests(languages: Iterable[str]) -> dict[str, str]:
    """Return the digest of each language's model, of those that are shipped."""
    found = {}
    for language in languages:
        text = model_text(language)
        if text is not None:
            found[language] = text.rstrip("\n").rpartition("\t")[2]
    return found
