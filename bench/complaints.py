"""Complaints traced per second: each contender in turn, about orders whose events it has read already.

The events are written first and read by the contender until its group has committed them all; then the complaints are
written, and what counts is how many decisions (`complaint.traced`) a `read_committed` reader sees, between a tenth of them and
all of them.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import psutil
from confluent_kafka import Consumer, KafkaException, TopicPartition

from bench.cluster import Cluster
from bench.contenders.settings import Settings
from bench.records import Event
from bench.throughput import (
    DEPARTMENTS,
    ROOT,
    START_SECONDS,
    Contender,
    Plan,
    Sample,
    akar,
    cpu,
    peer,
    running,
)
from schemas import codec, topics
from schemas.complaint import ComplaintReceivedV1
from schemas.envelope import Contract
from schemas.process import ProcessObservedV1
from schemas.vocabulary import Transition
from services.chassis.settings import KafkaSettings

_ORDERED: Final = datetime(2026, 11, 2, tzinfo=UTC)
_STEPS: Final = (
    ("order_placed", 0),
    ("payment_received", 1),
    ("payment_verified", 2),
    ("confirmed", 4),
    ("picked", 10),
    ("packed", 64),
    ("handed_over", 70),
)
"""Activity and hours after the order: packing took two days too long, and nothing is delivered yet."""
_TEXTS: Final = (
    "Paket saya belum sampai juga, sudah lewat dari tanggal yang dijanjikan.",
    "udah 10 hari pesanan belum nyampe, gimana ini min",
    "Barang yang datang salah warna, saya pesan hitam dikirim putih.",
    "My order still has not arrived and nobody can tell me where it is.",
)


def _peer(
    module: str, venv: str | None = None
) -> Callable[[Settings, KafkaSettings], tuple[list[str], Mapping[str, str]]]:
    def command(settings: Settings, kafka: KafkaSettings) -> tuple[list[str], Mapping[str, str]]:
        extra = {
            "BENCH_PREFIX": kafka.topic_prefix,
            "BENCH_REGISTRY": str(ROOT / "examples" / "shop"),
        }
        return peer(module, venv, **extra)(settings, kafka)

    return command


CONTENDERS: Final = {
    each.name: each
    for each in (
        Contender("akar", "Akar's router", "exactly once", akar, "router"),
        Contender(
            "quix",
            "Quix Streams, same core and outputs",
            "exactly once",
            _peer("quix_complaints", "bench"),
            "quix",
        ),
        Contender(
            "faust",
            "stock Faust tables, same core and outputs",
            "at least once",
            _peer("faust_complaints"),
            "faust",
        ),
    )
}


def measure(
    contender: Contender, plan: Plan, cluster: Cluster, broker_pid: int, folder: Path, number: int
) -> Sample:
    """Load the cases, then trace the complaints.

    Raises:
        RuntimeError: It ended, or was not done in time; the end of what it said is in the message.
    """
    prefix = f"complaints{number}-"
    kafka = cluster.prepare(prefix, DEPARTMENTS)
    observed = kafka.topic(topics.PROCESS_OBSERVED.name)
    group = kafka.group(contender.group)
    settings = Settings(
        bootstrap=cluster.bootstrap,
        topic=observed,
        output=kafka.topic(topics.ROUTER_STATE.name),
        group=group,
        state_dir=folder / f"{prefix}{contender.name}",
        commit_seconds=plan.commit_seconds,
    )
    events = cluster.fill(observed, _events(plan.complaints))
    command, environment = contender.command(settings, kafka)
    progress = cluster.progress(group, observed)
    decisions = Decisions(cluster.bootstrap, kafka.topic(topics.COMPLAINT_TRACED.name))
    try:
        with running(
            command, environment, plan.tree, folder / f"{prefix}{contender.name}.log"
        ) as child:
            process, broker = psutil.Process(child.pid), psutil.Process(broker_pid)
            _wait(lambda: progress.committed() >= events, child.poll, "read the events")
            cluster.fill(kafka.topic(topics.COMPLAINT_RECEIVED.name), _complaints(plan.complaints))
            first = plan.complaints // 10
            _wait(lambda: decisions.count() >= first, child.poll, "traced a tenth")
            began, start = time.monotonic(), decisions.count()
            used = cpu(process), cpu(broker)
            until = began + plan.seconds
            _wait(
                lambda: decisions.count() >= plan.complaints or time.monotonic() >= until,
                child.poll,
                "traced the complaints",
            )
            done, took = decisions.count() - start, time.monotonic() - began
            return Sample(
                rate=done / took,
                cpu=1e6 * (cpu(process) - used[0]) / done,
                broker_cpu=1e6 * (cpu(broker) - used[1]) / done,
                resident=process.memory_info().rss / 1e6,
                seconds=took,
            )
    finally:
        progress.close()
        decisions.close()
        cluster.drop(prefix)


def _wait(done: Callable[[], bool], ended: Callable[[], int | None], what: str) -> None:
    until = time.monotonic() + START_SECONDS
    while not done():
        if ended() is not None:
            raise RuntimeError(f"ended with {ended()} before it had {what}")
        if time.monotonic() > until:
            raise RuntimeError(f"had not {what} after {START_SECONDS:g} s")
        time.sleep(0.02)


@dataclass(slots=True)
class Decisions:
    """Counts the committed records of a topic."""

    _seen: int
    _consumer: Consumer

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._seen = 0
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "bench-decisions",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 50,
            }
        )
        self._consumer.assign(
            [
                TopicPartition(topic, number, 0)
                for number in range(topics.COMPLAINT_TRACED.default_partitions)
            ]
        )

    def count(self) -> int:
        """How many there are by now."""
        for message in self._consumer.consume(10_000, timeout=0.01):
            error = message.error()
            if error is not None:
                raise KafkaException(error)
            self._seen += 1
        return self._seen

    def close(self) -> None:
        """Let go of the connection."""
        self._consumer.close()


def _events(count: int) -> Iterator[Event]:
    for step, (activity, hours) in enumerate(_STEPS):
        at = _ORDERED + timedelta(hours=hours)
        for number in range(count):
            identity = f"{number:08x}-{step:04x}-5000-8000-000000000000"
            yield _record(
                ProcessObservedV1(
                    event_id=identity,
                    case_id=f"ORD-{number:06d}",
                    activity=activity,
                    transition=Transition.COMPLETE,
                    at=at,
                    recorded_at=at + timedelta(seconds=2),
                ),
                identity,
                at,
            )


def _complaints(count: int) -> Iterator[Event]:
    at = _ORDERED + timedelta(days=8)
    for number in range(count):
        text = _TEXTS[number % len(_TEXTS)]
        identity = f"{number:08x}-0000-5000-8000-111111111111"
        yield _record(
            ComplaintReceivedV1(
                complaint_id=identity,
                channel="bench",
                text=text,
                case_id=f"ORD-{number:06d}",
                occurred_at=at,
                received_at=at,
                body_digest=hashlib.sha256(f"{number}{text}".encode()).hexdigest(),
            ),
            identity,
            at,
        )


def _record(data: Contract, identity: str, at: datetime) -> Event:
    made = codec.encode(codec.wrap(data, id=identity, source="/bench", time=at))
    return Event(made.key, made.value, list(made.headers))
