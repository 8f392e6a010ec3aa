"""The router's two stages: a record comes in, rows change, records go out.  No decision is made here.

Both are keyed, so all they need lies in the partition of the record.  `handle` awaits nothing: its effects and the record's offset
fall into one checkpoint.  A record that breaks its contract goes to the dead-letter topic in the same transaction; a record in
the wrong partition is forwarded to the right one.

Hazard: everything written here has to follow from the records alone (no clock, no random id), or a replay would differ.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from schemas import codec, topics
from schemas.clock import ClockTickedV1
from schemas.complaint import ComplaintMessagedV1, ComplaintReceivedV1
from schemas.dead_letter import DeadLetterV1
from schemas.envelope import Contract, Envelope
from schemas.notification import NotificationRecordedV1
from schemas.process import ProcessObservedV1
from schemas.tracing import Decision, TraceAnsweredV1, TraceRequestedV1
from schemas.vocabulary import Outcome
from services.chassis import ids, metrics
from services.chassis.clock import from_microseconds, microseconds
from services.chassis.partitioner import partition_for
from services.router import mapping
from services.router.checkpoint.checkpointer import Partition
from services.router.checkpoint.transactions import Output
from services.router.lifecycle import machine
from services.router.lifecycle.model import (
    Life,
    OpenAssignment,
    PublishDecision,
    PublishStatus,
    RequestTrace,
    WithdrawAssignment,
)
from services.router.lifecycle.targets import verdict_of
from services.router.tracing import model, symptoms, tracer
from services.router.tracing.company import Rules

SOURCE: Final = "/akar/router"
FORWARDED: Final = "akar_forwarded"
"""Header of a record that was sent on to its own partition; one that still lies wrong then is a dead letter."""

MOST_EVENTS: Final = 2_000
"""Of one case in a trace: a source that repeats itself without end must not make every trace slower than the last."""

_EVENTS: Final = b"e:"
_TRACES: Final = b"t:"
_WATERMARKS: Final = b"w"
_LIVES: Final = b"c:"
_OPEN: Final = b"1"
_FULL: Final = b"full"
_DUE: Final = b"d"


class Record(Protocol):
    """What a stage reads of a consumed record (aiokafka's `ConsumerRecord`)."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Iterable[tuple[str, bytes | None]]
    timestamp: int
    """Milliseconds: when the record was written."""


@dataclass(frozen=True, slots=True)
class Company:
    """What the stages need of the registry, compiled once."""

    rules: Rules
    departments: frozenset[str]
    floor_parts: int


class Stage:
    """What both stages share: decoding, dead letters, forwarding, sending.

    Args:
        company: the active registry.
        physical: gives the name on the cluster of a topic of `schemas.topics`.
        partitions: how many each keyed topic has.
    """

    def __init__(
        self, company: Company, *, physical: Callable[[str], str], partitions: int
    ) -> None:
        self._company = company
        self._physical = physical
        self._partitions = partitions
        self._dlq = physical(topics.ROUTER_DLQ.name)
        self._handlers: dict[str, tuple[topics.Topic, Callable[..., None]]] = {}
        for topic, handler in self.bindings():
            self._handlers[physical(topic.name)] = (topic, handler)

    def bindings(self) -> Iterable[tuple[topics.Topic, Callable[..., None]]]:
        """The topics that this stage reads, each with its handler."""
        raise NotImplementedError

    @property
    def topics(self) -> tuple[str, ...]:
        """Physical names of the topics that this stage reads."""
        return tuple(self._handlers)

    def handle(self, partition: Partition, record: Record) -> None:
        """Take one record; never raises for what is in it."""
        topic, handler = self._handlers[record.topic]
        key = record.key
        if (
            key is not None
            and topic is not topics.CLOCK_TICK
            and partition_for(key, self._partitions) != record.partition
        ):
            self._forward(partition, record)
            return
        try:
            envelope: Envelope[Any] = codec.decode(
                topic.contracts, key=key, value=record.value, headers=record.headers
            )
            handler(partition, record, envelope)
        except codec.ContractViolation as violation:
            self.dead_letter(partition, record, violation.code, str(violation))

    def _forward(self, partition: Partition, record: Record) -> None:
        headers: list[tuple[str, str | bytes | None]] = list(record.headers)
        if any(name == FORWARDED for name, _value in headers):
            self.dead_letter(partition, record, "wrong_partition", "was forwarded once already")
            return
        metrics.ROUTER_FORWARDED.labels(record.topic).inc()
        headers.append((FORWARDED, f"{record.partition}:{record.offset}".encode()))
        partition.emit(Output(record.topic, record.key, record.value, headers))

    def dead_letter(self, partition: Partition, record: Record, reason: str, detail: str) -> None:
        """Keep a record that cannot be processed, whole."""
        origin = f"{record.topic}:{record.partition}:{record.offset}"
        failed_at = recorded_time(record)
        letter = DeadLetterV1(
            origin=origin,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            key=_base64(record.key),
            value=_base64(record.value),
            headers=tuple((name, _base64(value)) for name, value in record.headers),
            service=topics.Party.ROUTER.value,
            reason=reason,
            detail=detail[:500],
            failed_at=failed_at,
        )
        metrics.DEAD_LETTERS.labels(topics.Party.ROUTER.value, reason).inc()
        self.send(
            partition, self._dlq, letter, event_id=ids.event_id("dead-letter", origin), at=failed_at
        )

    def send(
        self,
        partition: Partition,
        topic: str,
        data: Contract,
        *,
        event_id: str,
        at: datetime,
        complaint: str | None = None,
        cause: Envelope[Any] | None = None,
    ) -> None:
        """Write one event into the record's transaction."""
        encoded = codec.encode(
            codec.wrap(
                data,
                id=event_id,
                source=SOURCE,
                time=at,
                correlationid=complaint,
                causationid=None if cause is None else cause.id,
                traceparent=None if cause is None else cause.traceparent,
            )
        )
        partition.emit(Output(topic, encoded.key, encoded.value, list(encoded.headers)))


class EvidenceStage(Stage):
    """Keyed by case: keeps each case's events, answers trace requests, announces material changes."""

    def __init__(
        self, company: Company, *, physical: Callable[[str], str], partitions: int
    ) -> None:
        super().__init__(company, physical=physical, partitions=partitions)
        self._answered = physical(topics.TRACE_ANSWERED.name)

    def bindings(self) -> Iterable[tuple[topics.Topic, Callable[..., None]]]:
        """Process events and questions."""
        return (
            (topics.PROCESS_OBSERVED, self._observed),
            (topics.TRACE_REQUESTED, self._requested),
        )

    def _observed(
        self, partition: Partition, record: Record, envelope: Envelope[ProcessObservedV1]
    ) -> None:
        data = envelope.data
        store = partition.store
        group = _EVENTS + data.case_id.encode()
        item = data.event_id.encode()
        known = store.get(group, item)
        if known is not None:
            if not mapping.same_event(known, data):
                self.dead_letter(
                    partition, record, "conflict", "this event_id was used with other content"
                )
            return
        traced = store.get(_TRACES + data.case_id.encode())
        if traced == _FULL:
            self.dead_letter(
                partition, record, "case_full", f"the case has {MOST_EVENTS:,} events already"
            )
            return
        recorded = microseconds(data.recorded_at or recorded_time(record))
        value = record.value
        if value is None:
            raise codec.ContractViolation(
                "missing_value", "", "a tombstone is no event of this topic"
            )
        store.put(group, item, mapping.event_row(recorded, value))
        self._advance_watermark(partition, data, recorded)
        if traced is not None:
            self._trace_again(partition, data.case_id, envelope)

    def _advance_watermark(
        self, partition: Partition, data: ProcessObservedV1, recorded: int
    ) -> None:
        source = data.source
        if source is None:
            rule = self._company.rules.activities.get(data.activity)
            if rule is None:
                return
            source = rule.source
        # A clock that is ahead must not make its source look as if it had spoken about the future.
        at = min(microseconds(data.at), recorded)
        marks = self._watermarks(partition)
        if at > marks.get(source, 0):
            marks[source] = at
            partition.store.put(_WATERMARKS, source.encode(), str(at).encode())

    def _watermarks(self, partition: Partition) -> dict[str, int]:
        marks: dict[str, int] | None = partition.memory.get("watermarks")
        if marks is None:
            marks = {
                item.decode(): int(value) for item, value in partition.store.items(_WATERMARKS)
            }
            partition.memory["watermarks"] = marks
        return marks

    def _requested(
        self,
        partition: Partition,
        record: Record,  # noqa: ARG002 - all handlers are called alike
        envelope: Envelope[TraceRequestedV1],
    ) -> None:
        request = envelope.data
        group = _TRACES + request.case_id.encode()
        # The row of the group itself says that there is a complaint about this case, for the way of every event.
        if partition.store.get(group) is None:
            partition.store.put(group, b"", _OPEN)
        answer = self._trace(partition, request, envelope.id)
        self._remember(partition, request, answer)
        self._answer(partition, answer, envelope)

    def _trace_again(
        self, partition: Partition, case_id: str, envelope: Envelope[ProcessObservedV1]
    ) -> None:
        for item, row in partition.store.items(_TRACES + case_id.encode()):
            if not item:
                continue
            material, _, stored = row.partition(b"\n")
            request = TraceRequestedV1.model_validate_json(stored)
            answer = self._trace(partition, request, envelope.id)
            if answer.material.encode() != material:
                self._remember(partition, request, answer)
                self._answer(partition, answer, envelope)

    def _trace(
        self, partition: Partition, request: TraceRequestedV1, trigger: str
    ) -> TraceAnsweredV1:
        events = tuple(
            mapping.event_from_row(row)
            for _item, row in partition.store.items(
                _EVENTS + request.case_id.encode(), most=MOST_EVENTS
            )
        )
        if len(events) == MOST_EVENTS:
            partition.store.put(_TRACES + request.case_id.encode(), b"", _FULL)
        case = model.Case(request.case_id, events, dict(self._watermarks(partition)))
        # Whatever came later than the complaint is known too; the order in which they came makes no difference.
        as_of = max(
            (microseconds(request.as_of), *(min(event.at, event.recorded_at) for event in events))
        )
        with metrics.DECISION_SECONDS.time():
            decision = tracer.trace(
                mapping.complaint_from_request(request), case, self._company.rules, as_of
            )
        return mapping.trace_answer(
            decision, case_id=request.case_id, sequence=request.sequence, trigger=trigger
        )

    def _remember(
        self, partition: Partition, request: TraceRequestedV1, answer: TraceAnsweredV1
    ) -> None:
        row = answer.material.encode() + b"\n" + request.model_dump_json().encode()
        partition.store.put(_TRACES + request.case_id.encode(), request.complaint_id.encode(), row)

    def _answer(
        self,
        partition: Partition,
        answer: TraceAnsweredV1,
        cause: Envelope[Any],
    ) -> None:
        self.send(
            partition,
            self._answered,
            answer,
            event_id=ids.event_id("trace.answered", answer.complaint_id, answer.trigger),
            at=cause.time,
            complaint=answer.complaint_id,
            cause=cause,
        )


class LifecycleStage(Stage):
    """Keyed by complaint: the state machine's shell; numbers revisions and runs every clock."""

    def __init__(
        self, company: Company, *, physical: Callable[[str], str], partitions: int
    ) -> None:
        super().__init__(company, physical=physical, partitions=partitions)
        self._requested = physical(topics.TRACE_REQUESTED.name)
        self._traced = physical(topics.COMPLAINT_TRACED.name)
        self._status = physical(topics.COMPLAINT_STATUS.name)
        self._inbox = {
            department: physical(topics.DEPARTMENT_INBOX.for_department(department).name)
            for department in company.departments
        }

    def bindings(self) -> Iterable[tuple[topics.Topic, Callable[..., None]]]:
        """Complaints, messages, answers, notifications and time."""
        return (
            (topics.COMPLAINT_RECEIVED, self._received),
            (topics.COMPLAINT_MESSAGED, self._messaged),
            (topics.TRACE_ANSWERED, self._answered),
            (topics.NOTIFICATION_RECORDED, self._notified),
            (topics.CLOCK_TICK, self._ticked),
        )

    # -- what comes in ------------------------------------------------------------------

    def _received(
        self, partition: Partition, record: Record, envelope: Envelope[ComplaintReceivedV1]
    ) -> None:
        data = envelope.data
        known = self._life(partition, data.complaint_id)
        if known is not None:
            if known.body_digest != data.body_digest:
                self.dead_letter(
                    partition,
                    record,
                    "conflict",
                    "this idempotency key was used with other content",
                )
            return
        rules = self._company.rules
        known_languages = {pack.language for pack in rules.packs}
        language = data.language if data.language in known_languages else None
        if language is None:
            language = symptoms.detect(data.text, rules)
        life = mapping.life_from_complaint(
            data, symptoms.classify(data.text, language, rules), language
        )
        step = machine.received(life)
        self._carry_out(partition, step, envelope)
        if life.case_id is None:
            self._decide_without_case(partition, step[0], envelope)

    def _decide_without_case(
        self, partition: Partition, life: Life, envelope: Envelope[Any]
    ) -> None:
        decision = tracer.trace(
            mapping.complaint_from_life(life), model.Case(""), self._company.rules, life.occurred_at
        )
        self._decide(partition, life, mapping.wire_decision(decision), envelope)

    def _answered(
        self, partition: Partition, record: Record, envelope: Envelope[TraceAnsweredV1]
    ) -> None:
        life = self._life(partition, envelope.data.complaint_id)
        if life is None:
            self.dead_letter(partition, record, "unknown_complaint", "an answer nobody asked for")
            return
        self._decide(partition, life, envelope.data, envelope)

    def _decide(
        self, partition: Partition, life: Life, decision: Decision, envelope: Envelope[Any]
    ) -> None:
        verdict = verdict_of(
            mapping.findings(decision),
            departments=self._company.departments,
            floor_parts=self._company.floor_parts,
        )
        step = machine.decided(
            life, verdict, at=microseconds(envelope.time), new_id=ids.assignment_id
        )
        self._carry_out(partition, step, envelope, decision)

    def _messaged(
        self, partition: Partition, record: Record, envelope: Envelope[ComplaintMessagedV1]
    ) -> None:
        life = self._life(partition, envelope.data.complaint_id)
        if life is None:
            self.dead_letter(partition, record, "unknown_complaint", "a message about no complaint")
            return
        step = machine.messaged(life, envelope.data.kind, at=microseconds(envelope.data.sent_at))
        self._carry_out(partition, step, envelope)

    def _notified(
        self, partition: Partition, record: Record, envelope: Envelope[NotificationRecordedV1]
    ) -> None:
        life = self._life(partition, envelope.data.complaint_id)
        if life is None:
            self.dead_letter(
                partition, record, "unknown_complaint", "a notification of no complaint"
            )
            return
        step = machine.notified(life, envelope.data.outcome, at=microseconds(envelope.data.at))
        self._carry_out(partition, step, envelope)

    def _ticked(
        self, partition: Partition, record: Record, envelope: Envelope[ClockTickedV1]
    ) -> None:
        # The record's own time bounds what it claims, so that no writer can make things due early.
        now = min(microseconds(envelope.data.at), record.timestamp * 1000)
        for item, _row in partition.store.items(_DUE, below=_due_item(now, "")):
            complaint = item[_DUE_DIGITS:].decode()
            life = self._life(partition, complaint)
            if life is None:
                partition.store.delete(_DUE, item)
                continue
            step = machine.due(life, as_of=now)
            partition.store.delete(_DUE, item)
            self._carry_out(partition, step, envelope)

    # -- what goes out -------------------------------------------------------------------

    def _carry_out(
        self,
        partition: Partition,
        step: machine.Step,
        envelope: Envelope[Any],
        decision: Decision | None = None,
    ) -> None:
        life, effects = step
        self._keep(partition, life)
        traced = None
        for effect in effects:
            match effect:
                case RequestTrace():
                    self._request(partition, life, effect, envelope)
                case PublishDecision():
                    traced = self._publish_decision(partition, life, effect, decision, envelope)
                case OpenAssignment():
                    if traced is None:
                        raise RuntimeError("an assignment opens with a decision")
                    self._open(partition, effect, traced, envelope)
                case WithdrawAssignment():
                    self._withdraw(partition, life, effect, decision, envelope)
                case PublishStatus():
                    self.send(
                        partition,
                        self._status,
                        mapping.status(life, at=envelope.time),
                        event_id=ids.event_id("complaint.status", life.complaint_id, envelope.id),
                        at=envelope.time,
                        complaint=life.complaint_id,
                        cause=envelope,
                    )

    def _request(
        self, partition: Partition, life: Life, effect: RequestTrace, envelope: Envelope[Any]
    ) -> None:
        self.send(
            partition,
            self._requested,
            mapping.trace_request(life, as_of=effect.as_of, reason=effect.reason),
            event_id=ids.event_id("trace.requested", life.complaint_id, str(effect.sequence)),
            at=from_microseconds(effect.as_of) if effect.reason == "due" else envelope.time,
            complaint=life.complaint_id,
            cause=envelope,
        )

    def _publish_decision(
        self,
        partition: Partition,
        life: Life,
        effect: PublishDecision,
        decision: Decision | None,
        envelope: Envelope[Any],
    ) -> Any:
        if decision is None:
            raise RuntimeError("a decision is published from an answer")
        traced = mapping.traced(
            decision,
            complaint_id=life.complaint_id,
            case_id=life.case_id,
            revision=effect.revision,
            traced_at=envelope.time,
        )
        metrics.DECISIONS.labels(Outcome(decision.outcome).value).inc()
        self.send(
            partition,
            self._traced,
            traced,
            event_id=traced.decision_id,
            at=envelope.time,
            complaint=life.complaint_id,
            cause=envelope,
        )
        return traced

    def _open(
        self, partition: Partition, effect: OpenAssignment, traced: Any, envelope: Envelope[Any]
    ) -> None:
        assignment = effect.assignment
        self.send(
            partition,
            self._inbox[assignment.target.department],
            mapping.opened(assignment, traced, updated=effect.updated, at=envelope.time),
            event_id=ids.event_id(
                "assignment.opened", assignment.assignment_id, str(effect.revision)
            ),
            at=envelope.time,
            complaint=traced.complaint_id,
            cause=envelope,
        )

    def _withdraw(
        self,
        partition: Partition,
        life: Life,
        effect: WithdrawAssignment,
        decision: Decision | None,
        envelope: Envelope[Any],
    ) -> None:
        department = effect.assignment.target.department
        inbox = self._inbox.get(department)
        if inbox is None:
            # The registry no longer has this department: its inbox keeps its name all the same.
            inbox = self._physical(topics.DEPARTMENT_INBOX.for_department(department).name)
        self.send(
            partition,
            inbox,
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

    # -- rows --------------------------------------------------------------------------------

    def _life(self, partition: Partition, complaint: str) -> Life | None:
        row = partition.store.get(_LIVES + complaint.encode())
        return None if row is None else mapping.life_from_row(row)

    def _keep(self, partition: Partition, life: Life) -> None:
        store = partition.store
        group = _LIVES + life.complaint_id.encode()
        before = store.get(group)
        row = mapping.life_row(life)
        if before == row:
            return
        due_before = None if before is None else mapping.life_from_row(before).due
        if due_before != life.due:
            if due_before is not None:
                store.delete(_DUE, _due_item(due_before, life.complaint_id))
            if life.due is not None:
                store.put(_DUE, _due_item(life.due, life.complaint_id), b"1")
        store.put(group, b"", row)


_DUE_DIGITS: Final = 20


def _due_item(due: int, complaint: str) -> bytes:
    """Sorts by time; a time before 1970 sorts as 1970."""
    return f"{max(due, 0):0{_DUE_DIGITS}d}{complaint}".encode()


def recorded_time(record: Record) -> datetime:
    """When the record was written to Kafka."""
    return from_microseconds(record.timestamp * 1000)


def _base64(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()


def keyed(stages: Iterable[Stage]) -> Mapping[str, Stage]:
    """Physical topic -> the stage that reads it."""
    return {topic: stage for stage in stages for topic in stage.topics}
