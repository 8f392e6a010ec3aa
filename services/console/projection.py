"""From events to what is shown of one complaint: a fold.  Pure.

It stands apart so that the read model is the same whether events came one by one or all at once after it was lost.
Hazard: events of different topics come in any order, so nothing here may wait for another; each takes only its own fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum, unique
from typing import Any, Final


@unique
class Kind(StrEnum):
    """What sort of event it is, whatever the contracts call it."""

    RECEIVED = "received"
    MESSAGED = "messaged"
    TRACED = "traced"
    STATUS = "status"
    OPENED = "opened"
    WITHDRAWN = "withdrawn"
    NOTIFIED = "notified"


@dataclass(frozen=True, slots=True)
class Fact:
    """One event as the read model has it."""

    event_id: str
    kind: Kind
    type: str
    """As its envelope says."""
    complaint_id: str
    at: int
    """When it happened, epoch microseconds."""
    topic: str
    partition: int
    offset: int
    source: str
    causation_id: str | None
    data: Mapping[str, Any]
    """The contract's data as JSON has it."""
    recorded_at: int = 0
    """When its writer wrote it, epoch microseconds: orders what happened at one instant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One complaint as it stands; a field is empty until its event has come."""

    complaint_id: str
    opened_at: int
    """When it was received; of the first event seen, until then."""
    received: bool = False
    channel: str | None = None
    language: str | None = None
    case_id: str | None = None
    located_by: str | None = None
    state: str = "received"
    revision: int = 0
    who_can_help: str | None = None
    departments: tuple[str, ...] = ()
    since: str | None = None
    next_check_at: str | None = None
    customer_words: Mapping[str, Any] = field(default_factory=dict)
    decision: Mapping[str, Any] | None = None
    """Data of the newest decision."""

    @property
    def causes(self) -> list[dict[str, Any]]:
        """Of the newest decision, the largest share first."""
        causes = list((self.decision or {}).get("causes", ()))
        return sorted(causes, key=lambda cause: (-cause["share"], cause["department"]))

    @property
    def involved(self) -> frozenset[str]:
        """Every department that a list by department should find it under."""
        named = {str(cause["department"]) for cause in self.causes}
        helping = {self.who_can_help} if self.who_can_help else set()
        return frozenset(named | helping | set(self.departments))

    @property
    def open_question(self) -> dict[str, Any] | None:
        """What would decide, and who owes it, while nobody is named; that somebody was told of it changes nothing."""
        decision = self.decision
        if decision is None or self.state in _OVER or self.revision != decision["revision"]:
            return None
        if decision["outcome"] not in ("asked", "triage", "waiting"):
            return None
        question = decision.get("question")
        if question is not None:
            return {
                "activity": question["activity"],
                "what": question["fact"],
                "owner": question["department"],
                "text": dict(question.get("text") or {}),
                "answer_by": decision.get("waiting_until"),
            }
        missing = decision.get("missing", ())
        return dict(missing[0]) if missing else None


_OVER: Final = frozenset({"resolved", "closed", "withdrawn", "merged", "erased"})


def apply(summary: Summary | None, fact: Fact) -> Summary:
    """The summary after one more event."""
    before = summary or Summary(complaint_id=fact.complaint_id, opened_at=fact.at)
    data = fact.data
    if fact.kind is Kind.RECEIVED:
        return replace(
            before,
            opened_at=fact.at,
            received=True,
            channel=data["channel"],
            language=data.get("language") or before.language,
            case_id=data.get("case_id") or before.case_id,
            since=before.since or data.get("received_at"),
        )
    if fact.kind is Kind.STATUS:
        return replace(
            before,
            channel=before.channel or data["channel"],
            state=data["state"],
            revision=data["revision"],
            case_id=data.get("case_id") or before.case_id,
            located_by=data.get("located_by") or before.located_by,
            who_can_help=data.get("who_can_help"),
            departments=tuple(data.get("departments", ())),
            since=data["since"],
            next_check_at=data.get("next_check_at"),
            customer_words=data.get("customer_words") or {},
        )
    if fact.kind is Kind.TRACED:
        newest = (before.decision or {}).get("revision", 0)
        if data["revision"] < newest:
            return before
        return replace(before, decision=data, case_id=data.get("case_id") or before.case_id)
    return before
