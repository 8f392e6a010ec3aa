"""What verdicts teach: how often each department causes a symptom (priors), and how often a confidence is right (calibration).

It stands apart from commands and files (`services.cli.learn_run`): pure arithmetic on labels. ``docs/evaluation.md`` has the
formulas.

Hazard: labels come mostly from complaints that somebody was told about. Priors learned from them repeat what Akar already believes;
the smoothing towards the present priors, the blind sample of the arbiter and a person's promotion are what keeps that in check.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from schemas.vocabulary import VerdictKind
from services.router.tracing.model import PARTS, SymptomScore

NOBODY: Final = "nobody"
STRENGTH: Final = 30.0
"""The present priors count as much as this many labels (the Dirichlet's concentration)."""
LEAST_PRIOR: Final = 0.01
"""A smaller prior is left out."""
LEAST_LABELS: Final = 50
"""Below this many labels no calibration is fitted."""
_GROUPS: Final = 40
_DOUBT: Final = 1.0


@dataclass(frozen=True, slots=True)
class Label:
    """One complaint whose cause somebody found.

    ``cause`` is a department, `promise` or `nobody`; None when only ``not_cause`` is known. ``leading`` is whom the decision
    put first (None: nobody), ``raw`` its confidence before any calibration, in parts.
    """

    symptoms: tuple[SymptomScore, ...]
    cause: str | None
    not_cause: str | None
    leading: str | None
    raw: int
    told: bool = True
    """Whether the decision named somebody; the core also abstains for reasons that are not in its confidence."""


def finding(kind: VerdictKind, department: str, cause: str | None) -> tuple[str | None, str | None]:
    """What a verdict says: (the cause, who is not); both None when it says nothing."""
    match kind:
        case VerdictKind.ACCEPTED | VerdictKind.OWN_FAULT:
            return department, None
        case VerdictKind.REJECTION_UPHELD:
            return cause, department
        case VerdictKind.RULED:
            return cause, None
        case VerdictKind.TIMED_OUT:
            return None, None


def fit_priors(
    labels: Iterable[Label],
    present: Mapping[str, Mapping[str, float]],
    departments: Iterable[str],
) -> dict[str, dict[str, float]]:
    """Symptom -> department -> weight, the mean of the Dirichlet posterior; only symptoms with labels.

    ``present`` are the priors that count as `STRENGTH` labels. A label counts for each of its symptoms by its probability. One that
    only says who it was not is shared among the others by the present priors. What is left below 1 is unknown: nobody's doing, the
    promise, or a department that the company does not have.
    """
    known = set(departments)
    counts: dict[str, dict[str, list[float]]] = {}
    for label in labels:
        for score in label.symptoms:
            row = counts.setdefault(score.symptom, {})
            if label.cause is not None:
                key = label.cause if label.cause in known else ""
                row.setdefault(key, []).append(score.probability)
            elif label.not_cause is not None:
                for key, weight in _others(label.not_cause, present.get(score.symptom, {})).items():
                    row.setdefault(key, []).append(score.probability * weight)
    found: dict[str, dict[str, float]] = {}
    for symptom, row in sorted(counts.items()):
        total = math.fsum(weight for each in row.values() for weight in each) + STRENGTH
        before = present.get(symptom, {})
        weights = {
            department: (
                math.fsum(row.get(department, [])) + STRENGTH * before.get(department, 0.0)
            )
            / total
            for department in sorted({*row, *before} - {""})
        }
        found[symptom] = {
            department: math.floor(weight * 1000) / 1000
            for department, weight in weights.items()
            if weight >= LEAST_PRIOR
        }
    return found


def _others(excluded: str, priors: Mapping[str, float]) -> dict[str, float]:
    """Share 1 among everybody but one, by the priors; what they leave open stays open."""
    rest = {key: weight for key, weight in priors.items() if key != excluded and weight > 0}
    open_part = max(0.0, 1.0 - math.fsum(priors.values()))
    total = math.fsum(rest.values()) + open_part
    if total <= 0:
        return {"": 1.0}
    return {**{key: weight / total for key, weight in rest.items()}, "": open_part / total}


def fit_calibration(labels: Iterable[Label]) -> tuple[tuple[int, int], ...]:
    """Points (raw, calibrated) in parts, ascending: how often a raw confidence was right; empty with too few labels.

    Isotonic regression by pooling adjacent violators (Ayer et al., 1955) over groups of equal size, each shrunk by one label of
    doubt. What was told counts, since that is what a confidence is read for; below the least confidence that was told also what was
    not, or the map would end there and make everything below it as sure.
    """
    known = [one for one in labels if one.leading is not None and one.cause is not None]
    least = min((one.raw for one in known if one.told), default=PARTS)
    outcomes = sorted(
        (one.raw, float(one.leading == one.cause)) for one in known if one.told or one.raw < least
    )
    if len(outcomes) < LEAST_LABELS:
        return ()
    size = max(10, math.ceil(len(outcomes) / _GROUPS))
    blocks = [_block(group) for group in _groups(outcomes, size)]
    points: list[tuple[int, int]] = []
    for raw, right, _ in pooled(blocks):
        calibrated = round(right * PARTS)
        if not points or raw > points[-1][0]:
            points.append((raw, max(calibrated, points[-1][1] if points else 0)))
    return _corners(points)


def _corners(points: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Leave out what lies within a level stretch: its ends say the same."""
    last = len(points) - 1
    return tuple(
        point
        for index, point in enumerate(points)
        if index in {0, last} or not points[index - 1][1] == point[1] == points[index + 1][1]
    )


def _groups(
    outcomes: Sequence[tuple[int, float]], size: int
) -> Iterable[Sequence[tuple[int, float]]]:
    """Cut into groups of about `size`; equal raw confidences stay together."""
    begin = 0
    while begin < len(outcomes):
        end = min(len(outcomes), begin + size)
        while end < len(outcomes) and outcomes[end][0] == outcomes[end - 1][0]:
            end += 1
        if len(outcomes) - end < size // 2:
            end = len(outcomes)
        yield outcomes[begin:end]
        begin = end


def _block(group: Sequence[tuple[int, float]]) -> tuple[int, float, float]:
    raw = round(math.fsum(each[0] for each in group) / len(group))
    right = (math.fsum(each[1] for each in group) + _DOUBT / 2) / (len(group) + _DOUBT)
    return raw, right, float(len(group))


def pooled(blocks: Sequence[tuple[int, float, float]]) -> list[tuple[int, float, float]]:
    """(place, value, weight) in order of place -> the same places with the nearest ascending values."""
    stack: list[list[tuple[int, float, float]]] = []
    for block in blocks:
        stack.append([block])
        while len(stack) > 1 and _mean(stack[-2]) > _mean(stack[-1]):
            last = stack.pop()
            stack[-1] = [*stack[-1], *last]
    return [(place, _mean(pool), weight) for pool in stack for place, _, weight in pool]


def _mean(pool: Sequence[tuple[int, float, float]]) -> float:
    return math.fsum(value * weight for _, value, weight in pool) / math.fsum(
        weight for _, _, weight in pool
    )


def expected_calibration_error(answers: Iterable[tuple[float, bool]], bins: int = 10) -> float:
    """Mean gap between confidence (0..1) and truth over equal bins, weighted by their answers; 0 without any."""
    rows: dict[int, list[tuple[float, bool]]] = {}
    for confidence, right in answers:
        rows.setdefault(min(bins - 1, int(confidence * bins)), []).append((confidence, right))
    total = sum(len(row) for row in rows.values())
    gaps = [
        abs(math.fsum(confidence for confidence, _ in row) - sum(right for _, right in row))
        for row in rows.values()
    ]
    return math.fsum(gaps) / total if total else 0.0
