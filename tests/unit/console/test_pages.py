"""The pages in front of a read model: whatever of a complaint has arrived so far, they show it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import combinations
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from schemas.vocabulary import ComplaintState
from services.chassis import ids
from services.chassis.answers import read
from services.chassis.records import Outgoing, Received
from services.console import readmodel
from services.console.feed import fact_from, topics_of
from services.console.pages import Answering, router_for
from services.console.story import Labels
from services.console.texts import LANGUAGES, say
from tests.support.records import AT, Case

TOPICS = topics_of(["packing"])
VOICES = {one: Labels({}, {}, {}, say(one)) for one in LANGUAGES}


@pytest.fixture
def browser(engine: Engine) -> TestClient:
    """In front of the pages alone."""
    app = FastAPI()
    app.include_router(router_for(engine, VOICES, ("en",), ZoneInfo("Asia/Jakarta")))
    return TestClient(app)


SECRET = b"0123456789abcdef"


def asked(engine: Engine, case: Case, *, fact: str = "finished", **more: str | None) -> None:
    """Its department was sent a question, which is open."""
    question = {
        "activity": "pack",
        "department": "packing",
        "fact": fact,
        "claimed": None,
        "text": {"id": "Sudah dikemas?", "en": "Packed?"},
    }
    by = {"answer_by": "2026-03-06T00:00:00Z"} | more
    changed: dict[str, dict[str, Any]] = {
        "complaint.traced": {"outcome": "asked", "question": question},
        "assignment.opened": {"roles": ["answer"], "question": question, **by},
    }
    facts = [
        fact_from(
            TOPICS[event.topic],
            Received(event.topic, 0, offset, event.key, event.value, event.headers, AT),
        )
        for offset, event in enumerate(
            (case.received(), case.traced(), case.status(ComplaintState.ASKED), case.opened())
        )
    ]
    facts = [replace(one, data={**one.data, **changed.get(one.type, {})}) for one in facts]
    with engine.begin() as connection:
        readmodel.absorb(connection, facts, {})


def answerable(engine: Engine, answering: Answering | None) -> TestClient:
    """Pages of a company that writes in two languages."""
    app = FastAPI()
    zone = ZoneInfo("Asia/Jakarta")
    app.include_router(router_for(engine, VOICES, ("en", "id"), zone, answering))
    return TestClient(app)


def test_an_open_question_leads_to_its_answers(engine: Engine) -> None:
    """By the link that its department was sent, in the page's language; for the deadline that it was given."""
    case = Case(1)
    asked(engine, case)
    browser = answerable(engine, Answering("https://intake.example", SECRET))
    for language, text in (("en", "Packed?"), ("id", "Sudah dikemas?")):
        page = browser.get(f"/complaints/{case.id}?language={language}").text
        (token,) = re.findall(r'href="https://intake\.example/answers/([^"]+)"', page)
        found = read(token, SECRET)
        assert (found.case_id, found.department, found.activity) == ("order-1", "packing", "pack")
        assert found.assignment_id == ids.assignment_id(case.id, "packing", 1)
        assert found.answer_by.isoformat() == "2026-03-06T00:00:00+00:00"
        assert (found.text, found.language) == (text, language)


@pytest.mark.parametrize(
    "answering", [None, Answering(None, SECRET), Answering("https://intake.example", None)]
)
def test_without_a_secret_or_an_address_nothing_leads_there(
    engine: Engine, answering: Answering | None
) -> None:
    """The question is shown all the same, with how a system answers it."""
    asked(engine, Case(1))
    page = answerable(engine, answering).get(f"/complaints/{Case(1).id}").text
    assert "/answers/" not in page
    assert "Packed?" in page
    assert "How to answer" in page


def test_a_link_asks_for_a_date_where_a_date_is_asked_for(engine: Engine) -> None:
    """By when it was promised, and not when it was done."""
    asked(engine, Case(1), fact="due")
    browser = answerable(engine, Answering("https://intake.example", SECRET))
    page = browser.get(f"/complaints/{Case(1).id}").text
    (token,) = re.findall(r'href="https://intake\.example/answers/([^"]+)"', page)
    assert read(token, SECRET).fact == "due"
    assert '"transition": "schedule"' in page
    assert '"due_at": ' in page


def test_a_question_without_an_end_has_no_link(engine: Engine) -> None:
    """A link that never ended would be a key for ever."""
    asked(engine, Case(1), answer_by=None)
    browser = answerable(engine, Answering("https://intake.example", SECRET))
    assert "/answers/" not in browser.get(f"/complaints/{Case(1).id}").text


def absorb(engine: Engine, events: Iterable[Outgoing]) -> None:
    """As the feed does."""
    facts = [
        fact_from(
            TOPICS[event.topic],
            Received(event.topic, 0, offset, event.key, event.value, event.headers, AT),
        )
        for offset, event in enumerate(events)
    ]
    with engine.begin() as connection:
        readmodel.absorb(connection, facts, {})


def test_a_complaint_of_which_some_events_have_not_come_is_shown(
    engine: Engine, browser: TestClient
) -> None:
    """Topics are read beside each other: any of its events may be all that there is."""
    kinds = range(len(Case(0).whole()))
    choices = [some for count in kinds for some in combinations(kinds, count + 1)]
    cases = {Case(number): some for number, some in enumerate(choices)}
    for case, some in cases.items():
        absorb(engine, [case.whole()[number] for number in some])
        page = browser.get(f"/complaints/{case.id}")
        assert case.id in page.text, [case.whole()[number].topic for number in some]
    listed = browser.get("/").text
    assert all(case.id in listed for case in cases)


def test_what_is_not_traced_yet_says_so(engine: Engine, browser: TestClient) -> None:
    """In the list and on its own page, for a complaint that was accepted a moment ago."""
    case = Case(1)
    absorb(engine, [case.received(), case.status(ComplaintState.RECEIVED)])
    assert "not traced yet" in browser.get("/").text
    assert "Not traced yet." in browser.get(f"/complaints/{case.id}").text


@pytest.mark.parametrize(("header", "language"), [("id-ID,id;q=0.9", "id"), ("en", "en")])
def test_the_page_is_in_the_reader_s_language(engine: Engine, header: str, language: str) -> None:
    """What the page says, and of the router's sentences those in that language; a chosen language of sentences stays."""
    case = Case(1)
    absorb(engine, case.whole())
    browser = answerable(engine, None)
    page = browser.get(f"/complaints/{case.id}", headers={"accept-language": header})
    other = "en" if language == "id" else "id"
    texts = {one: say(one).texts for one in LANGUAGES}
    assert page.headers["vary"] == "accept-language"
    assert f'<html lang="{language}">' in page.text
    for key in ("page.why", "page.story", "page.who_can_help", "page.told"):
        assert texts[language][key] in page.text
        assert texts[other][key] not in page.text
    sentences = {"en": "Packing ended 9.5 hours", "id": "Pengemasan selesai 9,5 jam"}
    assert sentences[language] in page.text
    assert sentences[other] not in page.text
    hours = {"en": r">[+−]\d+\.\d h<", "id": r">[+−]\d+,\d jam<"}
    assert re.search(hours[language], page.text)
    assert not re.search(hours[other], page.text)
    chosen = browser.get(
        f"/complaints/{case.id}?language={other}", headers={"accept-language": header}
    ).text
    assert sentences[other] in chosen
    assert texts[language]["page.why"] in chosen
    assert (
        texts[language]["page.latest"] in browser.get("/", headers={"accept-language": header}).text
    )
    missing = browser.get("/complaints/nothing", headers={"accept-language": header})
    assert texts[language]["page.no_such"] in missing.text
