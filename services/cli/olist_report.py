"""Holds the decisions about the Olist complaints against their computed truth, beside a simple rule.

It stands apart because it knows the columns of `truth.csv`.  The rule, "blame the last event", names whoever should have
acted after the last thing that is known.  Hazard: where the truth is not a department (nothing was late, or nothing can
be known) a named department counts against us, and the rule, which always names one, is wrong by construction.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from services.chassis.errors import ConfigurationError
from services.cli.story import who, why
from services.simulator.verdict import named

NEXT: Final = {
    "order_placed": "payment",
    "payment_approved": "seller",
    "handed_to_carrier": "carrier",
    "delivered_to_customer": "carrier",
}
"""Activity -> whom the simple rule blames when it is the last that is complete."""
DETERMINED: Final = frozenset({"clean", "dominant", "multi", "status_assumed"})


@dataclass(frozen=True, slots=True)
class Truth:
    """One row of `truth.csv`."""

    department: str
    certainty: str
    gate: str
    """What the text is about: `delivery`, `product`, `both`, `unspecific`."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One complaint with its decisions and what the simple rule says."""

    key: str
    truth: Truth
    rule: str | None
    decisions: Sequence[Mapping[str, Any]]
    text: str

    def right(self, decision: Mapping[str, Any] | None) -> bool:
        """Whether a decision is right by the class of the truth."""
        if decision is None:
            return False
        if self.truth.certainty == "none":
            return not named(decision)
        if self.truth.certainty == "text":
            # Nothing was late: the words decide, and naming anyone for a delay is wrong.
            return all(cause["kind"] != "delay" for cause in decision.get("causes", ()))
        return named(decision)[:1] == [self.truth.department]

    @property
    def first(self) -> Mapping[str, Any] | None:
        """Revision 1."""
        return self.decisions[0] if self.decisions else None

    @property
    def last(self) -> Mapping[str, Any] | None:
        """The newest revision."""
        return self.decisions[-1] if self.decisions else None

    @property
    def hard(self) -> bool:
        """Whether a department is the cause and the last event points to another."""
        return self.truth.certainty in DETERMINED and self.rule != self.truth.department


def read_truth(folder: Path) -> dict[str, Truth]:
    """The truth by complaint key.

    Raises:
        ConfigurationError: There is no `truth.csv`, or it has other columns.
    """
    path = folder / "truth.csv"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return {
                row["complaint_id"]: Truth(row["dept"], row["certainty"], row["text_gate"])
                for row in csv.DictReader(file)
            }
    except (OSError, KeyError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error!r}") from None


def blame_the_last_event(events: Sequence[Mapping[str, Any]]) -> str | None:
    """Whom the simple rule names."""
    done = [event for event in events if event["transition"] == "complete"]
    if not done:
        return None
    last = max(done, key=lambda event: (event["at"], list(NEXT).index(event["activity"])))
    return NEXT[last["activity"]]


def report(judged: Sequence[Judged]) -> dict[str, Any]:
    """Accuracy by class, of the first and of the last decision, and every miss."""
    classes = {
        f"{certainty} / {gate}": [
            one for one in judged if one.truth.certainty == certainty and one.truth.gate == gate
        ]
        for certainty, gate in sorted({(one.truth.certainty, one.truth.gate) for one in judged})
    }
    clean = [
        one for one in judged if one.truth.certainty == "clean" and one.truth.gate == "delivery"
    ]
    goals = {
        "clean, text about delivery (goal 0.98)": clean,
        "of these, last event points elsewhere (goal 0.85)": [one for one in clean if one.hard],
        "any determined, last event points elsewhere": [one for one in judged if one.hard],
        "undetermined, abstained (goal 0.85)": [
            one for one in judged if one.truth.certainty == "none"
        ],
    }
    return {
        "complaints": len(judged),
        "decided": sum(bool(one.decisions) for one in judged),
        "goals": {name: _score(found) for name, found in goals.items()},
        "classes": {name: _score(found) for name, found in classes.items()},
        "misses": [
            _miss(one) for one in judged if not (one.right(one.first) and one.right(one.last))
        ],
    }


def _score(found: Sequence[Judged]) -> dict[str, Any]:
    count = len(found)
    first = sum(one.right(one.first) for one in found)
    last = sum(one.right(one.last) for one in found)
    return {
        "count": count,
        "first": first,
        "last": last,
        "abstained": sum(one.last is not None and not named(one.last) for one in found),
        "rule": sum(one.rule == one.truth.department for one in found),
        "accuracy_first": round(first / count, 4) if count else None,
        "accuracy_last": round(last / count, 4) if count else None,
    }


def _miss(one: Judged) -> dict[str, Any]:
    def told(decision: Mapping[str, Any] | None) -> dict[str, Any] | None:
        if decision is None:
            return None
        return {
            "outcome": decision["outcome"],
            "causes": who(decision),
            "symptoms": [
                f"{score['symptom']} {score['probability']:.2f}"
                for score in decision["symptoms"][:3]
            ],
            "why": why(decision),
        }

    return {
        "complaint": one.key,
        "text": one.text,
        "truth": one.truth.department,
        "certainty": one.truth.certainty,
        "text_gate": one.truth.gate,
        "last_event_rule": one.rule,
        "revisions": len(one.decisions),
        "first": told(one.first),
        "last": told(one.last) if one.last is not one.first else None,
    }
