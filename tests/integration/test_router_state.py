"""The router's state over its life on a real broker: forgotten, come back to, moved to more partitions."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
)

from schemas import codec, topics
from schemas.clock import ClockTickedV1
from schemas.complaint import ComplaintReceivedV1
from schemas.envelope import Contract, Envelope
from schemas.process import ProcessObservedV1
from schemas.vocabulary import CauseKind, Outcome, Transition
from services.chassis.partitioner import partition_for
from services.chassis.provision import provision
from services.chassis.settings import KafkaSettings
from services.registry import load_example
from services.router.checkpoint.faults import RAISING_POINTS
from services.router.checkpoint.store import PartitionStore, SharedMemory
from services.router.stages import rows

ROOT = Path(__file__).parents[2]
NOW = datetime.now(UTC).replace(microsecond=0)
DEPARTMENTS = sorted(load_example("shop").inboxes())


class Shop:
    """The real router as a process, the topics around it, and what lies in its rows."""

    def __init__(self, broker: str, prefix: str, folder: Path, partitions: int) -> None:
        self.kafka = KafkaSettings(
            bootstrap_servers=broker, topic_prefix=prefix, partitions=partitions
        )
        self.folder = folder
        self.log = folder / "router.log"
        self._router: subprocess.Popen[bytes] | None = None
        self._producer = Producer({**self.kafka.for_librdkafka(), "partitioner": "murmur2_random"})
        provision(self.kafka, DEPARTMENTS)
        # The tests' clock begins yesterday; the broker must not take its records for expired ones.
        ticks = ConfigResource(
            ConfigResource.Type.TOPIC,
            self.kafka.topic(topics.CLOCK_TICK.name),
            incremental_configs=[
                ConfigEntry("retention.ms", "-1", incremental_operation=AlterConfigOpType.SET)
            ],
        )
        admin = AdminClient(self.kafka.for_librdkafka())
        for future in admin.incremental_alter_configs([ticks]).values():
            future.result(20)

    # -- the process ---------------------------------------------------------------------

    def environment(self, **extra: str) -> dict[str, str]:
        """What the router and the command line see."""
        return {
            **os.environ,
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
            "KAFKA_TOPIC_PREFIX": self.kafka.topic_prefix,
            "KAFKA_PARTITIONS": str(self.kafka.partitions),
            "AKAR_REGISTRY": str(ROOT / "examples" / "shop"),
            "AKAR_DATA_DIR": str(self.folder),
            "ROUTER_STATE_DIR": str(self.folder / "state"),
            "ROUTER_INSTANCE": "w-0",
            "ROUTER_SESSION_TIMEOUT_SECONDS": "6",
            **extra,
        }

    def start(self) -> None:
        """Start the router."""
        with self.log.open("ab") as log:
            self._router = subprocess.Popen(
                [sys.executable, "-m", "services.router"],
                env=self.environment(),
                stdout=log,
                stderr=log,
            )

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it."""
        if self._router is not None and self._router.poll() is None:
            self._router.send_signal(how)
            self._router.wait(30)
        self._router = None

    def said(self, event: str) -> list[dict[str, Any]]:
        """The entries of this name in the router's log."""
        lines = self.log.read_text(errors="replace").splitlines()
        return [json.loads(line) for line in lines if f'"{event}"' in line]

    def wait(self, done: Any, what: str, seconds: float = 60) -> None:
        """Until it is so, while the router lives."""
        ends = time.monotonic() + seconds
        while not done():
            assert self._router is None or self._router.poll() is None, self.log.read_text()[-3000:]
            assert time.monotonic() < ends, f"{what}; log: {self.log.read_text()[-3000:]}"
            time.sleep(0.1)

    def metric(self, name: str) -> float:
        """The sum of a counter's children."""
        port = self.said("router.started")[-1]["health_port"]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
        return sum(
            float(line.split()[-1])
            for line in text.splitlines()
            if line.startswith((name + "{", name + " "))
        )

    # -- records ----------------------------------------------------------------------------

    def write(
        self,
        topic: topics.Topic,
        data: Contract,
        event_id: str,
        at: datetime,
        partition: int | None = None,
    ) -> None:
        """One event."""
        record = codec.encode(codec.wrap(data, id=event_id, source="/test", time=at))
        self._producer.produce(
            self.kafka.topic(topic.name),
            record.value,
            record.key,
            headers=list(record.headers),
            timestamp=int(at.timestamp() * 1000),
            on_delivery=self._delivered,
            partition=-1 if partition is None else partition,
        )

    @staticmethod
    def _delivered(error: object, _message: object) -> None:
        assert error is None, error

    def case(self, case_id: str, at: datetime, activities: tuple[str, ...]) -> None:
        """Events of a case, an hour apart."""
        for number, activity in enumerate(activities):
            when = at + timedelta(hours=number)
            data = ProcessObservedV1(
                event_id=f"{case_id}-{activity}",
                case_id=case_id,
                activity=activity,
                transition=Transition.COMPLETE,
                at=when,
                recorded_at=when,
            )
            self.write(topics.PROCESS_OBSERVED, data, data.event_id, NOW)

    def complain(self, number: int, case_id: str, at: datetime) -> None:
        """About a case."""
        data = ComplaintReceivedV1(
            complaint_id=f"complaint-{number:04}",
            channel="web",
            text="paket saya belum sampai juga, telat!",
            case_id=case_id,
            occurred_at=at,
            received_at=at,
            body_digest=f"{number}",
        )
        self.write(topics.COMPLAINT_RECEIVED, data, data.complaint_id, at)

    def tick(self, at: datetime) -> None:
        """The clock, in every partition."""
        for number in range(self.kafka.partitions):
            tick = ClockTickedV1(partition=number, at=at)
            self.write(topics.CLOCK_TICK, tick, f"{number}-{at}", at, number)

    def flush(self) -> None:
        """Until the broker has it all."""
        assert self._producer.flush(30) == 0

    def read(self, topic: topics.Topic) -> list[Envelope[Any]]:
        """Everything committed in a topic, partition by partition."""
        return [
            codec.decode(
                topic.contracts,
                key=message.key(),
                value=message.value(),
                headers=list(message.headers() or []),  # type: ignore[arg-type]
            )
            for message in self._messages(topic)
        ]

    def taken_in(self) -> bool:
        """Whether the router has committed the last record of each topic that makes it decide."""
        makes_decide = (topics.PROCESS_OBSERVED, topics.COMPLAINT_RECEIVED, topics.TRACE_REQUESTED)
        places = [
            TopicPartition(self.kafka.topic(topic.name), number)
            for topic in makes_decide
            for number in range(self.kafka.partitions)
        ]
        group = Consumer({**self.kafka.for_librdkafka(), "group.id": self.kafka.group("router")})
        try:
            # Before the ends: a question is written in the transaction that commits what it is about.
            committed = {
                (place.topic, place.partition): place.offset
                for place in group.committed(places, timeout=20)
            }
        finally:
            group.close()
        return all(
            committed[str(message.topic()), int(message.partition() or 0)] > (message.offset() or 0)
            for topic in makes_decide
            for message in self._messages(topic)
        )

    def _messages(self, topic: topics.Topic) -> list[Message]:
        name = self.kafka.topic(topic.name)
        consumer = Consumer(
            {
                **self.kafka.for_librdkafka(),
                "group.id": "reader",
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
                # The end is told by an answer without records, which a broker puts off for so long.
                "fetch.wait.max.ms": 20,
            }
        )
        found = []
        try:
            count = len(consumer.list_topics(name, timeout=20).topics[name].partitions)
            consumer.assign([TopicPartition(name, number, 0) for number in range(count)])
            ended = 0
            while ended < count:
                message = consumer.poll(20)
                assert message is not None, "the topic does not answer"
                if message.error():
                    ended += 1
                else:
                    found.append(message)
        finally:
            consumer.close()
        return found

    # -- rows ------------------------------------------------------------------------------------

    def rows(self) -> dict[tuple[bytes, bytes], tuple[int, bytes]]:
        """Every row of the stopped router that belongs to a key, with its partition."""
        assert self._router is None
        found: dict[tuple[bytes, bytes], tuple[int, bytes]] = {}
        for number in range(self.kafka.partitions):
            store = PartitionStore(
                self.folder / "state" / f"partition-{number}", SharedMemory(1 << 20, 1 << 20)
            )
            for group, item, value in store.rows():
                if rows.key_of(group, item) is not None:
                    assert (group, item) not in found, "in two partitions"
                    found[group, item] = number, value
            store.close()
        return found

    def cases(self) -> set[str]:
        """Those that have events."""
        return {group[2:].decode() for group, _ in self.rows() if group.startswith(rows.EVENTS)}

    def forget_folder(self) -> None:
        """Lose the state folder."""
        shutil.rmtree(self.folder / "state")


