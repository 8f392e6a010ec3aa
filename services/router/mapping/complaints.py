"""Complaints: the contract, the first state of a life, and the question to the evidence stage."""

from __future__ import annotations

from pydantic_core import from_json

from schemas.complaint import ComplaintReceivedV1
from schemas.tracing import SymptomScore, TraceRequestedV1
from schemas.vocabulary import ComplaintState, LocatedBy
from services.chassis.clock import from_microseconds, microseconds
from services.router.lifecycle.model import Life
from services.router.tracing import model


def text_of(value: bytes | None) -> tuple[str, str | None] | None:
    """The words and the language of a complaint that was not looked at yet; None where it breaks its contract."""
    try:
        data = from_json(value or b"")
        text, language = data["text"], data.get("language")
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    if isinstance(text, str) and (language is None or isinstance(language, str)):
        return text, language
    return None


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
        located=None if data.case_id is None else LocatedBy.GIVEN,
    )


def complaint_from_life(life: Life) -> model.Complaint:
    """What the tracing core sees of a complaint."""
    return model.Complaint(
        life.complaint_id,
        life.occurred_at,
        life.language or "",
        tuple(model.SymptomScore(symptom, probability) for symptom, probability in life.symptoms),
        life.received_at,
    )


def trace_request(
    life: Life,
    *,
    as_of: int,
    reason: str,
    case_id: str | None = None,
    sequence: int | None = None,
    clues: model.Clues = model.NO_CLUES,
) -> TraceRequestedV1:
    """Lifecycle's question, about the complaint's case or another one."""
    case = case_id or life.case_id
    if case is None:
        raise ValueError("a complaint without a case has nothing to ask the evidence stage")
    return TraceRequestedV1(
        complaint_id=life.complaint_id,
        case_id=case,
        sequence=sequence or life.sequence,
        occurred_at=from_microseconds(life.occurred_at),
        as_of=from_microseconds(as_of),
        language=life.language,
        symptoms=wire_symptoms(complaint_from_life(life).symptoms),
        reason=reason,
        received_at=from_microseconds(life.received_at),
        waited_hours=clues.waited,
        amounts=clues.amounts,
    )


def clues_from_request(data: TraceRequestedV1) -> model.Clues:
    """What the words told of the case in numbers."""
    return model.Clues(data.waited_hours, data.amounts)


def complaint_from_request(data: TraceRequestedV1) -> model.Complaint:
    """What the tracing core sees of a complaint, from the question."""
    return model.Complaint(
        data.complaint_id,
        microseconds(data.occurred_at),
        data.language or "",
        tuple(model.SymptomScore(each.symptom, each.probability) for each in data.symptoms),
        None if data.received_at is None else microseconds(data.received_at),
    )


def wire_symptoms(scores: tuple[model.SymptomScore, ...]) -> tuple[SymptomScore, ...]:
    """The contract's form of symptom scores."""
    return tuple(
        SymptomScore(symptom=each.symptom, probability=each.probability) for each in scores
    )
