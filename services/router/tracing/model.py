"""What the tracing core takes and gives: plain frozen values.

They stand apart from the contracts so that the core can be replayed, tested and measured without a
broker, and so that a change of the wire never changes a decision. Times are whole microseconds
since 1970-01-01T00:00Z, durations whole microseconds, shares and confidences whole parts of
``PARTS``: nothing here can differ between machines.

What a trace makes many of is a named tuple (made in a third of the time), everything else a frozen dataclass.

Hazard: `Decision.digest` defines what a *material* change is. Whatever it leaves out will not lead
to a new revision, and whatever it takes in can alert somebody again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from schemas.vocabulary import CauseKind, Finding, Outcome, Transition

PARTS: Final = 10_000
"""Shares and confidences are integers that count ten-thousandths."""
HOUR: Final = 3_600_000_000
"""Microseconds in an hour."""

Attribute = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class SymptomScore:
    """One thing that the customer says went wrong, and how likely it is meant (0..1)."""

    symptom: str
    probability: float


@dataclass(frozen=True, slots=True)
class Complaint:
    """A complaint as the core sees it: no text, no person.

    ``occurred_at`` is the customer's own time; ``symptoms`` are most likely first; empty means that
    nothing could be read from the words. ``received_at`` is when the company had it, None for when it
    was written: only what is recorded after that was said knowing of it.
    """

    complaint_id: str
    occurred_at: int
    language: str
    symptoms: tuple[SymptomScore, ...] = ()
    received_at: int | None = None

    @property
    def heard_at(self) -> int:
        """When the company had it (µs UTC), never before it was written."""
        return max(self.occurred_at, self.received_at or self.occurred_at)


@dataclass(frozen=True, slots=True)
class Clues:
    """What a complaint's words tell of its case in numbers; nothing where they tell none.

    ``waited`` is how many hours the customer has waited by then, ``amounts`` are sums of money in hundredths of whatever
    currency they are in.
    """

    waited: int | None = None
    amounts: tuple[int, ...] = ()


NO_CLUES: Final = Clues()


@dataclass(frozen=True, slots=True)
class ProcessEvent:
    """One thing a source says happened in a case.

    ``at`` is when it happened, ``recorded_at`` when the pipeline first knew. Equal ``event_id``
    means the same event, however often it arrives.
    """

    event_id: str
    activity: str
    transition: Transition
    at: int
    recorded_at: int
    due_at: int | None = None
    source: str | None = None
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    objects: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """Everything seen of one process case, in any order.

    ``watermarks`` gives, by source, the event time up to which that source is known to have spoken
    (about any case). They matter only for sources whose silence means nothing. ``losses`` counts, by source,
    what its other recent cases show of events that it lost (`losses`); empty where nobody counted. ``heard``
    gives, by source, when it last told anything, whenever that had happened; empty where nobody noted it.
    """

    case_id: str
    events: tuple[ProcessEvent, ...] = ()
    watermarks: Mapping[str, int] = field(default_factory=dict)
    losses: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    heard: Mapping[str, int] = field(default_factory=dict)


class Cause(NamedTuple):
    """A department (or party, or none) with its share of why it happened.

    ``department`` is None where it is nobody's doing: `CauseKind.UNKNOWN` and `CauseKind.PROMISE`
    (then ``publisher`` can prevent the next one). ``hours`` is the own delay charged; 0 where time is
    not the reason.
    """

    department: str | None
    kind: CauseKind
    activity: str | None
    parts: int
    hours: float = 0.0
    events: tuple[str, ...] = ()
    publisher: str | None = None

    @property
    def share(self) -> float:
        """The share as a number in 0..1."""
        return self.parts / PARTS


@dataclass(frozen=True, slots=True)
class Recovery:
    """Who can help this customer now, with which activity, by what ``action``.

    ``action`` is one of ``finish`` (the open activity), ``remedy`` (grant one), ``manage`` (the
    outside party), ``decide`` (a person reads the complaint).
    """

    department: str
    activity: str | None
    action: str


class Evidence(NamedTuple):
    """What one event, or the lack of one, says about an activity.

    ``hours`` is the signed own delay where there is one: negative means earlier than allowed.
    ``event_id`` is None for what is concluded from silence or from an open activity.
    """

    event_id: str | None
    activity: str
    finding: Finding
    department: str | None = None
    hours: float | None = None


class Missing(NamedTuple):
    """A fact that would help to decide, and who owes it."""

    activity: str
    department: str | None
    source: str | None
    finding: Finding


@dataclass(frozen=True, slots=True)
class Question:
    """The one fact that would decide, and the department asked for it.

    ``fact`` is ``finished`` (when?), ``due`` (promised by when?) or ``confirm`` (finished at ``claimed``?).
    """

    activity: str
    department: str
    fact: str
    claimed: int | None = None
    text: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A department that a person may look at where no evidence names anyone; never a cause."""

    department: str
    parts: int


