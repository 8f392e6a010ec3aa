"""The real orders of `akar evaluate causes --olist FOLDER`: the core offline against the truth computed from their deadlines.

It stands apart because this truth is not planted: it comes with the data (`services.cli.olist_report` says what its columns mean).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from schemas.process import ProcessObservedV1
from services.chassis.clock import microseconds
from services.cli import olist, olist_report
from services.cli.company import folder_of, load_company
from services.router import mapping
from services.router.rules import rules_from
from services.router.tracing.model import Case, Complaint
from services.router.tracing.symptoms import classify
from services.router.tracing.tracer import trace

GOALS: Final = {
    "clean, text about delivery": 0.98,
    "any determined, last event points elsewhere": 0.90,
    "undetermined, abstained": 0.90,
}


def judged_rows(folder: Path) -> dict[str, Any]:
    """Accuracy by class of the truth, beside "blame the last event", with the goals.

    Raises:
        ConfigurationError: The folder lacks a file.
    """
    rules = rules_from(load_company(folder_of("olist")))
    truths = olist_report.read_truth(folder)
    judged = []
    for replay in olist.load(folder):
        events = [ProcessObservedV1.model_validate(message) for message in replay.events]
        case = Case(
            str(replay.complaint["case_id"]),
            tuple(mapping.process_event(one, microseconds(one.at)) for one in events),
        )
        at = microseconds(olist_time(replay.complaint["occurred_at"]))
        language = str(replay.complaint["language"])
        symptoms = classify(str(replay.complaint["text"]), language, rules)
        decision = trace(
            Complaint(replay.key, at, language, symptoms), case, rules, at, words=False
        )
        judged.append(
            olist_report.Judged(
                replay.key,
                truths[replay.key],
                olist_report.blame_the_last_event(replay.events),
                [mapping.wire_decision(decision).model_dump(mode="json")],
                str(replay.complaint["text"]),
            )
        )
    found = olist_report.report(judged)
    goals = []
    for name, goal in GOALS.items():
        row = next(row for title, row in found["goals"].items() if title.startswith(name))
        goals.append(
            {
                "figure": name,
                "cases": row["count"],
                "value": row["accuracy_last"],
                "last_event": round(row["rule"] / row["count"], 4) if row["count"] else None,
                "goal": goal,
                "met": row["accuracy_last"] is not None and row["accuracy_last"] >= goal,
            }
        )
    return {
        "complaints": found["complaints"],
        "goals": goals,
        "classes": found["classes"],
        "last_event": _last_event(judged),
    }


def olist_time(text: object) -> Any:
    """An aware time from the export's wire form."""
    from datetime import datetime

    return datetime.fromisoformat(str(text))


def _last_event(judged: list[olist_report.Judged]) -> float:
    determined = [one for one in judged if one.truth.certainty in olist_report.DETERMINED]
    right = sum(one.rule == one.truth.department for one in determined)
    return round(right / len(determined), 4)


def show_olist(console: Console, found: dict[str, Any]) -> None:
    """Print the rows."""
    console.print(f"\n[bold]real orders[/bold]: {found['complaints']} complaints")
    table = Table("", "cases", "Akar", "blame the last event", "goal", "", box=None)
    for row in found["goals"]:
        table.add_row(
            row["figure"],
            str(row["cases"]),
            f"{row['value']:.3f}",
            f"{row['last_event']:.3f}",
            f"≥ {row['goal']}",
            "met" if row["met"] else "falls short",
        )
    console.print(table)
