"""The notifier on a real broker with real receivers: what is asked for arrives, once, whatever dies meanwhile."""

from __future__ import annotations

import base64
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from sqlalchemy import create_engine, text
from standardwebhooks.webhooks import Webhook

from schemas.assignment import AssignmentOpenedV1, AssignmentWithdrawnV1
from schemas.codec import EncodedRecord, decode, encode, wrap
from schemas.dead_letter import DeadLetterV1
from schemas.envelope import Contract
from schemas.notification import NotificationRecordedV1
from schemas.topics import DEPARTMENT_INBOX, NOTIFICATION_RECORDED, NOTIFIER_DLQ
from schemas.tracing import Evidence, SymptomScore
from schemas.vocabulary import CauseKind, Finding, NotificationOutcome, Role
from services.chassis import ids
from services.chassis.producer import EventPublisher
from services.chassis.provision import provision
from services.chassis.records import Outgoing
from services.chassis.settings import KafkaSettings
from services.registry import load_example
from tests.support.following import Following
from tests.support.webhook_receiver import Call, Reply, WebhookReceiver

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
EXAMPLE = Path(__file__).parents[2] / "examples" / "shop"

pytestmark = pytest.mark.timeout(120)


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
        self.port = free_port()

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


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ends(events: Sequence[NotificationRecordedV1]) -> list[str]:
    """Ids of the notifications that ended, once for each end."""
    return sorted(
        event.notification_id
        for event in events
        if event.outcome is not NotificationOutcome.ATTEMPTED
    )


@pytest.fixture
def bench(broker: str, topic_prefix: str, tmp_path: Path) -> Iterator[Bench]:
    """A fresh one for each test."""
    made = Bench(broker, topic_prefix, tmp_path)
    yield made
    made.close()


def test_an_assignment_reaches_its_department_signed_and_is_recorded(bench: Bench) -> None:
    """One inbox record becomes one signed webhook with the explanation, and one delivered event."""
    with WebhookReceiver() as packing, bench.notifier():
        bench.configure({"packing": packing.url})
        eventually(bench.read_again, "the file is read again")
        bench.put([assignment(1)])
        call = packing.wait(lambda calls: len(calls) >= 1)[0]
        Webhook(SECRET).verify(call.body, call.headers)
        assert call.message["type"] == "assignment.opened"
        assert call.message["data"]["explanation"] == [
            "Pengemasan selesai 9,5 jam setelah waktunya."
        ]
        assert call.id == ids.notification_id(assignment(1).assignment_id, 1, "packing", "opened")
        eventually(lambda: len(bench.recorded()) == 1, "the attempt is recorded")
    event = bench.recorded()[0]
    assert (event.outcome, event.attempt, event.status_code) == (
        NotificationOutcome.DELIVERED,
        1,
        204,
    )
    assert event.notification_id == call.id


def test_a_failure_is_tried_again_under_the_same_id(bench: Bench) -> None:
    """A receiver that fails twice gets the same bytes under the same id three times, each attempt recorded."""
    with WebhookReceiver(lambda _call, nth: Reply(500 if nth < 3 else 200)) as packing:
        bench.configure({"packing": packing.url})
        with bench.notifier():
            bench.put([assignment(1)])
            calls = packing.wait(lambda calls: len(calls) >= 3)
            eventually(lambda: len(bench.recorded()) == 3, "three attempts are recorded")
    assert len({(call.id, call.body) for call in calls}) == 1
    told = sorted(bench.recorded(), key=lambda event: event.attempt)
    assert [(event.outcome.value, event.attempt) for event in told] == [
        ("attempted", 1),
        ("attempted", 2),
        ("delivered", 3),
    ]


def test_what_has_no_receiver_is_recorded_as_suppressed(bench: Bench) -> None:
    """A department without a receiver loses nothing silently: the event says why nobody was told."""
    with bench.notifier():
        bench.put([assignment(1, "finance")])
        eventually(lambda: len(bench.recorded()) == 1, "it is recorded")
    event = bench.recorded()[0]
    assert (event.outcome, event.attempt, event.detail) == (
        NotificationOutcome.SUPPRESSED,
        0,
        "no_receiver",
    )


