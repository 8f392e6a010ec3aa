"""The lifecycle stage, keyed by complaint: the state machine's shell; numbers revisions and runs every clock.

Rows: one per complaint (`c:`) and the due index (`d`), sorted by time; and messages that came early (early.py).  None holds
the customer's words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import structlog

from schemas import topics
from schemas.case import CaseFoundV1, CaseWeighedV1
from schemas.clock import ClockTickedV1
from schemas.complaint import ComplaintMessagedV1, ComplaintReceivedV1
from schemas.envelope import Envelope
from schemas.notification import NotificationRecordedV1
from schemas.tracing import Decision, TraceAnsweredV1
from schemas.vocabulary import MessageKind
from services.chassis import ids
from services.chassis.clock import from_microseconds, microseconds
from services.router import mapping
from services.router.checkpoint.partition import Partition
from services.router.lifecycle import finding, machine, which
from services.router.lifecycle.model import (
    AskWhich,
    DecideByText,
    Effect,
    Life,
    LocateAgain,
    OpenAssignment,
    PublishDecision,
    PublishStatus,
    RequestTrace,
    SearchCases,
    StopTracing,
    WeighCase,
    WithdrawAssignment,
)
from services.router.lifecycle.targets import verdict_of
from services.router.stages import early, rows
from services.router.stages.base import REFUSED, Companies, Record, Stage, refusal, settled
from services.router.stages.evidence import WEIGH
from services.router.stages.named import named_cases
from services.router.stages.retention import FORGET, Keep, Retention
from services.router.stages.telling import Telling
from services.router.tracing import mentions, model, symptoms, tracer
from services.router.tracing.company import Rules

log = structlog.get_logger(__name__)

_REMEMBERED: Final = 500
"""Lives that are kept beside the rows that were written of them; speed only."""
_MAY_NAME = frozenset({MessageKind.ANSWER, MessageKind.FOLLOW_UP})
"""Messages in which the customer may name the case."""


class LifecycleStage(Stage):
    """Keyed by complaint: the state machine's shell; numbers revisions and runs every clock.

    Attributes:
        retention: what ticks let the partition forget; nothing unless it is set.
    """

    def __init__(
        self, companies: Companies, *, physical: Callable[[str], str], partitions: int
    ) -> None:
        super().__init__(companies, physical=physical, partitions=partitions)
        self.retention = Retention(Keep())
        self._told = Telling(self.send, physical)
        self._complaints = physical(topics.COMPLAINT_RECEIVED.name)
        self._read: dict[tuple[str, str | None], symptoms.Reading] = {}
        self._read_by: Rules | None = None
        self._lives: dict[bytes, Life] = {}

    def bindings(self) -> Iterable[tuple[topics.Topic, Callable[..., None]]]:
        """Complaints, messages, answers, notifications and time."""
        return (
            (topics.COMPLAINT_RECEIVED, self._received),
            (topics.COMPLAINT_MESSAGED, self._messaged),
            (topics.CASE_FOUND, self._case_found),
            (topics.TRACE_ANSWERED, self._answered),
            (topics.NOTIFICATION_RECORDED, self._notified),
            (topics.CLOCK_TICK, self._ticked),
        )

    def look_ahead(self, partition: Partition, records: Sequence[Record]) -> None:
        """Read the texts of several complaints together, which takes half the time."""
        known, self._read = self._read, {}
        if len(records) < 2 or records[0].topic != self._complaints:
            return
        texts = dict.fromkeys(
            text for record in records if (text := mapping.text_of(record.value)) is not None
        )
        try:
            rules = self._companies.active(partition).rules
            if rules is self._read_by:
                # What was heard of before and not come to yet.
                self._read = {text: known[text] for text in texts if text in known}
            new = [text for text in texts if text not in self._read]
            self._read.update(zip(new, symptoms.read(new, rules), strict=True))
            self._read_by = rules
        except Exception:
            # Each is read by itself then, and the one that cannot be is put aside.
            log.exception("router.core_failed", function=symptoms.read.__qualname__)

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
        text = data.text, data.language
        reading = self._read.get(text)
        if reading is None:
            (reading,) = settled(symptoms.read, (text,), self._companies.active(partition).rules)
        life = mapping.life_from_complaint(data, reading.symptoms, reading.language)
        # The customer may have complained long before we heard of it; what we do is dated by our own time.
        heard = envelope._replace(time=data.received_at)
        if life.case_id is None:
            customers = [each.digest for each in data.customer_refs]
            named, clues = settled(named_cases, data.text), settled(mentions.clues, data.text)
            step = finding.begin(life, customers, named, clues)
        else:
            step = machine.received(life)
        self._carry_out(partition, None, step, heard)
        for message in early.take(partition, data.complaint_id):
            self._apply_message(partition, message)

    def _case_found(
        self,
        partition: Partition,
        record: Record,  # noqa: ARG002 - all handlers are called alike
        envelope: Envelope[CaseFoundV1 | CaseWeighedV1],
    ) -> None:
        data = envelope.data
        life = self._life(partition, data.complaint_id)
        if life is None:
            # It was forgotten; the customer's row of it goes with its age.
            return
        at = microseconds(envelope.time)
        if isinstance(data, CaseFoundV1):
            step = finding.found(life, data.customer, data.cases, at=at)
        else:
            parts = round(data.plausibility * model.PARTS) if data.known else None
            step = finding.weighed(life, data.case_id, data.sequence, parts, at=at)
        self._carry_out(partition, life, step, envelope)

    def _by_text(self, partition: Partition, life: Life) -> Decision:
        """What the words alone say: candidates for a person."""
        decision = settled(
            tracer.trace,
            mapping.complaint_from_life(life),
            model.Case(""),
            self._companies.active(partition).rules,
            life.occurred_at,
        )
        return mapping.wire_decision(decision)

    def _answered(
        self, partition: Partition, record: Record, envelope: Envelope[TraceAnsweredV1]
    ) -> None:
        life = self._life(partition, envelope.data.complaint_id)
        if life is None:
            self.dead_letter(partition, record, "unknown_complaint", "an answer nobody asked for")
            return
        if envelope.data.case_id != life.case_id:
            # Of a case that was taken for the complaint's before another one was found.
            return
        self._decide(partition, life, envelope.data, envelope)

    def _decide(
        self, partition: Partition, life: Life, decision: Decision, envelope: Envelope[Any]
    ) -> None:
        company = self._companies.active(partition)
        decision = mapping.of_this_case(decision, life)
        verdict = verdict_of(
            mapping.findings(decision),
            departments=company.departments,
            floor_parts=company.floor_parts,
        )
        step = machine.decided(
            life, verdict, at=microseconds(envelope.time), new_id=ids.assignment_id
        )
        self._carry_out(partition, life, step, envelope, decision)

    def _messaged(
        self, partition: Partition, record: Record, envelope: Envelope[ComplaintMessagedV1]
    ) -> None:
        if self._life(partition, envelope.data.complaint_id) is None:
            # Two topics: a worker that is behind may read the message first.
            early.keep(partition, record, envelope)
        else:
            self._apply_message(partition, envelope)

    def _apply_message(self, partition: Partition, envelope: Envelope[ComplaintMessagedV1]) -> None:
        life = self._life(partition, envelope.data.complaint_id)
        if life is None:
            raise RuntimeError("a message is applied to a complaint")
        if envelope.data.channel != life.channel:
            # Nothing of another channel's complaint may be changed, nor told, by guessing its id.
            log.warning("router.foreign_message", complaint=life.complaint_id, message=envelope.id)
            return
        data = envelope.data
        at = microseconds(data.sent_at)
        if data.kind in _MAY_NAME and data.text is not None and life.search is not None:
            option = settled(which.chosen, life.search.options, data.text)
            named, clues = settled(named_cases, data.text), settled(mentions.clues, data.text)
            step = finding.answered(life, option, named, clues, at=at)
        else:
            step = machine.messaged(life, data.kind, at=at)
        self._carry_out(partition, life, step, envelope)

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
        self._carry_out(partition, life, step, envelope)

    def _ticked(
        self, partition: Partition, record: Record, envelope: Envelope[ClockTickedV1]
    ) -> None:
        # The record's own time bounds what it claims, so that no writer can make things due early.
        now = min(microseconds(envelope.data.at), record.timestamp * 1000)
        for item, _row in partition.store.items(rows.DUE, below=rows.due_item(now, "")):
            # Each by itself: one that cannot be handled must not hold up what is due behind it, at this tick and every other.
            partition.begin()
            try:
                self._fall_due(partition, item, now, envelope)
            except REFUSED as error:
                partition.roll_back()
                partition.store.delete(rows.DUE, item)
                complaint = item[rows.DIGITS :].decode()
                code, reason = refusal(error)
                detail = f"complaint {complaint}, which fell due at this tick: {reason}"
                self.dead_letter(partition, record, code, detail, about=complaint)
        partition.begin()
        for life in self.retention.tick(partition, now):
            self._forget(partition, life, envelope)
        for kept in early.expired(partition, now):
            detail = "a message about no complaint; its text is in the record at its origin"
            self.dead_letter(partition, kept, "unknown_complaint", detail)

    def _fall_due(
        self, partition: Partition, item: bytes, now: int, envelope: Envelope[ClockTickedV1]
    ) -> None:
        """What waited until now goes on."""
        life = self._life(partition, item[rows.DIGITS :].decode())
        if life is None:
            partition.store.delete(rows.DUE, item)
            return
        waits = machine.due if life.case_id is not None else finding.due
        step = waits(life, as_of=now)
        partition.store.delete(rows.DUE, item)
        self._carry_out(partition, life, step, envelope)

    def _forget(self, partition: Partition, life: Life, envelope: Envelope[Any]) -> None:
        """Tell the evidence stage that nobody waits for answers about a complaint any more."""
        if life.case_id is not None:
            gone = machine.request(life, as_of=life.since, reason=FORGET)
            for effect in gone[1]:
                if isinstance(effect, RequestTrace):
                    self._told.request(partition, gone[0], effect, envelope)

    # -- what goes out -------------------------------------------------------------------

    def _carry_out(
        self,
        partition: Partition,
        before: Life | None,
        step: machine.Step,
        envelope: Envelope[Any],
        decision: Decision | None = None,
    ) -> None:
        life, effects = step
        self._keep(partition, before, life)
        traced = None
        for effect in effects:
            match effect:
                case RequestTrace():
                    self._told.request(partition, life, effect, envelope)
                case PublishDecision():
                    traced = self._told.decision(partition, life, effect, decision, envelope)
                case OpenAssignment():
                    if traced is None:
                        raise RuntimeError("an assignment opens with a decision")
                    self._told.open(partition, effect, traced, envelope)
                case WithdrawAssignment():
                    self._told.withdraw(partition, life, effect, decision, envelope)
                case PublishStatus():
                    self._told.status(partition, life, envelope)
                case _:
                    self._find(partition, life, effect, envelope)

    def _find(
        self, partition: Partition, life: Life, effect: Effect, envelope: Envelope[Any]
    ) -> None:
        """Carry out what the search for the case asks for."""
        match effect:
            case SearchCases():
                self._told.search(partition, life, effect, envelope)
            case WeighCase():
                self._told.ask_about(partition, life, effect, WEIGH, envelope)
            case StopTracing():
                self._told.ask_about(partition, life, effect, FORGET, envelope)
            case DecideByText():
                self._decide(partition, life, self._by_text(partition, life), envelope)
            case AskWhich():
                until = from_microseconds(effect.until)
                asking = mapping.which_one(
                    self._by_text(partition, life), effect.options, until=until
                )
                self._decide(partition, life, asking, envelope)
            case LocateAgain():
                self._carry_out(partition, life, finding.again(life), envelope)

    # -- rows --------------------------------------------------------------------------------

    def _life(self, partition: Partition, complaint: str) -> Life | None:
        row = partition.store.get(rows.LIVES + complaint.encode())
        if row is None:
            return None
        # The answer, and the first alerts, follow while the row is as it was just written.
        return self._lives.get(row) or mapping.life_from_row(row)

    def _keep(self, partition: Partition, before: Life | None, life: Life) -> None:
        """Write what has become of the complaint; `before` is what its row says, None if it has none."""
        if before == life:
            return
        store = partition.store
        due_before = None if before is None else before.due
        if due_before != life.due:
            if due_before is not None:
                store.delete(rows.DUE, rows.due_item(due_before, life.complaint_id))
            if life.due is not None:
                store.put(rows.DUE, rows.due_item(life.due, life.complaint_id), b"1")
        row = mapping.life_row(life)
        store.put(rows.LIVES + life.complaint_id.encode(), b"", row)
        if len(self._lives) >= _REMEMBERED:
            self._lives.clear()
        self._lives[row] = life
