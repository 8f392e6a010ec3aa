"""Reads complaints and process events from NDJSON and CSV files, told apart by their columns.

It stands apart because it is the only part of `replay` that people's own files go through.  Hazard: a column that is
silently dropped is a lost fact, so what an event's contract does not name becomes an attribute, and what a complaint's
does not name is refused, with the file, the line and the column.
"""

from __future__ import annotations

import csv
import difflib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from schemas.vocabulary import Transition
from services.chassis.errors import ConfigurationError

COMPLAINT_FIELDS: Final = frozenset(
    {
        "text",
        "case_id",
        "customer_refs",
        "channel_ref",
        "language",
        "occurred_at",
        "remedy_sought",
        "attachments",
        "attributes",
    }
)
EVENT_FIELDS: Final = frozenset(
    {
        "case_id",
        "activity",
        "transition",
        "at",
        "due_at",
        "source",
        "event_id",
        "customer_refs",
        "objects",
        "attributes",
    }
)
EVENT_NEEDED: Final = frozenset({"case_id", "activity", "transition", "at"})
_TRANSITIONS: Final = tuple(transition.value for transition in Transition)
KEYS: Final = ("idempotency_key", "complaint_id", "id")
"""Columns of a complaint that tell two of them apart; the first that is there becomes the Idempotency-Key."""


@dataclass(frozen=True, slots=True)
class Row:
    """One thing to post, with its time."""

    at: datetime
    is_event: bool
    body: dict[str, Any]
    key: str
    """The Idempotency-Key of a complaint; where an event came from."""


def read(path: Path) -> list[Row]:
    """Every row of a file, in the file's order.

    Raises:
        ConfigurationError: The file cannot be read, or a line is neither a complaint nor a process event.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = list(_csv(file) if path.suffix.lower() == ".csv" else _ndjson(path, file))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from None
    return [_row(path, number, record) for number, record in lines]


def _csv(file: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.DictReader(file)
    for record in reader:
        yield (
            reader.line_num,
            {name: value for name, value in record.items() if name and value not in (None, "")},
        )


def _ndjson(path: Path, file: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(file, start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except ValueError as error:
            raise ConfigurationError(f"{path} line {number}: is not JSON: {error}") from None
        if not isinstance(record, dict):
            raise ConfigurationError(f"{path} line {number}: is no JSON object")
        yield number, record


def _row(path: Path, number: int, record: dict[str, Any]) -> Row:
    where = f"{path} line {number}"
    if "text" in record:
        return _complaint(where, path, number, record)
    missing = sorted(EVENT_NEEDED - record.keys())
    if missing:
        raise ConfigurationError(
            f"{where}: is no complaint (no `text`) and no process event (no {', '.join(f'`{name}`' for name in missing)}); "
            f"it has {', '.join(sorted(record)) or 'nothing'}"
        )
    return _event(where, record)


def _complaint(where: str, path: Path, number: int, record: dict[str, Any]) -> Row:
    key = next((str(record[name]) for name in KEYS if record.get(name)), f"{path.name}:{number}")
    unknown = sorted(record.keys() - COMPLAINT_FIELDS - set(KEYS))
    if unknown:
        raise ConfigurationError(
            f"{where}: a complaint has no column {', '.join(unknown)}; rename or leave out "
            f"(known: {', '.join(sorted(COMPLAINT_FIELDS | set(KEYS)))})"
        )
    body = {name: value for name, value in record.items() if name in COMPLAINT_FIELDS}
    if "occurred_at" not in body:
        raise ConfigurationError(
            f"{where}: `occurred_at` is needed, or the past cannot be put in order"
        )
    # Intake wants 8 to 128 characters.
    padded = f"replay-{key}"[:128]
    return Row(
        _time(where, "occurred_at", body["occurred_at"]), is_event=False, body=body, key=padded
    )


def _event(where: str, record: dict[str, Any]) -> Row:
    transition = str(record["transition"])
    if transition not in _TRANSITIONS:
        near = difflib.get_close_matches(transition, _TRANSITIONS, n=1)
        raise ConfigurationError(
            f"{where}: `transition` is {transition[:40]!r}; "
            + (f'did you mean "{near[0]}"?' if near else f"use one of {', '.join(_TRANSITIONS)}")
        )
    body = {name: value for name, value in record.items() if name in EVENT_FIELDS}
    others = {name: value for name, value in record.items() if name not in EVENT_FIELDS}
    if others:
        body["attributes"] = {**others, **body.get("attributes", {})}
    return Row(_time(where, "at", body["at"]), is_event=True, body=body, key=where)


def _time(where: str, column: str, value: Any) -> datetime:
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise ConfigurationError(
            f"{where}: `{column}` is {str(value)[:40]!r}; write a time with its offset, such as 2026-03-02T09:00:00+07:00"
        )
    return at


def in_order(rows: list[Row]) -> list[Row]:
    """By time; at the same instant what happened comes before who complains of it."""
    return sorted(rows, key=lambda row: (row.at, not row.is_event))
