"""How sure, and what to do about it: tell, ask, wait, or let a person decide.

It stands apart because it weighs costs, not evidence: the same causes lead to another outcome in a
company where a wrong alert costs more. ``docs/tracing.md`` has the table, which is a test.

Hazard: only ratios of costs count. A company that sets a wrong alert to nothing will alert everybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import fsum
from typing import Final

from schemas.vocabulary import Finding
from services.router.tracing.company import Costs, Rules
from services.router.tracing.members import UNKNOWN
from services.router.tracing.model import HOUR, PARTS, Cause, Evidence, Missing, SymptomScore

DOUBTFUL: Final = frozenset(
    {
        Finding.CLOCK_SKEW,
        Finding.ZONE_ERROR,
        Finding.DISORDERED,
        Finding.DISPUTED,
        Finding.SELF_SERVING,
        Finding.BACKDATED,
    }
)
"""Findings that make the times of a case less certain."""
_PER_DOUBT: Final = 0.97
_CLAIMED: Final = 0.6
_DAY: Final = 24 * HOUR


def raw_confidence(
    causes: tuple[Cause, ...],
    scores: tuple[SymptomScore, ...],
    flags: Sequence[Evidence],
    missing: tuple[Missing, ...],
    *,
    unfinished: bool = False,
    doubt: float = 0.0,
    claims: int = 0,
) -> int:
    """Return a score (parts) that rises with how likely the first cause is right; not yet calibrated.

    For an unknown first cause, the known part. Otherwise 1 less half of what is unknown, times: how far
    the first is ahead of the next where that is judged and not measured (at least 0.8), 0.97 for each
    doubtful time and each missing fact (at most three of each), 0.97 where the first rests on nothing
    having happened (``unfinished``: an event may be lost), half of how likely (``doubt``) it has happened and
    the event was lost, 0.9 to 1 for how clear the words are, and
    0.6 where somebody tells it differently (``claims``) and nobody else has confirmed either.
    """
    first = causes[0]
    unknown = sum([cause.parts for cause in causes if cause.kind is UNKNOWN])
    if first.kind is UNKNOWN:
        return PARTS - unknown
    score = 1 - unknown / (2 * PARTS)
    others = [
        cause
        for cause in causes[1:]
        if cause.kind is not UNKNOWN and cause.department != first.department
    ]
    if others and not (first.hours > 0 and others[0].hours > 0):
        score *= 1 - 0.2 * others[0].parts / first.parts
    doubts = len({(f.activity, f.finding) for f in flags if f.finding in DOUBTFUL}) if flags else 0
    less = min(3, doubts) + min(3, len(missing)) * (2 if unfinished else 1) + unfinished
    score *= _PER_DOUBT**less
    score *= 1 - doubt / 2
    if claims:
        score *= _CLAIMED
    clear = max([each.probability for each in scores], default=0.0)
    return round(PARTS * score * (0.9 + 0.1 * min(1.0, clear)))


def calibrated(raw: int, rules: Rules) -> int:
    """Return the confidence (parts) for a raw score, by the company's calibration, linear between points.

    Below the lowest point nothing was learned: there it falls in proportion, down to nothing.
    """
    points = rules.calibration
    if not points:
        return min(PARTS, max(0, raw))
    lowest, least = points[0]
    if raw <= lowest:
        return least * max(0, raw) // lowest if lowest > 0 else least
    for (left, low), (right, high) in pairwise(points):
        if raw <= right:
            return low + (high - low) * (raw - left) // max(1, right - left)
    return points[-1][1]


def sending(confidence: int, costs: Costs) -> float:
    """Return the expected cost of naming now: a wrong alert, as often as it would be wrong."""
    return (1 - confidence / PARTS) * costs.wrong


def triaging(confidence: int, costs: Costs) -> float:
    """Return the expected cost of a person's deciding: their time, and a cause missed where nothing tells."""
    return costs.triage + (1 - confidence / PARTS) * costs.missed


def asking(answers: Iterable[float], costs: Costs, weights: tuple[float, ...] = ()) -> float:
    """Return the expected cost of a question: the asking, and the mean of what follows each answer.

    ``weights`` say how likely each answer is (adding up to 1); without them all are alike.
    """
    follow = list(answers)
    if weights:
        return costs.ask + fsum([w * each for w, each in zip(weights, follow, strict=True)])
    return costs.ask + fsum(follow) / len(follow)


def waiting(beyond: int, then: float, costs: Costs) -> float:
    """Return the expected cost of waiting ``beyond`` µs longer than promised, and of what follows (``then``)."""
    return beyond / _DAY * costs.wait_per_day + then
