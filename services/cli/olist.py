"""Turn the public Olist exports into what the pipeline takes: process events and complaints.

It stands apart because it knows one foreign format and nothing else: rows in, dictionaries in the
shape of the HTTP API out. `akar replay` sends them; the offline test feeds them to the core.

Hazard: the exports hold local wall times without a zone. They are read as America/Sao_Paulo; in the
repeated hour at the end of summer time the earlier reading is taken.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

ZONE: Final = ZoneInfo("America/Sao_Paulo")
SOURCE: Final = "marketplace"

Row = Mapping[str, str]
Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Replay:
    """What one complaint brings: the events known when it was written, and the complaint itself."""

    key: str
    """The complaint's key in the exports, used as Idempotency-Key."""
    events: tuple[Message, ...]
    complaint: Message


def load(folder: Path | str) -> tuple[Replay, ...]:
    """Read ``complaints.csv``, ``events.csv`` and ``order_deadlines.csv`` in a folder.

    Raises:
        FileNotFoundError: one of them is missing.
        ValueError: a time cannot be read.
    """
    root = Path(folder)
    return replays(
        _rows(root / "complaints.csv"),
        _rows(root / "events.csv"),
        _rows(root / "order_deadlines.csv"),
    )


def replays(
    complaints: Iterable[Row], events: Iterable[Row], deadlines: Iterable[Row]
) -> tuple[Replay, ...]:
    """Join the three exports by complaint, in the order of the complaints."""
    known: dict[str, list[Row]] = {}
    for row in events:
        known.setdefault(row["complaint_id"], []).append(row)
    due = {row["complaint_id"]: row for row in deadlines}
    return tuple(
        Replay(
            key=row["complaint_id"],
            events=tuple(_events(known.get(row["complaint_id"], []), due[row["complaint_id"]])),
            complaint={
                "text": row["text"],
                "case_id": row["order_id"],
                "language": row["lang"],
                "occurred_at": utc(row["complained_at"]),
                "channel_ref": row["complaint_id"],
            },
        )
        for row in complaints
    )


def utc(local: str) -> str:
    """Return a local export time, ``YYYY-MM-DD HH:MM:SS``, as RFC 3339 UTC."""
    naive = datetime.fromisoformat(local)
    return _wire(naive.replace(tzinfo=ZONE))


def end_of_day(local: str) -> str:
    """Return the end of a local day as RFC 3339 UTC: the first instant of the next day."""
    day = date.fromisoformat(local[:10]) + timedelta(days=1)
    return _wire(datetime(day.year, day.month, day.day, tzinfo=ZONE))


def _events(rows: list[Row], deadline: Row) -> Iterator[Message]:
    order = deadline["order_id"]
    placed = next((row["at"] for row in rows if row["event"] == "order_placed"), None)
    for row in rows:
        attributes = {"payment_type": deadline["pay"]} if row["event"] == "order_placed" else {}
        yield _event(order, row["event"], "complete", utc(row["at"]), attributes)
    if placed is None:
        return
    # The platform set these dates; they are known from the moment the order is placed.
    if deadline["shipping_limit_date"]:
        due = utc(deadline["shipping_limit_date"])
        yield {**_event(order, "handed_to_carrier", "schedule", utc(placed), {}), "due_at": due}
    if deadline["order_estimated_delivery_date"]:
        due = end_of_day(deadline["order_estimated_delivery_date"])
        yield {**_event(order, "delivered_to_customer", "schedule", utc(placed), {}), "due_at": due}


def _event(order: str, activity: str, transition: str, at: str, attributes: Message) -> Message:
    return {
        "event_id": f"{order}:{activity}:{transition}",
        "case_id": order,
        "activity": activity,
        "transition": transition,
        "at": at,
        "source": SOURCE,
        "attributes": attributes,
    }


def _wire(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _rows(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
