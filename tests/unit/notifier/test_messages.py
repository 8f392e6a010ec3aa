"""What a webhook says, in which language, in how many bytes."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.answers import read
from services.notifier.messages import LARGEST, Finding, Notice, body, speak
from services.notifier.words import WORDS, Asked

BLAME = {"fault", "blame", "guilt", "culprit", "failure", "careless", "negligent", "wrong"} | {
    *("salah", "kesalahan", "lalai", "ceroboh", "gagal", "penyebab"),
    *("culpa", "falha", "erro", "descuido"),
}

NOTICE = Notice(
    stage="opened",
    timestamp="2026-03-04T05:06:07Z",
    assignment_id="a1",
    complaint_id="c1",
    case_id="order-1",
    department="packing",
    revision=1,
    decision_id="d1",
    explanation={"id": ("Pengemasan terlambat.",), "en": ("Packing was late.",)},
    roles=("cause",),
    lead=True,
    share=0.8,
    kind="delay",
    activity="pack",
    action=None,
    confidence=0.9,
    symptoms=(("late_delivery", 0.97),),
    evidence=(Finding("e1", "pack", "late", 9.5),),
)


def test_it_has_the_three_fields_of_the_standard() -> None:
    """`type`, `timestamp` and `data`, the time being the event's own."""
    message = json.loads(body(NOTICE, languages=["id"]))
    assert list(message) == ["type", "timestamp", "data"]
    assert (message["type"], message["timestamp"]) == ("assignment.opened", "2026-03-04T05:06:07Z")


def test_the_department_reads_its_own_language() -> None:
    """The first language there are sentences in; English, then any, when there are none."""
    assert json.loads(body(NOTICE, languages=["id"]))["data"]["explanation"] == [
        "Pengemasan terlambat."
    ]
    assert json.loads(body(NOTICE, languages=["pt", "en"]))["data"]["language"] == "en"
    assert speak({"id": ("a",)}, ["pt-BR"]) == ("id", ("a",))
    assert speak({"pt": ("a",)}, ["pt-BR"]) == ("pt", ("a",))
    assert speak({"id": ()}, ["id"]) == (None, ())


def test_a_withdrawal_says_why_and_carries_no_accusation_along() -> None:
    """No share, no roles: only that it is taken back, and the reason."""
    notice = Notice(
        stage="withdrawn",
        timestamp="2026-03-04T05:06:07Z",
        assignment_id="a1",
        complaint_id="c1",
        case_id=None,
        department="packing",
        revision=2,
        decision_id="d2",
        explanation={"en": ("It was not yours. Sorry.",)},
        reason="later_evidence",
    )
    data = json.loads(body(notice, languages=["en"]))["data"]
    assert data["reason"] == "later_evidence"
    assert not {"share", "roles", "evidence", "kind"} & set(data)


def test_people_find_the_story_by_its_link() -> None:
    """The link is there when the console's address is known, and only then."""
    data = json.loads(body(NOTICE, languages=["id"], console_url="https://akar.example"))["data"]
    assert data["story_url"] == "https://akar.example/complaints/c1"
    assert "story_url" not in json.loads(body(NOTICE, languages=["id"]))["data"]


@given(
    sentences=st.lists(st.text(max_size=3000), max_size=40),
    events=st.lists(st.text(min_size=1, max_size=256), max_size=60),
)
def test_it_never_grows_beyond_the_standards_limit(sentences: list[str], events: list[str]) -> None:
    """However long the explanation and the evidence: at most 20 kB, the cut being said, the ids complete."""
    notice = replace(
        NOTICE,
        explanation={"en": sentences},
        evidence=tuple(Finding(event, "pack", "late", 1.0) for event in events),
    )
    rendered = body(notice, languages=["en"])
    data = json.loads(rendered)["data"]
    assert len(rendered) <= LARGEST
    assert (data["assignment_id"], data["complaint_id"]) == ("a1", "c1")
    complete = len(data["evidence"]) == len(events) and data["explanation"] == sentences
    assert complete or data["truncated"] or not any(sentences)


def test_the_same_notice_gives_the_same_bytes() -> None:
    """A retry in another life sends what the first attempt sent."""
    assert body(NOTICE, languages=["id"]) == body(replace(NOTICE), languages=["id"])


QUESTION = Asked(
    activity="picked",
    fact="finished",
    text={
        "id": "Apakah barang sudah diambil, dan kapan?",
        "en": "Have the goods been picked, and when?",
    },
    answer_by=datetime(2026, 5, 21, 5, 0, tzinfo=UTC),
)
JAKARTA = ZoneInfo("Asia/Jakarta")


def asking(language: str, *, roles: tuple[str, ...] = ("answer",), **fields: Any) -> dict[str, Any]:
    """The data of a message that asks something."""
    notice = replace(
        NOTICE,
        roles=roles,
        explanation={language: ("Promised by 18 May.", "A person may begin with others.")},
        asked=replace(QUESTION, **fields),
    )
    rendered = body(notice, languages=[language], zone=JAKARTA, intake_url="https://intake.example")
    return dict(json.loads(rendered)["data"])


