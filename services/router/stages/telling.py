"""What the lifecycle stage writes: questions to the other stages, decisions, inboxes, status.

It stands apart from the stage so that there is one place where an event of a complaint gets its id and its cause.  Nothing is
decided here, and no row is read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from schemas import topics
from schemas.envelope import Envelope
from schemas.tracing import Decision
from schemas.vocabulary import Outcome
from services.chassis import ids, metrics
from services.router import mapping
from services.router.checkpoint.partition import Partition
from services.router.lifecycle.model import (
    Life,
    OpenAssignment,
    PublishDecision,
    RequestTrace,
    SearchCases,
    StopTracing,
    WeighCase,
    WithdrawAssignment,
)
from services.router.tracing import model


class Telling:
    """Writes what effects ask for.

    Args:
        send: of the stage.
        physical: gives the name on the cluster of a topic of `schemas.topics`.
    """

    def __init__(self, send: Callable[..., None], physical: Callable[[str], str]) -> None:
        self._send = send
        self._physical = physical
        self._requested = physical(topics.TRACE_REQUESTED.name)
        self._searched = physical(topics.CASE_SEARCHED.name)
        self._traced = physical(topics.COMPLAINT_TRACED.name)
        self._status = physical(topics.COMPLAINT_STATUS.name)
        self._inboxes: dict[str, str] = {}

    def request(
        self, partition: Partition, life: Life, effect: RequestTrace, envelope: Envelope[Any]
    ) -> None:
        """Ask the evidence stage about the complaint's case."""
        self._send(
            partition,
            self._requested,
            mapping.trace_request(life, as_of=effect.as_of, reason=effect.reason),
            event_id=ids.event_id("trace.requested", life.complaint_id, str(effect.sequence)),
            at=envelope.time,
            complaint=life.complaint_id,
            cause=envelope,
        )

    def ask_about(
        self,
        partition: Partition,
        life: Life,
        effect: WeighCase | StopTracing,
        reason: str,
        envelope: Envelope[Any],
    ) -> None:
        """About a case that is not the complaint's, or not yet."""
        question = mapping.trace_request(
            life,
            as_of=life.occurred_at,
            reason=reason,
            case_id=effect.case_id,
            sequence=effect.sequence,
            clues=model.NO_CLUES
            if life.search is None or isinstance(effect, StopTracing)
            else life.search.clues,
        )
        self._send(
            partition,
            self._requested,
            question,
            event_id=ids.event_id("trace.requested", life.complaint_id, str(effect.sequence)),
            at=envelope.time,
            complaint=life.complaint_id,
            cause=envelope,
        )

    def search(
        self, partition: Partition, life: Life, effect: SearchCases, envelope: Envelope[Any]
    ) -> None:
        """Ask the customer stage for a customer's cases."""
        self._send(
            partition,
            self._searched,
            mapping.case_search(life, effect.customer),
            event_id=ids.event_id("case.searched", life.complaint_id, effect.customer),
            at=envelope.time,
            complaint=life.complaint_id,
            cause=envelope,
        )

    def decision(
        self,
        partition: Partition,
        life: Life,
        effect: PublishDecision,
        decision: Decision | None,
        envelope: Envelope[Any],
    ) -> Any:
        """Publish the decision under its number; it is returned for the assignments that rest on it."""
        if decision is None:
            raise RuntimeError("a decision is published from an answer")
        traced = mapping.traced(
            decision,
            complaint_id=life.complaint_id,
            case_id=life.case_id,
            located_by=life.located,
            revision=effect.revision,
            traced_at=envelope.time,
        )
        metrics.DECISIONS.labels(Outcome(decision.outcome).value).inc()
        self._send(
            partition,
            self._traced,
            traced,
            event_id=traced.decision_id,
            at=envelope.time,
            complaint=life.complaint_id,
            cause=envelope,
        )
        return traced

    def open(
        self, partition: Partition, effect: OpenAssignment, traced: Any, envelope: Envelope[Any]
    ) -> None:
        """Tell a department what it is asked."""
        assignment = effect.assignment
        self._send(
            partition,
            self._inbox(assignment.target.department),
            mapping.opened(assignment, traced, updated=effect.updated, at=envelope.time),
            event_id=ids.event_id(
                "assignment.opened", assignment.assignment_id, str(effect.revision)
            ),
            at=envelope.time,
            complaint=traced.complaint_id,
            cause=envelope,
        )

    def withdraw(
        self,
        partition: Partition,
        life: Life,
        effect: WithdrawAssignment,
        decision: Decision | None,
        envelope: Envelope[Any],
    ) -> None:
        """Take an assignment back."""
        # The registry may no longer have this department: its inbox keeps its name all the same.
        self._send(
            partition,
            self._inbox(effect.assignment.target.department),
            mapping.withdrawn(
                effect,
                life,
                explanation={} if decision is None else decision.explanation,
                at=envelope.time,
            ),
            event_id=ids.event_id(
                "assignment.withdrawn", effect.assignment.assignment_id, str(effect.revision)
            ),
            at=envelope.time,
            complaint=life.complaint_id,
            cause=envelope,
        )

    def _inbox(self, department: str) -> str:
        name = self._inboxes.get(department)
        if name is None:
            name = self._physical(topics.DEPARTMENT_INBOX.for_department(department).name)
            self._inboxes[department] = name
        return name

    def status(self, partition: Partition, life: Life, envelope: Envelope[Any]) -> None:
        """Tell the world where the complaint stands."""
        self._send(
            partition,
            self._status,
            mapping.status(life, at=envelope.time),
            event_id=ids.event_id("complaint.status", life.complaint_id, envelope.id),
            at=envelope.time,
            complaint=life.complaint_id,
            cause=envelope,
        )
