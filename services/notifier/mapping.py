"""Between the contracts on the wire and the pure cores: inbox record -> alert and notice, attempt -> event."""

from __future__ import annotations

from datetime import datetime

from schemas.assignment import AssignmentOpenedV1, AssignmentWithdrawnV1
from schemas.codec import wrap
from schemas.envelope import Contract, Envelope
from schemas.notification import NotificationRecordedV1
from schemas.times import rfc3339
from schemas.vocabulary import NotificationOutcome, NotificationStage
from services.chassis import ids
from services.notifier.delivery import Alert
from services.notifier.messages import Finding, Notice
from services.notifier.words import Asked

SOURCE = "/akar/notifier"


def alert_from(data: Contract) -> Alert:
    """What an inbox record asks to tell."""
    if isinstance(data, AssignmentOpenedV1):
        stage = NotificationStage.UPDATED if data.updated else NotificationStage.OPENED
    elif isinstance(data, AssignmentWithdrawnV1):
        stage = NotificationStage.WITHDRAWN
    else:
        raise TypeError(f"{type(data).__name__} does not belong in an inbox")
    return Alert(data.assignment_id, data.complaint_id, data.department, data.revision, stage)


def notice_from(data: Contract) -> Notice:
    """What the message about it may say."""
    if isinstance(data, AssignmentOpenedV1):
        return Notice(
            stage=alert_from(data).stage.value,
            timestamp=rfc3339(data.opened_at),
            assignment_id=data.assignment_id,
            complaint_id=data.complaint_id,
            case_id=data.case_id,
            department=data.department,
            revision=data.revision,
            decision_id=data.decision_id,
            explanation=data.explanation,
            roles=tuple(role.value for role in data.roles),
            lead=data.lead,
            share=data.share,
            kind=None if data.kind is None else data.kind.value,
            activity=data.activity,
            action=data.action,
            confidence=data.confidence,
            symptoms=tuple((score.symptom, score.probability) for score in data.symptoms),
            evidence=tuple(
                Finding(item.event_id, item.activity, item.finding.value, item.hours)
                for item in data.evidence
            ),
            asked=_asked(data),
        )
    if isinstance(data, AssignmentWithdrawnV1):
        return Notice(
            stage=NotificationStage.WITHDRAWN.value,
            timestamp=rfc3339(data.withdrawn_at),
            assignment_id=data.assignment_id,
            complaint_id=data.complaint_id,
            case_id=data.case_id,
            department=data.department,
            revision=data.revision,
            decision_id=data.decision_id,
            explanation=data.explanation,
            reason=data.reason,
        )
    raise TypeError(f"{type(data).__name__} does not belong in an inbox")


def _asked(data: AssignmentOpenedV1) -> Asked | None:
    question = data.question
    if question is None:
        return None
    return Asked(
        activity=question.activity,
        fact=question.fact,
        claimed=question.claimed,
        text=question.text,
        answer_by=data.answer_by,
    )


def recorded(
    alert: Alert,
    *,
    notification_id: str,
    receiver: str,
    outcome: NotificationOutcome,
    attempt: int,
    at: datetime,
    status_code: int | None = None,
    detail: str | None = None,
    next_attempt_at: datetime | None = None,
    causation_id: str | None = None,
    traceparent: str | None = None,
) -> Envelope[NotificationRecordedV1]:
    """The event of one attempt; the same attempt gives the same id."""
    data = NotificationRecordedV1(
        notification_id=notification_id,
        assignment_id=alert.assignment_id,
        complaint_id=alert.complaint_id,
        department=alert.department,
        revision=alert.revision,
        receiver=receiver,
        stage=alert.stage.value,
        outcome=outcome,
        attempt=attempt,
        status_code=status_code,
        detail=detail,
        at=at,
        next_attempt_at=next_attempt_at,
    )
    return wrap(
        data,
        id=ids.event_id("notification", notification_id, str(attempt), outcome.value),
        source=SOURCE,
        time=at,
        correlationid=alert.complaint_id,
        causationid=causation_id,
        traceparent=traceparent,
    )


def alert_of(data: NotificationRecordedV1) -> Alert | None:
    """The alert that a recorded attempt was about; None for a stage that this version does not plan."""
    try:
        stage = NotificationStage(data.stage)
    except ValueError:
        return None
    return Alert(data.assignment_id, data.complaint_id, data.department, data.revision, stage)
