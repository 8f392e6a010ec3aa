"""The company as the tracing core reads it: compiled, flat, ready for a lookup per question.

It stands apart from the registry's models so that the core needs neither pydantic nor files, and
from `model` because it changes with the registry, not with the wire. `services.router.rules` builds
it from a registry; tests may build it by hand.

Hazard: everything here is shared by all traces of a process. It must never be changed in place.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from schemas.vocabulary import Transition
from services.router.tracing.linear import LinearModel
from services.router.tracing.model import Attribute
from services.router.tracing.packs import LanguagePack
from services.router.tracing.worktime import WorkingTime

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - local wall time, reached by adding the zone's offset

Condition = tuple[tuple[str, Attribute], ...]
"""Attributes that must all have these values."""
Choice = tuple[Condition, int]
"""A duration (µs) for cases that meet the condition."""
Offsets = tuple[tuple[int, int], ...]
"""A zone's UTC offsets as (from µs, seconds), ascending."""


@dataclass(frozen=True, slots=True)
class DepartmentRule:
    """A department or a party outside."""

    id: str
    names: Mapping[str, str]
    outside: bool = False
    customer: bool = False
    managed_by: str | None = None
    calendar: str | None = None


@dataclass(frozen=True, slots=True)
class SourceRule:
    """What a source's silence means, and how far its word goes; durations in µs.

    ``run_by`` is the department whose people enter it; ``automatic`` says that a machine attests it;
    ``offsets`` are its zone's.
    """

    id: str
    assumed: bool = True
    every: int | None = None
    silent_after: int = 3_600_000_000
    run_by: str | None = None
    automatic: bool = False
    clock_tolerance: int = 600_000_000
    offsets: Offsets = ((-(2**62), 0),)


@dataclass(frozen=True, slots=True)
class ActivityRule:
    """One step: who owns it, what precedes it, what it is allowed (µs).

    ``calendar`` is what allowances are counted in (None: elapsed time), ``receiver`` who takes the
    hand-over, ``repeats`` whether there may be several attempts, ``splits_by`` the type of object of
    which each runs through it on its own, ``question`` how its owner is asked for it, by language.
    """

    id: str
    names: Mapping[str, str]
    owner: str
    source: str
    after: tuple[str, ...] = ()
    allowance: int | None = None
    allowances: tuple[Choice, ...] = ()
    optional: bool = False
    calendar: str | None = None
    receiver: str | None = None
    repeats: bool = False
    splits_by: str | None = None
    question: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PromiseRule:
    """What the customer was told about ``activity``.

    ``chain`` holds that activity and everything before it, in an order in which each one comes
    after what precedes it. ``calendar`` is what ``within`` is counted in (None: elapsed time).
    """

    id: str
    process: str
    activity: str
    chain: tuple[str, ...]
    start: str | None = None
    within: int | None = None
    withins: tuple[Choice, ...] = ()
    publisher: str | None = None
    calendar: str | None = None


@dataclass(frozen=True, slots=True)
class FaultRule:
    """An event that is a cause by itself, and how likely it makes each symptom (0..1)."""

    id: str
    activity: str
    transition: Transition
    department: str
    names: Mapping[str, str]
    explains: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Fact:
    """What an activity's events say under an attribute's name."""

    activity: str
    attribute: str


@dataclass(frozen=True, slots=True)
class Differs:
    """Two facts that should be equal; numbers may differ by ``tolerance``."""

    left: Fact
    right: Fact
    tolerance: float = 0.0


@dataclass(frozen=True, slots=True)
class Unfollowed:
    """``activity`` is complete, and ``by`` not within so many µs (of ``calendar``, if any)."""

    activity: str
    by: str
    within: int
    calendar: str | None = None


@dataclass(frozen=True, slots=True)
class Exceeds:
    """A number above a limit: another fact's, or this one."""

    value: Fact
    limit: Fact | float


@dataclass(frozen=True, slots=True)
class ContradictionRule:
    """Events that do not go together: exactly one of the last three is set."""

    id: str
    process: str
    names: Mapping[str, str]
    department: str
    explains: Mapping[str, float]
    differs: Differs | None = None
    unfollowed: Unfollowed | None = None
    exceeds: Exceeds | None = None


