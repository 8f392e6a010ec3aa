"""The company as validated values: what the TOML folder may say, field by field.

It stands apart from loading, so that a test or a tool can build a company without files. Everything
that one table can check alone is checked here; what needs two tables is checked in `check`.

Hazard: the canonical dump of these models, without what stands at its default, is what the digest is
taken over. A changed default changes what companies mean without changing their digest; only the
engine's version tells.
"""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, ValidationInfo, field_validator, model_validator

from schemas.vocabulary import Transition
from services.registry.calendars import Calendar
from services.registry.fields import (
    STRICT,
    Condition,
    Duration,
    FactName,
    Language,
    Names,
    Probability,
    Slug,
    Zone,
)


class _Table(BaseModel):
    model_config = STRICT


Cost = Annotated[float, Field(ge=0, le=1_000)]
"""What something costs, in a unit of the company's choice: only the ratios count."""


class Costs(_Table):
    """``[policy.costs]``: what is weighed when a cause is uncertain."""

    wrong: Cost = 5.0
    """An alert to a department that is not the cause."""
    missed: Cost = 2.0
    """No alert to the one that is."""
    ask: Cost = 0.5
    """A one-tap question to whoever owns the deciding fact."""
    wait_per_day: Cost = 0.3
    """A day without a decision, until a due date or a late source decides."""
    triage: Cost = 1.5
    """A person reading the case."""


class Policy(_Table):
    """When a cause is named, and who decides otherwise."""

    assign_at: Probability = 0.6
    """Lower bound of the known share from which a cause is named."""
    share_floor: Probability = 0.15
    """A department with a smaller share is not told."""
    triage: Slug
    """The department inside that decides what nothing else does."""
    costs: Costs = Costs()
    """What is weighed when a cause is uncertain."""


class CompanyFile(_Table):
    """``company.toml``."""

    format: Literal[1] = Field(alias="schema")
    """The version of these files."""
    id: Slug
    """Names the company in records and logs."""
    name: str
    """What people call it."""
    languages: Annotated[list[Language], Field(min_length=1)]
    """Language packs that complaints are read with, likeliest first."""
    write_in: Annotated[list[Language], Field(min_length=1)]
    """Languages of the explanations; every name should be there in each."""
    timezone: Zone
    """In which explanations name times."""
    policy: Policy
    """When a cause is named, and who decides otherwise."""


class Department(_Table):
    """A department, or a party outside with the department that manages it."""

    names: Names
    """What people call it, by language."""
    outside: bool = False
    """A party outside: has no inbox."""
    customer: bool = False
    """The party is the customer: its share is reported as such."""
    managed_by: Slug | None = None
    """The department inside that acts in an outside party's stead."""
    receivers: list[str] = []
    """Names of webhook receivers in the notifier's file; default its own id."""
    calendar: Slug | None = None
    """When its people work; used by activities that say ``calendar = "owner"``."""


class Source(_Table):
    """A system that attests activities."""

    timezone: Zone
    """Of the times that it writes."""
    completeness: Literal["assumed", "attested"] = "assumed"
    """``assumed``: no event means that it has not happened. ``attested``: only what was said up to
    the watermark counts."""
    every: Duration | None = None
    """How often an attested source speaks (a nightly export: ``24h``). None: as things happen."""
    silent_after: Duration | None = None
    """An attested source that speaks as things happen counts as silent after this long; default 1 h."""
    automatic: bool = False
    """A machine attests it: nobody enters it by hand."""
    run_by: Slug | None = None
    """The department whose people enter it: what it says for itself is flagged."""
    clock_tolerance: Duration = 600_000_000
    """How far its clock may be off before that is flagged."""


class Allowance(_Table):
    """An allowance for cases with these attributes."""

    when: Condition
    """Attributes of the case that must all have these values."""
    allowance: Duration
    """What is allowed then."""


