"""Reads a complaint's story as the console tells it: decisions, alerts, what a person wants to know first.

It stands apart so that the shape of `GET /v1/complaints/{id}/story` is known in one place of the command line.  What is said in
words is the console's own (services/console/story.py), so that a terminal and a page say the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from schemas.tracing import ComplaintTracedV1
from services.console.story import finding, speak

LANGUAGES: Final = ("en", "id")
"""In which language explanations are shown, the first that there is."""


def events(story: Mapping[str, Any] | None, kind: str) -> list[dict[str, Any]]:
    """The data of every event of one type, in the order in which they happened."""
    if story is None:
        return []
    return [dict(event["data"]) for event in story.get("events", ()) if event.get("type") == kind]


def decisions(story: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Every decision, by revision."""
    found = events(story, ComplaintTracedV1.event_type)
    return sorted(found, key=lambda decision: int(decision["revision"]))


def sentences(texts: Mapping[str, Any] | None, language: str | None = None) -> list[str]:
    """The sentences of an explanation in this language, else in the first of ours, else in any that there is."""
    return speak(texts, LANGUAGES if language is None else (language, *LANGUAGES))


def why(decision: Mapping[str, Any]) -> str:
    """The gist of a decision's explanation: what was promised and what happened, its first two sentences."""
    return " ".join(sentences(decision.get("explanation"))[:2])


def who(decision: Mapping[str, Any]) -> str:
    """Causes with their shares, as a person would say them."""
    causes = sorted(decision.get("causes", ()), key=lambda cause: -cause["share"])
    parts = [
        f"{cause['department']} {cause['share']:.0%}"
        if len(causes) > 1
        else str(cause["department"])
        for cause in causes
    ]
    return ", ".join(parts) or "nobody"


def unknowns(decision: Mapping[str, Any]) -> list[str]:
    """The facts that would decide, and who owes each."""
    return [
        f"? {missing['activity']}: {finding(missing['what'])} (to be told by {missing['owner']})"
        for missing in decision.get("missing", ())
    ]
