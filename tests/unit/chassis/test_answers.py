"""Links to a question: what was signed comes back, and nothing else does."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.answers import ForgedLink, link, read, sign
from tests.support.questions import ASKED

SECRET = b"0123456789abcdef"


@given(
    st.text(max_size=64), st.text(max_size=300), st.none() | st.datetimes(timezones=st.just(UTC))
)
def test_what_was_signed_comes_back(case: str, text: str, claimed: datetime | None) -> None:
    """Whatever letters a case id or a question has; a link is one word of a URL."""
    asked = replace(ASKED, case_id=case, text=text, claimed=claimed)
    token = sign(asked, SECRET)
    assert read(token, SECRET) == asked
    assert token.replace("-", "").replace("_", "").replace(".", "").isalnum()


def test_a_link_says_what_is_asked_only_where_it_is_a_date() -> None:
    """Links that were sent before are the same letter for letter; a date that is asked for comes back as such."""
    dated = replace(ASKED, fact="due")
    assert read(sign(dated, SECRET), SECRET) == dated
    assert read(sign(ASKED, SECRET), SECRET).fact == "finished"
    assert len(sign(ASKED, SECRET)) < len(sign(dated, SECRET))


def test_every_changed_letter_is_noticed() -> None:
    """None of them can be another without the secret; nor can another secret's link be used."""
    token = sign(ASKED, SECRET)
    for place, letter in enumerate(token[:-1]):
        other = "A" if letter != "A" else "B"
        with pytest.raises(ForgedLink):
            read(token[:place] + other + token[place + 1 :], SECRET)
    with pytest.raises(ForgedLink):
        read(token, b"another secret of 16")


@pytest.mark.parametrize("token", ["", ".", "x", "a.b", "ä.ö", "e30.e30", "A" * 10_000])
def test_what_is_no_link_is_told_apart(token: str) -> None:
    """Half a link, none, or something that nobody signed."""
    with pytest.raises(ForgedLink):
        read(token, SECRET)


def test_a_question_has_one_answer() -> None:
    """The same id from every link to it, in whatever words or language; another activity is another question."""
    assert replace(ASKED, language="en", text="Packed?", claimed=None).event_id == ASKED.event_id
    assert replace(ASKED, activity="picked").event_id != ASKED.event_id
    assert replace(ASKED, assignment_id="a2").event_id != ASKED.event_id


@pytest.mark.parametrize("absent", ["base", "secret", "case_id", "answer_by"])
def test_without_its_parts_there_is_no_link(absent: str) -> None:
    """No address, no secret, no case or no end: then a department answers by an event, as before."""
    given_ = {
        "base": "https://intake.example/",
        "secret": SECRET,
        "case_id": "c",
        "answer_by": ASKED.answer_by,
    }

    def made(**parts: object) -> str | None:
        return link(
            parts["base"],  # type: ignore[arg-type]
            parts["secret"],  # type: ignore[arg-type]
            assignment_id="a1",
            department="packing",
            case_id=parts["case_id"],  # type: ignore[arg-type]
            activity="packed",
            claimed=None,
            answer_by=parts["answer_by"],  # type: ignore[arg-type]
            texts={"en": "Packed?" * 100},
            language="pt",
            zone=ZoneInfo("Asia/Jakarta"),
        )

    whole = made(**given_)
    assert whole is not None
    assert whole.startswith("https://intake.example/answers/")
    assert len(whole) < 1_200
    assert made(**{**given_, absent: None}) is None
