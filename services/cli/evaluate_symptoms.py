"""`akar evaluate symptoms`: the reading of complaints against labels by people, as tables or as JSON.

The figures are made in `services.cli.scoring`, which knows no file; here files are read and tables printed. Hazard:
the time is processor time of one text after another, words met for the first time included.
"""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from services.chassis.errors import ConfigurationError
from services.cli.company import folder_of, load_company
from services.cli.scoring import Reading, curve, figures
from services.router.rules import rules_from
from services.router.tracing.company import Rules
from services.router.tracing.symptoms import classify

_LABELS: Final = ("label", "label1", "label2", "label3")
_BARS: Final = " ▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class Labelled:
    """One row: the text, its labels (most important first) and the language that the row or the option gives."""

    text: str
    labels: tuple[str, ...]
    language: str | None


def run(
    *, file: Path, language: str | None, registry: str | None, misses: int, as_json: bool
) -> None:
    """Print the figures of a labelled file."""
    rules = rules_from(load_company(folder_of(registry)))
    spoken = [pack.language for pack in rules.packs]
    if language is not None and language not in spoken:
        raise ConfigurationError(
            f"--language {language}: the company has no pack for it; it has {', '.join(spoken)}"
        )
    rows = read(file, language, known=frozenset(rules.symptoms))
    readings, micros = judge(rows, rules)
    found = figures(readings, vague=rules.vague)
    found["coverage_curve"] = curve(readings, vague=rules.vague)
    found["microseconds_per_text"] = micros
    found["batched"] = False
    if as_json:
        print(json.dumps({"file": file.name, **found}))
        return
    show(found, rows, readings, misses=misses, vague=rules.vague)


def read(path: Path, language: str | None, *, known: frozenset[str]) -> list[Labelled]:
    """Every row of the file that has a label.

    Raises:
        ConfigurationError: The file cannot be read, a column is missing, or a label is no symptom of the company.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            columns = reader.fieldnames or []
            _check(path, columns)
            rows = [
                _row(path, reader.line_num, record, language, known)
                for record in reader
                if any((record.get(name) or "").strip() for name in _LABELS)
            ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error}. Give a CSV file in UTF-8 with the columns text,label"
        ) from None
    if not rows:
        raise ConfigurationError(
            f"{path} has no row with a label: fill the column `label` with a symptom, such as late_delivery"
        )
    return rows


def _check(path: Path, columns: Sequence[str]) -> None:
    has = ", ".join(columns) or "no header at all"
    if "text" not in columns:
        raise ConfigurationError(
            f"{path} has no column `text` (it has {has}): the first line must be text,label"
        )
    if "label" not in columns and "label1" not in columns:
        raise ConfigurationError(
            f"{path} has no column `label` (it has {has}): add one with the symptom of each text, "
            "or label1,label2,label3 with the most important first"
        )


def _row(
    path: Path, line: int, record: dict[str, Any], language: str | None, known: frozenset[str]
) -> Labelled:
    labels = tuple(label for name in _LABELS if (label := (record.get(name) or "").strip().lower()))
    for label in labels:
        if label not in known:
            raise ConfigurationError(
                f'{path} line {line}, column `label`: "{label}" is no symptom of this company; '
                f"use one of {', '.join(sorted(known))}"
            )
    given = language or (record.get("language") or "").strip().lower() or None
    return Labelled(record.get("text") or "", labels, given)


def judge(rows: Sequence[Labelled], rules: Rules) -> tuple[list[Reading], float]:
    """Read each text by itself; return the readings and the microseconds of processor time for one."""
    for row in rows[:50]:
        classify(row.text, row.language, rules)
    begun = time.process_time()
    scores = [classify(row.text, row.language, rules) for row in rows]
    took = time.process_time() - begun
    readings = [
        Reading(row.labels, tuple((s.symptom, s.probability) for s in found))
        for row, found in zip(rows, scores, strict=True)
    ]
    return readings, round(took / len(rows) * 1e6, 1)


def show(
    found: dict[str, Any],
    rows: Sequence[Labelled],
    readings: Sequence[Reading],
    *,
    misses: int,
    vague: str,
) -> None:
    """Print the figures for people."""
    console = Console()
    console.print(
        f"{found['texts']} texts: accuracy [bold]{found['accuracy']:.3f}[/bold] (any of the labels "
        f"{found['accuracy_any_label']:.3f}), macro-F1 [bold]{found['macro_f1']:.3f}[/bold], coverage "
        f"{found['coverage']:.3f}, calibration error {found['calibration_error']:.3f}, "
        f"{found['microseconds_per_text']:.0f} µs of processor time per text, one at a time."
    )
    table = Table("label", *[_right(name) for name in ("texts", "precision", "recall", "F1")])
    for label, row in found["labels"].items():
        table.add_row(
            label,
            str(row["support"]),
            *(f"{row[name]:.2f}" for name in ("precision", "recall", "f1")),
        )
    console.print(table)
    _confusion(console, found["confusion"])
    _curve(console, found["coverage_curve"])
    shown = 0
    for row, reading in zip(rows, readings, strict=True):
        if shown < misses and reading.top(vague) != row.labels[0]:
            shown += 1
            said = ", ".join(f"{name} {p:.2f}" for name, p in reading.scores)
            console.print(f"[bold]{row.labels[0]}[/bold] read as {said}", highlight=False)
            console.print(f"  {row.text[:200]}", markup=False, highlight=False)


def _right(name: str) -> Any:
    from rich.table import Column

    return Column(name, justify="right")


def _confusion(console: Console, confusion: dict[str, dict[str, int]]) -> None:
    """Rows are the labels of people, columns what was read; a column's head is its row's number."""
    labels = sorted({*confusion, *(name for row in confusion.values() for name in row)})
    width = max(len(label) for label in labels)
    lines = ["".rjust(width + 4) + "".join(f"{n:>4}" for n in range(1, len(labels) + 1))]
    for number, label in enumerate(labels, start=1):
        row = confusion.get(label, {})
        cells = "".join(f"{row.get(name) or '·':>4}" for name in labels)
        lines.append(f"{number:>3} {label:<{width}}{cells}")
    console.print("Given by people (rows), read (columns):", style="dim")
    console.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


def _curve(console: Console, points: Sequence[dict[str, float]]) -> None:
    table = Table(
        *[_right(name) for name in ("if it named only from", "coverage", "accuracy there")], ""
    )
    for point in points:
        accuracy = point["accuracy"]
        table.add_row(
            f"{point['threshold']:.2f}",
            f"{point['coverage']:.3f}",
            f"{accuracy:.3f}",
            "█" * round(point["coverage"] * 20) + " " + _BARS[round(accuracy * (len(_BARS) - 1))],
        )
    console.print(table)
    console.print(
        "Long bars: coverage; the block behind: accuracy of those that are named.", style="dim"
    )
