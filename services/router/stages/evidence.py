"""The evidence stage, keyed by case: keeps each case's events, answers trace requests, announces material changes.

It also tells the customer stage whose case it is, and says how well a case fits a complaint that does not name its own.

Rows (rows.py): one per event (`e:` and the case), one per complaint about the case with its last answer (`t:`), one per customer
whom its events name (`o:`), the sources' watermarks of this partition (`w`), when each was last heard of (`h`), and what these
lost (`l`).  An event of a case that nobody complained about costs two look-ups and one row.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final, NamedTuple

from schemas import codec, topics
from schemas.case import CaseOpenedV1, CaseWeighedV1
from schemas.envelope import Envelope
from schemas.process import ProcessObservedV1
from schemas.tracing import TraceRequestedV1
from services.chassis import ids, metrics
from services.chassis.clock import from_microseconds, microseconds
from services.router import mapping
from services.router.checkpoint.partition import Partition
from services.router.lifecycle.machine import UNANSWERED
from services.router.stages import rows
from services.router.stages.base import Companies, Record, Stage, recorded_time, settled
from services.router.stages.retention import FORGET
from services.router.tracing import losses, model, plausible, tracer
from services.router.tracing.company import Rules

_MINUTE: Final = 60_000_000

WEIGH: Final = "weighed"
"""The reason of a question that wants no trace, only how well the case fits."""
ANNOUNCE_AGAIN: Final = 7 * 86_400 * 1_000_000
"""µs: a case of which there is news is announced to its customer's row again after so long, so that it is not forgotten there."""
MOST_CUSTOMERS: Final = 8
"""References of one event that are announced."""

MOST_EVENTS: Final = 2_000
"""Of one case in a trace: a source that repeats itself without end must not make every trace slower than the last."""


