"""Wire <-> core: the only file that knows both.

Contracts carry aware times and shares of one; the cores carry microseconds and parts of ten thousand.  Each pair of functions
is each other's inverse for what it carries, which the tests check.  The lifecycle's own rows are JSON made here too, since
they outlive a release: fields may be added with a default, never renamed.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from schemas.assignment import AssignmentOpenedV1, AssignmentWithdrawnV1
from schemas.complaint import ComplaintReceivedV1, ComplaintStatusV1
from schemas.process import ProcessObservedV1
from schemas.tracing import (
    Bar,
    Candidate,
    Cause,
    ComplaintTracedV1,
    Decision,
    Evidence,
    Missing,
    Question,
    Recovery,
    SymptomScore,
    TraceAnsweredV1,
    TraceRequestedV1,
)
from schemas.vocabulary import CauseKind, ComplaintState, Role
from services.chassis import ids
from services.chassis.clock import from_microseconds, microseconds
from services.router.lifecycle.model import Assignment, Life, Target, WithdrawAssignment
from services.router.lifecycle.targets import Findings
from services.router.tracing import model

_RECORDED: Final = struct.Struct(">q")


# -- process events ------------------------------------------------------------------------------


def event_row(recorded_at: int, value: bytes) -> bytes:
    """A stored process event: when it was recorded, and its JSON as it came."""
    return _RECORDED.pack(recorded_at) + value


def recorded_at(row: bytes) -> int:
    """When a stored event was recorded; µs."""
    return int(_RECORDED.unpack_from(row)[0])


def event_from_row(row: bytes) -> model.ProcessEvent:
    """The core's event from its stored row."""
    (recorded_at,) = _RECORDED.unpack_from(row)
    return process_event(ProcessObservedV1.model_validate_json(row[_RECORDED.size :]), recorded_at)


def process_event(data: ProcessObservedV1, recorded_at: int) -> model.ProcessEvent:
    """The core's event from the wire's."""
    return model.ProcessEvent(
        event_id=data.event_id,
        activity=data.activity,
        transition=data.transition,
        at=microseconds(data.at),
        recorded_at=recorded_at,
        due_at=None if data.due_at is None else microseconds(data.due_at),
        source=data.source,
        attributes=data.attributes,
        objects=data.objects,
    )


def same_event(row: bytes, data: ProcessObservedV1) -> bool:
    """Whether a stored event says the same as one that came again, whenever each was recorded."""
    stored = ProcessObservedV1.model_validate_json(row[_RECORDED.size :])
    return stored.model_copy(update={"recorded_at": data.recorded_at}) == data


# -- complaints ------------------------------------------------------------------------------------


def life_from_complaint(
    data: ComplaintReceivedV1, symptoms: tuple[model.SymptomScore, ...], language: str | None
) -> Life:
    """The first state of a complaint."""
    received = microseconds(data.received_at)
    return Life(
        complaint_id=data.complaint_id,
        channel=data.channel,
        body_digest=data.body_digest,
        # A complaint cannot be from the future: a channel's clock may be ahead, the receipt is ours.
        occurred_at=min(microseconds(data.occurred_at), received),
        received_at=received,
        case_id=data.case_id,
        language=language,
        symptoms=tuple((score.symptom, score.probability) for score in symptoms),
        state=ComplaintState.RECEIVED,
        since=received,
    )


def complaint_from_life(life: Life) -> model.Complaint:
    """What the tracing core sees of a complaint."""
    return model.Complaint(
        life.complaint_id,
        life.occurred_at,
        life.language or "",
        tuple(model.SymptomScore(symptom, probability) for symptom, probability in life.symptoms),
    )


def trace_request(life: Life, *, as_of: int, reason: str) -> TraceRequestedV1:
    """Lifecycle's question."""
    if life.case_id is None:
        raise ValueError("a complaint without a case has nothing to ask the evidence stage")
    return TraceRequestedV1(
        complaint_id=life.complaint_id,
        case_id=life.case_id,
        sequence=life.sequence,
        occurred_at=from_microseconds(life.occurred_at),
        as_of=from_microseconds(as_of),
        language=life.language,
        symptoms=_symptoms(complaint_from_life(life).symptoms),
        reason=reason,
    )


