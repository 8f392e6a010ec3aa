"""What tests of the embedded broker do to it: start it, write and read with librdkafka, and look whether a process has gone."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from services.local.folder import Layout
from tests.support.following import end_of

DEADLINE = 60.0


def client(bootstrap: str, **config: str | float | bool) -> dict[str, str | float | bool]:
    """Settings for librdkafka, without its lines on stderr about a broker that is meant to be away."""
    return {
        "bootstrap.servers": bootstrap,
        "log_level": 0,
        "reconnect.backoff.max.ms": 200,
        **config,
    }


def create_topic(bootstrap: str, name: str, **configs: str) -> None:
    """A topic of one partition."""
    admin = AdminClient(client(bootstrap))
    admin.create_topics([NewTopic(name, 1, 1, config=configs)])[name].result(30)


def send(producer: Producer, topic: str, values: list[bytes]) -> None:
    """Send and wait for every acknowledgement."""
    failed: list[KafkaError] = []

    def acknowledged(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            failed.append(error)

    for value in values:
        producer.produce(topic, value, partition=0, on_delivery=acknowledged)
    assert producer.flush(60) == 0
    assert not failed


def producer_for(bootstrap: str) -> Producer:
    """An idempotent producer that waits for the disk."""
    return Producer(client(bootstrap, **{"enable.idempotence": True}))


def high_watermark(bootstrap: str, topic: str) -> int:
    """Where a topic ends for whoever reads what is undecided too."""
    settings = client(bootstrap, **{"group.id": "end", "isolation.level": "read_uncommitted"})
    consumer = Consumer(settings)
    try:
        return end_of(consumer, TopicPartition(topic, 0))
    finally:
        consumer.close()


def read(bootstrap: str, topic: str) -> list[bytes | None]:
    """All committed records of a topic; waits for the markers of transactions that are decided.

    After a cut a coordinator has to write them first, and until then a reader's end lies before them.
    """
    end = high_watermark(bootstrap, topic)
    consumer = Consumer(
        client(
            bootstrap,
            **{"group.id": "read", "isolation.level": "read_committed"},
            **{"enable.partition.eof": True},
        )
    )
    try:
        consumer.assign([TopicPartition(topic, 0, 0)])
        values: list[bytes | None] = []
        until = time.monotonic() + 30
        while time.monotonic() < until:
            message = consumer.poll(0.5)
            if message is None:
                continue
            error = message.error()
            if error is None:
                values.append(message.value())
            elif error.code() == KafkaError._PARTITION_EOF and (message.offset() or 0) >= end:
                return values
        pytest.fail(f"the end of {topic} was not reached; {len(values)} records")
    finally:
        consumer.close()


def ended(pid: int) -> bool:
    """Whether a process is gone, or waits only for its parent to notice."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@contextmanager
def whole_log(data_dir: Path) -> Iterator[None]:
    """Everything that the broker has said, for the report of a test that fails: its disk is unmounted by then."""
    try:
        yield
    except BaseException:
        print(Layout(data_dir).output.read_text(errors="replace"))
        raise


def command(data_dir: Path, *more: str) -> list[str]:
    """The broker as its own process."""
    return [sys.executable, "-m", "services.local.kafka", "--data-dir", str(data_dir), *more]
