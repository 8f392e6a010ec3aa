"""Counts of what sources lose, as the evidence stage keeps them: JSON, source -> [what happened, what of it was lost]."""

from __future__ import annotations

from pydantic_core import from_json, to_json

from services.router.tracing.losses import Losses


def losses_row(counts: Losses) -> bytes:
    """The counts as stored; the same counts are the same bytes."""
    return to_json(dict(sorted(counts.items())))


def losses_from_row(row: bytes | None) -> dict[str, tuple[int, int]]:
    """The counts from their stored row; none without one."""
    stored = from_json(row) if row else {}
    return {source: (happened, lost) for source, (happened, lost) in stored.items()}
