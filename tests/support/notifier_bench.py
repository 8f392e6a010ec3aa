"""A notifier as a process, the topics that it reads and writes, and the files that it is given.

What a test asserts it reads where others would: from the topics, from the ledger, from the receivers.
"""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
from sqlalchemy import create_engine, text

from schemas.assignment import AssignmentOpenedV1, AssignmentWithdrawnV1
from schemas.codec import EncodedRecord, decode, encode, wrap
from schemas.envelope import Contract
from schemas.notification import NotificationRecordedV1
from schemas.topics import DEPARTMENT_INBOX, NOTIFICATION_RECORDED
from schemas.tracing import Evidence, SymptomScore
from schemas.vocabulary import CauseKind, Finding, NotificationOutcome, Role
from services.chassis import ids
from services.chassis.producer import EventPublisher
from services.chassis.provision import provision
from services.chassis.records import Outgoing
from services.chassis.settings import KafkaSettings
from services.local.ports import free_port
from services.registry import load_example
from tests.support.following import Following

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
EXAMPLE = Path(__file__).parents[2] / "examples" / "shop"


def assignment(
    n: int, department: str = "packing", *, revision: int = 1, updated: bool = False
) -> AssignmentOpenedV1:
    """The n-th complaint's assignment."""
    complaint = ids.complaint_id("web", f"n{n}")
    return AssignmentOpenedV1(
        assignment_id=ids.assignment_id(complaint, department, 1),
        complaint_id=complaint,
        case_id=f"order-{n}",
        department=department,
        roles=(Role.CAUSE,),
        lead=True,
        share=0.8,
        kind=CauseKind.DELAY,
        activity="pack",
        revision=revision,
        decision_id=ids.decision_id(complaint, revision),
        confidence=0.9,
        symptoms=(SymptomScore(symptom="late_delivery", probability=0.97),),
        evidence=(Evidence(event_id=f"e{n}", activity="pack", finding=Finding.LATE, hours=9.5),),
        explanation={
            "id": ("Pengemasan selesai 9,5 jam setelah waktunya.",),
            "en": ("Packing ended 9.5 h later.",),
        },
        opened_at=AT,
        updated=updated,
    )


def withdrawal(n: int, department: str = "packing") -> AssignmentWithdrawnV1:
    """The same assignment, taken back by revision 2."""
    opened = assignment(n, department)
    return AssignmentWithdrawnV1(
        assignment_id=opened.assignment_id,
        complaint_id=opened.complaint_id,
        case_id=opened.case_id,
        department=department,
        revision=2,
        decision_id=ids.decision_id(opened.complaint_id, 2),
        reason="later_evidence",
        explanation={"id": ("Maaf, ternyata bukan bagian Anda.",)},
        withdrawn_at=AT,
    )


def record_of(data: AssignmentOpenedV1 | AssignmentWithdrawnV1) -> EncodedRecord:
    """As the router would write it."""
    return encode(
        wrap(
            data,
            id=ids.event_id("inbox", data.assignment_id, str(data.revision), data.event_type),
            source="/akar/router",
            time=AT,
            correlationid=data.complaint_id,
            causationid="trace-1",
        )
    )