@pytest.fixture
def shop(broker: str, topic_prefix: str, tmp_path: Path) -> Iterator[Shop]:
    """A shop with four partitions; its router ends with the test."""
    made = Shop(broker, topic_prefix, tmp_path, 4)
    yield made
    made.stop(signal.SIGKILL)


def restored(shop: Shop, since: int) -> int:
    """Changelog records that were read by starts after so many log entries, once all partitions are up."""
    wanted = since + shop.kafka.partitions
    shop.wait(lambda: len(shop.said("router.restored")) >= wanted, "not restored")
    return sum(entry["records"] for entry in shop.said("router.restored")[since:])


def test_old_cases_vanish_for_good_and_living_ones_stay(shop: Shop) -> None:
    """From the rows, from the changelog, and so from a state that is restored; what comes later begins anew and blames nobody."""
    for number in range(12):
        shop.case(f"old-{number}", NOW - timedelta(days=430), ("order_placed", "payment_received"))
        shop.case(f"new-{number}", NOW - timedelta(days=3), ("order_placed", "payment_received"))
    yesterday = NOW - timedelta(days=1, seconds=60)
    shop.tick(yesterday)
    shop.flush()
    shop.start()
    shop.wait(lambda: len(shop.said("router.restored")) >= 4, "not started")
    # Committed, not only handled: a sweep passes over what lies in RocksDB.
    shop.wait(lambda: shop.metric("akar_router_checkpoint_records_sum") >= 52, "not taken in")
    for second in range(8):
        shop.tick(yesterday + timedelta(days=1, seconds=1 + second))
        shop.flush()
        time.sleep(0.15)
    shop.wait(lambda: shop.metric("akar_router_forgotten_total") >= 12, "not forgotten")
    shop.stop()
    living = {f"new-{number}" for number in range(12)}
    assert shop.cases() == living
    kept = shop.rows()

    shop.start()
    assert restored(shop, 4) == 0, "a worker that returns to its folder has nothing to catch up"
    shop.stop()
    shop.forget_folder()
    shop.start()
    assert restored(shop, 8) > 0
    shop.stop()
    assert shop.rows() == kept

    shop.start()
    shop.complain(1, "old-3", NOW)
    shop.case("old-5", NOW, ("packed",))
    shop.flush()
    shop.wait(lambda: shop.read(topics.COMPLAINT_TRACED), "not traced")
    decision = shop.read(topics.COMPLAINT_TRACED)[-1].data
    assert decision.outcome is not Outcome.ASSIGNED
    assert {cause.kind for cause in decision.causes} <= {CauseKind.UNKNOWN}
    shop.stop()
    assert shop.cases() == living | {"old-5"}


