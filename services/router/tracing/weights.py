"""What speaks for one cause, and how much.

It stands apart because whoever finds evidence makes it: `fusion` of faults and of measured time, `explained` of faults that
took time; `mixing` adds it up.
"""

from __future__ import annotations

from typing import NamedTuple

from schemas.vocabulary import CauseKind
from services.router.tracing.company import Rules


class Weight(NamedTuple):
    """Something that speaks for one cause; ``weight`` is a likelihood, then odds, then a share (0..1)."""

    department: str | None
    kind: CauseKind
    activity: str | None
    weight: float
    hours: float = 0.0
    events: tuple[str, ...] = ()
    publisher: str | None = None
    at: int = 0
    """When a fault event happened (µs UTC)."""


def kind_of(rules: Rules, department: str, otherwise: CauseKind) -> CauseKind:
    """Return the kind of a cause: parties outside are named as such."""
    rule = rules.departments[department]
    if rule.customer:
        return CauseKind.CUSTOMER
    return CauseKind.EXTERNAL if rule.outside else otherwise