class Bench:
    """One pipeline prefix on the broker, with what the notifier needs around it."""

    def __init__(self, broker: str, prefix: str, folder: Path) -> None:
        self.folder = folder
        self.kafka = KafkaSettings(bootstrap_servers=broker, topic_prefix=prefix, partitions=4)
        self.departments = load_example("shop").inboxes()
        provision(self.kafka, self.departments)
        self.publisher = EventPublisher(self.kafka, name="test", deadline_seconds=20).start()
        self._followed: dict[str, Following] = {}
        self.receivers = folder / "receivers.toml"
        self.receivers.write_text("")
        self.port = free_port(str(folder))

    def configure(self, receivers: Mapping[str, str]) -> None:
        """Write the receivers' file as a careful editor does: at once."""
        content = "".join(
            f'[receivers.{name}]\nurl = "{url}"\nsecret = "{SECRET}"\n'
            for name, url in receivers.items()
        )
        fresh = self.folder / "receivers.new"
        fresh.write_text(content)
        fresh.replace(self.receivers)

    def put(self, records: Sequence[AssignmentOpenedV1 | AssignmentWithdrawnV1]) -> None:
        """Write inbox records and wait for their acknowledgement."""
        self.publisher.publish_all_sync(
            [
                Outgoing.of(DEPARTMENT_INBOX.for_department(data.department).name, record_of(data))
                for data in records
            ]
        )

    @contextmanager
    def notifier(
        self, environment: Mapping[str, str] | None = None
    ) -> Iterator[subprocess.Popen[bytes]]:
        """The service as a process; killed at the end if it still runs."""
        process = self.start(environment=environment)
        try:
            yield process
        finally:
            process.kill()
            process.wait(10)

    def start(
        self, *, ready: bool = True, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start the service, and wait until it is ready."""
        log = (self.folder / "notifier.log").open("ab")
        process = subprocess.Popen(
            [sys.executable, "-m", "services.notifier"],
            env={
                **os.environ,
                "KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
                "KAFKA_TOPIC_PREFIX": self.kafka.topic_prefix,
                "AKAR_REGISTRY": str(EXAMPLE),
                "AKAR_DATA_DIR": str(self.folder),
                "NOTIFIER_HEALTH_PORT": str(self.port),
                "NOTIFIER_RECEIVERS_FILE": str(self.receivers),
                "NOTIFIER_ALLOW_PRIVATE": "true",
                "NOTIFIER_RETRY_WAITS": "[0.3, 0.3, 0.3, 0.3]",
                **(environment or {}),
            },
            stderr=log,
        )
        log.close()
        if ready:
            try:
                eventually(lambda: self.is_ready(process), "the notifier is ready")
            except AssertionError:
                process.kill()
                raise AssertionError((self.folder / "notifier.log").read_text()[-3000:]) from None
        return process

    def is_ready(self, process: subprocess.Popen[bytes]) -> bool:
        """Whether `/readyz` says so."""
        assert process.poll() is None, (self.folder / "notifier.log").read_text()[-3000:]
        try:
            return (
                httpx.get(f"http://127.0.0.1:{self.port}/readyz", trust_env=False).status_code
                == 200
            )
        except httpx.HTTPError:
            return False

    def readiness(self, port: str) -> str:
        """What `/readyz` on that port says; nothing while nobody listens."""
        try:
            return httpx.get(f"http://127.0.0.1:{port}/readyz", trust_env=False).text
        except httpx.HTTPError:
            return ""

    def read(self, topic: str, contracts: tuple[type[Contract], ...]) -> list[Contract]:
        """Everything committed in a topic now."""
        if topic not in self._followed:
            name = self.kafka.topic(topic)
            self._followed[topic] = Following(self.kafka.for_librdkafka(), name)
        return [
            decode(
                contracts,
                key=message.key(),
                value=message.value(),
                headers=list(message.headers() or []),  # type: ignore[arg-type]
            ).data
            for message in self._followed[topic].messages()
        ]

    def close(self) -> None:
        """Let the clients go."""
        self.publisher.close()
        for following in self._followed.values():
            following.close()

    def read_again(self) -> bool:
        """Whether the notifier has noticed a change of the receivers' file."""
        return "file was read again" in (self.folder / "notifier.log").read_text()

    def recorded(self) -> list[NotificationRecordedV1]:
        """What the notifier has told."""
        found = self.read(NOTIFICATION_RECORDED.name, NOTIFICATION_RECORDED.contracts)
        return [data for data in found if isinstance(data, NotificationRecordedV1)]

    def ledger(self) -> dict[str, tuple[str | None, int]]:
        """Outcome and attempts by notification id, as stored."""
        engine = create_engine(f"sqlite:///{self.folder / 'notifier.sqlite3'}")
        with engine.connect() as connection:
            rows = connection.execute(
                text("select notification_id, outcome, attempts from deliveries")
            )
            found = {row[0]: (row[1], row[2]) for row in rows}
        engine.dispose()
        return found

    def outbox_is_empty(self) -> bool:
        """Whether everything was published, and forgotten."""
        engine = create_engine(f"sqlite:///{self.folder / 'notifier.sqlite3'}")
        with engine.connect() as connection:
            count = connection.execute(text("select count(*) from outbox")).scalar_one()
        engine.dispose()
        return int(count) == 0


def eventually(condition: Callable[[], bool], what: str, timeout: float = 30.0) -> None:
    """Wait for a condition, not for a time."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout:g} s: {what}"
        time.sleep(0.05)


def ends(events: Sequence[NotificationRecordedV1]) -> list[str]:
    """Ids of the notifications that ended, once for each end."""
    return sorted(
        event.notification_id
        for event in events
        if event.outcome is not NotificationOutcome.ATTEMPTED
    )
