"""What the pages say, in each language: the same keys, the same places, no word that blames, and nothing left between them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import services.console
from schemas.vocabulary import (
    CauseKind,
    ComplaintState,
    Finding,
    MessageKind,
    NotificationOutcome,
    NotificationStage,
    Role,
)
from services.console.texts import LANGUAGES, preferred, say

FOLDER = Path(services.console.__file__).parent
BLAME = {"fault", "blame", "guilt", "culprit", "failure", "careless", "negligent", "wrong"} | {
    *("salah", "kesalahan", "lalai", "ceroboh", "gagal", "pelaku"),
}


def test_every_file_is_a_language_that_is_offered() -> None:
    """And the other way round."""
    assert {path.stem for path in (FOLDER / "texts").glob("*.toml")} == set(LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_text(language: str) -> None:
    """The same keys, none empty, and each keeps the places that are filled in."""
    texts, first = say(language).texts, say(LANGUAGES[0]).texts
    assert texts.keys() == first.keys()
    for key, text in texts.items():
        assert text.strip(), key
        assert set(re.findall(r"{(\w+)}", text)) == set(re.findall(r"{(\w+)}", first[key])), key
    assert len(texts["page.months"].split()) == 12


@pytest.mark.parametrize("language", [one for one in LANGUAGES if one != "en"])
def test_a_language_is_no_copy(language: str) -> None:
    """A text that nobody has put into words would be the English one."""
    texts, english = say(language).texts, say("en").texts
    worded = [key for key in texts if re.search(r"[a-z]", re.sub(r"{\w+}", "", texts[key]))]
    assert [key for key in worded if texts[key] == english[key]] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_blames(language: str) -> None:
    """Whoever reads it was just told of a complaint."""
    for key, text in say(language).texts.items():
        assert not BLAME & set(re.findall(r"\w+", text.lower())), key


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("group", "words"),
    [
        ("state", ComplaintState),
        ("finding", Finding),
        ("kind", CauseKind),
        ("role", Role),
        ("stage", NotificationStage),
        ("outcome", NotificationOutcome),
        ("message", MessageKind),
    ],
)
def test_every_word_of_the_contracts_has_a_text(
    language: str, group: str, words: type[Finding]
) -> None:
    """An id would stand for itself, in English."""
    missing = [word.value for word in words if f"{group}.{word.value}" not in say(language).texts]
    assert missing == []


def test_templates_hold_no_words_of_their_own() -> None:
    """Between tags and places there is the product's name, and nothing that a language would have to say."""
    for path in (FOLDER / "templates").glob("*.html"):
        text = path.read_text(encoding="utf-8")
        if "<pre>" in text:
            text = re.sub(r"<pre>.*?</pre>", "", text, flags=re.DOTALL)
        text = re.sub(r"{{.*?}}|{%.*?%}", "", text, flags=re.DOTALL)
        said = re.findall(r"(?:aria-label|title|alt)=\"([^\"]*)\"", text)
        text = re.sub(r"<[^>]*>", " ", text)
        words = set(re.findall(r"[^\W\d_]{2,}", " ".join([text, *said])))
        assert words <= {"Akar", "API"}, path.name


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("id", "id"),
        ("id-ID,id;q=0.9,en-US;q=0.8,en;q=0.7", "id"),
        ("en-GB,en;q=0.9,id;q=0.8", "en"),
        ("de-DE, id;q=0.5, en;q=0.4", "id"),
        ("de, fr", "en"),
        ("id;q=0, en;q=0.1", "en"),
        ("*, id;q=x", "en"),
        (",;=,", "en"),
    ],
)
def test_the_browser_s_favourite_is_taken(header: str, language: str) -> None:
    """By its weights, the first of equal ones; English for a browser that names none of them."""
    assert preferred(header) == language
