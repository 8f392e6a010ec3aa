"""Holds a decision against the planted truth.

It stands apart, and reads a decision as the public contract has it, so that demo and tests judge alike.  Hazard: to be
right for the wrong reason counts as right here; `Truth.activities` is there for who wants to look closer.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum, unique
from typing import Any, Final

from services.simulator.model import Truth

NOTABLE_SHARE: Final = 0.15
"""A smaller share in the causes is not counted as naming a department."""
ABSTAINING: Final = frozenset({"waiting", "triage", "asked"})


@unique
class Verdict(StrEnum):
    """How a decision did."""

    RIGHT = "right"
    WRONG = "wrong"
    ABSTAINED = "abstained"
    """It named nobody although somebody was the cause."""
    MISSING = "missing"
    """There is no decision."""


def named(decision: Mapping[str, Any]) -> list[str]:
    """The departments (or `promise`, `customer`) that a decision names as causes, the largest share first."""
    if decision.get("outcome") in ABSTAINING:
        return []
    causes = sorted(decision.get("causes", ()), key=lambda cause: -cause["share"])
    notable = [cause["department"] for cause in causes if cause["share"] >= NOTABLE_SHARE]
    return [department for department in dict.fromkeys(notable) if department != "unknown"]


def judge(truth: Truth, decision: Mapping[str, Any] | None) -> Verdict:
    """How a decision does against the truth.

    One cause: the largest share has to be its.  Several: each of them has to be named, and the largest share has to be
    one of theirs.  Nobody's: nobody may be named.
    """
    if decision is None:
        return Verdict.MISSING
    found = named(decision)
    if not truth.departments:
        return Verdict.WRONG if found else Verdict.RIGHT
    if not found:
        return Verdict.ABSTAINED
    wanted = set(truth.departments)
    good = found[0] in wanted and wanted <= set(found)
    return Verdict.RIGHT if good else Verdict.WRONG
