"""Decisions: of the core, as answered between the stages, and as published with a number.

Hazard: the core's parts of ten thousand become shares of one here and parts again on the way back; both round the same.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from schemas.envelope import EARLIEST, LATEST
from schemas.tracing import (
    ComplaintTracedV1,
    Decision,
    TraceAnsweredV1,
)
from schemas.vocabulary import CauseKind, Finding, LocatedBy
from services.chassis import ids
from services.chassis.clock import from_microseconds, microseconds
from services.router.lifecycle.targets import Findings
from services.router.mapping.complaints import wire_symptoms
from services.router.tracing import model


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
    located_by: LocatedBy | None,
    revision: int,
    traced_at: datetime,
) -> ComplaintTracedV1:
    """The public decision: an answer with its number."""
    return ComplaintTracedV1.model_construct(
        complaint_id=complaint_id,
        case_id=case_id,
        located_by=located_by,
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
        answered=frozenset(
            each.activity
            for each in decision.evidence
            # Set aside or not: whoever was asked has told it.
            if each.finding in {Finding.ANSWERED, Finding.SELF_SERVING}
        ),
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
    """The contract's fields of a decision, as Python values; its parts as mappings, which the contract checks all at once."""
    return {
        "as_of": _time(decision.as_of),
        "outcome": decision.outcome,
        "causes": tuple(
            {
                "department": cause.department or cause.kind.value,
                "share": cause.share,
                "activity": cause.activity,
                "kind": cause.kind,
                "publisher": cause.publisher,
            }
            for cause in decision.causes
        ),
        "recovery": None
        if decision.recovery is None
        else {
            "department": decision.recovery.department,
            "activity": decision.recovery.activity,
            "action": decision.recovery.action,
        },
        "confidence": decision.confidence,
        "symptoms": wire_symptoms(decision.symptoms),
        "evidence": tuple(
            {
                "event_id": each.event_id,
                "activity": each.activity,
                "finding": each.finding,
                "hours": 0.0 if each.hours is None else each.hours,
            }
            for each in decision.evidence
        ),
        "missing": tuple(
            {
                "activity": each.activity,
                "what": each.finding.value,
                "owner": each.department or each.source or "unknown",
            }
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
        "waiting_until": None if decision.waiting_until is None else _time(decision.waiting_until),
        "question": None
        if decision.question is None
        else {
            "activity": decision.question.activity,
            "department": decision.question.department,
            "fact": decision.question.fact,
            "claimed": None
            if decision.question.claimed is None
            else _time(decision.question.claimed),
            "text": dict(sorted(decision.question.text.items())),
        },
        "candidates": tuple(
            {"department": each.department, "share": each.parts / model.PARTS}
            for each in decision.candidates
        ),
        "grounds": tuple(
            sentence.events for sentence in next(iter(decision.explanation.values()), ())
        ),
        "timeline": tuple(_bar(bar) for bar in decision.timeline),
        "registry_digest": decision.registry_digest,
        "learned": dict(decision.learned),
        "engine_version": decision.engine,
        "material": decision.digest(),
    }


def _bar(bar: model.Bar) -> dict[str, Any]:
    return {
        "activity": bar.activity,
        "department": bar.department,
        "begin": _time(bar.begin),
        "end": _time(bar.end),
        "allowed_until": None if bar.allowed_until is None else _time(bar.allowed_until),
        "charged_hours": round(bar.charged / model.HOUR, 2),
        "unknown_hours": round(bar.unknown / model.HOUR, 2),
        "unfinished": bar.unfinished,
    }


def _time(value: int) -> datetime:
    """What follows from times that a contract takes may lie beyond them: a day after the last one is the last one."""
    if _EARLIEST <= value <= _LATEST:
        return from_microseconds(value)
    return EARLIEST if value < _EARLIEST else LATEST


_EARLIEST: Final = microseconds(EARLIEST)
_LATEST: Final = microseconds(LATEST)
