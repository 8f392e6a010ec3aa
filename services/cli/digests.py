"""What to say to somebody who named a company by a digest that is not one.

It stands apart because every command that takes a registry may be given a digest, and only some can look up what was
published.  Pure.  Hazard: a name that merely resembles a digest may be a folder's; what is said here always names both.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Final

from schemas.registry import RegistryPublishedV1

SHORTEST: Final = 6
"""Characters of a digest that are enough to name it."""
_NEAREST: Final = 3
_ALIKE: Final = 0.6
_WRITTEN: Final = re.compile(r"[0-9a-z]{6,64}")
_FOREIGN: Final = 0.2
"""Share of letters beyond f that a slip of the finger explains."""


def looks_like_one(name: str) -> bool:
    """Whether somebody who wrote this meant a digest: hexadecimal, but for a slip, with at least two digits."""
    text = name.lower()
    if not _WRITTEN.fullmatch(text) or sum(letter.isdigit() for letter in text) < 2:
        return False
    return sum(letter > "f" for letter in text) <= _FOREIGN * len(text)


def beginning(what: str, published: Mapping[str, RegistryPublishedV1]) -> list[str]:
    """Every published digest that begins so."""
    text = what.lower()
    return [digest for digest in published if len(text) >= SHORTEST and digest.startswith(text)]


def nearest(what: str, published: Mapping[str, RegistryPublishedV1]) -> list[str]:
    """Published digests that resemble what was written, the most alike first; without any, the latest."""
    text = what.lower()
    alike = [
        (difflib.SequenceMatcher(None, text, digest[: len(text)], autojunk=False).ratio(), digest)
        for digest in published
    ]
    near = [digest for ratio, digest in sorted(alike, reverse=True) if ratio >= _ALIKE]
    return near[:_NEAREST] or list(published)[: -_NEAREST - 1 : -1]


def unpublished(what: str, published: Mapping[str, RegistryPublishedV1]) -> str:
    """The sentences for a digest under which nothing was published, with the ones that may have been meant."""
    said = f"{what} looks like a digest, but nothing of that name was published"
    if not published:
        return f"{said}: nothing was published at all yet"
    shown = "; ".join(described(published[digest]) for digest in nearest(what, published))
    return f"{said}. Nearest: {shown}. All of them: akar registry history"


def described(data: RegistryPublishedV1) -> str:
    """One published company in a few words."""
    return f"{data.digest[:12]} ({data.company}, {data.published_at:%Y-%m-%d %H:%M:%S} UTC)"
