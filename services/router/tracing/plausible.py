"""How well a case explains a complaint, for choosing among several cases of one customer.

It stands apart from `tracer` because it is asked before a case is chosen: nobody is named by it. Three
things speak for a case: something in it supports what the customer says, it was going on when the
customer wrote, and it is recent. Where the words name a sum of money, or how long the customer has waited, a
case with that sum, or in which something began that long ago, has that for it as well.

Hazard: it orders cases of one customer. It is no probability, and says nothing about another customer's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from services.router.tracing.company import Rules
from services.router.tracing.members import UNKNOWN
from services.router.tracing.model import HOUR, NO_CLUES, PARTS, Case, Clues, Complaint
from services.router.tracing.reasoning import look

_SKEW: Final = HOUR // 6
_HALF_LIFE: Final = 14 * 24 * HOUR
"""A case that last moved this long before the complaint is half as likely meant."""
_SUPPORT: Final = 6
_OPEN: Final = 2
_RECENT: Final = 2
_CLUE: Final = 3
"""Tenths beside the ten of the others, of each clue that the words hold."""
_ROUND: Final = 4
"""People round: a wait is taken for any within a quarter,"""
_DAY: Final = 24 * HOUR
"""and a day, of it."""


def plausibility(
    complaint: Complaint, case: Case, rules: Rules, as_of: int, clues: Clues = NO_CLUES
) -> int:
    """Return how well a case explains a complaint's symptoms and date, in parts (0 to `PARTS`).

    0 for a case without events, or that began after the complaint. Otherwise six tenths for how much
    of the complaint its events support, two tenths for being open (or closed after the complaint), two
    tenths for how recently it moved; each of ``clues`` that there is counts another three such tenths, all or
    nothing, and the whole is brought back to `PARTS`.
    """
    began = min((event.at for event in case.events), default=None)
    if began is None or began > complaint.occurred_at + _SKEW:
        return 0
    now = look(complaint, case, rules, as_of)
    if now.timeline.first is None:
        return 0
    support = sum(c.parts for c in now.causes if c.kind is not UNKNOWN)
    lateness = now.lateness
    if lateness is not None and (lateness.late or 0) > 0:
        support = PARTS  # the promise is missed, whoever's doing that was
    moved = max(
        (event.at for event in now.timeline.events if event.at <= complaint.occurred_at),
        default=began,
    )
    age = max(0, complaint.occurred_at - moved)
    recent = PARTS * _HALF_LIFE // (_HALF_LIFE + age)
    open_ = lateness is not None and lateness.open is not None and not lateness.cancelled
    parts = _SUPPORT * support + _OPEN * (PARTS if open_ else 0) + _RECENT * recent
    tenths = _SUPPORT + _OPEN + _RECENT
    for fits in _fitting(clues, complaint, case, rules):
        tenths += _CLUE
        parts += _CLUE * PARTS if fits else 0
    return parts // tenths


def _fitting(clues: Clues, complaint: Complaint, case: Case, rules: Rules) -> Iterator[bool]:
    """Tell of each clue whether it fits the case."""
    if clues.waited is not None:
        then = complaint.occurred_at - clues.waited * HOUR
        off = max(_DAY, clues.waited * HOUR // _ROUND)
        yield any(abs(began - then) <= off for began in _begun(case, rules))
    if clues.amounts:
        named = {
            round(value * 100)
            for event in case.events
            for value in event.attributes.values()
            if isinstance(value, int | float) and not isinstance(value, bool)
        }
        yield not named.isdisjoint(clues.amounts)


def _begun(case: Case, rules: Rules) -> Iterable[int]:
    """From when a customer may count: the first event of each process, an order's as well as a refund's."""
    begun: dict[str | None, int] = {}
    for event in case.events:
        process = rules.activity_process.get(event.activity)
        begun[process] = min(event.at, begun.get(process, event.at))
    return begun.values()
