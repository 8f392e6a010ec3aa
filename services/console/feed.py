"""From the topics to the read model, batch by batch.

It stands apart because it is the only part of the console that writes.  Hazard: a record that cannot be read must stop
nobody, and must not vanish either: it goes to the dead letters before its offset is stored, unless another service is the
one that puts records of that topic aside.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from sqlalchemy import Engine

from schemas.assignment import AssignmentOpenedV1, AssignmentWithdrawnV1
from schemas.codec import ContractViolation, decode, encode
from schemas.complaint import ComplaintMessagedV1, ComplaintReceivedV1, ComplaintStatusV1
from schemas.envelope import Contract
from schemas.notification import NotificationRecordedV1
from schemas.topics import (
    COMPLAINT_MESSAGED,
    COMPLAINT_RECEIVED,
    COMPLAINT_STATUS,
    COMPLAINT_TRACED,
    CONSOLE_DLQ,
    DEPARTMENT_INBOX,
    NOTIFICATION_RECORDED,
    Topic,
)
from schemas.tracing import ComplaintTracedV1
from services.chassis import metrics
from services.chassis.clock import Clock, Interval, microseconds
from services.chassis.consumer import PartitionReader
from services.chassis.dead_letters import dead_letter
from services.chassis.errors import TransientError
from services.chassis.health import Heartbeat
from services.chassis.logs import get_logger
from services.chassis.producer import EventPublisher
from services.chassis.records import Outgoing, Place, Received
from services.chassis.settings import KafkaSettings
from services.console import readmodel
from services.console.projection import Fact, Kind

SERVICE = "console"
KINDS: Final[Mapping[type[Contract], Kind]] = {
    ComplaintReceivedV1: Kind.RECEIVED,
    ComplaintMessagedV1: Kind.MESSAGED,
    ComplaintTracedV1: Kind.TRACED,
    ComplaintStatusV1: Kind.STATUS,
    AssignmentOpenedV1: Kind.OPENED,
    AssignmentWithdrawnV1: Kind.WITHDRAWN,
    NotificationRecordedV1: Kind.NOTIFIED,
}

LOOK_SECONDS: Final = 1.0
"""Between two looks at the company's folder, each of which asks for every file of it."""

log = get_logger(__name__)


def topics_of(departments: Sequence[str]) -> dict[str, Topic]:
    """Every topic that the read model is made from, by name."""
    topics = [
        COMPLAINT_RECEIVED,
        COMPLAINT_MESSAGED,
        COMPLAINT_TRACED,
        COMPLAINT_STATUS,
        NOTIFICATION_RECORDED,
    ]
    topics += [DEPARTMENT_INBOX.for_department(name) for name in departments]
    return {topic.name: topic for topic in topics}


def fact_from(topic: Topic, record: Received) -> Fact:
    """Read one record.

    Raises:
        ContractViolation: It does not keep its contract.
    """
    envelope = decode(topic.contracts, key=record.key, value=record.value, headers=record.headers)
    return Fact(
        event_id=envelope.id,
        kind=KINDS[type(envelope.data)],
        type=envelope.type,
        complaint_id=envelope.subject,
        at=microseconds(envelope.time),
        recorded_at=microseconds(record.timestamp),
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        source=envelope.source,
        causation_id=envelope.causationid,
        # Through the contract, so that the read model has every default and no field that we do not know.
        data=envelope.data.model_dump(mode="json"),
    )


