"""Question, answer and decision: what the router's two stages tell each other, and what they tell the world.

`trace.requested` and `trace.answered` are the router's own; `complaint.traced` is the public decision, and only the
lifecycle stage numbers its revisions.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from schemas.envelope import Contract, Identifier, Share, Slug, Timestamp
from schemas.vocabulary import CauseKind, Finding, LocatedBy, Outcome


class SymptomScore(Contract):
    """How probable it is that the customer complains of this."""

    event_type: ClassVar[str] = "symptom.score"

    symptom: Slug
    probability: Share


class Cause(Contract):
    """A department's part in what went wrong; the shares of one decision add up to 1."""

    event_type: ClassVar[str] = "cause"

    department: str
    """A department of the registry, or `external`, `customer`, `promise`, `unknown`."""
    share: Share
    activity: Slug | None = None
    kind: CauseKind
    publisher: Slug | None = None
    """With `promise`: the department that publishes it, and can prevent the next one."""


class Recovery(Contract):
    """Who can help this customer now, and how; apart from who caused it."""

    event_type: ClassVar[str] = "recovery"

    department: Slug
    activity: Slug | None = None
    action: str
    """A slug that the registry words: `expedite`, `refund`, `replace`, `contact_carrier`, …"""


class Evidence(Contract):
    """One event and what it shows."""

    event_type: ClassVar[str] = "evidence"

    event_id: Identifier | None
    """Absent when the finding is that an event is missing."""
    activity: Slug
    finding: Finding
    hours: float
    """Signed own delay in hours where the finding is about time; 0 otherwise."""


class Missing(Contract):
    """A fact that would decide, and whose it is."""

    event_type: ClassVar[str] = "missing"

    activity: Slug
    what: str
    owner: str
    """The department or source that owes it."""


class Question(Contract):
    """The one missing fact that would decide, and who is asked for it."""

    event_type: ClassVar[str] = "question"

    activity: Slug
    department: Slug
    """Who is asked: the activity's owner, or whoever manages it."""
    fact: str
    """`finished` (when was it done?), `due` (by when was it due?) or `confirm` (was it done at `claimed`?)."""
    claimed: Timestamp | None = None
    text: dict[str, str] = Field(default_factory=dict)
    """language -> the question."""


class Bar(Contract):
    """One stretch of the way to the promise, for a picture: when, how long it was allowed, what was beyond."""

    event_type: ClassVar[str] = "bar"

    activity: Slug
    department: str | None = None
    """Absent where nothing separates several departments' steps."""
    begin: Timestamp
    end: Timestamp
    allowed_until: Timestamp | None = None
    charged_hours: float = 0.0
    unknown_hours: float = 0.0
    unfinished: bool = False


class Candidate(Contract):
    """A department that a person may look at where no evidence names anyone; never a cause."""

    event_type: ClassVar[str] = "candidate"

    department: Slug
    share: Share


class TraceRequestedV1(Contract):
    """Lifecycle asks evidence: who caused this?  Carries no text of the customer's."""

    event_type: ClassVar[str] = "trace.requested"
    subject_field: ClassVar[str] = "case_id"

    complaint_id: Identifier
    case_id: Identifier
    sequence: int = Field(ge=1)
    """Counts the requests of one complaint."""
    occurred_at: Timestamp
    as_of: Timestamp
    language: str | None = None
    symptoms: tuple[SymptomScore, ...]
    reason: str
    """`received`, `located`, `due`, `disputed`, …; `weighed` asks only how well the case fits (`case.weighed`)."""
    received_at: Timestamp | None = None
    """When the complaint was received: whose word was recorded later spoke knowing of it. Without it, ``occurred_at``."""
    waited_hours: int | None = Field(default=None, ge=0)
    """How long the customer says to have waited; told only where it is asked how well a case fits."""
    amounts: tuple[int, ...] = ()
    """Sums of money that the words name, in hundredths; told only where it is asked how well a case fits."""


class Decision(Contract):
    """The result of one trace, without the number that the lifecycle stage gives it."""

    event_type: ClassVar[str] = "decision"

    as_of: Timestamp
    outcome: Outcome
    causes: tuple[Cause, ...]
    recovery: Recovery | None
    confidence: Share
    symptoms: tuple[SymptomScore, ...]
    evidence: tuple[Evidence, ...]
    missing: tuple[Missing, ...]
    explanation: dict[str, tuple[str, ...]]
    """language -> sentences, free of blame words."""
    customer_words: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """language -> what the customer may be told."""
    waiting_until: Timestamp | None = None
    question: Question | None = None
    candidates: tuple[Candidate, ...] = ()
    grounds: tuple[tuple[str, ...], ...] = ()
    """For each sentence of an explanation, in order, the events that it rests on."""
    timeline: tuple[Bar, ...] = ()
    registry_digest: str
    learned: dict[str, str] = Field(default_factory=dict)
    """Name -> version of the learned priors and calibration that it was made with; part of that digest."""
    engine_version: str
    material: str
    """Hex digest of what makes two decisions differ; equal digests are one revision."""


class TraceAnsweredV1(Decision):
    """Evidence answers lifecycle: to a request, or unasked when later events changed the result materially."""

    event_type: ClassVar[str] = "trace.answered"

    complaint_id: Identifier
    case_id: Identifier
    sequence: int = Field(ge=1)
    """The request it answers last."""
    trigger: Identifier
    """The id of the event that made it trace."""


class ComplaintTracedV1(Decision):
    """A decision: one per revision of a complaint, never changed."""

    event_type: ClassVar[str] = "complaint.traced"

    complaint_id: Identifier
    case_id: Identifier | None
    located_by: LocatedBy | None = None
    """How the case was found; absent without one."""
    decision_id: Identifier
    revision: int = Field(ge=1)
    traced_at: Timestamp
    """Recorded time of the event that made it: the same at every replay."""
