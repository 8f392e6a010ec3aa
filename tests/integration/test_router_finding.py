"""Complaints without a case, with real workers on the real broker: found, asked about and located, through kills."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from schemas import codec, topics
from schemas.assignment import AssignmentOpenedV1
from schemas.clock import ClockTickedV1
from schemas.complaint import (
    ComplaintMessagedV1,
    ComplaintReceivedV1,
    ComplaintStatusV1,
    CustomerRef,
)
from schemas.envelope import Contract
from schemas.process import ProcessObservedV1
from schemas.tracing import ComplaintTracedV1
from schemas.vocabulary import ComplaintState, LocatedBy, MessageKind, Outcome, Transition
from services.chassis import ids
from services.chassis.provision import provision
from services.chassis.settings import KafkaSettings
from services.registry import load_example
from services.router.library import read_all

DEADLINE_SECONDS = 60.0
NOW = datetime(2026, 3, 20, 5, 0, tzinfo=UTC)
STEPS = ("order_placed", "payment_received", "payment_verified", "confirmed", "picked", "packed")
IN_TIME = dict(zip(STEPS, (60, 59.5, 59, 58, 56, 54), strict=True)) | {
    "handed_over": 52,
    "delivered": 30,
}
LATE = dict(zip(STEPS, (300, 299.5, 299, 298, 296, 150), strict=True)) | {
    "handed_over": 149,
    "delivered": 100,
}


def phone(customer: str) -> CustomerRef:
    """How a customer is recognised."""
    return CustomerRef(kind="phone", digest=ids.event_id("customer", customer) * 2)


class Company:
    """Workers, what is written for them and what they have said."""

    def __init__(self, broker: str, prefix: str, folder: Path) -> None:
        self.kafka = KafkaSettings(bootstrap_servers=broker, topic_prefix=prefix)
        self.folder = folder
        self._workers: dict[str, subprocess.Popen[bytes]] = {}
        self._producer = Producer({**self.kafka.for_librdkafka(), "partitioner": "murmur2_random"})
        provision(self.kafka, load_example("shop").inboxes())

    def start(self, name: str, fault: str = "") -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "services.router"],
                env={
                    **os.environ,
                    "KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
                    "KAFKA_TOPIC_PREFIX": self.kafka.topic_prefix,
                    "AKAR_DATA_DIR": str(self.folder / "data"),
                    "ROUTER_INSTANCE": name,
                    "ROUTER_SESSION_TIMEOUT_SECONDS": "6",
                    "ROUTER_FAULT": fault,
                },
                stdout=log,
                stderr=log,
            )
        self._workers[name] = process
        return process

    def kill(self, name: str) -> None:
        self._workers[name].kill()
        self._workers[name].wait(10)

    def stop(self) -> None:
        for name in self._workers:
            self.kill(name)

    def write(self, topic: topics.Topic, data: Contract, event_id: str, **placed: Any) -> None:
        at = placed.pop("at", NOW)
        record = codec.encode(codec.wrap(data, id=event_id, source="/test", time=at))
        self._producer.produce(
            self.kafka.topic(topic.name),
            record.value,
            record.key,
            headers=list(record.headers),
            **placed,
        )

    def flush(self) -> None:
        assert self._producer.flush(30) == 0

    def order(self, case_id: str, hours: dict[str, float], customer: str) -> None:
        for activity, hours_ago in hours.items():
            at = NOW - timedelta(hours=hours_ago)
            data = ProcessObservedV1(
                event_id=f"{case_id}-{activity}",
                case_id=case_id,
                activity=activity,
                transition=Transition.COMPLETE,
                at=at,
                customer_refs=(phone(customer),) if activity == "order_placed" else (),
                recorded_at=at,
            )
            self.write(topics.PROCESS_OBSERVED, data, data.event_id, at=at)

    def complain(self, name: str, *, text: str = "paket saya belum sampai juga, telat!") -> None:
        data = ComplaintReceivedV1(
            complaint_id=name,
            channel="web",
            text=text,
            customer_refs=(phone(name),),
            occurred_at=NOW,
            received_at=NOW,
            body_digest="d",
        )
        self.write(topics.COMPLAINT_RECEIVED, data, f"received-{name}")

    def answer(self, name: str, text: str) -> None:
        at = NOW + timedelta(minutes=5)
        data = ComplaintMessagedV1(
            complaint_id=name,
            message_id=f"answer-{name}",
            channel="web",
            kind=MessageKind.ANSWER,
            text=text,
            sent_at=at,
        )
        self.write(topics.COMPLAINT_MESSAGED, data, data.message_id, at=at)

    def tick(self, at: datetime) -> None:
        """The clock of every partition, by the broker's own word too."""
        for number in range(self.kafka.partitions):
            self.write(
                topics.CLOCK_TICK,
                ClockTickedV1(partition=number, at=at),
                f"tick-{number}-{at}",
                at=at,
                partition=number,
                timestamp=int(at.timestamp() * 1000),
            )
        self.flush()

    def said(self, topic: topics.Topic) -> dict[str, list[Any]]:
        """What lies in a topic, by key, in order."""
        found: dict[str, list[Any]] = defaultdict(list)
        for record in read_all(self.kafka, topic, seconds=20):
            event = codec.decode(
                topic.contracts, key=record.key, value=record.value, headers=record.headers
            )
            found[event.subject].append(event.data)
        return found

    def statuses(self) -> dict[str, ComplaintStatusV1]:
        """Where each complaint stands."""
        return {name: each[-1] for name, each in self.said(topics.COMPLAINT_STATUS).items()}

    def wait(self, what: str, condition: Callable[[dict[str, ComplaintStatusV1]], bool]) -> None:
        ends = time.monotonic() + DEADLINE_SECONDS
        while not condition(now := self.statuses()):
            assert time.monotonic() < ends, f"{what}; {now}; logs: {self.logs()}"
            time.sleep(0.3)

    def logs(self) -> str:
        return "\n".join(path.read_text()[-3000:] for path in self.folder.glob("*.log"))


