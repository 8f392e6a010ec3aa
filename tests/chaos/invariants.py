"""The promises, each as a function from evidence to what breaks it.  Pure: no Kafka, no files, nothing of the product.

It stands apart so that each check can be shown a planted violation.  What is checked follows from the contracts alone:
docs/verification.md has the promises in words, `tests/chaos/checks` a room for each group of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tests.chaos.checks.alerts import delivered, one_alert
from tests.chaos.checks.base import Result, Violation
from tests.chaos.checks.decisions import answered_for, decided, heard, unhurried
from tests.chaos.checks.oracle import oracle
from tests.chaos.checks.order import ordered, stable_reads
from tests.chaos.checks.planted import put_aside
from tests.chaos.checks.standing import standing
from tests.chaos.checks.storage import kept, no_phantoms, once
from tests.chaos.journal import Evidence

CHECKS: Final[tuple[Callable[[Evidence], Result], ...]] = (
    kept,
    decided,
    delivered,
    one_alert,
    ordered,
    no_phantoms,
    once,
    unhurried,
    answered_for,
    heard,
    oracle,
)
"""Of the records that keep their contract."""
OF_ALL: Final[tuple[Callable[[Evidence], Result], ...]] = (put_aside, stable_reads, standing)
"""Of every record, also of what a scenario planted."""


def judge(evidence: Evidence) -> list[Result]:
    """All checks, in order."""
    sound = evidence.sound()
    return [*(check(sound) for check in CHECKS), *(check(evidence) for check in OF_ALL)]


__all__ = ["Result", "Violation", "judge"]
