"""Figures about named causes: right, second guess, shares, wrongly alerted, confidence against truth.

It stands apart from the running of the cases (`evaluate_causes`): here are only judged answers and sums.  Hazard: the rule by
which an abstention counts is an interface (``docs/evaluation.md``): it is right only where an honest system should abstain.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from services.simulator.proof.model import Expect, Truth

NOTABLE: Final = 0.15
"""A department with a smaller share is not alerted."""
BINS: Final = 10
LEVELS: Final = (0.0, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98)
"""Confidences from which on somebody might be named, for the curve."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody (the core, or a simple rule) says about a case: (department, share), the largest first."""

    shares: tuple[tuple[str, float], ...]
    """Empty: nobody is named."""
    confidence: float
    outcome: str

    @property
    def named(self) -> tuple[str, ...]:
        """Who is alerted as a cause, the largest share first."""
        return tuple(name for name, share in self.shares if share >= NOTABLE)


@dataclass(frozen=True, slots=True)
class Judged:
    """One case: the truth, and what was said."""

    company: str
    kind: str
    key: str
    truth: Truth
    answer: Answer
    lost: bool = False
    """The event that decides was not known: then nobody could tell, and naming nobody is honest."""

    @property
    def right_for_known(self) -> bool:
        """Whether it is right if naming nobody is forgiven where the deciding event is lost."""
        return self.right or (self.lost and not self.answer.named)

    @property
    def right(self) -> bool:
        """Whether the answer is right; naming nobody is right only where that is honest."""
        if not self.answer.named:
            return self.truth.expect is not Expect.NAME
        return self.answer.named[0] in self.truth.leading

    @property
    def wrong(self) -> bool:
        """Whether somebody is named first who is not the leading cause."""
        return bool(self.answer.named) and not self.right

    @property
    def second(self) -> bool:
        """Whether the leading cause is among the first two named (or nobody is, rightly)."""
        if not self.answer.named:
            return self.right
        return bool(self.truth.leading & set(self.answer.named[:2]))

    @property
    def share_error(self) -> float:
        """Mean absolute difference of the shares, over everybody who has one or was given one."""
        said = dict(self.answer.shares)
        everybody = sorted({*said, *self.truth.shares})
        gaps = [abs(said.get(name, 0.0) - self.truth.shares.get(name, 0.0)) for name in everybody]
        return math.fsum(gaps) / len(gaps) if gaps else 0.0

    @property
    def wrong_alerts(self) -> int:
        """How many were alerted as a cause who had no part in it."""
        return sum(1 for name in self.answer.named if self.truth.shares.get(name, 0.0) <= 0.0)


def figures(judged: Sequence[Judged]) -> dict[str, Any]:
    """Everything about a run as plain numbers; rates are None where nothing can be counted."""
    nameable = [one for one in judged if one.truth.expect is Expect.NAME]
    silent = [one for one in judged if one.truth.expect is not Expect.NAME]
    named = [one for one in judged if one.answer.named]
    bins = reliability(named)
    return {
        "cases": len(judged),
        "top1": _rate(judged, lambda one: one.right),
        "top1_known": _rate(judged, lambda one: one.right_for_known),
        "deciding_event_lost": _rate(judged, lambda one: one.lost),
        "top2": _rate(judged, lambda one: one.second),
        "top1_nameable": _rate(nameable, lambda one: one.right),
        "abstained_rightly": _rate(silent, lambda one: not one.answer.named),
        "share_error": _mean(one.share_error for one in named if one.truth.shares),
        "alerts": sum(len(one.answer.named) for one in named),
        "wrong_department_rate": _share(
            sum(one.wrong_alerts for one in named), sum(len(one.answer.named) for one in named)
        ),
        "coverage": _rate(judged, lambda one: bool(one.answer.outcome)),
        "outcomes": {
            outcome: sum(1 for one in judged if one.answer.outcome == outcome)
            for outcome in sorted({one.answer.outcome for one in judged})
        },
        "named": _share(len(named), len(judged)),
        "ece": calibration_error(bins),
        "reliability": bins,
        "curve": curve(named, len(judged)),
    }


def by_kind(judged: Sequence[Judged]) -> list[dict[str, Any]]:
    """One row for each company and kind."""
    rows = []
    for company, kind in sorted({(one.company, one.kind) for one in judged}):
        these = [one for one in judged if (one.company, one.kind) == (company, kind)]
        rows.append(
            {
                "company": company,
                "kind": kind,
                "expect": these[0].truth.expect.value,
                "cases": len(these),
                "top1": _rate(these, lambda one: one.right),
                "abstained": sum(1 for one in these if not one.answer.named),
                "wrong": sum(1 for one in these if one.wrong),
            }
        )
    return rows


def reliability(named: Sequence[Judged]) -> list[dict[str, float]]:
    """Confidence in ten bins: how many, the mean confidence, how many of them were right."""
    rows = []
    for index in range(BINS):
        these = [one for one in named if _bin(one.answer.confidence) == index]
        if these:
            rows.append(
                {
                    "from": index / BINS,
                    "cases": len(these),
                    "confidence": _mean(one.answer.confidence for one in these) or 0.0,
                    "right": _rate(these, lambda one: one.right) or 0.0,
                }
            )
    return rows


def curve(named: Sequence[Judged], cases: int) -> list[dict[str, float]]:
    """What naming only from some confidence on would give: how many are named, and how many alerts go to the wrong.

    ``named`` are the answers that name somebody, of so many ``cases``. One row for each of `LEVELS` that names anybody.
    """
    rows = []
    for level in LEVELS:
        these = [one for one in named if one.answer.confidence >= level]
        if these:
            wrong = sum(one.wrong_alerts for one in these)
            rows.append(
                {
                    "from": level,
                    "named": _share(len(these), cases) or 0.0,
                    "wrong_department_rate": _share(
                        wrong, sum(len(one.answer.named) for one in these)
                    )
                    or 0.0,
                }
            )
    return rows


def calibration_error(bins: Sequence[dict[str, float]]) -> float | None:
    """Expected calibration error: the gap of each bin, weighted by its cases (Naeini et al., 2015)."""
    total = math.fsum(row["cases"] for row in bins)
    if not total:
        return None
    gaps = math.fsum(row["cases"] * abs(row["confidence"] - row["right"]) for row in bins)
    return round(gaps / total, 4)


def _bin(confidence: float) -> int:
    return min(BINS - 1, int(confidence * BINS))


def _rate(judged: Sequence[Judged], good: Callable[[Judged], bool]) -> float | None:
    return _share(sum(1 for one in judged if good(one)), len(judged))


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _mean(values: Iterable[float]) -> float | None:
    found = list(values)
    return round(math.fsum(found) / len(found), 4) if found else None