@dataclass(frozen=True, slots=True)
class SymptomRule:
    """What a symptom asks of the case."""

    id: str
    names: Mapping[str, str]
    remedy: str
    promises: tuple[str, ...] = ()
    denies: tuple[str, ...] = ()
    denial: float = 0.8
    """How likely the owner of a denied completion is the cause (0..1)."""
    presumes: str | None = None
    vague: bool = False
    priors: Mapping[str, float] = field(default_factory=dict)
    """Department -> prior weight, adding up to at most 1; the rest is unknown."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What is weighed when a cause is uncertain; only the ratios count."""

    wrong: float = 5.0
    missed: float = 2.0
    ask: float = 0.5
    wait_per_day: float = 0.3
    triage: float = 1.5


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """When a cause is named (ten-thousandths), and who decides otherwise."""

    triage: str
    assign_parts: int = 6_000
    floor_parts: int = 1_500
    costs: Costs = Costs()


@dataclass(frozen=True, slots=True)
class Rules:
    """The compiled company.

    ``activity_process`` maps an activity to its process; ``faults`` is keyed by activity and
    transition; ``offsets`` are the company zone's. ``calibration`` maps raw to calibrated parts,
    piecewise linear, empty for none; ``learned`` names the version of each learned file.
    ``models`` reads symptoms, by language.
    """

    departments: Mapping[str, DepartmentRule]
    sources: Mapping[str, SourceRule]
    activities: Mapping[str, ActivityRule]
    activity_process: Mapping[str, str]
    promises: Mapping[str, PromiseRule]
    faults: Mapping[tuple[str, Transition], tuple[FaultRule, ...]]
    symptoms: Mapping[str, SymptomRule]
    vague: str
    policy: PolicyRule
    write_in: tuple[str, ...]
    packs: tuple[LanguagePack, ...]
    digest: str
    offsets: Offsets = ((-(2**62), 0),)
    offset_starts: tuple[int, ...] = field(default=(-(2**62),))
    calendars: Mapping[str, WorkingTime] = field(default_factory=dict)
    contradictions: tuple[ContradictionRule, ...] = ()
    calibration: tuple[tuple[int, int], ...] = ()
    learned: Mapping[str, str] = field(default_factory=dict)
    models: Mapping[str, LinearModel] = field(default_factory=dict)
    writers: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What `explain` has prepared, by language."""
    readily: dict[tuple[str, str], float] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """What `fusion` has reckoned, by symptom and owner."""
    followers: dict[str, tuple[ActivityRule, ...]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """What `following` has found, by activity."""

    def following(self, activity: str) -> tuple[ActivityRule, ...]:
        """Return what comes right after an activity."""
        found = self.followers.get(activity)
        if found is None:
            rules = self.activities.values()
            found = self.followers[activity] = tuple([r for r in rules if activity in r.after])
        return found

    def local(self, at: int) -> datetime:
        """Return the company's wall time (naive) at ``at`` (µs UTC)."""
        position = bisect_right(self.offset_starts, at) - 1
        seconds, rest = divmod(at, 1_000_000)
        return _EPOCH + timedelta(0, seconds + self.offsets[position][1], rest)

    def name(self, names: Mapping[str, str], language: str) -> str:
        """Return the name in a language, else in the first language the company has it in."""
        found = names.get(language)
        return found if found is not None else names[min(names)]


def chosen(choices: tuple[Choice, ...], attributes: Mapping[str, Attribute]) -> int | None:
    """Return the duration of the first choice whose condition the attributes meet."""
    for condition, duration in choices:
        for name, value in condition:
            if attributes.get(name) != value:
                break
        else:
            return duration
    return None


def possible(choices: tuple[Choice, ...], attributes: Mapping[str, Attribute]) -> list[int]:
    """Return the durations of the choices whose condition attributes that are not known may meet."""
    return [
        duration
        for condition, duration in choices
        if all(attributes.get(name, value) == value for name, value in condition)
    ]