def test_a_question_says_what_is_asked_by_when_and_how_to_answer() -> None:
    """In the department's language and the company's time, before one sentence of what it is about; nobody else is named."""
    asked = asking("id")
    assert asked["explanation"][:2] == [
        "Satu pertanyaan: Apakah barang sudah diambil, dan kapan?",
        "Mohon dijawab paling lambat 21 Mei 12:00 WIB; setelah itu seseorang memutuskan tanpa jawaban ini.",
    ]
    assert "`answer`" in asked["explanation"][3]
    assert asked["explanation"][4:] == ["Promised by 18 May."]
    assert asking("en")["explanation"][:2] == [
        "One question: Have the goods been picked, and when?",
        "Please answer by 21 May 12:00 WIB; after that a person decides without it.",
    ]
    assert asked["question"]["answer_by"] == "2026-05-21T05:00:00Z"


def test_a_department_that_also_helps_is_told_everything() -> None:
    """With another role beside the question the explanation is whole."""
    asked = asking("en", roles=("recovery", "answer"))
    assert asked["explanation"][4:] == ["Promised by 18 May.", "A person may begin with others."]


SECRET = b"0123456789abcdef"


def tapping(language: str, **fields: Any) -> dict[str, Any]:
    """The data of a question from a notifier that may sign."""
    notice = replace(NOTICE, roles=("answer",), explanation={}, asked=replace(QUESTION, **fields))
    rendered = body(
        notice,
        languages=[language],
        zone=JAKARTA,
        intake_url="https://intake.example/",
        answer_secret=SECRET,
    )
    return dict(json.loads(rendered)["data"])


@pytest.mark.parametrize("language", ["id", "en", "pt"])
def test_a_question_brings_a_link_that_answers_it(language: str) -> None:
    """Signed for this question, this department, until its deadline; the sentences say so, and systems can still post."""
    asked = tapping(language)
    base, _, token = asked["answer_url"].rpartition("/")
    assert base == "https://intake.example/answers"
    found = read(token, SECRET)
    assert (found.assignment_id, found.department, found.case_id, found.activity) == (
        NOTICE.assignment_id,
        NOTICE.department,
        NOTICE.case_id,
        "picked",
    )
    assert found.answer_by == QUESTION.answer_by
    assert found.text == QUESTION.text.get(language, QUESTION.text["en"])
    assert (found.language, found.zone) == (language, "Asia/Jakarta")
    assert "`answer_url`" in asked["explanation"][3]
    assert asked["answer"]["activity"] == "picked"
    assert tapping(language) == asked


def test_a_question_without_a_deadline_has_no_link() -> None:
    """A link that never ended would be a key for ever."""
    assert "answer_url" not in tapping("en", answer_by=None)


def test_an_answer_only_has_to_be_filled_in() -> None:
    """Both answers are process events of that activity, signed by the department; a claim's time is there already."""
    asked = asking("en")
    assert asked["post_to"] == "https://intake.example/v1/process-events"
    assert asked["answer"] == {
        "case_id": "order-1",
        "activity": "picked",
        "transition": "complete",
        "at": "YYYY-MM-DDThh:mm:ss+07:00",
        "attributes": {"answered_by": "packing"},
    }
    assert asked["not_done"]["transition"] == "start"
    claimed = asking("en", fact="confirm", claimed=datetime(2026, 5, 12, 11, 0, tzinfo=UTC))
    assert claimed["answer"]["at"] == "2026-05-12T18:00:00+07:00"


@pytest.mark.parametrize("language", ["id", "en", "pt"])
def test_by_when_something_was_promised_is_answered_with_that_date(language: str) -> None:
    """A schedule event with the date to fill in, a link that asks for it, and nothing that could be "not done yet"."""
    asked = asking(language, fact="due")
    assert "not_done" not in asked
    date = "YYYY-MM-DDThh:mm:ss+07:00"
    assert asked["answer"] == {
        "case_id": "order-1",
        "activity": "picked",
        "transition": "schedule",
        "at": date,
        "due_at": date,
        "attributes": {"answered_by": "packing"},
    }
    assert "`due_at`" in asked["explanation"][3]
    assert "`not_done`" not in asked["explanation"][3]
    tapped = tapping(language, fact="due")
    assert read(tapped["answer_url"].rpartition("/")[2], SECRET).fact == "due"
    assert read(tapping(language)["answer_url"].rpartition("/")[2], SECRET).fact == "finished"


@pytest.mark.parametrize("language", ["id", "en", "pt"])
@pytest.mark.parametrize("reason", ["retraced", "answered", "unanswered", "withdrawn_by_customer"])
def test_what_is_taken_back_says_why_first(language: str, reason: str) -> None:
    """Before what is known now: why it is taken back, and that nothing more is to be done."""
    notice = replace(
        NOTICE, stage="withdrawn", roles=(), explanation={language: ("News.",)}, reason=reason
    )
    told = json.loads(body(notice, languages=[language]))["data"]["explanation"]
    assert told == [WORDS[language][reason], "News."]


def test_no_sentence_blames() -> None:
    """Every language has every sentence, and none has a word that scolds."""
    assert all(WORDS[language].keys() == WORDS["en"].keys() for language in WORDS)
    said = " ".join(text for words in WORDS.values() for text in words.values()).lower()
    found = set(re.findall(r"\w+", said))
    assert not found & BLAME
