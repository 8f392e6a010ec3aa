"""Hand-made events of one complaint, as the services before would have written them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from schemas.assignment import AssignmentOpenedV1
from schemas.codec import encode, wrap
from schemas.complaint import ComplaintMessagedV1, ComplaintReceivedV1, ComplaintStatusV1
from schemas.envelope import Contract
from schemas.notification import NotificationRecordedV1
from schemas.topics import (
    COMPLAINT_MESSAGED,
    COMPLAINT_RECEIVED,
    COMPLAINT_STATUS,
    COMPLAINT_TRACED,
    DEPARTMENT_INBOX,
    NOTIFICATION_RECORDED,
)
from schemas.tracing import Cause, ComplaintTracedV1, Evidence, Missing, Recovery, SymptomScore
from schemas.vocabulary import (
    CauseKind,
    ComplaintState,
    Finding,
    MessageKind,
    NotificationOutcome,
    Outcome,
    Role,
)
from services.chassis import ids
from services.chassis.records import Outgoing

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


@dataclass(frozen=True)
class Case:
    """One complaint and the events that are made of it; `n` tells complaints apart."""

    n: int
    text: str = "Paket saya belum sampai."

    @property
    def id(self) -> str:
        """The complaint's id."""
        return ids.complaint_id("web", f"case-{self.n}")

    @property
    def at(self) -> datetime:
        """When it was received: later for a greater `n`."""
        return AT + timedelta(minutes=self.n)

    def received(self) -> Outgoing:
        """From intake."""
        data = ComplaintReceivedV1(
            complaint_id=self.id,
            channel="web",
            text=self.text,
            case_id=f"order-{self.n}",
            language="id",
            occurred_at=self.at,
            received_at=self.at,
            body_digest="0" * 64,
        )
        return self._event(COMPLAINT_RECEIVED.name, data, "received", 0)

    def messaged(self, text: str) -> Outgoing:
        """The customer writes again."""
        data = ComplaintMessagedV1(
            complaint_id=self.id,
            message_id=f"m{self.n}",
            channel="web",
            kind=MessageKind.FOLLOW_UP,
            text=text,
            sent_at=self.at,
        )
        return self._event(COMPLAINT_MESSAGED.name, data, "messaged", 9, "received")

    def traced(self, revision: int = 1, cause: str = "packing", share: float = 0.8) -> Outgoing:
        """The router's decision: one department, the rest another's."""
        data = ComplaintTracedV1(
            complaint_id=self.id,
            case_id=f"order-{self.n}",
            decision_id=ids.decision_id(self.id, revision),
            revision=revision,
            traced_at=self.at,
            as_of=self.at,
            outcome=Outcome.ASSIGNED,
            causes=(
                Cause(department="back-office", share=round(1 - share, 4), kind=CauseKind.DELAY),
                Cause(department=cause, share=share, activity="pack", kind=CauseKind.DELAY),
            ),
            recovery=Recovery(department="logistics", activity="delivered", action="expedite"),
            confidence=0.91,
            symptoms=(SymptomScore(symptom="late_delivery", probability=0.97),),
            evidence=(
                Evidence(event_id="e1", activity="pack", finding=Finding.LATE, hours=9.5),
                Evidence(event_id="e2", activity="pick", finding=Finding.ON_TIME, hours=-2.0),
                Evidence(event_id=None, activity="delivered", finding=Finding.PENDING, hours=0.0),
            ),
            missing=(Missing(activity="delivered", what="completion", owner="logistics"),),
            explanation={
                "en": ("Packing ended 9.5 hours after its allowance.",),
                "id": ("Pengemasan selesai 9,5 jam setelah waktunya.",),
            },
            registry_digest="a" * 64,
            engine_version="1",
            material="b" * 64,
        )
        return self._event(
            COMPLAINT_TRACED.name, data, f"traced-{revision}", 1 + revision, "received"
        )

    def status(
        self, state: ComplaintState = ComplaintState.ASSIGNED, revision: int = 1
    ) -> Outgoing:
        """Where it stands."""
        data = ComplaintStatusV1(
            complaint_id=self.id,
            channel="web",
            state=state,
            revision=revision,
            case_id=f"order-{self.n}",
            who_can_help="logistics",
            departments=("packing", "logistics"),
            since=self.at,
            customer_words={"id": ("Paket Anda sedang kami percepat.",)},
            updated_at=self.at,
        )
        return self._event(
            COMPLAINT_STATUS.name,
            data,
            f"status-{revision}-{state.value}",
            2 + revision,
            f"traced-{revision}",
        )

    def opened(self, department: str = "packing") -> Outgoing:
        """In the department's inbox."""
        data = AssignmentOpenedV1(
            assignment_id=ids.assignment_id(self.id, department, 1),
            complaint_id=self.id,
            case_id=f"order-{self.n}",
            department=department,
            roles=(Role.CAUSE,),
            lead=True,
            share=0.8,
            kind=CauseKind.DELAY,
            activity="pack",
            revision=1,
            decision_id=ids.decision_id(self.id, 1),
            confidence=0.9,
            symptoms=(),
            evidence=(),
            explanation={"en": ("Packing ended late.",)},
            opened_at=self.at,
        )
        topic = DEPARTMENT_INBOX.for_department(department).name
        return self._event(topic, data, f"opened-{department}", 4, "traced-1")

    def notified(
        self, outcome: NotificationOutcome = NotificationOutcome.DELIVERED, attempt: int = 1
    ) -> Outgoing:
        """From the notifier."""
        assignment = ids.assignment_id(self.id, "packing", 1)
        data = NotificationRecordedV1(
            notification_id=ids.notification_id(assignment, 1, "packing", "opened"),
            assignment_id=assignment,
            complaint_id=self.id,
            department="packing",
            revision=1,
            receiver="packing",
            stage="opened",
            outcome=outcome,
            attempt=attempt,
            status_code=204 if outcome is NotificationOutcome.DELIVERED else 503,
            at=self.at,
        )
        return self._event(
            NOTIFICATION_RECORDED.name, data, f"notified-{attempt}", 5 + attempt, "opened-packing"
        )

    def whole(self) -> list[Outgoing]:
        """Everything, from the complaint to the delivered notification."""
        return [self.received(), self.traced(), self.status(), self.opened(), self.notified()]

    def _event(
        self, topic: str, data: Contract, name: str, seconds: int, cause: str | None = None
    ) -> Outgoing:
        envelope = wrap(
            data,
            id=f"{self.id}/{name}",
            source="/akar/test",
            time=self.at + timedelta(seconds=seconds),
            correlationid=self.id,
            causationid=None if cause is None else f"{self.id}/{cause}",
        )
        return Outgoing.of(topic, encode(envelope))
