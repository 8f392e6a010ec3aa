"""The fold from events to what is shown of one complaint."""

from __future__ import annotations

from itertools import permutations
from typing import Any

from services.console.projection import Fact, Kind, Summary, apply
from services.console.story import status_document


def fact(kind: Kind, at: int, data: dict[str, Any], event_id: str = "") -> Fact:
    """One event of complaint c1."""
    return Fact(
        event_id=event_id or f"{kind.value}-{at}",
        kind=kind,
        type=kind.value,
        complaint_id="c1",
        at=at,
        topic="t",
        partition=0,
        offset=at,
        source="/test",
        causation_id=None,
        data=data,
    )


RECEIVED = fact(
    Kind.RECEIVED, 1, {"channel": "web", "received_at": "2026-03-04T05:06:07Z", "case_id": "o1"}
)
TRACED = fact(
    Kind.TRACED,
    2,
    {
        "revision": 1,
        "outcome": "triage",
        "causes": [
            {"department": "finance", "share": 0.3, "kind": "delay"},
            {"department": "packing", "share": 0.7, "kind": "delay"},
        ],
        "missing": [{"activity": "pack", "what": "completion", "owner": "packing"}],
    },
)
STATUS = fact(
    Kind.STATUS,
    3,
    {
        "channel": "web",
        "state": "asked",
        "revision": 1,
        "since": "2026-03-04T05:06:09Z",
        "who_can_help": "logistics",
        "departments": ["packing"],
        "customer_words": {"en": ["Soon."]},
    },
)
NOTIFIED = fact(Kind.NOTIFIED, 4, {"outcome": "delivered"})


def fold(*facts: Fact) -> Summary:
    """All of them, in this order."""
    summary: Summary | None = None
    for one in facts:
        summary = apply(summary, one)
    assert summary is not None
    return summary


def test_how_the_case_was_found_stays_when_a_later_status_says_nothing_of_it() -> None:
    """A case that the customer named is shown as such, also once the complaint has ended."""
    named = fact(Kind.STATUS, 3, {**STATUS.data, "case_id": "o2", "located_by": "answered"})
    over = fact(Kind.STATUS, 5, {**STATUS.data, "state": "closed"})
    assert status_document(fold(RECEIVED, named, over))["located_by"] == "answered"
    assert status_document(fold(RECEIVED, STATUS))["located_by"] is None


def test_topics_may_be_read_in_any_order() -> None:
    """One event of each topic: whichever comes first, the summary is the same."""
    wanted = fold(RECEIVED, TRACED, STATUS, NOTIFIED)
    for order in permutations((RECEIVED, TRACED, STATUS, NOTIFIED)):
        assert fold(*order) == wanted


def test_an_older_decision_does_not_replace_a_newer_one() -> None:
    """Revisions count, not arrival."""
    newer = fact(Kind.TRACED, 9, {"revision": 2, "causes": []})
    assert fold(newer, TRACED).decision == newer.data


def test_the_last_status_counts() -> None:
    """Status comes in order within its partition: the last one stands, also when it names nobody any more."""
    later = fact(
        Kind.STATUS,
        5,
        {"channel": "web", "state": "resolved", "revision": 2, "since": "2026-03-05T00:00:00Z"},
    )
    summary = fold(STATUS, later)
    assert (summary.state, summary.who_can_help, summary.departments) == ("resolved", None, ())


def test_a_complaint_is_found_under_everyone_involved() -> None:
    """Causes, whoever can help, and open assignments."""
    assert fold(RECEIVED, TRACED, STATUS).involved == {"finance", "packing", "logistics"}


def test_causes_come_largest_first() -> None:
    """The first is the one that people read."""
    assert [cause["department"] for cause in fold(TRACED).causes] == ["packing", "finance"]


def test_the_open_question_is_asked_only_while_it_is_open() -> None:
    """What is missing is a question in some states only."""
    assert fold(TRACED, STATUS).open_question == {
        "activity": "pack",
        "what": "completion",
        "owner": "packing",
    }
    assert fold(TRACED).open_question is None


def test_a_question_stays_open_when_the_department_has_been_told() -> None:
    """The state moves on to "department told"; what is asked, and until when, is still asked."""
    question = {
        "activity": "pack",
        "department": "packing",
        "fact": "finished",
        "text": {"en": "Packed, and when?"},
    }
    asked = fact(
        Kind.TRACED,
        2,
        {
            **TRACED.data,
            "outcome": "asked",
            "question": question,
            "waiting_until": "2026-03-06T00:00:00Z",
        },
    )
    told = fact(Kind.STATUS, 3, {**STATUS.data, "state": "notified"})
    assert fold(asked, told).open_question == {
        "activity": "pack",
        "what": "finished",
        "owner": "packing",
        "text": {"en": "Packed, and when?"},
        "answer_by": "2026-03-06T00:00:00Z",
    }
    over = fact(Kind.STATUS, 3, {**STATUS.data, "state": "closed"})
    assert fold(asked, over).open_question is None
