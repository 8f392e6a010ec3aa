"""How times are written.  Pure, so that cores may use it: the contracts around it need pydantic."""

from __future__ import annotations

from datetime import UTC, datetime


def rfc3339(value: datetime) -> str:
    """Write an aware time as RFC 3339 in UTC, to the microsecond when it has any, ending in `Z`."""
    text = (value if value.tzinfo is UTC else value.astimezone(UTC)).isoformat()
    return text[:-6] + "Z"
