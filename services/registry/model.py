"""The company as validated values: what the TOML folder may say, field by field.

It stands apart from loading, so that a test or a tool can build a company without files. Everything
that one table can check alone is checked here; what needs two tables is checked in `check`.

Hazard: the canonical dump of these models is what the digest is taken over. A new field with a
default changes every digest, and with it what decisions say they were made by.
"""

from __future__ import annotations

import hashlib
import json
import re
from functools import cached_property
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from schemas.vocabulary import Transition

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


Duration = Annotated[int, BeforeValidator(_duration), Field(ge=0)]
"""Whole microseconds; written in TOML as ``"48h"``."""
Zone = Annotated[str, AfterValidator(_zone)]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=64)]
Language = Annotated[str, Field(pattern=r"^[a-z]{2}$")]
Names = Annotated[dict[Language, str], Field(min_length=1)]
Probability = Annotated[float, Field(gt=0, le=1)]
Condition = Annotated[dict[str, str | int | bool], Field(min_length=1)]
"""Attributes of the case that must all have these values."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Policy(_Table):
    """When a cause is named, and who decides otherwise."""

    assign_at: Probability = 0.6
    share_floor: Probability = 0.15
    triage: Slug


class CompanyFile(_Table):
    """``company.toml``."""

    format: Literal[1] = Field(alias="schema")
    id: Slug
    name: str
    languages: Annotated[list[Language], Field(min_length=1)]
    write_in: Annotated[list[Language], Field(min_length=1)]
    timezone: Zone
    policy: Policy


class Department(_Table):
    """A department, or a party outside with the department that manages it."""

    names: Names
    outside: bool = False
    customer: bool = False
    """The party is the customer: its share is reported as such."""
    managed_by: Slug | None = None
    receivers: list[str] = []


class Source(_Table):
    """A system that attests activities."""

    timezone: Zone
    completeness: Literal["assumed", "attested"] = "assumed"
    """``assumed``: no event means that it has not happened. ``attested``: only what was said up to
    the watermark counts."""
    every: Duration | None = None
    """How often an attested source speaks (a nightly export: ``24h``). None: as things happen."""
    silent_after: Duration | None = None
    """An attested source that speaks as things happen counts as silent after this long; default 1 h."""


class Allowance(_Table):
    """An allowance for cases with these attributes."""

    when: Condition
    allowance: Duration


class Activity(_Table):
    """One step of a process."""

    names: Names
    owner: Slug
    receiver: Slug | None = None
    source: Slug
    after: list[Slug] = []
    allowance: Duration | None = None
    """From the real finish of what precedes it. None, and no due date: not measured."""
    allowances: list[Allowance] = []
    optional: bool = False
    """Cases without it are complete all the same."""


class Within(_Table):
    """A promised time for cases with these attributes."""

    when: Condition
    within: Duration


class Promise(_Table):
    """What the customer was told about one activity.

    A due date in a ``schedule`` event of the activity takes precedence over ``within``.
    """

    activity: Slug
    start: Slug | None = Field(default=None, alias="from")
    within: Duration | None = None
    withins: list[Within] = []
    publisher: Slug | None = None


class Fault(_Table):
    """An event of an activity that is a cause by itself.

    It is recognised by its transition and by ``attributes.fault`` being the fault's id; for
    ``skip`` and ``cancel`` the attribute may be missing.
    """

    activity: Slug
    transition: Transition = Transition.FAIL
    department: Slug | None = None
    """Who is the cause; default the owner of the activity."""
    names: Names
    explains: Annotated[dict[Slug, Probability], Field(min_length=1)]
    """How likely each symptom is, once the fault happened."""


class Process(_Table):
    """``processes/<id>.toml``: activities, promises and faults of one kind of case."""

    id: Slug
    names: Names
    activities: Annotated[dict[Slug, Activity], Field(min_length=1)]
    promises: dict[Slug, Promise] = {}
    faults: dict[Slug, Fault] = {}


class Symptom(_Table):
    """One thing that customers complain about."""

    names: Names
    promises: list[Slug] = []
    denies: list[Slug] = []
    """Activities that the customer's words say are not done."""
    denial: Probability = 0.8
    """How likely the owner is the cause when an event says that a denied activity is done: from
    0.6 on it goes before lateness, below it names nobody."""
    presumes: Slug | None = None
    """Only possible once this activity is done; until then the words are about waiting."""
    remedy: Slug
    vague: bool = False


class Cue(_Table):
    """Concepts that, together, speak for a symptom (or, with a negative weight, against it)."""

    symptom: Slug
    words: Annotated[list[Slug], Field(min_length=1, max_length=4)]
    within: Annotated[int, Field(ge=1, le=30)] = 4
    """Largest distance in words between two neighbours of the cue."""
    ordered: bool = False
    without: list[Slug] = []
    """Concepts that void the cue when they stand anywhere in the text."""
    weight: Annotated[float, Field(ge=-10, le=10)] = 3.0


class Pack(_Table):
    """``packs/<language>.toml``: how customers say it in one language."""

    language: Language
    common: list[str]
    """Frequent function words, by which the language is recognised."""
    spell: dict[str, str] = {}
    """Spellings, abbreviations and slang -> the word that the concepts list."""
    words: dict[Slug, list[str]]
    """Concept -> words; ``stem*`` matches every word that starts with it."""
    cues: list[Cue]


class Company(_Table):
    """The whole validated company."""

    company: CompanyFile
    departments: Annotated[dict[Slug, Department], Field(min_length=1)]
    sources: Annotated[dict[Slug, Source], Field(min_length=1)]
    processes: Annotated[dict[Slug, Process], Field(min_length=1)]
    symptoms: Annotated[dict[Slug, Symptom], Field(min_length=1)]
    packs: dict[Language, Pack]

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) over the canonical contents: comments and order of tables do not count."""
        contents = self.model_dump(mode="json", by_alias=True)
        canonical = json.dumps(
            contents, sort_keys=True, separators=(",", ":"), ensure_ascii=False
        ).encode()
        return hashlib.sha256(canonical).hexdigest()

    @property
    def id(self) -> str:
        """The company's id."""
        return self.company.id

    def inboxes(self) -> tuple[str, ...]:
        """Departments that have an inbox, sorted: all but the parties outside."""
        return tuple(sorted(k for k, d in self.departments.items() if not d.outside))
