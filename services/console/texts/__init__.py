"""What the pages say around a complaint, in each language: one file of texts a language, all with the same keys.

They stand apart as data because whoever words them need not read programs.  Hazard: these words are read by people who were
just told that they caused something; a test keeps words that blame out of them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

LANGUAGES: Final = ("en", "id")
"""The first is what a reader gets who asks for none of them."""


class Say:
    """The texts of one language."""

    def __init__(self, language: str, texts: Mapping[str, str]) -> None:
        self.language = language
        self._texts = texts

    def __call__(self, key: str, **values: object) -> str:
        """The text under `group.name`, with its places filled in."""
        return self._texts[key].format(**values)

    def word(self, group: str, id_: str) -> str:
        """What people read for an id; an id that nobody has worded yet stands for itself."""
        return self._texts.get(f"{group}.{id_}") or str(id_).replace("_", " ").replace("-", " ")

    @property
    def texts(self) -> Mapping[str, str]:
        """Every text by its key."""
        return self._texts


@cache
def say(language: str) -> Say:
    """The texts of a language that there is a file of."""
    text = files("services.console.texts").joinpath(f"{language}.toml").read_text(encoding="utf-8")
    groups = tomllib.loads(text)
    return Say(
        language, {f"{g}.{name}": one for g, texts in groups.items() for name, one in texts.items()}
    )


def preferred(accept_language: str) -> str:
    """The language that a browser likes best of those there are (RFC 9110, 12.5.4)."""
    wanted: list[tuple[float, int, str]] = []
    for place, part in enumerate(accept_language.split(",")[:20]):
        name, _, parameters = part.strip().partition(";")
        name = name.strip().partition("-")[0].lower()
        weight = parameters.strip().removeprefix("q=")
        try:
            quality = float(weight) if weight else 1.0
        except ValueError:
            continue
        if name in LANGUAGES and quality > 0:
            wanted.append((-quality, place, name))
    return min(wanted)[2] if wanted else LANGUAGES[0]
