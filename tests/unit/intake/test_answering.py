"""A department's tap, through the whole application: a look changes nothing, an answer counts once, and links end."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import escape

import httpx
import pytest

from schemas.codec import decode
from schemas.process import ProcessObservedV1
from services.chassis.answers import OpenQuestion, sign
from services.chassis.errors import BrokerUnavailable
from services.chassis.health import Health
from services.intake.answer_page import WORDS
from services.intake.app import assemble
from services.intake.handlers import Intake
from tests.support import questions as support
from tests.unit.intake.conftest import NOW, KeepingPublisher

SECRET = b"0123456789abcdef"
ASKED = replace(support.ASKED, case_id="<INV-1>", claimed=None, answer_by=NOW + timedelta(hours=1))


@pytest.fixture
async def browser(intake: Intake) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who was sent a link, and has no key."""
    transport = httpx.ASGITransport(assemble(intake, Health(), answer_secret=SECRET))
    async with httpx.AsyncClient(transport=transport, base_url="http://intake") as browser:
        yield browser


def url(asked: OpenQuestion = ASKED) -> str:
    return f"/answers/{sign(asked, SECRET)}"


def stored(publisher: KeepingPublisher) -> ProcessObservedV1:
    (record,) = publisher.stored
    assert record.topic == "process.observed"
    return decode(
        [ProcessObservedV1], key=record.key, value=record.value, headers=record.headers
    ).data


async def test_a_look_shows_the_question_and_changes_nothing(
    browser: httpx.AsyncClient, publisher: KeepingPublisher
) -> None:
    """Mail programs open links before people do; the case id is somebody else's words and is escaped."""
    for _ in range(3):
        shown = await browser.get(url())
        assert shown.status_code == 200
    assert (await browser.head(url())).status_code == 405
    assert publisher.stored == []
    assert "Sudah dikemas, dan kapan?" in shown.text
    assert "&lt;INV-1&gt;" in shown.text
    assert "<INV-1>" not in shown.text
    assert shown.text.count('<form method="post">') == 2
    assert shown.headers["cache-control"] == "no-store"
    assert shown.headers["referrer-policy"] == "no-referrer"
    assert "script" not in shown.headers["content-security-policy"]


async def test_done_at_a_time_is_an_event_by_that_department(
    browser: httpx.AsyncClient, publisher: KeepingPublisher
) -> None:
    """The wall time is the question's zone's; it is stored as any other event is."""
    answer = await browser.post(url(), data={"answer": "finished", "at": "2026-03-02T08:15"})
    assert answer.status_code == 200
    assert WORDS["id"]["thanks"] in answer.text
    event = stored(publisher)
    assert (event.case_id, event.activity, event.transition) == ("<INV-1>", "packed", "complete")
    assert event.at == datetime(2026, 3, 2, 1, 15, tzinfo=UTC)
    assert event.recorded_at == NOW
    assert event.attributes == {"answered_by": "packing"}
    assert event.event_id == ASKED.event_id
    assert event.source is None


@pytest.mark.parametrize("language", sorted(WORDS))
async def test_whoever_answers_reads_what_that_is_once_the_question_was_taken_back(
    browser: httpx.AsyncClient, publisher: KeepingPublisher, language: str
) -> None:
    """The link cannot know: both pages say that nothing more is needed then, and that the answer is a fact of the case."""
    asked = replace(ASKED, language=language)
    said = escape(WORDS[language]["back"])
    assert said in (await browser.get(url(asked))).text
    told = await browser.post(url(asked), data={"answer": "not_done"})
    assert told.status_code == 200
    assert said in told.text
    assert stored(publisher).transition == "start"


async def test_not_done_yet_is_a_start_by_now(
    browser: httpx.AsyncClient, publisher: KeepingPublisher
) -> None:
    """As the message's `not_done` says it."""
    assert (await browser.post(url(), data={"answer": "not_done"})).status_code == 200
    event = stored(publisher)
    assert (event.transition, event.at) == ("start", NOW)


async def test_by_when_it_was_promised_is_answered_with_a_date(
    browser: httpx.AsyncClient, publisher: KeepingPublisher
) -> None:
    """It may lie ahead; that it is done, or not yet, is no answer to this question."""
    asked = replace(ASKED, fact="due")
    shown = (await browser.get(url(asked))).text
    assert shown.count('<form method="post">') == 1
    assert WORDS["id"]["promised"] in shown
    assert " max=" not in shown
    for answer in ("finished", "not_done", "confirm"):
        told = await browser.post(url(asked), data={"answer": answer, "at": "2026-03-02T08:15"})
        assert told.status_code == 422
    told = await browser.post(url(asked), data={"answer": "due", "at": "soon"})
    assert told.status_code == 422
    assert WORDS["id"]["moment"].format(zone="Asia/Jakarta") in told.text
    assert (await browser.post(url(), data={"answer": "due", "at": ""})).status_code == 422
    assert publisher.stored == []

    told = await browser.post(url(asked), data={"answer": "due", "at": "2026-03-09T17:00"})
    assert told.status_code == 200
    event = stored(publisher)
    assert (event.transition, event.at) == ("schedule", NOW)
    assert event.due_at == datetime(2026, 3, 9, 10, 0, tzinfo=UTC)
    assert event.attributes == {"answered_by": "packing"}


