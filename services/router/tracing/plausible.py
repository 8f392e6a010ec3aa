"""How well a case explains a complaint, for choosing among several cases of one customer.

It stands apart from `tracer` because it is asked before a case is chosen: nobody is named by it. Three
things speak for a case: something in it supports what the customer says, it was going on when the
customer wrote, and it is recent.

Hazard: it orders cases of one customer. It is no probability, and says nothing about another customer's.
"""

from __future__ import annotations

from typing import Final

from services.router.tracing.company import Rules
from services.router.tracing.members import UNKNOWN
from services.router.tracing.model import HOUR, PARTS, Case, Complaint
from services.router.tracing.reasoning import look

_SKEW: Final = HOUR // 6
_HALF_LIFE: Final = 14 * 24 * HOUR
"""A case that last moved this long before the complaint is half as likely meant."""
_SUPPORT: Final = 6
_OPEN: Final = 2
_RECENT: Final = 2


def plausibility(complaint: Complaint, case: Case, rules: Rules, as_of: int) -> int:
    """Return how well a case explains a complaint's symptoms and date, in parts (0 to `PARTS`).

    0 for a case without events, or that began after the complaint. Otherwise six tenths for how much
    of the complaint its events support, two tenths for being open (or closed after the complaint), two
    tenths for how recently it moved.
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
    return (_SUPPORT * support + _OPEN * (PARTS if open_ else 0) + _RECENT * recent) // 10