class Bar(NamedTuple):
    """One stretch of the way to the promise, for a picture; µs UTC."""

    activity: str
    department: str | None
    begin: int
    end: int
    allowed_until: int | None
    charged: int
    unknown: int
    unfinished: bool


class Sentence(NamedTuple):
    """One sentence of an explanation with the events that it rests on."""

    text: str
    events: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to "why did it happen" and "who can help now", with everything it rests on."""

    complaint_id: str
    case_id: str | None
    process: str | None
    as_of: int
    outcome: Outcome
    causes: tuple[Cause, ...]
    """Largest first; the parts add up to `PARTS`."""
    recovery: Recovery | None
    confidence_parts: int
    symptoms: tuple[SymptomScore, ...]
    evidence: tuple[Evidence, ...]
    missing: tuple[Missing, ...]
    waiting_until: int | None
    explanation: Mapping[str, tuple[Sentence, ...]]
    """Sentences by language, for departments and customer service."""
    customer_words: Mapping[str, tuple[str, ...]]
    """Sentences by language that may be said to the customer: no department is named."""
    registry_digest: str
    engine: str
    question: Question | None = None
    candidates: tuple[Candidate, ...] = ()
    """Most likely first; only where nobody is named."""
    timeline: tuple[Bar, ...] = ()
    """Only with words."""
    learned: Mapping[str, str] = field(default_factory=dict)
    """Versions of what was learned, by name; the registry's digest covers them."""

    @property
    def confidence(self) -> float:
        """How sure, 0..1, that the first cause is right."""
        return self.confidence_parts / PARTS

    def material(self) -> dict[str, object]:
        """What makes a change of the decision worth a new revision, as plain JSON values.

        Shares are rounded to tenths, and those below a twentieth left out: an open activity grows
        by the hour, and nobody should hear of that again. Confidence, hours and wording are left
        out for the same reason.
        """
        causes = [
            [cause.department or "", cause.kind, round(cause.parts * 10 / PARTS)]
            for cause in sorted(self.causes, key=lambda c: (c.department or "", c.kind))
        ]
        return {
            "outcome": self.outcome,
            "causes": [cause for cause in causes if cause[2] != 0],
            "recovery": self.recovery and [self.recovery.department, self.recovery.action],
            "waiting_until": self.waiting_until,
            **(
                {}
                if self.question is None
                else {
                    "question": [
                        self.question.activity,
                        self.question.department,
                        self.question.fact,
                    ]
                }
            ),
        }

    def digest(self) -> str:
        """SHA-256 (hex) over `material`: equal digests need no new revision."""
        return hashlib.sha256(_canonical(self.material())).hexdigest()

    def canonical(self) -> bytes:
        """The whole decision as canonical JSON: the same inputs always give the same bytes."""
        return _canonical(
            {
                "complaint_id": self.complaint_id,
                "case_id": self.case_id,
                "process": self.process,
                "as_of": self.as_of,
                "outcome": self.outcome.value,
                "causes": [
                    [c.department, c.kind.value, c.activity, c.parts, c.hours, list(c.events)]
                    for c in self.causes
                ],
                "recovery": self.recovery
                and [self.recovery.department, self.recovery.activity, self.recovery.action],
                "confidence": self.confidence_parts,
                "symptoms": [[s.symptom, s.probability] for s in self.symptoms],
                "evidence": [
                    [e.event_id, e.activity, e.finding.value, e.department, e.hours]
                    for e in self.evidence
                ],
                "missing": [
                    [m.activity, m.department, m.source, m.finding.value] for m in self.missing
                ],
                "waiting_until": self.waiting_until,
                "explanation": {
                    language: [[s.text, list(s.events)] for s in sentences]
                    for language, sentences in self.explanation.items()
                },
                "customer_words": {k: list(v) for k, v in self.customer_words.items()},
                "question": self.question
                and [
                    self.question.activity,
                    self.question.department,
                    self.question.fact,
                    self.question.claimed,
                    dict(self.question.text),
                ],
                "candidates": [[c.department, c.parts] for c in self.candidates],
                "timeline": [
                    [
                        b.activity,
                        b.department,
                        b.begin,
                        b.end,
                        b.allowed_until,
                        b.charged,
                        b.unknown,
                        b.unfinished,
                    ]
                    for b in self.timeline
                ],
                "registry_digest": self.registry_digest,
                "engine": self.engine,
            }
        )


_CANONICAL: Final = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
)


def _canonical(value: object) -> bytes:
    return _CANONICAL.encode(value).encode()
