"""Past complaints decided twice: by the registry that is live and by a candidate; who moves where, and what it would cost.

It stands apart from reading files and from processes (`services.cli.backtest_run`): pure, and its tallies add up, so that
chunks can be counted anywhere and merged in any order.

Hazard: costs are compared by the *live* policy on both sides. By its own prices a candidate could make itself look cheap.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final

from schemas.vocabulary import Outcome
from services.router.tracing.company import Costs, Rules
from services.router.tracing.fusion import Support
from services.router.tracing.members import ASKED, NAMING, TRIAGE
from services.router.tracing.model import HOUR, PARTS, Case, Complaint, Decision, SymptomScore
from services.router.tracing.reasoning import Looks
from services.router.tracing.symptoms import read
from services.router.tracing.tracer import awaited, conclude

EXAMPLES: Final = 3
"""Complaints shown for each move."""
NOBODY: Final = "nobody"
_WAITING: Final = Outcome.WAITING
_DAY: Final = 24 * HOUR
_CONCLUDED_BY: Final = frozenset({"policy", "digest", "learned", "write_in", "packs", "models"})
"""Fields of the rules that no look asks for: what is decided by, and what texts are read by."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One past complaint, with what was known of its case at ``as_of`` (µs UTC).

    ``cause`` is the department (or `promise`, `nobody`) that a verdict found, None without one; ``not_cause`` the one that it
    cleared without finding another. ``received_at`` is when the company had the complaint, None for when it was written.
    """

    complaint_id: str
    text: str
    language: str | None
    occurred_at: int
    as_of: int
    case: Case
    cause: str | None = None
    not_cause: str | None = None
    received_at: int | None = None


def same_words(live: Rules, candidate: Rules) -> bool:
    """Whether both read a text alike, so that it need be read only once."""
    return (
        live.packs == candidate.packs
        and live.vague == candidate.vague
        and live.symptoms.keys() == candidate.symptoms.keys()
    )


def looks_at(sample: Sample, rules: Rules, symptoms: tuple[SymptomScore, ...]) -> Looks:
    """Look at a past complaint by some rules."""
    complaint = Complaint(
        sample.complaint_id,
        sample.occurred_at,
        sample.language or "",
        symptoms,
        sample.received_at,
    )
    return Looks(complaint, sample.case, rules, sample.as_of)


def decide(sample: Sample, rules: Rules, symptoms: tuple[SymptomScore, ...]) -> Decision:
    """Decide a past complaint by some rules; nothing is put into words."""
    return conclude(looks_at(sample, rules, symptoms), rules, words=False)


def leading(decision: Decision) -> str:
    """Where a complaint goes: who is named first, or the outcome that names nobody."""
    if decision.outcome not in NAMING:
        return decision.outcome.value
    first = decision.causes[0]
    return first.department or first.kind.value


def told(decision: Decision, rules: Rules) -> tuple[str, ...]:
    """The departments inside that would be told that they are a cause."""
    if decision.outcome not in NAMING:
        return ()
    parts: dict[str, int] = {}
    for cause in decision.causes:
        department = cause.department
        if department is not None and not rules.departments[department].outside:
            parts[department] = parts.get(department, 0) + cause.parts
    floor = rules.policy.floor_parts
    return tuple(sorted([department for department, part in parts.items() if part >= floor]))


def waited_beyond(decision: Decision, found: tuple[Support, ...]) -> int:
    """How many µs longer than promised a decision has the customer wait; ``found`` is what its look supports.

    The core charges the same (`choice.waiting`): all of it where a promise is missed and a source is waited for, nothing
    while the promise itself still runs.
    """
    return awaited(found, decision.as_of)[1] if decision.outcome is _WAITING else 0


def cost(
    decision: Decision,
    costs: Costs,
    cause: str | None,
    *,
    not_cause: str | None = None,
    beyond: int = 0,
) -> float:
    """What a decision costs: as it came out where a verdict is known, else as expected by its confidence.

    ``beyond`` are the µs that it waits longer than promised.
    """
    outcome = decision.outcome
    if outcome in NAMING:
        first = leading(decision)
        wrong = float(first != cause)
        if cause is None:
            wrong = 1.0 if first == not_cause else 1 - decision.confidence_parts / PARTS
        return wrong * (costs.wrong + (0.0 if cause == NOBODY else costs.missed))
    if outcome is TRIAGE:
        return costs.triage
    if outcome is ASKED:
        return costs.ask
    return beyond / _DAY * costs.wait_per_day


@dataclass(slots=True)
class Tally:
    """Counts over many complaints; two tallies add up to the tally of both."""

    complaints: int = 0
    moved: int = 0
    changed: int = 0
    """With any material change: also of shares, of recovery, of a date."""
    moves: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    verdicts: int = 0
    agreed: Counter[str] = field(default_factory=Counter)
    """Side -> decisions that name what the verdict found."""
    alerts: dict[str, Counter[str]] = field(
        default_factory=lambda: {"live": Counter(), "candidate": Counter()}
    )
    costs: dict[str, list[float]] = field(default_factory=lambda: {"live": [], "candidate": []})

    def add(
        self,
        sample: Sample,
        live: Decision,
        candidate: Decision,
        rules: tuple[Rules, Rules],
        waits: tuple[int, int],
    ) -> None:
        """Count one complaint; `rules` are the live and the candidate's, `waits` what each waits beyond the promise."""
        self.complaints += 1
        move = (leading(live), leading(candidate))
        self.moves[move] += 1
        if live is not candidate:
            if move[0] != move[1]:
                self.moved += 1
                self._example(move, sample.complaint_id)
            if move[0] != move[1] or live.material() != candidate.material():
                self.changed += 1
        self.verdicts += sample.cause is not None or sample.not_cause is not None
        prices = rules[0].policy.costs
        for side, decision, wait in (("live", live, waits[0]), ("candidate", candidate, waits[1])):
            self.agreed[side] += _agrees(decision, sample)
            self.costs[side].append(
                cost(decision, prices, sample.cause, not_cause=sample.not_cause, beyond=wait)
            )
        self.alerts["live"].update(told(live, rules[0]))
        self.alerts["candidate"].update(told(candidate, rules[1]))

    def close(self) -> None:
        """Sum up the costs, so that a chunk's tally is small when it travels."""
        for side, each in self.costs.items():
            self.costs[side] = [math.fsum(each)]

    def merge(self, other: Tally) -> None:
        """Take in another chunk's counts."""
        self.complaints += other.complaints
        self.moved += other.moved
        self.changed += other.changed
        self.moves.update(other.moves)
        self.verdicts += other.verdicts
        self.agreed.update(other.agreed)
        for move, complaints in other.examples.items():
            for complaint in complaints:
                self._example(move, complaint)
        for side, counts in other.alerts.items():
            self.alerts[side].update(counts)
        for side, amounts in other.costs.items():
            self.costs[side].extend(amounts)

    def _example(self, move: tuple[str, str], complaint: str) -> None:
        """Keep the first few by id: the same ones however the file was cut."""
        known = self.examples.setdefault(move, [])
        if len(known) < EXAMPLES or complaint < known[-1]:
            known.append(complaint)
            known.sort()
            del known[EXAMPLES:]

    def report(self) -> Mapping[str, Any]:
        """Plain numbers, for JSON and tables; rates are None where nothing can be counted."""
        total = self.complaints
        spent = {side: math.fsum(sorted(each)) for side, each in self.costs.items()}
        return {
            "complaints": total,
            "moved": self.moved,
            "moved_share": round(self.moved / total, 6) if total else None,
            "changed": self.changed,
            "moves": [
                {
                    "from": move[0],
                    "to": move[1],
                    "complaints": count,
                    "examples": self.examples.get(move, []),
                }
                for move, count in sorted(self.moves.items(), key=lambda row: (-row[1], row[0]))
            ],
            "verdicts": self.verdicts,
            "agreement": {
                side: round(self.agreed[side] / self.verdicts, 6) if self.verdicts else None
                for side in ("live", "candidate")
            },
            "alerts": {side: dict(sorted(each.items())) for side, each in self.alerts.items()},
            "cost_per_complaint": {
                side: round(amount / total, 6) if total else None for side, amount in spent.items()
            },
        }


