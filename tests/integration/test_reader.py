"""Records read from a real broker: committed ones only, from positions that the caller keeps."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from kafka import KafkaAdminClient, KafkaProducer

from services.chassis.consumer import PartitionReader
from services.chassis.errors import BrokerUnavailable
from services.chassis.provision import provision
from services.chassis.records import Received
from services.chassis.settings import KafkaSettings
from tests.support.broker import RunningBroker

TOPIC = "process.observed"


@pytest.fixture
def settings(broker: str, topic_prefix: str) -> KafkaSettings:
    found = KafkaSettings(bootstrap_servers=broker, topic_prefix=topic_prefix, partitions=2)
    provision(found, ["packing"])
    return found


@pytest.fixture
def producer(settings: KafkaSettings) -> Iterator[KafkaProducer]:
    made = KafkaProducer(**settings.for_kafka_python())
    yield made
    made.close(timeout=5)


def send(producer: KafkaProducer, settings: KafkaSettings, count: int, partition: int = 0) -> None:
    futures = [
        producer.send(settings.topic(TOPIC), key=b"k", value=b"%d" % n, partition=partition)
        for n in range(count)
    ]
    for future in futures:
        future.get(20)


def read(reader: PartitionReader, count: int) -> list[Received]:
    """Exactly `count` records, and no more for a moment after."""
    found: list[Received] = []
    ends = time.monotonic() + 20
    while len(found) < count:
        assert time.monotonic() < ends, f"only {len(found)} of {count} records came"
        found += reader.poll(0.5)
    found += reader.poll(0.3)
    assert len(found) == count
    return found


def test_reads_all_partitions_from_their_beginning(
    settings: KafkaSettings, producer: KafkaProducer
) -> None:
    """Without positions everything is read, each partition in order, under the topic's own name."""
    send(producer, settings, 30, partition=0)
    send(producer, settings, 20, partition=1)
    with PartitionReader(settings, [TOPIC], name="test") as reader:
        found = read(reader, 50)
        assert reader.positions() == {(TOPIC, 0): 30, (TOPIC, 1): 20}
        assert reader.lag() == 0
    assert {record.topic for record in found} == {TOPIC}
    for partition in (0, 1):
        offsets = [record.offset for record in found if record.partition == partition]
        assert offsets == list(range(len(offsets)))


def test_goes_on_where_the_caller_stopped(settings: KafkaSettings, producer: KafkaProducer) -> None:
    """A stored position is the next record; a partition without one begins at its first."""
    send(producer, settings, 5, partition=0)
    send(producer, settings, 3, partition=1)
    with PartitionReader(settings, [TOPIC], start={(TOPIC, 0): 4}, name="test") as reader:
        found = read(reader, 4)
        assert sorted((r.partition, r.offset) for r in found) == [(0, 4), (1, 0), (1, 1), (1, 2)]
        reader.seek(TOPIC, 0, 1)
        assert [r.offset for r in read(reader, 4)] == [1, 2, 3, 4]


def test_position_beyond_the_log_begins_anew(
    settings: KafkaSettings, producer: KafkaProducer
) -> None:
    """A log that was lost and made anew is read from its beginning, not skipped in silence."""
    send(producer, settings, 3)
    with PartitionReader(settings, [TOPIC], start={(TOPIC, 0): 1000}, name="test") as reader:
        assert [record.offset for record in read(reader, 3)] == [0, 1, 2]


def test_aborted_and_open_transactions_are_not_read(settings: KafkaSettings) -> None:
    """Only committed records come; end marks count in positions, so that `lag` still reaches nothing."""
    writer = KafkaProducer(
        **settings.for_kafka_python(), transactional_id=settings.group("test-writer")
    )
    try:
        writer.init_transactions()
        for value, commit in ((b"kept", True), (b"dropped", False), (b"kept too", True)):
            writer.begin_transaction()
            writer.send(settings.topic(TOPIC), key=b"k", value=value, partition=0)
            if commit:
                writer.commit_transaction()
            else:
                writer.flush(10)
                writer.abort_transaction()
        with PartitionReader(settings, [TOPIC], name="test") as reader:
            assert [record.value for record in read(reader, 2)] == [b"kept", b"kept too"]
            assert reader.lag() == 0
            writer.begin_transaction()
            writer.send(settings.topic(TOPIC), key=b"k", value=b"later", partition=0).get(10)
            assert reader.poll(0.5) == []
            writer.commit_transaction()
            assert [record.value for record in read(reader, 1)] == [b"later"]
    finally:
        writer.close(timeout=5)