def test_a_record_that_cannot_be_read_is_put_aside_and_the_next_is_delivered(bench: Bench) -> None:
    """Poison goes to the dead letters whole, with its coordinates, and holds nobody up."""
    topic = DEPARTMENT_INBOX.for_department("packing").name
    good = record_of(assignment(1))
    with WebhookReceiver() as packing:
        bench.configure({"packing": packing.url})
        bench.publisher.publish_sync(Outgoing(topic, good.key, b"\xff not json", good.headers))
        bench.put([assignment(1)])
        with bench.notifier():
            packing.wait(lambda calls: len(calls) == 1)
            eventually(
                lambda: len(bench.read(NOTIFIER_DLQ.name, NOTIFIER_DLQ.contracts)) == 1,
                "the dead letter is there",
            )
    letter = bench.read(NOTIFIER_DLQ.name, NOTIFIER_DLQ.contracts)[0]
    assert isinstance(letter, DeadLetterV1)
    assert letter.reason == "invalid_data"
    assert base64.b64decode(letter.value or "") == b"\xff not json"


def test_a_dead_department_delays_no_other(bench: Bench) -> None:
    """While one receiver answers nothing at all, another's messages arrive within a second."""
    release = threading.Event()

    def hang(_call: Call, _nth: int) -> Reply:
        release.wait(60)
        return Reply()

    with WebhookReceiver(hang) as packing, WebhookReceiver() as finance:
        bench.configure({"packing": packing.url, "finance": finance.url})
        with bench.notifier():
            bench.put([assignment(n) for n in range(40)])
            packing.wait(lambda calls: len(calls) >= 8)
            began = time.monotonic()
            bench.put([assignment(n, "finance") for n in range(10)])
            finance.wait(lambda calls: len(calls) >= 10)
            assert time.monotonic() - began < 2.0
        release.set()


def test_gone_means_gone_until_the_address_changes(bench: Bench) -> None:
    """After 410 nothing more is sent there, and every alert is recorded; another URL gets the next one."""
    with WebhookReceiver(lambda _call, _nth: Reply(410)) as old, WebhookReceiver() as new:
        bench.configure({"packing": old.url})
        with bench.notifier():
            bench.put([assignment(1)])
            eventually(lambda: len(bench.recorded()) == 1, "the first is recorded")
            bench.put([assignment(2)])
            eventually(lambda: len(bench.recorded()) == 2, "the second is recorded")
            bench.configure({"packing": new.url})
            eventually(bench.read_again, "the file is read again")
            bench.put([assignment(3)])
            new.wait(lambda calls: len(calls) == 1)
        assert len(old.calls) == 1
    assert sorted((event.outcome.value, event.detail) for event in bench.recorded())[:2] == [
        ("abandoned", "receiver_gone"),
        ("suppressed", "receiver_gone"),
    ]


def test_a_lost_ledger_learns_what_was_delivered(bench: Bench) -> None:
    """With its database deleted, the notifier reads every inbox again and calls nobody twice."""
    with WebhookReceiver() as packing:
        bench.configure({"packing": packing.url})
        with bench.notifier():
            bench.put([assignment(n) for n in range(20)])
            packing.wait(lambda calls: len(calls) >= 20)
            eventually(lambda: len(bench.recorded()) == 20, "all are recorded")
        for file in bench.folder.glob("notifier.sqlite3*"):
            file.unlink()
        with bench.notifier():
            bench.put([assignment(100)])
            packing.wait(
                lambda calls: any(call.id not in {c.id for c in calls[:20]} for call in calls)
            )
            eventually(lambda: len(bench.recorded()) == 21, "the new one is recorded")
    assert len(packing.calls) == 21
    assert len(set(ends(bench.recorded()))) == 21


