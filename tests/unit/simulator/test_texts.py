"""What customers write: varied, seeded, and about what it should be about."""

import random
import re

import pytest

from services.simulator.texts import LANGUAGES, Trouble, write


def texts(trouble: Trouble, count: int = 200) -> list[tuple[str, str]]:
    draw = random.Random(5)
    return [write(trouble, case_id="INV-1", days=4, draw=draw) for _ in range(count)]


@pytest.mark.parametrize("trouble", Trouble)
def test_texts_vary_and_leave_no_slot_open(trouble: Trouble) -> None:
    """Two hundred complaints are nearly all different, in both languages, without a brace left."""
    found = texts(trouble)
    assert len({text for text, _ in found}) > 120
    assert {language for _, language in found} == set(LANGUAGES)
    assert not any(re.search(r"[{}]", text) for text, _ in found)


def test_most_texts_name_no_order() -> None:
    """The channel gives the case; customers seldom do."""
    found = texts(Trouble.LATE)
    assert 0 < sum("inv-1" in text.lower() for text, _ in found) < len(found) / 4


def test_the_same_draw_writes_the_same_text() -> None:
    """Nothing but the given generator decides."""
    first = write(Trouble.WRONG, case_id="A", days=3, draw=random.Random(9))
    assert first == write(Trouble.WRONG, case_id="A", days=3, draw=random.Random(9))


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_stands_under_two_troubles(language: str) -> None:
    """A text that fits two troubles would make the truth unfair."""
    listed = [one for trouble in Trouble for one in getattr(LANGUAGES[language], trouble.value)]
    assert len(listed) == len(set(listed))