def complaint_from_request(data: TraceRequestedV1) -> model.Complaint:
    """What the tracing core sees of a complaint, from the question."""
    return model.Complaint(
        data.complaint_id,
        microseconds(data.occurred_at),
        data.language or "",
        tuple(model.SymptomScore(each.symptom, each.probability) for each in data.symptoms),
    )


# -- decisions ---------------------------------------------------------------------------------------


def trace_answer(
    decision: model.Decision, *, case_id: str, sequence: int, trigger: str
) -> TraceAnsweredV1:
    """The evidence stage's answer."""
    return TraceAnsweredV1(
        complaint_id=decision.complaint_id,
        case_id=case_id,
        sequence=sequence,
        trigger=trigger,
        **decision_fields(decision),
    )


def traced(
    decision: Decision,
    *,
    complaint_id: str,
    case_id: str | None,
    revision: int,
    traced_at: datetime,
) -> ComplaintTracedV1:
    """The public decision: an answer with its number."""
    return ComplaintTracedV1.model_construct(
        complaint_id=complaint_id,
        case_id=case_id,
        decision_id=ids.decision_id(complaint_id, revision),
        revision=revision,
        traced_at=traced_at,
        **{name: getattr(decision, name) for name in Decision.model_fields},
    )


def findings(decision: Decision) -> Findings:
    """The part of a wire decision that the lifecycle reads."""
    recovery = decision.recovery
    return Findings(
        outcome=decision.outcome,
        causes=tuple(
            model.Cause(
                None if each.kind is CauseKind.PROMISE else each.department,
                each.kind,
                each.activity,
                round(each.share * model.PARTS),
                publisher=each.publisher,
            )
            for each in decision.causes
        ),
        asked=None
        if decision.question is None
        else (decision.question.department, decision.question.activity),
        recovery=None
        if recovery is None
        else model.Recovery(recovery.department, recovery.activity, recovery.action),
        material=decision.material,
        waiting_until=None
        if decision.waiting_until is None
        else microseconds(decision.waiting_until),
        customer_words=decision.customer_words,
    )


def wire_decision(decision: model.Decision) -> Decision:
    """The contract's form of a decision of the core."""
    return Decision(**decision_fields(decision))


def decision_fields(decision: model.Decision) -> dict[str, Any]:
    """The contract's fields of a decision, as Python values."""
    return {
        "as_of": from_microseconds(decision.as_of),
        "outcome": decision.outcome,
        "causes": tuple(
            Cause(
                department=cause.department or cause.kind.value,
                share=cause.share,
                activity=cause.activity,
                kind=cause.kind,
                publisher=cause.publisher,
            )
            for cause in decision.causes
        ),
        "recovery": None
        if decision.recovery is None
        else Recovery(
            department=decision.recovery.department,
            activity=decision.recovery.activity,
            action=decision.recovery.action,
        ),
        "confidence": decision.confidence,
        "symptoms": _symptoms(decision.symptoms),
        "evidence": tuple(
            Evidence(
                event_id=each.event_id,
                activity=each.activity,
                finding=each.finding,
                hours=0.0 if each.hours is None else each.hours,
            )
            for each in decision.evidence
        ),
        "missing": tuple(
            Missing(
                activity=each.activity,
                what=each.finding.value,
                owner=each.department or each.source or "unknown",
            )
            for each in decision.missing
        ),
        "explanation": {
            language: tuple(sentence.text for sentence in sentences)
            for language, sentences in sorted(decision.explanation.items())
        },
        "customer_words": {
            language: tuple(sentences)
            for language, sentences in sorted(decision.customer_words.items())
        },
        "waiting_until": None
        if decision.waiting_until is None
        else from_microseconds(decision.waiting_until),
        "question": None
        if decision.question is None
        else Question(
            activity=decision.question.activity,
            department=decision.question.department,
            fact=decision.question.fact,
            claimed=None
            if decision.question.claimed is None
            else from_microseconds(decision.question.claimed),
            text=dict(sorted(decision.question.text.items())),
        ),
        "candidates": tuple(
            Candidate(department=each.department, share=each.parts / model.PARTS)
            for each in decision.candidates
        ),
        "grounds": tuple(
            sentence.events for sentence in next(iter(decision.explanation.values()), ())
        ),
        "timeline": tuple(_bar(bar) for bar in decision.timeline),
        "registry_digest": decision.registry_digest,
        "engine_version": decision.engine,
        "material": decision.digest(),
    }


