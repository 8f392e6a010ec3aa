"""Writes a fitted model as the text that the product reads: whole numbers, provenance, digest.

It stands apart because the file is what people review: one feature a line, sorted, with its weight for each label.

Hazard: `SHARPNESS` decides how much of a weight is lost; `__main__` judges the model again after rounding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from services.router.tracing import features
from services.router.tracing.linear import FORMAT, seal
from training.fit import Fitted
from training.texts import Source
from training.vectors import WEIGHTS, Vocabulary

SHARPNESS: Final = 200.0
"""Units of weight in one of margin."""
FAINT: Final = 20
"""A feature none of whose weights reaches this is left out."""


def write(
    *,
    language: str,
    fitted: Fitted,
    vocabulary: Vocabulary,
    heat: float,
    sources: Sequence[Source],
    counts: Mapping[str, int],
    figures: Mapping[str, object],
    date: str,
    command: str,
) -> str:
    """Return the model's lines."""
    head = [
        FORMAT,
        f"language\t{language}",
        f"version\t{features.VERSION}",
        f"date\t{date}",
        f"command\t{command}",
        *(
            f"source {n}\t{s.name}, {s.texts} texts, sha256 {s.digest}"
            for n, s in enumerate(sources, 1)
        ),
        "texts\t" + " ".join(f"{label}={count}" for label, count in counts.items()),
        *(f"{name}\t{value}" for name, value in figures.items()),
        "columns\tthe labels in order, then the squared weight of the feature in its block, in thousandths",
        "labels\t" + " ".join(fitted.labels),
        "bias\t" + " ".join(str(round(value * SHARPNESS)) for value in fitted.bias.tolist()),
        f"scale\t{SHARPNESS * heat!r}",
        "features",
    ]
    lines = []
    for name, column in sorted(vocabulary.columns.items()):
        block = vocabulary.block[name]
        by = WEIGHTS[block] * (1.0 if block == "cue" else vocabulary.idf[name]) * SHARPNESS
        row = [round(value * by) for value in fitted.weights[:, column].tolist()]
        if max(abs(value) for value in row) >= FAINT:
            length = 0 if block == "cue" else round(1000 * vocabulary.idf[name] ** 2)
            lines.append(f"{name}\t{' '.join(map(str, [*row, length]))}")
    return seal("\n".join([*head, *lines]))
