"""What a department gets in its inbox: an assignment, or the word that one is taken back."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from schemas.envelope import Contract, Identifier, Share, Slug, Timestamp
from schemas.tracing import Evidence, Question, SymptomScore
from schemas.vocabulary import CauseKind, Role


class AssignmentOpenedV1(Contract):
    """A department is asked to help a customer, to prevent a cause, or both; with the evidence."""

    event_type: ClassVar[str] = "assignment.opened"

    assignment_id: Identifier
    complaint_id: Identifier
    case_id: Identifier | None
    department: Slug
    roles: tuple[Role, ...] = Field(min_length=1)
    lead: bool
    """One department leads; the others know that it does."""
    share: Share
    """Its part in the causes; 0 when it only recovers."""
    kind: CauseKind | None = None
    activity: Slug | None = None
    action: str | None = None
    """What would help the customer now, for the recovery role."""
    revision: int = Field(ge=1)
    decision_id: Identifier
    confidence: Share
    symptoms: tuple[SymptomScore, ...]
    evidence: tuple[Evidence, ...]
    explanation: dict[str, tuple[str, ...]]
    opened_at: Timestamp
    updated: bool = False
    """True when the assignment was open already and a new revision changed what it says."""
    question: Question | None = None
    """With the role `answer`: what the department is asked."""
    answer_by: Timestamp | None = None
    """With the role `answer`: until when the answer is waited for; then a person decides without it."""


class AssignmentWithdrawnV1(Contract):
    """Later evidence says it was not this department's: the assignment is taken back, with the reason."""

    event_type: ClassVar[str] = "assignment.withdrawn"

    assignment_id: Identifier
    complaint_id: Identifier
    case_id: Identifier | None
    department: Slug
    revision: int = Field(ge=1)
    """The revision that withdrew it."""
    decision_id: Identifier
    reason: str
    explanation: dict[str, tuple[str, ...]]
    withdrawn_at: Timestamp
