"""Which of several cases a complaint is about: what was asked, what came back, and the choice.

Pure.  It stands apart from `finding`, which moves a complaint through it, because this is the judgement: a case that the
customer's own words name goes before one that merely fits; among those that fit, the best one has to be better by a margin.

Hazard: a wrong case is worse than none, since a department would be told of somebody else's order.  What is not clear is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from schemas.vocabulary import LocatedBy
from services.router.tracing.model import NO_CLUES, Clues

FLOOR: Final = 500
"""Parts of ten thousand: a case that explains less is not meant (one without anything amiss, closed six weeks before)."""
MARGIN: Final = 1_500
"""By how many parts the best case has to lead: more than being open for a while less, less than being open at all."""
MOST_OPTIONS: Final = 4
"""Of a question to the customer; with more a person decides."""
MOST_NAMED: Final = 4
"""References of one text that are looked up."""


@dataclass(frozen=True, slots=True)
class Possible:
    """A case that the complaint may be about."""

    sequence: int
    """Of the question how well it fits."""
    named: LocatedBy | None = None
    """`text` or `answered` if the customer's words name it."""
    parts: int | None = None
    """How well it explains the complaint; None until that is answered."""


@dataclass(frozen=True, slots=True)
class Search:
    """What is known of a complaint's case so far."""

    customers: tuple[str, ...] = ()
    awaited: tuple[str, ...] = ()
    """Customers whose cases are not known yet."""
    possible: Mapping[str, Possible] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    """What the customer was asked to choose from, in that order; asked once."""
    expired: bool = False
    """The customer has not answered in time."""
    clues: Clues = NO_CLUES
    """What the complaint's words tell of the case in numbers."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Exactly one case, several to choose from, or none."""

    case_id: str | None = None
    by: LocatedBy | None = None
    options: tuple[str, ...] = ()


NOBODY: Final = Choice()


def choose(search: Search) -> Choice | None:
    """The case that is meant; None while something has not been answered."""
    weights = {case: each.parts for case, each in search.possible.items()}
    if search.awaited or None in weights.values():
        return None
    fitting = {case: parts for case, parts in weights.items() if parts}
    pool: dict[str, int] = {}
    by = LocatedBy.CUSTOMER
    for how in (LocatedBy.ANSWERED, LocatedBy.TEXT):
        pool = {case: p for case, p in fitting.items() if search.possible[case].named is how}
        if pool:
            by = how
            break
    pool = pool or {case: parts for case, parts in fitting.items() if parts >= FLOOR}
    if not pool:
        return NOBODY
    ranked = sorted(pool, key=lambda case: (-pool[case], case))
    near = tuple(case for case in ranked if pool[case] > pool[ranked[0]] - MARGIN)
    if len(near) == 1:
        return Choice(near[0], by)
    return Choice(options=near) if len(near) <= MOST_OPTIONS else NOBODY