class Activity(_Table):
    """One step of a process."""

    names: Names
    """What people call it, by language, as a noun: "packing"."""
    owner: Slug
    """The department or party outside whose work it is."""
    receiver: Slug | None = None
    """Who takes the hand-over that this activity is."""
    source: Slug
    """The system that reports it."""
    after: list[Slug] = []
    """Activities that must be finished before."""
    calendar: Slug | None = None
    """The calendar that allowances are counted in: a calendar's id, or ``owner`` for the owning
    department's. None: elapsed time."""
    allowance: Duration | None = None
    """From the real finish of what precedes it. None, and no due date: not measured."""
    allowances: list[Allowance] = []
    """By attribute of the case; the first that fits replaces ``allowance``."""
    optional: bool = False
    """Cases without it are complete all the same."""
    repeats: bool = False
    """May be tried several times, such as a delivery."""
    splits_by: Slug | None = None
    """Runs once per object of this type (``parcel``), side by side."""
    question: dict[Language, str] = {}
    """How its owner is asked whether, and when, it was done."""

    @field_validator("allowance", "allowances", mode="before")
    @classmethod
    def _hours_in_calendars(cls, value: object, info: ValidationInfo) -> object:
        """Refuse days in a calendar: a working day has as many hours as its shifts."""
        if info.data.get("calendar") is not None:
            listed = value if isinstance(value, list) else [{"allowance": value}]
            for entry in listed:
                allowance = entry.get("allowance") if isinstance(entry, dict) else None
                if isinstance(allowance, str) and "d" in allowance:
                    raise ValueError(
                        f'"{allowance}" in a calendar: a working day has as many hours as its shifts; '
                        'count working hours, such as "16h"'
                    )
        return value


class Within(_Table):
    """A promised time for cases with these attributes."""

    when: Condition
    """Attributes of the case that must all have these values."""
    within: Duration
    """What is promised then."""


class Promise(_Table):
    """What the customer was told about one activity.

    A due date in a ``schedule`` event of the activity takes precedence over ``within``.
    """

    activity: Slug
    """Whose completion is promised."""
    start: Slug | None = Field(default=None, alias="from")
    """The activity whose completion starts the clock; goes with `within`."""
    within: Duration | None = None
    """How long it takes at most, as told to the customer."""
    withins: list[Within] = []
    """By attribute of the case; the first that fits replaces ``within``."""
    calendar: Slug | None = None
    """The calendar that ``within`` is counted in, as in "ten working days"; None: elapsed time."""
    publisher: Slug | None = None
    """The department that tells customers so."""


class Fault(_Table):
    """An event of an activity that is a cause by itself.

    It is recognised by its transition and by ``attributes.fault`` being the fault's id; for
    ``skip`` and ``cancel`` the attribute may be missing.
    """

    activity: Slug
    """On which it happens."""
    transition: Transition = Transition.FAIL
    """Of the event that reports it."""
    department: Slug | None = None
    """Who is the cause; default the owner of the activity."""
    names: Names
    """What was observed, free of blame, by language."""
    explains: Annotated[dict[Slug, Probability], Field(min_length=1)]
    """How likely each symptom is, once the fault happened."""


class Differs(_Table):
    """Two facts of a case that should be equal."""

    left: FactName
    """One fact."""
    right: FactName
    """The other; its owner is the cause unless `department` names another."""
    tolerance: Annotated[float, Field(ge=0)] = 0.0
    """Largest difference of two numbers that still counts as equal; text must be equal."""


class Unfollowed(_Table):
    """An activity that is complete while another, which should follow, is not."""

    activity: Slug
    """What is complete."""
    by: Slug
    """What should be."""
    within: Duration
    """From the completion of ``activity``."""
    calendar: Slug | None = None
    """As for an activity; ``owner`` is whoever owns ``by``."""


class Exceeds(_Table):
    """A number that is larger than it may be."""

    value: FactName
    """The number."""
    limit: FactName | float
    """What it may not exceed: a number, or another fact."""


class Contradiction(_Table):
    """Events of a case that do not go together: exactly one of ``differs``, ``unfollowed``, ``exceeds``."""

    names: Names
    """What was observed, free of blame, by language."""
    department: Slug | None = None
    """Who is the cause; default whoever owns ``right``, ``by`` or ``value``."""
    explains: Annotated[dict[Slug, Probability], Field(min_length=1)]
    """How likely each symptom is, once the contradiction is there."""
    differs: Differs | None = None
    """Two facts that should be equal."""
    unfollowed: Unfollowed | None = None
    """Something complete that nothing follows."""
    exceeds: Exceeds | None = None
    """A number above a limit."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        kinds = [self.differs, self.unfollowed, self.exceeds]
        if sum(kind is not None for kind in kinds) != 1:
            raise ValueError("give exactly one of `differs`, `unfollowed` and `exceeds`")
        return self


class Process(_Table):
    """``processes/<id>.toml``: activities, promises, faults and contradictions of one kind of case."""

    id: Slug
    """The name of the file."""
    names: Names
    """What people call such a case, by language."""
    activities: Annotated[dict[Slug, Activity], Field(min_length=1)]
    """What happens in it, in any order."""
    promises: dict[Slug, Promise] = {}
    """What customers are told about it."""
    faults: dict[Slug, Fault] = {}
    """Events that are a cause by themselves."""
    contradictions: dict[Slug, Contradiction] = {}
    """Events that do not go together."""


class Symptom(_Table):
    """One thing that customers complain about."""

    names: Names
    """What people call it, by language."""
    promises: list[Slug] = []
    """What it is about: the first of these that is missed is measured, else the first that is known."""
    denies: list[Slug] = []
    """Activities that the customer's words say are not done."""
    denial: Probability = 0.8
    """How likely the owner is the cause when an event says that a denied activity is done: from
    0.6 on it goes before lateness, below it names nobody."""
    presumes: Slug | None = None
    """Only possible once this activity is done; until then the words are about waiting."""
    remedy: Slug
    """The department inside that can put it right."""
    vague: bool = False
    """Stands for words that name nothing."""
    priors: dict[Slug, Probability] = {}
    """Department -> how often it is the cause, before any evidence; the rest is unknown. Used to weigh
    evidence and to name candidates for a person, never to name anyone by text alone."""

    @model_validator(mode="after")
    def _priors_leave_room(self) -> Self:
        if sum(self.priors.values()) > 1.0 + 1e-9:
            raise ValueError("the priors add up to more than 1")
        return self


