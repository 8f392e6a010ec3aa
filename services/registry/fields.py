"""Kinds of fields that the company's tables are written with.

It stands apart so that calendars and the other tables share them without a circle.

Hazard: a duration is whole microseconds once read; anything that prints one must say the unit.
"""

from __future__ import annotations

import re
from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
)

_UNITS: Final = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_DURATION: Final = re.compile(r"(?:\d+(?:\.\d+)?[dhms])+")
_PIECE: Final = re.compile(r"(\d+(?:\.\d+)?)([dhms])")


def _duration(value: object) -> object:
    """Read ``"1d12h"``, ``"90m"`` into whole microseconds; leave anything else to pydantic."""
    if isinstance(value, str):
        if not _DURATION.fullmatch(value):
            raise ValueError('write a duration such as "48h", "90m" or "1d12h"')
        seconds = sum(float(n) * _UNITS[unit] for n, unit in _PIECE.findall(value))
        return round(seconds * 1_000_000)
    if isinstance(value, bool | int | float):
        # pydantic turns a ValueError into a problem of the field; a TypeError would escape it.
        raise ValueError('write a duration with its unit, such as "48h"')  # noqa: TRY004
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise ValueError('name an IANA zone, such as "Asia/Jakarta"') from None
    return value


Duration = Annotated[
    int,
    BeforeValidator(_duration),
    Field(ge=0),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": f"^{_DURATION.pattern}$",
            "description": 'A duration with units, such as "48h", "90m" or "1d12h".',
            "examples": ["48h", "90m", "1d12h"],
        }
    ),
]
"""Whole microseconds; written in TOML as ``"48h"``."""
Zone = Annotated[str, AfterValidator(_zone), Field(examples=["Asia/Jakarta", "UTC"])]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=64)]
Language = Annotated[str, Field(pattern=r"^[a-z]{2}$")]
Names = Annotated[dict[Language, str], Field(min_length=1)]
Probability = Annotated[float, Field(gt=0, le=1)]
Condition = Annotated[dict[str, str | int | bool], Field(min_length=1)]
"""Attributes of the case that must all have these values."""
FACT: Final = r"^[a-z0-9][a-z0-9_-]*\.[A-Za-z_][A-Za-z0-9_]*$"
"""How a fact is written."""
FactName = Annotated[str, Field(pattern=FACT)]
"""``activity.attribute``: what the activity's events say under that name."""


STRICT: Final = ConfigDict(
    extra="forbid", frozen=True, populate_by_name=True, use_attribute_docstrings=True
)
"""How every table of a file is read: unknown fields are refused, values cannot change."""