class EvidenceStage(Stage):
    """Keyed by case: keeps each case's events, answers trace requests, announces material changes."""

    def __init__(
        self, companies: Companies, *, physical: Callable[[str], str], partitions: int
    ) -> None:
        super().__init__(companies, physical=physical, partitions=partitions)
        self._answered = physical(topics.TRACE_ANSWERED.name)
        self._opened = physical(topics.CASE_OPENED.name)
        self._found = physical(topics.CASE_FOUND.name)

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
        group = rows.EVENTS + data.case_id.encode()
        item = data.event_id.encode()
        known = store.get(group, item)
        if known is not None:
            # A second tap on a question's link is dated by itself: the first one counts.
            if "answered_by" not in data.attributes and not mapping.same_event(known, data):
                self.dead_letter(
                    partition, record, "conflict", "this event_id was used with other content"
                )
            return
        traced = store.get(rows.TRACES + data.case_id.encode())
        if rows.is_full(traced):
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
        if "answered_by" not in data.attributes:
            # A person's answer about one case does not say that the source has spoken, least of all of others.
            self._advance_watermark(partition, data, recorded)
        if data.customer_refs:
            self._announce(partition, data, envelope, recorded)
        if traced is not None:
            self._trace_again(partition, data.case_id, envelope, from_microseconds(recorded))

    def _announce(
        self,
        partition: Partition,
        data: ProcessObservedV1,
        envelope: Envelope[ProcessObservedV1],
        recorded: int,
    ) -> None:
        """Tell the customer stage whose case this is: once, and from time to time as long as there is news."""
        group = rows.NAMED + data.case_id.encode()
        for customer in data.customer_refs[:MOST_CUSTOMERS]:
            item = customer.digest.encode()
            before = partition.store.get(group, item)
            if before is not None and recorded < int(before) + ANNOUNCE_AGAIN:
                continue
            partition.store.put(group, item, rows.number(recorded))
            self.send(
                partition,
                self._opened,
                CaseOpenedV1(
                    customer=customer.digest,
                    case_id=data.case_id,
                    seen_at=from_microseconds(recorded),
                ),
                event_id=ids.event_id("case.opened", customer.digest, data.case_id, data.event_id),
                at=from_microseconds(recorded),
                cause=envelope,
            )

    def _advance_watermark(
        self, partition: Partition, data: ProcessObservedV1, recorded: int
    ) -> None:
        source = data.source
        if source is None:
            rule = self._companies.active(partition).rules.activities.get(data.activity)
            if rule is None:
                return
            source = rule.source
        # A clock that is ahead must not make its source look as if it had spoken about the future.
        at = min(microseconds(data.at), recorded)
        for group, mark in ((rows.WATERMARKS, at), (rows.HEARD, recorded - recorded % _MINUTE)):
            marks = self._marks(partition, group)
            if mark > marks.get(source, 0):
                marks[source] = mark
                partition.store.put(group, source.encode(), str(mark).encode())

    def _marks(self, partition: Partition, group: bytes) -> dict[str, int]:
        """By source, one of the two times that are kept of it."""
        marks: dict[bytes, dict[str, int]] = partition.memory.setdefault("marks", {})
        if group not in marks:
            marks[group] = {
                item.decode(): int(value) for item, value in partition.store.items(group)
            }
        return marks[group]

    def _requested(
        self,
        partition: Partition,
        record: Record,  # noqa: ARG002 - all handlers are called alike
        envelope: Envelope[TraceRequestedV1],
    ) -> None:
        request = envelope.data
        group = rows.TRACES + request.case_id.encode()
        if request.reason == FORGET:
            self._forget(partition, group, request.complaint_id.encode())
            return
        if request.reason == WEIGH:
            self._weigh(partition, request, envelope)
            return
        # The row of the group itself says that there is a complaint about this case, for the way of every event.
        before = partition.store.get(group)
        at = max(microseconds(envelope.time), rows.asked_at(before))
        partition.store.put(group, b"", rows.asked(at, full=rows.is_full(before)))
        case = self._case(partition, request.case_id)
        known = partition.store.get(group, request.complaint_id.encode())
        if known is not None:
            case = replace(case, losses=_asked(known).losses)
        self._answer(partition, request, case, envelope, envelope.time)
        if known is None:
            self._count(partition, case, _as_of(request, case))

    def _count(self, partition: Partition, case: model.Case, as_of: int) -> None:
        """Remember what a case that is asked about shows of the events that its sources lost; once each complaint."""
        rules = self._companies.active(partition).rules
        here = losses.counted(case.events, rules, as_of)
        if here:
            total = losses.added(self._losses(partition), here)
            partition.store.put(rows.LOSSES, b"", mapping.losses_row(total))
            partition.memory["losses"] = total

    def _losses(self, partition: Partition) -> dict[str, tuple[int, int]]:
        counts: dict[str, tuple[int, int]] | None = partition.memory.get("losses")
        if counts is None:
            counts = mapping.losses_from_row(partition.store.get(rows.LOSSES, b""))
            partition.memory["losses"] = counts
        return counts

    def _weigh(
        self, partition: Partition, request: TraceRequestedV1, envelope: Envelope[TraceRequestedV1]
    ) -> None:
        case = self._case(partition, request.case_id)
        parts = settled(
            plausible.plausibility,
            mapping.complaint_from_request(request),
            case,
            self._companies.active(partition).rules,
            _as_of(request, case),
            mapping.clues_from_request(request),
        )
        self.send(
            partition,
            self._found,
            CaseWeighedV1(
                complaint_id=request.complaint_id,
                case_id=request.case_id,
                sequence=request.sequence,
                known=bool(case.events),
                plausibility=parts / model.PARTS,
            ),
            event_id=ids.event_id("case.weighed", request.complaint_id, envelope.id),
            at=envelope.time,
            complaint=request.complaint_id,
            cause=envelope,
        )

    def _forget(self, partition: Partition, group: bytes, complaint: bytes) -> None:
        partition.store.delete(group, complaint)
        marker = partition.store.get(group)
        # The first row of a group is the one without an item.
        if (
            marker is not None
            and not rows.is_full(marker)
            and len(partition.store.items(group, most=2)) == 1
        ):
            partition.store.delete(group)

    def _trace_again(
        self,
        partition: Partition,
        case_id: str,
        envelope: Envelope[ProcessObservedV1],
        recorded: datetime,
    ) -> None:
        case = self._case(partition, case_id)
        for item, row in partition.store.items(rows.TRACES + case_id.encode()):
            if not item:
                continue
            asked = _asked(row)
            request = TraceRequestedV1.model_validate_json(asked.request)
            # What other cases have shown of the sources meanwhile is no news of this one.
            then = replace(case, losses=asked.losses)
            # Most events change nothing: the words are made only for those that do.
            if (
                self._trace(partition, request, then, words=False).digest().encode()
                != asked.material
            ):
                self._answer(partition, request, then, envelope, recorded)

    def _case(self, partition: Partition, case_id: str) -> model.Case:
        found = partition.store.items(rows.EVENTS + case_id.encode(), most=MOST_EVENTS)
        if len(found) == MOST_EVENTS:
            group = rows.TRACES + case_id.encode()
            at = rows.asked_at(partition.store.get(group))
            partition.store.put(group, b"", rows.asked(at, full=True))
        events = tuple(mapping.event_from_row(row) for _item, row in found)
        return model.Case(
            case_id,
            events,
            dict(self._marks(partition, rows.WATERMARKS)),
            self._losses(partition),
            dict(self._marks(partition, rows.HEARD)),
        )

    def _trace(
        self,
        partition: Partition,
        request: TraceRequestedV1,
        case: model.Case,
        *,
        words: bool = True,
    ) -> model.Decision:
        rules = self._companies.active(partition).rules
        if request.reason == UNANSWERED:
            rules = without_asking(rules)
        with metrics.DECISION_SECONDS.time():
            return settled(
                tracer.trace,
                mapping.complaint_from_request(request),
                case,
                rules,
                _as_of(request, case),
                words=words,
            )

    def _answer(
        self,
        partition: Partition,
        request: TraceRequestedV1,
        case: model.Case,
        cause: Envelope[Any],
        at: datetime,
    ) -> None:
        """Trace, remember and answer.

        `at` is when the cause was recorded: what happened days ago may be heard of only now.
        """
        answer = mapping.trace_answer(
            self._trace(partition, request, case),
            case_id=request.case_id,
            sequence=request.sequence,
            trigger=cause.id,
        )
        row = answer.material.encode() + b"\n" + request.model_dump_json().encode()
        if case.losses:
            row += b"\n" + mapping.losses_row(case.losses)
        partition.store.put(
            rows.TRACES + request.case_id.encode(), request.complaint_id.encode(), row
        )
        self.send(
            partition,
            self._answered,
            answer,
            event_id=ids.event_id("trace.answered", answer.complaint_id, answer.trigger),
            at=at,
            complaint=answer.complaint_id,
            cause=cause,
        )


class _Asked(NamedTuple):
    """A complaint about a case, as its row has it."""

    material: bytes
    """The digest of the last answer."""
    request: bytes
    losses: Mapping[str, tuple[int, int]]
    """What was known of lost events when it was first answered: later answers rest on the same."""


def _asked(row: bytes) -> _Asked:
    material, _, rest = row.partition(b"\n")
    request, _, lost = rest.partition(b"\n")
    return _Asked(material, request, mapping.losses_from_row(lost))


def without_asking(rules: Rules) -> Rules:
    """The same company where a question costs more than anything else."""
    costs = replace(rules.policy.costs, ask=math.inf)
    return replace(rules, policy=replace(rules.policy, costs=costs))


def _as_of(request: TraceRequestedV1, case: model.Case) -> int:
    """Whatever came later than the complaint is known too; the order in which they came makes no difference."""
    return max(
        microseconds(request.as_of),
        *(min(event.at, event.recorded_at) for event in case.events),
        microseconds(request.occurred_at),
    )
