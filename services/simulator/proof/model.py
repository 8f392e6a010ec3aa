"""What a generated case is: what the systems said and when, what the customer wrote, and the truth beside it.

It stands apart because the evaluator reads it without knowing how it came to be.  Hazard: `Case.truth` and `Case.facts` are for
the judge only; whoever hands a case to the core passes `told`, `heard`, the text and the times, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum, unique

from services.simulator.model import Observed


@unique
class Expect(StrEnum):
    """What an honest system does when it knows no more than it was told."""

    NAME = "name"
    """The evidence is there: name the cause."""
    ASK = "ask"
    """One fact is missing or disputed: ask, or leave it to a person."""
    WAIT = "wait"
    """A date or a late source will tell: wait."""
    NOBODY = "nobody"
    """It was nobody's doing, or nothing is known at all."""


@dataclass(frozen=True, slots=True)
class Truth:
    """Who really caused it."""

    shares: Mapping[str, float]
    """Department (or `promise`) -> share; adds up to 1, or is empty when it was nobody's doing."""
    expect: Expect

    @property
    def leading(self) -> frozenset[str]:
        """Whoever may be named first: the largest share, and those within a tenth of it."""
        most = max(self.shares.values(), default=0.0)
        return frozenset(name for name, share in self.shares.items() if share >= most - 0.1)


@dataclass(frozen=True, slots=True)
class ProofCase:
    """One complaint with its case."""

    company: str
    kind: str
    key: str
    case_id: str | None
    """None: the customer gave no reference, and nothing else tells which case it is."""
    text: str
    language: str
    complained_at: datetime
    asked_at: datetime
    """When the core is asked; for most kinds the moment of the complaint."""
    told: tuple[Observed, ...]
    """Everything the systems ever send about this case, in order of arrival; each has `known_at`."""
    heard: Mapping[str, datetime]
    """Source -> up to when it had spoken about any case, as of `asked_at`."""
    attested: Mapping[str, float | None]
    """Sources that this company has declared as attested, for this kind; hours between two words, None: as things happen."""
    settled_at: datetime
    """When all that is late has arrived."""
    truth: Truth
    needs: frozenset[tuple[str, str]] = frozenset()
    """(activity, transition) of the events without which nobody could tell the cause."""
    facts: Mapping[str, datetime] = field(default_factory=dict)
    """Activity -> when it was really finished: what its owner would answer if asked."""

    @property
    def deciding_event_lost(self) -> bool:
        """Whether an event that decides is not known by the time of the question."""
        known = {
            (one.activity, one.transition) for one in self.told if one.known_at <= self.asked_at
        }
        return not self.needs <= known
