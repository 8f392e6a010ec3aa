"""What a webhook says, in which language, in how many bytes."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from services.notifier.messages import LARGEST, Finding, Notice, body, speak

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