class Feed:
    """Keeps the read model up to date.

    Args:
        kafka: The cluster.
        departments: Whose inboxes there are.
        engine: The read model's database.
        clock: Time for lag and dead letters.
        changed: Asked again and again; names the departments when the company has changed, else None.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        departments: Sequence[str],
        engine: Engine,
        *,
        clock: Clock,
        changed: Callable[[], Sequence[str] | None] = lambda: None,
    ) -> None:
        self._changed = changed
        self._kafka = kafka
        self._topics = topics_of(departments)
        self._engine = engine
        self._clock = clock
        self._stop = threading.Event()
        self._behind: dict[Place, int] | None = None
        self._caught_up = False
        self.heartbeat = Heartbeat("the feed", longest_seconds=60.0, clock=clock)

    @property
    def topics(self) -> list[str]:
        """Names of the topics that it reads."""
        return list(self._topics)

    def check(self) -> str | None:
        """A ready check: what was there at the start has been read."""
        return None if self._caught_up else "the read model is not caught up yet"

    def stop(self) -> None:
        """Let `run` end after the present batch."""
        self._stop.set()

    def run(self) -> None:
        """Read until stopped."""
        with self._engine.begin() as connection:
            start = readmodel.offsets.load(connection)
        # Each batch is a commit of its own: what comes within a fetch's wait shares one.
        reader = PartitionReader(
            self._kafka, list(self._topics), start=start, name=SERVICE, gathering=True
        )
        publisher = EventPublisher(self._kafka, name=SERVICE).start()
        looking = Interval(self._clock, LOOK_SECONDS)
        try:
            while not self._stop.is_set():
                self.heartbeat.beat()
                if looking.due() and (departments := self._changed()) is not None:
                    self._topics |= topics_of(departments)
                    reader.include(self._topics)
                try:
                    records = reader.poll(0.5)
                    if records:
                        self._absorb(records, publisher)
                    self._look(reader)
                except TransientError as error:
                    log.warning("waiting for kafka", error=error.detail)
                    self._rewind(reader)
                    self._stop.wait(1.0)
        finally:
            reader.close()
            publisher.close()

    def _absorb(self, records: Sequence[Received], publisher: EventPublisher) -> None:
        facts: list[Fact] = []
        for record in records:
            topic = self._topics[record.topic]
            try:
                facts.append(fact_from(topic, record))
            except ContractViolation as violation:
                self._bury(topic, record, violation, publisher)
        positions = {record.place: record.offset + 1 for record in records}
        with self._engine.begin() as connection:
            readmodel.absorb(connection, facts, positions)
        newest = max(record.timestamp for record in records)
        age = max(0.0, (self._clock.now() - newest).total_seconds())
        for name in {record.topic for record in records}:
            metrics.EVENT_AGE_SECONDS.labels(name).set(age)

    def _bury(
        self,
        topic: Topic,
        record: Received,
        violation: ContractViolation,
        publisher: EventPublisher,
    ) -> None:
        log.warning(
            "a record cannot be read and is passed over",
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            reason=violation.code,
        )
        metrics.DEAD_LETTERS.labels(SERVICE, violation.code).inc()
        if topic.dead_letter != CONSOLE_DLQ.name:
            return
        letter = dead_letter(
            record,
            service=SERVICE,
            reason=violation.code,
            detail=str(violation),
            failed_at=self._clock.now(),
        )
        publisher.publish_sync(Outgoing.of(CONSOLE_DLQ.name, encode(letter)))

    def _rewind(self, reader: PartitionReader) -> None:
        """What was read and not stored is read again."""
        with self._engine.begin() as connection:
            stored = readmodel.offsets.load(connection)
        try:
            # Also what is not being read just now: it is taken up again from where it stands.
            for place in {*reader.assigned(), *stored}:
                reader.seek(*place, stored.get(place, 0))
        except TransientError as error:
            log.warning("waiting for kafka", error=error.detail)

    def _look(self, reader: PartitionReader) -> None:
        """Whether what was there at the start is read by now."""
        if self._caught_up:
            return
        if self._behind is None:
            ends = reader.end_offsets()
            if {topic for topic, _ in ends} != set(self._topics):
                return
            self._behind = ends
        self._behind = {
            place: end for place, end in self._behind.items() if reader.position(*place) < end
        }
        self._caught_up = not self._behind
