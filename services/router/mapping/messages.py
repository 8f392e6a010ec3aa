"""What departments and customers are told: assignments that open and are taken back, and where a complaint stands."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from schemas.assignment import AssignmentOpenedV1, AssignmentWithdrawnV1
from schemas.complaint import ComplaintStatusV1
from schemas.tracing import ComplaintTracedV1
from schemas.vocabulary import Role
from services.chassis import ids
from services.chassis.clock import from_microseconds
from services.router.lifecycle.model import Assignment, Life, WithdrawAssignment
from services.router.tracing import model


def opened(
    assignment: Assignment, traced_: ComplaintTracedV1, *, updated: bool, at: datetime
) -> AssignmentOpenedV1:
    """What a department is told."""
    target = assignment.target
    asked = Role.ANSWER in target.roles
    return AssignmentOpenedV1(
        assignment_id=assignment.assignment_id,
        complaint_id=traced_.complaint_id,
        case_id=traced_.case_id,
        department=target.department,
        roles=target.roles,
        lead=target.lead,
        share=target.parts / model.PARTS,
        kind=target.kind,
        activity=target.activity,
        action=target.action,
        revision=traced_.revision,
        decision_id=traced_.decision_id,
        confidence=traced_.confidence,
        symptoms=traced_.symptoms,
        evidence=traced_.evidence,
        explanation=traced_.explanation,
        opened_at=at,
        updated=updated,
        question=traced_.question if asked else None,
        answer_by=traced_.waiting_until if asked else None,
    )


def withdrawn(
    effect: WithdrawAssignment,
    life: Life,
    *,
    explanation: Mapping[str, tuple[str, ...]],
    at: datetime,
) -> AssignmentWithdrawnV1:
    """What a department is told when its assignment is taken back."""
    return AssignmentWithdrawnV1(
        assignment_id=effect.assignment.assignment_id,
        complaint_id=life.complaint_id,
        case_id=life.case_id,
        department=effect.assignment.target.department,
        revision=effect.revision,
        decision_id=ids.decision_id(life.complaint_id, effect.revision),
        reason=effect.reason,
        explanation=dict(explanation),
        withdrawn_at=at,
    )


def status(life: Life, *, at: datetime) -> ComplaintStatusV1:
    """Where a complaint stands."""
    return ComplaintStatusV1(
        complaint_id=life.complaint_id,
        channel=life.channel,
        state=life.state,
        revision=life.revision,
        case_id=life.case_id,
        located_by=life.located,
        who_can_help=life.who_can_help,
        departments=tuple(sorted(life.assignments)),
        since=from_microseconds(life.since),
        next_check_at=None if life.due is None else from_microseconds(life.due),
        customer_words={k: tuple(v) for k, v in life.customer_words.items()},
        updated_at=at,
    )