def test_killed_between_request_and_bookkeeping_nothing_is_lost_and_no_second_id_appears(
    bench: Bench,
) -> None:
    """Killed from inside the receiver again and again, each assignment is delivered under exactly one id."""
    count, kills = 24, 6
    running: list[subprocess.Popen[bytes]] = []
    killed: list[str] = []
    lock = threading.Lock()

    def answer(call: Call, nth: int) -> Reply:
        with lock:
            if nth == 1 and len(killed) < kills and len(packing.calls) >= 3 * (len(killed) + 1):
                killed.append(call.id)
                running[-1].send_signal(signal.SIGKILL)
                running[-1].wait(10)
        return Reply()

    with WebhookReceiver(answer) as packing:
        bench.configure({"packing": packing.url})
        bench.put([assignment(n) for n in range(count)])
        bench.put([withdrawal(n) for n in range(0, count, 4)])
        wanted = count + len(range(0, count, 4))
        deadline = time.monotonic() + 90
        running.append(bench.start(ready=False))
        try:
            while len(set(ends(bench.recorded()))) < wanted:
                assert time.monotonic() < deadline, f"{len(ends(bench.recorded()))} of {wanted}"
                if running[-1].poll() is not None:
                    assert running[-1].returncode == -signal.SIGKILL
                    with lock:
                        running.append(bench.start(ready=False))
                time.sleep(0.1)
            eventually(bench.outbox_is_empty, "the outbox is empty")
            running[-1].terminate()
            assert running[-1].wait(20) == 0
        finally:
            running[-1].kill()
            running[-1].wait(10)
    assert len(killed) == kills
    expected = {
        ids.notification_id(assignment(n).assignment_id, 1, "packing", "opened")
        for n in range(count)
    } | {
        ids.notification_id(assignment(n).assignment_id, 2, "packing", "withdrawn")
        for n in range(0, count, 4)
    }
    assert {call.id for call in packing.calls} == expected
    told = bench.recorded()
    assert ends(told) == sorted(expected)
    latest = {
        event.notification_id: event for event in sorted(told, key=lambda event: event.attempt)
    }
    assert bench.ledger() == {
        id_: (event.outcome.value, event.attempt) for id_, event in latest.items()
    }
    assert len({(event.notification_id, event.attempt) for event in told}) == len(told)
    # Whoever was killed for answering was called again, with the same bytes.
    for id_ in killed:
        assert len({call.body for call in packing.calls if call.id == id_}) == 1
        assert sum(call.id == id_ for call in packing.calls) >= 2


def test_the_ledger_may_be_postgresql(bench: Bench, postgres: str) -> None:
    """With a PostgreSQL URL: delivered once, through a kill -9 and a second life."""
    running: list[subprocess.Popen[bytes]] = []

    def answer(_call: Call, _nth: int) -> Reply:
        if len(packing.calls) == 5:
            running[0].send_signal(signal.SIGKILL)
            running[0].wait(10)
        return Reply()

    with WebhookReceiver(answer) as packing:
        bench.configure({"packing": packing.url})
        bench.put([assignment(n) for n in range(12)])
        environment = {"NOTIFIER_DATABASE_URL": postgres}
        running.append(bench.start(ready=False, environment=environment))
        assert running[0].wait(60) == -signal.SIGKILL
        with bench.notifier(environment=environment):
            eventually(lambda: len(ends(bench.recorded())) == 12, "all are recorded")
    assert len({call.id for call in packing.calls}) == 12
    assert len(set(ends(bench.recorded()))) == 12


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_second_notifier_stands_by_and_takes_over(
    bench: Bench, database: str, request: pytest.FixtureRequest
) -> None:
    """Two with one ledger never both send: the second waits, unready, until the first is gone."""
    environment = {"NOTIFIER_HEALTH_PORT": str(free_port())}
    common: dict[str, str] = {}
    if database == "postgresql":
        common["NOTIFIER_DATABASE_URL"] = request.getfixturevalue("postgres")
    with WebhookReceiver() as packing:
        bench.configure({"packing": packing.url})
        with bench.notifier(common) as first:
            second = bench.start(ready=False, environment=common | environment)
            try:
                eventually(
                    lambda: "standing by" in bench.readiness(environment["NOTIFIER_HEALTH_PORT"]),
                    "the second stands by",
                )
                bench.put([assignment(n) for n in range(10)])
                eventually(lambda: len(set(ends(bench.recorded()))) == 10, "all are recorded")
                assert len(packing.calls) == 10
                first.kill()
                bench.put([assignment(n) for n in range(10, 20)])
                eventually(lambda: len(set(ends(bench.recorded()))) == 20, "the second goes on")
            finally:
                second.kill()
                second.wait(10)
    assert len(packing.calls) == 20
    assert len(ends(bench.recorded())) == 20


def test_told_to_stop_while_the_broker_is_away_it_ends_at_once(tmp_path: Path) -> None:
    """SIGTERM ends a notifier that waits for Kafka, with exit code 0; until then it is live and not ready."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "services.notifier"],
        env={
            **os.environ,
            "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}",
            "AKAR_REGISTRY": str(EXAMPLE),
            "AKAR_DATA_DIR": str(tmp_path),
            "NOTIFIER_HEALTH_PORT": str(port),
        },
        stderr=subprocess.DEVNULL,
    )

    def answers(path: str, status: int) -> bool:
        try:
            return (
                httpx.get(f"http://127.0.0.1:{port}{path}", trust_env=False).status_code == status
            )
        except httpx.HTTPError:
            return False

    try:
        eventually(lambda: answers("/livez", 200), "it is live")
        assert answers("/readyz", 503)
        process.terminate()
        assert process.wait(25) == 0
    finally:
        process.kill()
        process.wait(10)