def _bar(bar: model.Bar) -> Bar:
    return Bar(
        activity=bar.activity,
        department=bar.department,
        begin=from_microseconds(bar.begin),
        end=from_microseconds(bar.end),
        allowed_until=None if bar.allowed_until is None else from_microseconds(bar.allowed_until),
        charged_hours=round(bar.charged / model.HOUR, 2),
        unknown_hours=round(bar.unknown / model.HOUR, 2),
        unfinished=bar.unfinished,
    )


def _symptoms(scores: tuple[model.SymptomScore, ...]) -> tuple[SymptomScore, ...]:
    return tuple(
        SymptomScore(symptom=each.symptom, probability=each.probability) for each in scores
    )


# -- assignments and status ----------------------------------------------------------------------------


def opened(
    assignment: Assignment, traced_: ComplaintTracedV1, *, updated: bool, at: datetime
) -> AssignmentOpenedV1:
    """What a department is told."""
    target = assignment.target
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
        question=traced_.question if Role.ANSWER in target.roles else None,
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
        who_can_help=life.who_can_help,
        departments=tuple(sorted(life.assignments)),
        since=from_microseconds(life.since),
        next_check_at=None if life.due is None else from_microseconds(life.due),
        customer_words={k: tuple(v) for k, v in life.customer_words.items()},
        updated_at=at,
    )


# -- rows of the lifecycle stage -------------------------------------------------------------------------


def life_row(life: Life) -> bytes:
    """A complaint's state as stored."""
    return json.dumps(
        {
            "complaint_id": life.complaint_id,
            "channel": life.channel,
            "body_digest": life.body_digest,
            "occurred_at": life.occurred_at,
            "received_at": life.received_at,
            "case_id": life.case_id,
            "language": life.language,
            "symptoms": life.symptoms,
            "state": life.state,
            "since": life.since,
            "sequence": life.sequence,
            "revision": life.revision,
            "material": life.material,
            "due": life.due,
            "who_can_help": life.who_can_help,
            "customer_words": dict(life.customer_words),
            "assignments": [
                {
                    "assignment_id": each.assignment_id,
                    "opened_revision": each.opened_revision,
                    "department": each.target.department,
                    "roles": each.target.roles,
                    "lead": each.target.lead,
                    "parts": each.target.parts,
                    "kind": each.target.kind,
                    "activity": each.target.activity,
                    "action": each.target.action,
                }
                for _department, each in sorted(life.assignments.items())
            ],
            **({} if life.ending is None else {"ending": life.ending}),
        },
        separators=(",", ":"),
        ensure_ascii=False,
    ).encode()


def life_from_row(row: bytes) -> Life:
    """A complaint's state from its stored row."""
    stored = json.loads(row)
    assignments = {
        each["department"]: Assignment(
            each["assignment_id"],
            each["opened_revision"],
            Target(
                each["department"],
                tuple(Role(role) for role in each["roles"]),
                each["lead"],
                each["parts"],
                None if each["kind"] is None else CauseKind(each["kind"]),
                each["activity"],
                each["action"],
            ),
        )
        for each in stored.pop("assignments")
    }
    stored["symptoms"] = tuple(
        (symptom, probability) for symptom, probability in stored["symptoms"]
    )
    stored["customer_words"] = {k: tuple(v) for k, v in stored["customer_words"].items()}
    stored["state"] = ComplaintState(stored["state"])
    if "ending" in stored:
        stored["ending"] = ComplaintState(stored["ending"])
    return Life(**stored, assignments=assignments)
