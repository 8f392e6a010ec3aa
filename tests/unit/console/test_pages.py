"""The pages in front of a read model: whatever of a complaint has arrived so far, they show it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from zoneinfo import ZoneInfo

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from schemas.vocabulary import ComplaintState
from services.chassis.records import Outgoing, Received
from services.console import readmodel
from services.console.feed import fact_from, topics_of
from services.console.pages import router_for
from services.console.story import Labels
from tests.support.records import AT, Case

TOPICS = topics_of(["packing"])


@pytest.fixture
def browser(engine: Engine) -> TestClient:
    """In front of the pages alone."""
    app = FastAPI()
    app.include_router(router_for(engine, Labels({}, {}, {}), ("en",), ZoneInfo("Asia/Jakarta")))
    return TestClient(app)


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
