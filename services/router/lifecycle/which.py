"""The one question to a customer, "which one do you mean?", and what counts as its answer.

Pure.  It stands apart because its words reach a customer: only the ends of numbers are shown, enough for whoever knows them and
of no use to anybody else; neither dates, goods nor amounts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

SHOWN: Final = 4
"""Characters of a number that are shown; more only where two would look the same."""
MOST_WORDS: Final = 4
"""Of an answer by letter."""
_OR: Final = {"id": " atau ", "en": " or ", "pt": " ou "}
_QUESTION: Final = {
    "id": "Keluhan Anda tentang yang mana: {}? Jawab dengan huruf atau nomornya, supaya kami menelusuri yang benar.",
    "en": "Which one is your message about: {}? Answer with the letter or the number, so that we look into the right one.",
    "pt": "Sobre qual deles é a sua mensagem: {}? Responda com a letra ou o número, para olharmos o certo.",
}
_EXPLANATION: Final = {
    "id": "Pelanggan punya {} kasus yang mungkin dimaksud; pelanggan ditanya yang mana.",
    "en": "The customer has {} cases that may be meant; the customer is asked which one.",
    "pt": "O cliente tem {} casos que podem ser o mencionado; perguntamos a ele qual.",
}


def question(options: tuple[str, ...], languages: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    """The question by language; English for a language that has no words here."""
    shown = endings(options)
    asked: dict[str, tuple[str, ...]] = {}
    for language in languages:
        known = language if language in _QUESTION else "en"
        named = [f"{_letter(place)} (…{end})" for place, end in enumerate(shown)]
        choices = ", ".join(named[:-1]) + _OR[known] + named[-1]
        asked[language] = (_QUESTION[known].format(choices),)
    return asked


def explanation(
    options: tuple[str, ...], languages: Iterable[str]
) -> Mapping[str, tuple[str, ...]]:
    """What a colleague may read meanwhile."""
    return {
        language: (_EXPLANATION.get(language, _EXPLANATION["en"]).format(len(options)),)
        for language in languages
    }


def endings(options: tuple[str, ...]) -> tuple[str, ...]:
    """The last characters of each, as few as tell them apart."""
    plain = [_plain(option) for option in options]
    size = SHOWN
    longest = max(map(len, plain))
    while size < longest and len({each[-size:] for each in plain}) < len(plain):
        size += 1
    return tuple(each[-size:] for each in plain)


def chosen(options: tuple[str, ...], text: str) -> str | None:
    """The one option that an answer names by its letter, its number or the end of it; None unless it is one."""
    if not options:
        return None
    split = (_plain(word) for word in re.split(r"[\s,;:!?()]+", text))
    words = [word for word in split if word]
    letters = {_letter(place): option for place, option in enumerate(options)}
    # "yang B", but not "A encomenda": a letter is also a word, so it has to be what a short answer ends with.
    named = [word for word in words if word in letters]
    if len(named) == 1 and words[-1] == named[0] and len(words) <= MOST_WORDS:
        return letters[named[0]]
    shown = endings(options)
    found = {
        option
        for option, end in zip(options, shown, strict=True)
        for word in words
        if len(word) >= len(end) and (_plain(option).endswith(word) or word == _plain(option))
    }
    return found.pop() if len(found) == 1 else None


def _letter(place: int) -> str:
    return chr(ord("A") + place)


def _plain(text: str) -> str:
    return re.sub(r"[\W_]", "", text).upper()
