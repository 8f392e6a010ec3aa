"""Sentences and bars."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.vocabulary import CauseKind, Finding
from services.console.projection import Fact, Kind
from services.console.story import (
    Labels,
    alerts,
    bars,
    finding,
    instant,
    line,
    speak,
    steps,
)
from services.console.story import kind as words_for

LABELS = Labels(
    departments={"packing": "Packing", "logistics": "Logistics"},
    activities={"pack": "Packing the parcel"},
    symptoms={},
)


def fact(kind: Kind, data: dict[str, Any], offset: int = 0) -> Fact:
    """One event."""
    return Fact("e", kind, "type", "c1", 0, "t", 0, offset, "/test", None, data)


def notified(outcome: str, attempt: int = 1, **data: Any) -> Fact:
    """One recorded attempt."""
    return fact(
        Kind.NOTIFIED,
        {
            "notification_id": "n1",
            "department": "packing",
            "stage": "opened",
            "outcome": outcome,
            "attempt": attempt,
            "at": "2026-03-04T05:06:07Z",
            **data,
        },
    )


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        (
            fact(Kind.RECEIVED, {"channel": "web", "case_id": "order-1"}),
            "The customer complained about order-1 through web.",
        ),
        (fact(Kind.RECEIVED, {"channel": "web"}), "The customer complained through web."),
        (
            fact(Kind.MESSAGED, {"channel": "web", "kind": "follow_up"}),
            "The customer wrote again (follow up) through web.",
        ),
        (
            fact(
                Kind.TRACED,
                {
                    "revision": 2,
                    "outcome": "assigned",
                    "confidence": 0.91,
                    "causes": [
                        {"department": "unknown", "share": 0.2},
                        {"department": "packing", "share": 0.8},
                    ],
                },
            ),
            "Decision 2: Packing 80 %, not known 20 % (confidence 91 %).",
        ),
        (
            fact(
                Kind.TRACED, {"revision": 1, "outcome": "waiting", "confidence": 0.1, "causes": []}
            ),
            "Decision 1: it waits for a fact that is not there yet.",
        ),
        (
            fact(Kind.STATUS, {"state": "assigned", "who_can_help": "logistics"}),
            "Now: assigned. Logistics can help.",
        ),
        (
            fact(Kind.OPENED, {"department": "packing", "roles": ["cause", "recovery"]}),
            "Packing got an assignment: see what caused it and help the customer.",
        ),
        (
            fact(Kind.WITHDRAWN, {"department": "packing", "reason": "later_evidence"}),
            "The assignment of Packing was taken back: later evidence.",
        ),
        (notified("delivered", 2), "Packing was told (opened), at attempt 2."),
        (
            notified("attempted", status_code=503),
            "Packing could not be reached (it answered 503); attempt 1, it will be tried again.",
        ),
        (notified("suppressed", 0, detail="no_receiver"), "Packing was not told (no receiver)."),
        (
            notified("abandoned", 12, detail="exhausted:timeout"),
            "Packing could not be reached (exhausted:timeout); given up after 12 attempts.",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_kind_of_event_has_its_sentence(event: Fact, sentence: str) -> None:
    """One readable line, with the company's own names."""
    assert line(event, LABELS) == sentence


def test_no_kind_is_without_a_sentence() -> None:
    """A kind that is added needs a line."""
    data: dict[str, Any] = {
        "channel": "web",
        "kind": "answer",
        "revision": 1,
        "outcome": "delivered",
        "confidence": 0.5,
        "state": "new_state",
        "department": "new-department",
        "roles": ["new_role"],
        "reason": "ruled",
        "attempt": 1,
        "stage": "opened",
    }
    for kind in Kind:
        assert line(fact(kind, data), LABELS).endswith(".")


def test_bars_share_one_scale_with_zero_in_the_middle() -> None:
    """Late goes right, early goes left, the longest fills its half; what is not about time has no bar."""
    drawn = bars(
        {
            "evidence": [
                {"activity": "pack", "finding": "late", "hours": 10.0},
                {"activity": "pick", "finding": "on_time", "hours": -5.0},
                {"activity": "ship", "finding": "silent", "hours": 0.0},
            ]
        },
        LABELS,
    )
    assert [(bar.start, bar.length, bar.timed) for bar in drawn] == [
        (50.0, 50.0, True),
        (25.0, 25.0, True),
        (50.0, 0.0, False),
    ]
    assert drawn[0].activity == "Packing the parcel"
    assert drawn[2].words == "its system has said nothing"
    assert bars(None, LABELS) == []


def test_the_way_to_the_promise_is_drawn_in_its_own_time() -> None:
    """From the first beginning to the last end; beyond its plan begins where the plan ended; a moment can be seen."""

    def bar(activity: str, begin: int, end: int, allowed: int | None, **more: Any) -> Any:
        def at(hour: int | None) -> str | None:
            return None if hour is None else f"2026-03-01T{hour:02}:00:00Z"

        return {
            "activity": activity,
            "department": "packing",
            "begin": at(begin),
            "end": at(end),
            "allowed_until": at(allowed),
            "charged_hours": 0.0,
            "unknown_hours": 0.0,
            "unfinished": False,
            **more,
        }

    timeline = [
        bar("pick", 0, 10, 5, charged_hours=5.0),
        bar("pack", 10, 10, None, department=None, charged_hours=2.0),
        bar("ship", 10, 20, 22, unfinished=True),
    ]
    drawn = steps({"timeline": timeline}, LABELS)
    assert [(step.start, step.planned, step.beyond) for step in drawn] == [
        (0.0, 25.0, 25.0),
        (50.0, 0.0, 0.8),
        (50.0, 50.0, 0.0),
    ]
    assert (drawn[0].department, drawn[0].charged, drawn[2].unfinished) == ("Packing", 5.0, True)
    # What several departments share is nobody's.
    assert (drawn[1].charged, drawn[1].unknown) == (0.0, 2.0)
    assert steps(None, LABELS) == steps({}, LABELS) == []


def test_words_of_the_contracts_are_said_without_blame() -> None:
    """Every kind of cause and every finding has words of its own, and none that scolds."""
    said = [words_for(one.value) for one in CauseKind] + [finding(one.value) for one in Finding]
    assert not {"fault", "wrong", "blame", "guilt"} & set(" ".join(said).split())
    assert words_for("skipped") == "skipped"


def test_an_alert_is_shown_by_its_last_attempt() -> None:
    """However the attempts come, the highest counts."""
    told = alerts([notified("delivered", 3), notified("attempted", 1, status_code=500)])
    assert [(one.outcome, one.attempts) for one in told] == [("delivered", 3)]


def test_sentences_in_the_first_language_there_are_any_in() -> None:
    """The reader's, then whatever there is."""
    assert speak({"id": ["Maaf."], "en": ["Sorry."]}, ["en"]) == ["Sorry."]
    assert speak({"id": ["Maaf."]}, ["en"]) == ["Maaf."]
    assert speak({}, ["en"]) == speak(None, ["en"]) == []


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
        (1_500_000, "1970-01-01T00:00:01.500000Z"),
    ],
)
def test_instants_are_exact(at: int, text: str) -> None:
    """Microseconds survive, before 1970, too."""
    assert instant(at) == text
