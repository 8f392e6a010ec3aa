"""`akar trace`: one complaint's story as a table of events, with bars for shares and delays."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from schemas.complaint import ComplaintReceivedV1
from services.chassis.errors import PermanentError
from services.cli.connection import ConsoleClient, console_address
from services.cli.story import decisions, sentences, unknowns
from services.cli.trace_picture import legend, picture
from services.console.story import action, finding, kind

BAR_WIDTH: Final = 16


def run(
    *,
    complaint_id: str,
    console: str | None,
    data_dir: Path | None,
    as_json: bool,
    language: str | None = None,
) -> None:
    """Print the story, its sentences in a language if they are written in it.

    Raises:
        PermanentError: The console does not know the complaint.
        AkarError: The console refuses or does not answer.
    """
    asking = ConsoleClient(console_address(data_dir, console))
    try:
        story = asking.story(complaint_id)
    finally:
        asking.close()
    if story is None:
        raise PermanentError(
            "unknown_complaint",
            f"the console knows no complaint {complaint_id}: check the id (akar send prints it), "
            "or wait a second when it was only just accepted",
        )
    if as_json:
        print(json.dumps(story, ensure_ascii=False))
        return
    show(story, Console(highlight=False), language)


def show(story: Mapping[str, Any], screen: Console, language: str | None = None) -> None:
    """Events, then the newest decision."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("at (UTC)", "event", "what happened"):
        table.add_column(column, no_wrap=column != "what happened")
    for event in story.get("events", ()):
        at = str(event["time"]).replace("T", " ")[:19]
        table.add_row(at, str(event["type"]), escape(_told(event)))
    screen.print(table)
    found = decisions(story)
    if not found:
        screen.print("\nNot decided yet.")
        return
    _decision(found[-1], screen, language)


def _learned(decision: Mapping[str, Any]) -> str:
    """With which version of learned priors and calibration it was made."""
    versions = dict.fromkeys((decision.get("learned") or {}).values())
    return f", learned {escape(', '.join(versions))}" if versions else ""


def _decision(decision: Mapping[str, Any], screen: Console, language: str | None) -> None:
    screen.print(
        f"\n[bold]Revision {decision['revision']}: {decision['outcome']}[/], "
        f"confidence {decision['confidence']:.0%}, as of {decision['as_of']}{_case(decision)}{_learned(decision)}"
    )
    drawn = picture(decision)
    if drawn is not None:
        screen.print(drawn)
        if explained := legend(decision):
            screen.print(f"[dim]{explained}[/]")
    said = ", ".join(
        f"{each['symptom']} {each['probability']:.0%}" for each in decision.get("symptoms", ())
    )
    if said:
        screen.print(f"The customer says: {escape(said)}")
    causes = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("cause", "", "share", "activity", "kind"):
        causes.add_column(column, justify="right" if column == "share" else "left")
    for cause in decision.get("causes", ()):
        causes.add_row(
            cause["department"]
            + (f" (published by {cause['publisher']})" if cause.get("publisher") else ""),
            f"[cyan]{bar(cause['share'])}[/]",
            f"{cause['share']:.0%}",
            cause.get("activity") or "",
            kind(cause["kind"]),
        )
    screen.print(causes)
    recovery = decision.get("recovery")
    if recovery:
        screen.print(
            f"Can help now: [bold]{recovery['department']}[/] ({action(recovery['action'])})"
        )
    _evidence(decision, screen)
    grounds = decision.get("grounds", ())
    for number, sentence in enumerate(sentences(decision.get("explanation"), language)):
        rests_on = ", ".join(grounds[number]) if number < len(grounds) else ""
        screen.print(
            f"  - {escape(sentence)}" + (f" [dim]({escape(rests_on)})[/]" if rests_on else "")
        )
    if question := decision.get("question"):
        texts = {spoken: (text,) for spoken, text in question["text"].items()}
        text = " ".join(sentences(texts, language)) or question["fact"]
        until = decision.get("waiting_until")
        by = f" (by {until.replace('T', ' ')[:16]} UTC)" if until else ""
        screen.print(f"  [bold]{escape(question['department'])}[/] is asked: {escape(text)}{by}")
    if candidates := decision.get("candidates"):
        names = ", ".join(f"{each['department']} {each['share']:.0%}" for each in candidates)
        screen.print(f"  A person may begin with: {escape(names)}")
    for unknown in unknowns(decision):
        screen.print("  " + escape(unknown))
    words = sentences(decision.get("customer_words"), language)
    if words:
        screen.print("For the customer: " + escape(" ".join(words)))


def _case(decision: Mapping[str, Any]) -> str:
    """Which case, and how it became known."""
    case = decision.get("case_id")
    if not case:
        return ""
    return f"\nCase {escape(case)} ({decision.get('located_by') or 'given'})"


def _evidence(decision: Mapping[str, Any], screen: Console) -> None:
    evidence = list(decision.get("evidence", ()))
    if not evidence:
        return
    longest = max(abs(item["hours"]) for item in evidence) or 1.0
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("evidence", "finding", "hours", "", "event"):
        table.add_column(
            column,
            justify="right" if column == "hours" else "left",
            no_wrap=column not in ("event", "finding"),
        )
    for item in evidence:
        hours = item["hours"]
        colour = "red" if hours > 0 else "green"
        table.add_row(
            item["activity"],
            finding(item["finding"]),
            f"{hours:+.1f}" if hours else "",
            f"[{colour}]{bar(abs(hours) / longest) if hours else ''}[/]",
            item.get("event_id") or "(none)",
        )
    screen.print(table)


def bar(part: float) -> str:
    """A bar for a part of one; never empty for more than nothing."""
    return "█" * max(1 if part > 0 else 0, round(part * BAR_WIDTH))


def _told(event: Mapping[str, Any]) -> str:
    """The customer's own words for the complaint itself, the console's sentence for everything else."""
    if event["type"] == ComplaintReceivedV1.event_type:
        return str(event["data"]["text"])
    return str(event.get("summary", ""))
