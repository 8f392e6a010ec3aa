"""The figures of a judgement: accuracy, F1 by label, confusion, coverage against accuracy, calibration.

It stands apart because it is arithmetic over labels, without files or terminals. Hazard: macro-F1 is over the labels
that people gave in this file; a label that was only read, never given, shows in precision and in the confusion matrix.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum
from typing import Any, Final

THRESHOLDS: Final = (0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
_BINS: Final = 10


@dataclass(frozen=True, slots=True)
class Reading:
    """The labels of one text (most important first) and what was read, likeliest first."""

    labels: tuple[str, ...]
    scores: tuple[tuple[str, float], ...]

    def top(self, vague: str) -> str:
        """Return the likeliest symptom; the vague one when there is none."""
        return self.scores[0][0] if self.scores else vague

    @property
    def sure(self) -> float:
        """The probability of the likeliest."""
        return self.scores[0][1] if self.scores else 0.0


def figures(readings: Sequence[Reading], *, vague: str) -> dict[str, Any]:
    """Return accuracy, macro-F1, coverage, calibration error, the table by label and the confusion matrix.

    Raises:
        ValueError: There is no reading.
    """
    if not readings:
        raise ValueError("nothing was read")
    pairs = [(reading.labels[0], reading.top(vague)) for reading in readings]
    confusion: dict[str, Counter[str]] = {}
    for label, top in pairs:
        confusion.setdefault(label, Counter())[top] += 1
    support = Counter(label for label, _ in pairs)
    named = Counter(top for _, top in pairs)
    labels = {}
    for label in sorted(support, key=lambda name: (-support[name], name)):
        right = confusion[label][label]
        labels[label] = {
            "support": support[label],
            "precision": round(right / named[label], 4) if named[label] else 0.0,
            "recall": round(right / support[label], 4),
            "f1": round(2 * right / (support[label] + named[label]), 4),
        }
    count = len(readings)
    return {
        "texts": count,
        "accuracy": round(sum(label == top for label, top in pairs) / count, 4),
        "accuracy_any_label": round(sum(r.top(vague) in r.labels for r in readings) / count, 4),
        "macro_f1": round(fsum(row["f1"] for row in labels.values()) / len(labels), 4),
        "coverage": round(sum(top != vague for _, top in pairs) / count, 4),
        "calibration_error": _calibration(readings, vague),
        "labels": labels,
        "confusion": {label: dict(sorted(row.items())) for label, row in sorted(confusion.items())},
    }


def curve(readings: Sequence[Reading], *, vague: str) -> list[dict[str, float]]:
    """Return, for each threshold, the share of texts that would be named and how many of these are right."""
    points = []
    for threshold in THRESHOLDS:
        chosen = [r for r in readings if r.top(vague) != vague and r.sure >= threshold]
        if not chosen:
            break
        right = sum(r.top(vague) == r.labels[0] for r in chosen)
        points.append(
            {
                "threshold": threshold,
                "coverage": round(len(chosen) / len(readings), 4),
                "accuracy": round(right / len(chosen), 4),
            }
        )
    return points


def _calibration(readings: Sequence[Reading], vague: str) -> float:
    """Expected calibration error of the likeliest symptom, in ten bins of equal width."""
    bins: dict[int, list[Reading]] = {}
    for reading in readings:
        bins.setdefault(min(int(reading.sure * _BINS), _BINS - 1), []).append(reading)
    gaps = [
        abs(fsum(r.sure for r in found) - sum(r.top(vague) == r.labels[0] for r in found))
        for _, found in sorted(bins.items())
    ]
    return round(fsum(gaps) / len(readings), 4)
