"""The picture of a trace: bars to scale, symbols with a legend, nothing where there is nothing to draw."""

import io
from typing import Any

from rich.console import Console

from schemas.vocabulary import Finding
from services.cli.trace_picture import SYMBOLS, WIDTH, draw, legend, picture

DECISION: dict[str, Any] = {
    "timeline": [
        {
            "activity": "confirmed",
            "department": "back-office",
            "begin": "2026-03-01T00:00:00Z",
            "end": "2026-03-03T00:00:00Z",
            "allowed_until": "2026-03-01T12:00:00Z",
            "charged_hours": 36.0,
            "unknown_hours": 0.0,
            "unfinished": False,
        },
        {
            "activity": "picked",
            "department": None,
            "begin": "2026-03-03T00:00:00Z",
            "end": "2026-03-04T00:00:00Z",
            "allowed_until": None,
            "charged_hours": 0.0,
            "unknown_hours": 24.0,
            "unfinished": True,
        },
    ],
    "evidence": [{"activity": "picked", "finding": "silent"}],
}


def printed(decision: dict[str, Any]) -> str:
    screen = Console(width=160, file=io.StringIO())
    drawn = picture(decision)
    assert drawn is not None
    with screen.capture() as captured:
        screen.print(drawn)
    return captured.get()


def test_a_bar_is_as_long_as_its_time_and_says_what_was_beyond() -> None:
    """Two days of three fill two thirds; three quarters of them are beyond the plan."""
    first = 1_772_323_200.0
    scale = 3 * 86_400 / WIDTH
    markup = draw(DECISION["timeline"][0], first, scale)
    within, beyond = markup.split("[/]")[:2]
    assert within.count("█") + beyond.count("█") == round(WIDTH * 2 / 3)
    assert beyond.startswith("[red]")
    assert beyond.count("█") == round(WIDTH * 2 / 3) - round(WIDTH / 6)


def test_the_picture_names_who_and_what_is_not_known() -> None:
    """Hours beyond the plan, time nobody can be charged for, an open end, a symbol with its legend."""
    text = printed(DECISION)
    assert "+36.0 h" in text
    assert "24.0 h not known" in text
    assert "›" in text
    assert "…" in text
    assert legend(DECISION) == "… its system has said nothing"


def test_what_nothing_separates_is_nobody_s() -> None:
    """A stretch of several departments is not drawn as one's delay."""
    shared = {**DECISION, "timeline": [{**DECISION["timeline"][0], "department": None}]}
    text = printed(shared)
    assert "+36.0 h" not in text
    assert "not known" in text


def test_without_a_timeline_there_is_no_picture() -> None:
    """A decision of an older engine, or about words alone, has nothing to draw."""
    assert picture({"evidence": []}) is None


def test_symbols_are_of_findings_that_exist() -> None:
    """A symbol for a finding that nobody writes would never be seen."""
    assert set(SYMBOLS) <= {finding.value for finding in Finding}