@pytest.fixture
def company(broker: str, topic_prefix: str, tmp_path: Path) -> Iterator[Company]:
    """Topics of this test's own, and workers that end with it."""
    made = Company(broker, topic_prefix, tmp_path)
    yield made
    made.stop()


CLEAR = [f"clear-{n}" for n in range(12)]
NAMED = [f"named-{n}" for n in range(6)]
DOUBTFUL = [f"doubtful-{n}" for n in range(6)]


def number(name: str, order: int) -> str:
    """The number of a customer's order: unlike any other's."""
    return f"INV-{10_000 + 1_000 * order + (CLEAR + NAMED + DOUBTFUL).index(name)}"


@pytest.mark.timeout(180)
def test_cases_are_found_asked_about_and_located_through_kills(company: Company) -> None:
    """By telephone, by a number in the text, by the customer's answer or by nobody at the deadline; nothing lost, nothing twice."""
    for name in CLEAR + NAMED + DOUBTFUL:
        company.order(number(name, 1), LATE if name in DOUBTFUL else IN_TIME, name)
        company.order(number(name, 2), LATE, name)
    for name in CLEAR + DOUBTFUL:
        company.complain(name)
    for name in NAMED:
        company.complain(name, text=f"pesanan {number(name, 2)} belum sampai juga, telat!")
    company.flush()

    # Killed while the searches are under way: once with an open transaction, once before the rows are written.
    for point in ("transaction.offsets_sent:2", "transaction.committed:2"):
        assert company.start("one", fault=point).wait(40) == 137, company.logs()
    company.start("one")
    everybody = set(CLEAR + NAMED + DOUBTFUL)
    settled = {ComplaintState.ASSIGNED, ComplaintState.ASKED}
    company.wait(
        "not all are decided",
        lambda now: now.keys() == everybody and {each.state for each in now.values()} <= settled,
    )
    now = company.statuses()
    for name in CLEAR + NAMED:
        assert now[name].case_id == number(name, 2), name
        by = LocatedBy.TEXT if name in NAMED else LocatedBy.CUSTOMER
        assert now[name].located_by is by
    assert {now[name].state for name in DOUBTFUL} == {ComplaintState.ASKED}
    assert {now[name].case_id for name in DOUBTFUL} == {None}

    # Another worker takes some of the partitions; all but one customer answer; one worker is killed meanwhile.
    company.start("two")
    for name in DOUBTFUL[1:]:
        company.answer(name, f"yang {number(name, 1)}")
    company.flush()
    time.sleep(0.2)
    company.kill("one")
    company.start("one")
    company.wait(
        "not all answers have arrived",
        lambda now: all(now[name].state is ComplaintState.ASSIGNED for name in DOUBTFUL[1:]),
    )
    now = company.statuses()
    assert now[DOUBTFUL[0]].state is ComplaintState.ASKED
    until = now[DOUBTFUL[0]].next_check_at
    assert until is not None
    for name in DOUBTFUL[1:]:
        assert (now[name].case_id, now[name].located_by) == (number(name, 1), LocatedBy.ANSWERED)

    # The one who does not answer: a person decides at the deadline, also after a restart.
    company.tick(until + timedelta(seconds=1))
    company.wait("nobody decides", lambda now: now[DOUBTFUL[0]].state is ComplaintState.TRIAGE)

    _books(company, everybody)


def _books(company: Company, everybody: set[str]) -> None:
    """Every complaint once, every revision once, every department told once, nothing put aside."""
    assert company.said(topics.ROUTER_DLQ) == {}
    decisions: dict[str, list[ComplaintTracedV1]] = company.said(topics.COMPLAINT_TRACED)
    assert decisions.keys() == everybody
    for name, found in decisions.items():
        assert [each.revision for each in found] == list(range(1, len(found) + 1)), name
    for name in CLEAR + NAMED:
        assert [each.outcome for each in decisions[name]] == [Outcome.ASSIGNED]
    for name in DOUBTFUL:
        last = Outcome.TRIAGE if name == DOUBTFUL[0] else Outcome.ASSIGNED
        assert [each.outcome for each in decisions[name]] == [Outcome.ASKED, last]
    told = company.said(topics.DEPARTMENT_INBOX.for_department("packing"))
    assert told.keys() == everybody - {DOUBTFUL[0]}
    for name, records in told.items():
        (opened,) = records
        assert isinstance(opened, AssignmentOpenedV1)
        assert opened.case_id == number(name, 1 if name in DOUBTFUL else 2)