async def test_what_somebody_else_says_is_confirmed_with_one_tap(
    browser: httpx.AsyncClient, publisher: KeepingPublisher
) -> None:
    """The time is the claimed one; without a claim there is nothing to confirm."""
    claimed = replace(ASKED, claimed=NOW - timedelta(hours=5, seconds=7))
    shown = (await browser.get(url(claimed))).text
    assert shown.count('<form method="post">') == 3
    assert "2026-03-02 03:59 WIB" in shown
    assert (await browser.post(url(), data={"answer": "confirm"})).status_code == 422
    assert publisher.stored == []
    assert (await browser.post(url(claimed), data={"answer": "confirm"})).status_code == 200
    assert stored(publisher).at == claimed.claimed


async def test_a_second_tap_counts_once(
    browser: httpx.AsyncClient, publisher: KeepingPublisher
) -> None:
    """Whatever it says, and from whichever link to the same question: one record, the first."""
    other = replace(ASKED, language="en", text="Packed?")
    for asked, answer in ((ASKED, "not_done"), (ASKED, "not_done"), (other, "finished")):
        told = await browser.post(url(asked), data={"answer": answer, "at": "2026-03-02T08:15"})
        assert told.status_code == 200
    assert stored(publisher).transition == "start"


async def test_nobody_is_thanked_before_kafka_has_it(
    browser: httpx.AsyncClient, publisher: KeepingPublisher
) -> None:
    """503 with Retry-After and a page that asks to tap again; the next tap has the same id."""
    publisher.failure = BrokerUnavailable("away")
    told = await browser.post(url(), data={"answer": "not_done"})
    assert told.status_code == 503
    assert int(told.headers["retry-after"]) > 0
    assert WORDS["id"]["again"] in told.text
    assert publisher.stored == []
    publisher.failure = None
    assert (await browser.post(url(), data={"answer": "not_done"})).status_code == 200
    assert stored(publisher).event_id == ASKED.event_id


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_link_ends_with_the_question(
    browser: httpx.AsyncClient, publisher: KeepingPublisher, method: str
) -> None:
    """410 at the deadline itself, with a page that says since when."""
    over = replace(ASKED, answer_by=NOW)
    told = await browser.request(method, url(over), data={"answer": "not_done"})
    assert told.status_code == 410
    assert WORDS["id"]["over"] in told.text
    assert "2026-03-02 09:00 WIB" in told.text
    assert publisher.stored == []


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_forged_link_gets_a_clear_page(
    browser: httpx.AsyncClient, publisher: KeepingPublisher, method: str
) -> None:
    """In the browser's language: signed by somebody else, or cut off on the way."""
    for token in (sign(ASKED, b"fedcba9876543210"), url()[len("/answers/") : -9], "x"):
        told = await browser.request(
            method,
            f"/answers/{token}",
            data={"answer": "not_done"},
            headers={"accept-language": "de, pt-BR;q=0.8"},
        )
        assert told.status_code == 404
        assert WORDS["pt"]["forged"] in told.text
    assert publisher.stored == []


@pytest.mark.parametrize("at", ["", "yesterday", "2026-03-02T09:02", "1026-03-02T09:00"])
async def test_a_time_that_is_not_over_is_asked_for_again(
    browser: httpx.AsyncClient, publisher: KeepingPublisher, at: str
) -> None:
    """The page comes again and says what is wrong; nothing is stored."""
    told = await browser.post(url(), data={"answer": "finished", "at": at})
    assert told.status_code == 422
    assert WORDS["id"]["time"].format(zone="Asia/Jakarta") in told.text
    assert '<form method="post">' in told.text
    assert publisher.stored == []


async def test_without_a_secret_there_are_no_such_pages(client: httpx.AsyncClient) -> None:
    """404, as any path that is not served."""
    assert (await client.get(url())).status_code == 404


def test_every_language_says_the_same() -> None:
    """None lacks a sentence, and each keeps the places for values."""
    for words in WORDS.values():
        assert words.keys() == WORDS["en"].keys()
        for key, text in words.items():
            assert re.findall(r"{\w+}", text) == re.findall(r"{\w+}", WORDS["en"][key]), key
