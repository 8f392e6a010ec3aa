"""Decisions as a person reads them."""

import io
from typing import Any

from rich.console import Console

from services.cli.send import describe
from services.cli.story import decisions, who, why
from services.cli.trace import bar, show


def decision(revision: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "revision": revision,
        "outcome": "assigned",
        "as_of": "2026-03-02T09:00:00Z",
        "confidence": 0.9,
        "causes": [
            {"department": "packing", "share": 0.25, "activity": "packed", "kind": "delay"},
            {"department": "back-office", "share": 0.75, "activity": "confirmed", "kind": "delay"},
        ],
        "recovery": {"department": "logistics", "activity": "delivered", "action": "finish"},
        "evidence": [{"event_id": "e1", "activity": "confirmed", "finding": "late", "hours": 60.0}],
        "missing": [],
        "explanation": {
            "en": ["Promised by Monday.", "Confirmed [late].", "More."],
            "id": ["Janji."],
        },
        "customer_words": {"en": ["We are sorry."]},
        **changes,
    }


def story(*found: dict[str, Any]) -> dict[str, Any]:
    received = {
        "type": "complaint.received",
        "time": "2026-03-02T08:00:00Z",
        "data": {"text": "belum [sampai]"},
    }
    traced = [
        {"type": "complaint.traced", "time": one["as_of"], "summary": "Decision.", "data": one}
        for one in found
    ]
    return {"events": [received, *traced]}


def test_decisions_come_by_revision_whatever_their_order() -> None:
    """And none of a complaint that the console does not know."""
    assert [one["revision"] for one in decisions(story(decision(2), decision(1)))] == [1, 2]
    assert decisions(None) == []


def test_the_largest_cause_is_named_first_and_alone_without_its_share() -> None:
    """Shares matter only where there are several."""
    assert who(decision()) == "back-office 75%, packing 25%"
    assert who(decision(causes=[{"department": "finance", "share": 1.0}])) == "finance"
    assert who(decision(causes=[])) == "nobody"


def test_the_gist_is_in_a_language_that_there_is() -> None:
    """English when there is some, else what there is, else nothing."""
    assert why(decision()) == "Promised by Monday. Confirmed [late]."
    assert why(decision(explanation={"pt": ["Prometido."]})) == "Prometido."
    assert why(decision(explanation={})) == ""


def test_a_decision_is_described_with_who_can_help_and_what_is_missing() -> None:
    """What `akar send` prints."""
    missing = [{"activity": "packed", "what": "when it was packed", "owner": "wms"}]
    text = describe(decision(missing=missing))
    assert "Assigned: back-office 75%, packing 25% (confidence 90%)" in text
    assert "Can help now: logistics (finish)" in text
    assert "? packed: when it was packed (to be told by wms)" in text


def test_a_story_is_shown_with_the_customer_s_brackets_and_the_newest_decision() -> None:
    """Brackets in a text are no markup."""
    screen = Console(file=io.StringIO(), width=120, highlight=False)
    show(story(decision(1), decision(2, outcome="external")), screen)
    shown = screen.file.getvalue()
    assert "belum [sampai]" in shown
    assert "Revision 2: external" in shown
    assert "+60.0" in shown
    assert "We are sorry." in shown


def test_bars_follow_their_part_and_never_vanish() -> None:
    """A small share can be seen."""
    assert len(bar(1.0)) == 16
    assert len(bar(0.5)) == 8
    assert len(bar(0.001)) == 1
    assert bar(0) == ""