LATE = ("order_placed", "payment_received", "payment_verified", "confirmed", "picked")


def test_more_partitions_lose_nothing_and_alert_nobody_again(shop: Shop) -> None:
    """Raised while intake goes on writing, ended at every point on the way: every row has its place, nothing is decided twice."""
    for number in range(24):
        shop.case(f"order-{number}", NOW - timedelta(days=20), LATE)
        shop.complain(number, f"order-{number}", NOW - timedelta(days=1))
    shop.flush()
    shop.start()
    shop.wait(lambda: len(shop.read(topics.COMPLAINT_TRACED)) >= 24, "not traced")
    # Answers may have overtaken evidence; what was corrected is as it should be once all is taken in.
    shop.wait(shop.taken_in, "not taken in")
    shop.stop()
    before = shop.rows()
    decided = {event.id for event in shop.read(topics.COMPLAINT_TRACED)}
    alerts = {
        event.id
        for department in DEPARTMENTS
        for event in shop.read(topics.DEPARTMENT_INBOX.for_department(department))
    }
    # Unread, in the old partitions: the router with the new number has to forward them.
    for number in range(24, 30):
        shop.case(f"order-{number}", NOW - timedelta(days=20), LATE)
        shop.complain(number, f"order-{number}", NOW - timedelta(days=1))
    for number in range(24):
        shop.complain(number, f"order-{number}", NOW - timedelta(days=1))
    shop.flush()

    def raised(fault: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "services.cli", "partitions", "raise", "--to", "6", "--json"],
            env=shop.environment(ROUTER_FAULT=fault),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    for point in RAISING_POINTS:
        ended = raised(f"{point}:1")
        assert ended.returncode == 137, ended.stderr[-2000:]
        assert len(shop.read(topics.COMPLAINT_TRACED)) == len(decided)
    done = raised()
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout)["after"] == 6

    shop.kafka = shop.kafka.model_copy(update={"partitions": 6})
    shop.start()
    shop.wait(shop.taken_in, "not taken in")
    shop.stop()
    after = shop.rows()
    assert {place: value for place, (_, value) in before.items()}.items() <= {
        place: value for place, (_, value) in after.items()
    }.items()
    for (group, item), (number, _) in after.items():
        key = rows.key_of(group, item)
        assert key is not None
        assert number == partition_for(key, 6)
    # Repeats of old complaints changed nothing; the new ones were decided once.
    events = shop.read(topics.COMPLAINT_TRACED)
    assert len({event.id for event in events}) == len(events)
    assert decided < {event.id for event in events}
    assert {event.data.complaint_id for event in events if event.id not in decided} == {
        f"complaint-{number:04}" for number in range(24, 30)
    }
    again = {
        event.id
        for department in DEPARTMENTS
        for event in shop.read(topics.DEPARTMENT_INBOX.for_department(department))
        if event.data.complaint_id < "complaint-0024"
    }
    assert again == alerts
    assert shop.read(topics.ROUTER_DLQ) == []
    shop.forget_folder()
    since = len(shop.said("router.restored"))
    shop.start()
    assert restored(shop, since) > 0
    shop.stop()
    assert shop.rows() == after
