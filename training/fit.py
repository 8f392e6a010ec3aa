"""Fits one language's model, judges it on texts it has not seen, and brings it to whole numbers.

It stands apart because it is the only part that needs scikit-learn. A linear support vector machine, one label against the
rest; a temperature, fitted on texts left out, turns its margins into probabilities.

Hazard: a figure counts only when the texts it is measured on were left out of the fit: `judge` does that, `fit` does not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import LinearSVC

from training import weights
from training.texts import Text

SECOND: Final[Mapping[str, float]] = {"id": 0.3, "en": 0.15, "pt": 0.15}
"""How much a text counts for its second and third label; in Indonesian more, so that the second trouble is named too."""
BALANCE: Final = 0.5
"""0 takes labels as frequent as they are, 1 makes the rare count as much as the frequent."""
STRENGTH: Final[Mapping[str, float]] = {"id": 0.15, "en": 0.3, "pt": 0.3}
NEAR_ENOUGH: Final = 0.01
"""When the machine stops; a hundredth of it takes three times as long and moved no figure."""
FOLDS: Final = 5
Margins = Callable[[Any], Any]
"""Gives the margins of the rows that it is asked for."""
Learn = Callable[[Any], Margins]
"""Fits on the rows that it is given."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """Weights by label (rows in the order of ``labels``) and their intercepts."""

    labels: tuple[str, ...]
    weights: Any
    bias: Any

    def margins(self, matrix: Any) -> Any:
        """Return one row of margins for each text."""
        return matrix @ self.weights.T + self.bias


def fit(
    matrix: Any, texts: Sequence[Text], labels: Sequence[str], chosen: Any, language: str
) -> Fitted:
    """Fit on the chosen rows."""
    rows: list[int] = []
    names: list[str] = []
    pull: list[float] = []
    for row in chosen:
        text = texts[row]
        for place, label in enumerate(text.labels):
            rows.append(row)
            names.append(label)
            pull.append(weights.LINEAR[text.source] * (1.0 if place == 0 else SECOND[language]))
    share: Counter[str] = Counter()
    for name, weight in zip(names, pull, strict=True):
        share[name] += weight  # type: ignore[assignment]  # Counter is typed for whole numbers
    total = sum(share.values())
    balance = {name: (total / len(share) / value) ** BALANCE for name, value in share.items()}
    counted = np.array([weight * balance[name] for name, weight in zip(names, pull, strict=True)])
    machine = LinearSVC(C=STRENGTH[language], tol=NEAR_ENOUGH, random_state=0)
    machine.fit(matrix[rows], names, sample_weight=counted)
    order = [list(machine.classes_).index(label) for label in labels]
    return Fitted(tuple(labels), machine.coef_[order], machine.intercept_[order])


def left_out(learn: Learn, texts: Sequence[Text], judged: Sequence[int], seed: int = 0) -> Any:
    """Return margins of the judged rows, each from a fit that did not see it; all other rows always help."""
    rows = np.array(judged)
    others = np.array(sorted(set(range(len(texts))) - set(judged)), dtype=int)
    first = [texts[row].labels[0] for row in judged]
    margins: Any = None
    for chosen, keep in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(rows, first):
        found = learn(np.concatenate([rows[chosen], others]))(rows[keep])
        margins = np.zeros((len(rows), found.shape[1])) if margins is None else margins
        margins[keep] = found
    return margins


def figures(margins: Any, texts: Sequence[Text], labels: Sequence[str]) -> dict[str, float]:
    """Return accuracy, macro-F1 and how often the likeliest is one of the labels."""
    best = [labels[n] for n in margins.argmax(axis=1)]
    first = [text.labels[0] for text in texts]
    return {
        "texts": len(texts),
        "accuracy": round(float(np.mean([a == b for a, b in zip(best, first, strict=True)])), 4),
        "macro_f1": round(
            float(f1_score(first, best, average="macro", labels=sorted(set(first)))), 4
        ),
        "accuracy_any_label": round(
            float(np.mean([a in text.labels for a, text in zip(best, texts, strict=True)])), 4
        ),
    }


def temperature(margins: Any, texts: Sequence[Text], labels: Sequence[str]) -> float:
    """Return the temperature under which the labels are likeliest (a grid of 60, so that it is the same everywhere)."""
    places = np.array([labels.index(text.labels[0]) for text in texts])
    best, chosen = float("inf"), 1.0
    for step in range(60):
        heat = 0.05 * 1.08**step
        scaled = margins / heat
        scaled = scaled - scaled.max(axis=1, keepdims=True)
        loss = float(
            np.mean(np.log(np.exp(scaled).sum(axis=1)) - scaled[np.arange(len(places)), places])
        )
        if loss < best:
            best, chosen = loss, heat
    return round(chosen, 6)


def sureness(
    margins: Any, texts: Sequence[Text], labels: Sequence[str], heat: float
) -> tuple[float, list[tuple[float, float, float]]]:
    """Return the expected calibration error (ten bins), and (threshold, coverage, accuracy) of what is named from there."""
    scaled = margins / heat
    shares = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    sure = shares.max(axis=1)
    best = [labels[n] for n in margins.argmax(axis=1)]
    right = np.array([name == text.labels[0] for name, text in zip(best, texts, strict=True)])
    named = np.array([name != "unclear" for name in best])
    error = 0.0
    for low in np.arange(0, 1, 0.1):
        inside = (sure >= low) & (sure < low + 0.1)
        if inside.any():
            error += abs(float(sure[inside].sum()) - float(right[inside].sum())) / len(sure)
    points = []
    for threshold in (0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9):
        chosen = named & (sure >= threshold)
        if chosen.any():
            points.append(
                (threshold, round(float(chosen.mean()), 3), round(float(right[chosen].mean()), 3))
            )
    return round(error, 4), points