def _agrees(decision: Decision, sample: Sample) -> bool:
    """Whether a verdict is agreed with; one that only cleared somebody, by whatever does not name them first."""
    if sample.cause is None:
        return sample.not_cause is not None and leading(decision) != sample.not_cause
    if decision.outcome not in NAMING:
        return sample.cause == NOBODY
    return leading(decision) == sample.cause


class Comparer:
    """Decides by both and counts; work that would come out alike is done once."""

    def __init__(self, live: Rules, candidate: Rules) -> None:
        self.rules = (live, candidate)
        self._same = live.digest == candidate.digest
        self._words = same_words(live, candidate)
        self._looks = self._words and _looked_by(live) == _looked_by(candidate)
        self._common = all(
            getattr(live, name) == getattr(candidate, name)
            for name in (
                "departments",
                "sources",
                "policy",
                "vague",
                "calibration",
                "calendars",
                "offsets",
            )
        ) and _waited_for(live) == _waited_for(candidate)
        self._processes = {
            process: _of_process(live, process) == _of_process(candidate, process)
            for process in {*live.activity_process.values(), *candidate.activity_process.values()}
        }
        self._symptoms = {
            name: live.symptoms[name] == candidate.symptoms.get(name) for name in live.symptoms
        }

    def alike(self, sample: Sample, symptoms: tuple[SymptomScore, ...]) -> bool:
        """Whether nothing that this complaint's decision could rest on differs between the two.

        That is: what all decisions share, its symptoms, the processes of its events, and those whose promises its symptoms name.
        """
        if self._same:
            return True
        if not (self._common and self._words):
            return False
        live, candidate = self.rules
        asked = {score.symptom for score in symptoms} | {live.vague}
        if not all(self._symptoms.get(name, False) for name in asked):
            return False
        touched = {live.activity_process.get(event.activity) for event in sample.case.events}
        touched |= {candidate.activity_process.get(event.activity) for event in sample.case.events}
        for name in asked:
            touched |= {live.promises[promise].process for promise in live.symptoms[name].promises}
        return all(process is None or self._processes[process] for process in touched)

    def add(self, tally: Tally, samples: Sequence[Sample]) -> None:
        """Decide some complaints twice; their texts are read together, which takes half the time."""
        texts = [(sample.text, sample.language) for sample in samples]
        readings = read(texts, self.rules[0])
        again = readings if self._words else read(texts, self.rules[1])
        for sample, first, second in zip(samples, readings, again, strict=True):
            self._add(tally, sample, first.symptoms, second.symptoms)

    def _add(
        self,
        tally: Tally,
        sample: Sample,
        symptoms: tuple[SymptomScore, ...],
        again: tuple[SymptomScore, ...],
    ) -> None:
        live, candidate = self.rules
        looks = looks_at(sample, live, symptoms)
        first = conclude(looks, live, words=False)
        wait = waited_beyond(first, looks.now().found)
        if self.alike(sample, symptoms):
            tally.add(sample, first, first, self.rules, (wait, wait))
            return
        if not self._looks:
            looks = looks_at(sample, candidate, again)
        second = conclude(looks, candidate, words=False)
        waits = (wait, waited_beyond(second, looks.now().found))
        tally.add(sample, first, second, self.rules, waits)


def _waited_for(rules: Rules) -> dict[str, tuple[object, ...]]:
    """What each symptom denies and was promised: a fault explains a delay also by symptoms that nobody spoke of."""
    return {name: (rule.denies, rule.promises) for name, rule in rules.symptoms.items()}


def _looked_by(rules: Rules) -> dict[str, object]:
    """Everything that a look rests on; `conclude` may differ in the rest."""
    return {
        each.name: getattr(rules, each.name)
        for each in fields(rules)
        if each.compare and each.name not in _CONCLUDED_BY
    }


def _of_process(rules: Rules, process: str) -> tuple[object, ...]:
    """Everything that the rules say about one process."""
    return (
        {
            key: each
            for key, each in rules.activities.items()
            if rules.activity_process[key] == process
        },
        {key: each for key, each in rules.promises.items() if each.process == process},
        {
            key: each
            for key, each in rules.faults.items()
            if rules.activity_process[key[0]] == process
        },
        [each for each in rules.contradictions if each.process == process],
    )
