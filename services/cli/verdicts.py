"""Reads verdicts: NDJSON, one `VerdictReachedV1` a line.

It stands apart because the export joins them to complaints and the learning reads them alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from schemas.verdict import VerdictReachedV1
from services.chassis.errors import ConfigurationError
from services.router.learning import finding


def read_verdicts(path: Path) -> dict[str, dict[str, Any]]:
    """Complaint -> its last verdict, as it stands in the file of past complaints.

    Raises:
        ConfigurationError: The file cannot be read, or a line is no verdict.
    """
    found: dict[str, VerdictReachedV1] = {}
    try:
        with path.open(encoding="utf-8") as file:
            for number, text in enumerate(file, 1):
                if not text.strip():
                    continue
                try:
                    verdict = VerdictReachedV1.model_validate_json(text)
                except ValidationError as error:
                    first = error.errors()[0]
                    where = ".".join(str(part) for part in first["loc"])
                    raise ConfigurationError(
                        f"{path} line {number}, {where or 'the line'}: {first['msg']}"
                    ) from None
                known = found.get(verdict.complaint_id)
                if known is None or verdict.reached_at >= known.reached_at:
                    found[verdict.complaint_id] = verdict
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from None
    return {complaint: joined(verdict) for complaint, verdict in found.items()}


def joined(verdict: VerdictReachedV1) -> dict[str, Any]:
    """A verdict as part of a complaint's line: the kind, and who it found, or who it was not."""
    cause, not_cause = finding(verdict.kind, verdict.department, verdict.cause)
    return {
        "kind": verdict.kind.value,
        **({} if cause is None else {"cause": cause}),
        **({} if not_cause is None else {"not_cause": not_cause}),
    }
