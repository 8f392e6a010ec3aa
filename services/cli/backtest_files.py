"""The file of past complaints: one JSON object a line, sorted by case; ``docs/evaluation.md`` has its fields.

It stands apart so that a backtest and the learning read the same files, in chunks that any process can take. Hazard: a line is read
without the contracts' models, for speed (it is this program's own export); what is missing is named with file and line.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic_core import from_json

from services.chassis.errors import ConfigurationError
from services.router.backtest import Sample
from services.router.mapping import event_from_fields, micros
from services.router.tracing.model import Case, ProcessEvent

CHUNK_BYTES: Final = 4 << 20


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bytes of a file: the lines that begin in [begin, end)."""

    path: str
    begin: int
    end: int


def chunks(path: Path, size: int = CHUNK_BYTES) -> list[Chunk]:
    """Cut a file.

    Raises:
        ConfigurationError: It cannot be read.
    """
    try:
        total = path.stat().st_size
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from None
    return [Chunk(str(path), at, min(total, at + size)) for at in range(0, total, size)]


def samples(chunk: Chunk) -> Iterator[tuple[Sample, dict[str, Any]]]:
    """The complaints of a chunk, each with its line as it stands.

    Raises:
        ConfigurationError: A line is not as it should be.
    """
    with Path(chunk.path).open("rb") as file:
        file.seek(max(0, chunk.begin - 1))
        if chunk.begin:
            # A line belongs to the chunk in which it begins.
            file.readline()
        while file.tell() < chunk.end:
            at = file.tell()
            line = file.readline()
            if not line.strip():
                if not line:
                    return
                continue
            try:
                row = from_json(line)
                yield sample(row), row
            except (KeyError, TypeError, ValueError) as error:
                raise ConfigurationError(
                    f"{chunk.path}, byte {at}: not a complaint with its events ({error!r}); "
                    "akar backtest export writes this file, docs/evaluation.md has its fields"
                ) from None


def sample(row: dict[str, Any]) -> Sample:
    """A complaint from its line."""
    occurred = micros(row["occurred_at"])
    verdict = row.get("verdict")
    return Sample(
        complaint_id=row["complaint_id"],
        text=row["text"],
        language=row.get("language"),
        occurred_at=occurred,
        as_of=max(occurred, micros(row["as_of"])) if "as_of" in row else occurred,
        case=Case(
            row.get("case_id") or "",
            tuple(_event(one) for one in row.get("events", ())),
            {source: micros(at) for source, at in row.get("watermarks", {}).items()},
            {source: (int(n), int(lost)) for source, (n, lost) in row.get("losses", {}).items()},
            {source: micros(at) for source, at in row.get("heard", {}).items()},
        ),
        cause=None if verdict is None else verdict.get("cause"),
        not_cause=None if verdict is None else verdict.get("not_cause"),
        received_at=micros(row["received_at"]) if "received_at" in row else None,
    )


def _event(one: dict[str, Any]) -> ProcessEvent:
    recorded = one.get("recorded_at")
    return event_from_fields(one, micros(one["at"] if recorded is None else recorded))


def line(row: dict[str, Any]) -> str:
    """A complaint as its line."""
    return json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n"
