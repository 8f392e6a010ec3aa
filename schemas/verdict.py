"""What people found out about a decision: the labels from which priors and calibration are learned.

It stands apart from `assignment` because it is a finding about a complaint, not the work on it. Until departments answer
through Akar itself it comes as NDJSON (`akar learn fit --verdicts FILE`), one of these a line.

Hazard: a time-out is no finding. It may be recorded, and nothing is ever learned from it.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from schemas.envelope import Contract, Identifier, Slug, Timestamp
from schemas.vocabulary import VerdictKind


class VerdictReachedV1(Contract):
    """Somebody who knows has said what caused a complaint, or at least who did not."""

    event_type: ClassVar[str] = "verdict.reached"

    complaint_id: Identifier
    revision: int = Field(default=1, ge=1)
    """The decision that it is about."""
    department: Slug
    """Whose assignment it was."""
    kind: VerdictKind
    cause: str | None = None
    """What was found instead: a department, `promise`, or `nobody`; for a rejection it may stay open."""
    reached_at: Timestamp
    reached_by: str | None = None
    """A role or a team, never a person's name."""