class Cue(_Table):
    """Concepts that, together, speak for a symptom (or, with a negative weight, against it)."""

    symptom: Slug
    """For which it speaks."""
    words: Annotated[list[Slug], Field(min_length=1, max_length=4)]
    """Concepts that must all be there."""
    within: Annotated[int, Field(ge=1, le=30)] = 4
    """Largest distance in words between two neighbours of the cue."""
    ordered: bool = False
    """They must come in this order."""
    without: list[Slug] = []
    """Concepts that void the cue when they stand anywhere in the text."""
    weight: Annotated[float, Field(ge=-10, le=10)] = 3.0
    """How much it says; negative speaks against."""


class Pack(_Table):
    """``packs/<language>.toml``: how customers say it in one language."""

    language: Language
    """The name of the file."""
    common: list[str]
    """Frequent function words, by which the language is recognised."""
    spell: dict[str, str] = {}
    """Spellings, abbreviations and slang -> the word that the concepts list."""
    words: dict[Slug, list[str]]
    """Concept -> words; ``stem*`` matches every word that starts with it."""
    cues: list[Cue]
    """What speaks for which symptom."""


class PackAdditions(_Table):
    """``packs/<language>.more.toml``: what a company's customers say beside that; the shipped pack stays as it is."""

    spell: dict[str, str] = {}
    """Spellings, abbreviations and slang -> the word that the concepts list; these go before the pack's."""
    words: dict[Slug, list[str]] = {}
    """Concept -> words; those of a concept that the pack has are added to its own."""
    cues: list[Cue] = []
    """What speaks for which symptom, beside the pack's cues."""


Parts = Annotated[int, Field(ge=0, le=10_000)]


class Learned(_Table):
    """``learned/<name>.toml``: what verdicts taught, written by a command, promoted by a person."""

    version: Annotated[str, Field(min_length=1, max_length=64)]
    """Named by every decision that was made with it."""
    note: str = ""
    """From what, and by whom it was promoted."""
    priors: dict[Slug, dict[Slug, Probability]] = {}
    """Symptom -> department -> weight; replaces the priors of that symptom."""
    calibration: list[tuple[Parts, Parts]] = []
    """Points (raw, calibrated confidence in ten-thousandths), ascending; straight lines between."""

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        raw = [point[0] for point in self.calibration]
        kept = [point[1] for point in self.calibration]
        if raw != sorted(set(raw)) or kept != sorted(kept):
            raise ValueError("calibration points must ascend")
        for symptom, priors in self.priors.items():
            if sum(priors.values()) > 1.0 + 1e-9:
                raise ValueError(f"the priors of {symptom} add up to more than 1")
        return self


class Company(_Table):
    """The whole validated company."""

    company: CompanyFile
    departments: Annotated[dict[Slug, Department], Field(min_length=1)]
    sources: Annotated[dict[Slug, Source], Field(min_length=1)]
    processes: Annotated[dict[Slug, Process], Field(min_length=1)]
    symptoms: Annotated[dict[Slug, Symptom], Field(min_length=1)]
    packs: dict[Language, Pack]
    calendars: dict[Slug, Calendar] = {}
    learned: dict[Slug, Learned] = {}
    models: dict[Language, str] = {}
    """Language -> digest of the shipped symptom model that reads it; not part of the folder."""

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) over the canonical contents: comments and order of tables do not count."""
        contents = self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
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
