"""Writes a fitted model as the text that the product reads: whole numbers, provenance, digest.

It stands apart because the file is what people review: one feature a line, sorted, with its weight for each label.

Hazard: `SHARPNESS` decides how much of a weight is lost; `__main__` judges the model again after rounding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

import numpy as np

from services.router.tracing import features
from services.router.tracing.linear import FORMAT, seal
from services.router.tracing.windows import FILTER_UNITS, VECTOR_UNITS, WIDTH
from training.fit import Fitted
from training.texts import Source
from training.vectors import WEIGHTS, Vocabulary
from training.windows import DENIALS, SHARE, Alphabet, Network

SHARPNESS: Final = 200.0
"""Units of weight in one of margin."""
KEPT_UNITS: Final = 1024
"""Units of what a filter says of a label."""
FAINT: Final = 20
"""A feature none of whose weights reaches this is left out."""


def write(
    *,
    language: str,
    fitted: Fitted,
    vocabulary: Vocabulary,
    heat: float,
    letters: Alphabet | None,
    networks: Sequence[Network],
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
        *([f"early\t{vocabulary.early}"] if vocabulary.early else []),
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
    if letters is not None:
        lines += ["windows", *_windows(letters, networks, heat)]
    return seal("\n".join([*head, *lines]))


def _windows(letters: Alphabet, networks: Sequence[Network], heat: float) -> list[str]:
    """Return the networks side by side as one: whole numbers, one feature a line, then the filters and what they say."""
    vectors = np.hstack([net.vectors for net in networks])
    size, filters = networks[0].vectors.shape[1], len(networks[0].bias)
    wide = np.zeros((len(networks), size, WIDTH, len(networks), filters))
    for number, net in enumerate(networks):
        wide[number, :, :, number] = net.filters.reshape(WIDTH, size, filters).transpose(1, 0, 2)
    kept = np.concatenate(
        [net.kept[half * filters :][:filters] for half in (0, 1) for net in networks]
    )
    start = sum(net.start for net in networks)
    # A text's logits are moved alike, so that they add up to 0: moving what they are made of does the same.
    kept = kept - kept.mean(axis=1, keepdims=True)
    start = start - start.mean()
    lines = [
        f"{name}\t{_row(vectors[column] * VECTOR_UNITS)}"
        for name, column in sorted(letters.columns.items())
    ]
    lines += ["bias", _row(np.concatenate([net.bias for net in networks]) * FILTER_UNITS)]
    lines += [
        "filters",
        *map(_row, wide.reshape(len(networks) * size, -1) * FILTER_UNITS),
        "kept",
        *map(_row, kept * KEPT_UNITS),
    ]
    lines += ["start", _row(start * FILTER_UNITS * KEPT_UNITS)]
    lines += ["scale", repr(FILTER_UNITS * KEPT_UNITS * len(networks) * heat / SHARE)]
    if (denials := DENIALS.get(letters.language)) is not None:
        sets = (getattr(denials, one.name) for one in fields(denials))
        lines += ["denials", *(" ".join(sorted(words)) for words in sets)]
    return lines


def _row(values: Any) -> str:
    return " ".join(str(round(value)) for value in values.tolist())
