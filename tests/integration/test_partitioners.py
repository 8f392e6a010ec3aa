"""Every client that writes to Kafka puts a key into the same partition."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from aiokafka.partitioner import DefaultPartitioner
from confluent_kafka import KafkaError, Message, Producer
from kafka import KafkaProducer
from kafka.admin import KafkaAdminClient, NewTopic

from services.chassis.partitioner import partition_for

PARTITIONS = 12
# Ids as they occur, letters beyond ASCII, and every length modulo 4, which murmur2 treats apart.
KEYS = sorted(
    {str(uuid.uuid5(uuid.NAMESPACE_OID, str(number))) for number in range(600)}
    | {f"ORD-{number:05d}" for number in range(300)}
    | {"x" * length for length in range(1, 50)}
    | {f"pesanan-é-{number}-ção" for number in range(100)}
)


@pytest.fixture
def topic(broker: str, topic_prefix: str) -> Iterator[str]:
    """A topic of this test's own, with its partitions."""
    name = f"{topic_prefix}partitioners"
    admin = KafkaAdminClient(bootstrap_servers=broker)
    try:
        admin.create_topics([NewTopic(name, PARTITIONS, 1)])
        yield name
        admin.delete_topics([name])
    finally:
        admin.close()


def test_there_are_enough_keys() -> None:
    """A thousand keys and more: an accidental agreement is out of the question."""
    assert len(KEYS) > 1000


def test_librdkafka_agrees(broker: str, topic: str) -> None:
    """confluent-kafka with `partitioner=murmur2_random` writes each key where we expect it."""
    written: dict[str, int] = {}
    failures: list[KafkaError] = []

    def delivered(error: KafkaError | None, message: Message) -> None:
        if error is not None:
            failures.append(error)
        else:
            written[message.key().decode()] = message.partition()

    producer = Producer({"bootstrap.servers": broker, "partitioner": "murmur2_random"})
    for key in KEYS:
        producer.produce(topic, key=key.encode(), value=b"", on_delivery=delivered)
    assert producer.flush(30) == 0

    assert failures == []
    assert written == {key: partition_for(key.encode(), PARTITIONS) for key in KEYS}


def test_librdkafka_would_not_agree_by_default(broker: str, topic: str) -> None:
    """Why the setting is needed: librdkafka's own default puts most keys elsewhere."""
    written: dict[str, int] = {}

    def delivered(error: KafkaError | None, message: Message) -> None:
        assert error is None
        written[message.key().decode()] = message.partition()

    producer = Producer({"bootstrap.servers": broker})
    for key in KEYS:
        producer.produce(topic, key=key.encode(), value=b"", on_delivery=delivered)
    assert producer.flush(30) == 0

    agreeing = [key for key in KEYS if written[key] == partition_for(key.encode(), PARTITIONS)]
    assert len(agreeing) < len(KEYS) / 2


def test_kafka_python_agrees(broker: str, topic: str) -> None:
    """kafka-python's default partitioner writes each key where we expect it."""
    producer = KafkaProducer(bootstrap_servers=broker, linger_ms=20)
    try:
        futures = {key: producer.send(topic, key=key.encode(), value=b"") for key in KEYS}
        producer.flush(30)
        written = {key: future.get(30).partition for key, future in futures.items()}
    finally:
        producer.close(5)

    assert written == {key: partition_for(key.encode(), PARTITIONS) for key in KEYS}


def test_aiokafka_agrees() -> None:
    """The partitioner of aiokafka, which Faust uses, gives each key the partition that we expect."""
    choose = DefaultPartitioner()
    everywhere = list(range(PARTITIONS))

    chosen = {key: choose(key.encode(), everywhere, everywhere) for key in KEYS}

    assert chosen == {key: partition_for(key.encode(), PARTITIONS) for key in KEYS}
