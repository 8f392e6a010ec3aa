"""What is planted into one case, before it is lived: the vocabulary in which `kinds` are written.

It stands apart so that a kind of fault is data, and the living of a case (`life`) and the telling of it (`telling`) know no kinds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum, unique

from services.simulator.proof.model import Expect

Attributes = Mapping[str, str | int | float | bool]


@unique
class When(StrEnum):
    """When the customer writes."""

    WAITING = "waiting"
    """The promise has run out, and it is not there."""
    ARRIVED = "arrived"
    """It came."""
    EARLY = "early"
    """The promise has not run out."""
    AFTER = "after"
    """Some hours after one activity, named in `Plan.after`."""


@dataclass(frozen=True, slots=True)
class Note:
    """An event beside the completions: a fault that its system reports, a skipped step, a cancellation."""

    activity: str
    transition: str = "fail"
    attributes: Attributes = field(default_factory=dict)
    hours_after: float | None = None
    """After the activity began; None: when it is finished."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One case that will go wrong, or not."""

    line: str
    words: str
    """What the customer writes about; the name of the list of sentences."""
    when: When = When.WAITING
    after: str | None = None
    after_hours: tuple[float, float] = (1.0, 40.0)
    late: Mapping[str, float] = field(default_factory=dict)
    """Activity -> its part of the hours by which the promise is missed."""
    extra: Mapping[str, float] = field(default_factory=dict)
    """Activity -> more hours, whatever the promise says."""
    quick: frozenset[str] = frozenset()
    """Activities done in the least of their usual time."""
    notes: tuple[Note, ...] = ()
    attributes: Mapping[str, Attributes] = field(default_factory=dict)
    """Activity -> attributes of its completion."""
    stops: str | None = None
    """The activity that never gets done."""
    promise: float | None = None
    """Hours promised instead of the usual ones, told by an event."""
    just_kept: bool = False
    """The promise, told by an event, runs out within two hours after it was kept."""
    # -- how the systems tell it --------------------------------------------------------------------
    untold: frozenset[str] = frozenset()
    """Activities whose completion no system ever reports."""
    belated: frozenset[str] = frozenset()
    """Activities whose completion is reported only after the complaint."""
    nightly: str | None = None
    """A source that exports at two in the morning."""
    outage: tuple[str, str] | None = None
    """A source, and the activity in whose course it stops reporting until after the complaint."""
    shifted: Mapping[str, float] = field(default_factory=dict)
    """Source -> hours by which its clock is ahead."""
    by_hand: str | None = None
    """The activity that its owner enters anew after the complaint, as if it had been done in time."""
    receiver_says: tuple[str, str, float] | None = None
    """Activity, source and hours: who takes the hand-over attests it this much later than who gives it."""
    copies: bool = False
    """Every event comes two or three times, in any order."""
    second_parcel: str | None = None
    """The activity that runs late for the second parcel only."""
    # -- the truth ----------------------------------------------------------------------------------
    referred: bool = True
    shares: Mapping[str, float] | None = None
    """Who caused it; None: whoever's activities ran over what they are allowed, by the hours."""
    expect: Expect = Expect.NAME