def test_topic_and_partitions_that_appear_later_are_taken_up(
    broker: str, topic_prefix: str
) -> None:
    """A department that is added, and a partition that is, are read without a restart."""
    settings = KafkaSettings(bootstrap_servers=broker, topic_prefix=topic_prefix, partitions=1)
    producer = KafkaProducer(**settings.for_kafka_python())
    admin = KafkaAdminClient(**settings.for_kafka_python())
    try:
        with PartitionReader(settings, [TOPIC], name="test", refresh_seconds=0.2) as reader:
            assert reader.assigned() == []
            assert reader.poll(0.1) == []
            provision(settings, [])
            send(producer, settings, 2)
            read(reader, 2)
            admin.create_partitions({settings.topic(TOPIC): 2})
            ends = time.monotonic() + 20
            while (TOPIC, 1) not in reader.assigned():
                assert time.monotonic() < ends
                assert reader.poll(0.1) == []
            producer.close(timeout=5)
            producer = KafkaProducer(**settings.for_kafka_python())
            send(producer, settings, 3, partition=1)
            assert {record.partition for record in read(reader, 3)} == {1}
    finally:
        producer.close(timeout=5)
        admin.close()


def test_no_broker_is_an_error_in_time() -> None:
    """The first connection that fails says so; the caller decides how long to try."""
    began = time.monotonic()
    with pytest.raises(BrokerUnavailable):
        PartitionReader(KafkaSettings(bootstrap_servers="127.0.0.1:1"), [TOPIC], name="x").open()
    assert time.monotonic() - began < 10


def test_a_topic_that_is_included_later_is_read_from_its_beginning(
    settings: KafkaSettings, producer: KafkaProducer
) -> None:
    """The inbox of a department that did not exist at the start: also when it is made only afterwards."""
    send(producer, settings, 3)
    inbox = "department.returns.inbox"
    with PartitionReader(settings, [TOPIC], name="test", refresh_seconds=600) as reader:
        read(reader, 3)
        reader.include([inbox, TOPIC])
        assert reader.poll(0.1) == []
        provision(settings, ["packing", "returns"])
        producer.send(settings.topic(inbox), key=b"k", value=b"1", partition=0).get(20)
        (record,) = read(reader, 1)
    assert (record.topic, record.partition, record.value) == (inbox, 0, b"1")


def test_after_moving_back_nothing_is_left_out(settings: KafkaSettings) -> None:
    """Moved back again and again, with records and ends read ahead: each partition goes on exactly where it was told."""
    writer = KafkaProducer(
        **settings.for_kafka_python(), transactional_id=settings.group("test-writer")
    )
    try:
        writer.init_transactions()
        for number in range(12):
            writer.begin_transaction()
            for partition in (0, 1):
                for _ in range(3):
                    writer.send(settings.topic(TOPIC), key=b"k", value=b"v", partition=partition)
            if number % 3:
                writer.commit_transaction()
            else:
                writer.flush(10)
                writer.abort_transaction()
    finally:
        writer.close(timeout=5)
    with PartitionReader(settings, [TOPIC], name="test", max_records=7) as reader:
        there = [(record.partition, record.offset) for record in read(reader, 48)]
        for step in range(30):
            back = {partition: (step * 7 + partition * 11) % 48 for partition in (0, 1)}
            for partition, offset in back.items():
                reader.seek(TOPIC, partition, offset)
            wanted = [(p, offset) for p, offset in there if offset >= back[p]]
            # Moved again before all has come, sometimes before anything has; all is waited for at the last only.
            found = (
                reader.poll(0.0 if step % 2 else 0.2) if step < 29 else read(reader, len(wanted))
            )
            for partition in (0, 1):
                mine = [record.offset for record in found if record.partition == partition]
                assert mine == [offset for p, offset in wanted if p == partition][: len(mine)]
        assert reader.lag() == 0


def test_a_broker_that_was_killed_is_read_on(victim: RunningBroker, topic_prefix: str) -> None:
    """kill -9 and a start later: every committed record comes, once, in order, with those written since."""
    settings = KafkaSettings(
        bootstrap_servers=victim.bootstrap, topic_prefix=topic_prefix, partitions=1
    )
    provision(settings, [])
    producer = KafkaProducer(**settings.for_kafka_python())
    send(producer, settings, 20)
    producer.close(timeout=5)
    with PartitionReader(settings, [TOPIC], name="test", max_records=8) as reader:
        found = reader.poll(10.0)
        victim.kafka.kill()
        began = time.monotonic()
        # What was fetched ahead still comes; then nothing, and no error.
        while batch := reader.poll(0.5):
            found += batch
        assert time.monotonic() - began < 10
        victim.kafka.start(60)
        producer = KafkaProducer(**settings.for_kafka_python())
        send(producer, settings, 5)
        producer.close(timeout=5)
        found += read(reader, 25 - len(found))
    assert [record.offset for record in found] == list(range(25))
