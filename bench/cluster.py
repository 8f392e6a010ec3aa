"""The broker under test: topics made and filled for each contender, and how far its group has committed."""

from __future__ import annotations

import time
from collections.abc import Iterable

from confluent_kafka import (
    Consumer,
    ConsumerGroupState,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from bench.records import Event
from schemas import topics
from services.chassis.provision import provision
from services.chassis.settings import KafkaSettings

PARTITIONS = topics.DEFAULT_PARTITIONS
_NOT_YET = (KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_NOT_AVAILABLE)


class Cluster:
    """One broker.

    Args:
        bootstrap: Its address.
    """

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self._admin = AdminClient({"bootstrap.servers": bootstrap})

    def prepare(self, prefix: str, departments: Iterable[str]) -> KafkaSettings:
        """Make the pipeline's topics under `prefix`, with the settings they have in use."""
        settings = KafkaSettings(bootstrap_servers=self.bootstrap, topic_prefix=prefix)
        provision(settings, departments)
        return settings

    def fill(self, topic: str, events: Iterable[Event]) -> int:
        """Write all records; returns how many, once the broker has them."""
        producer = Producer(
            {
                "bootstrap.servers": self.bootstrap,
                "partitioner": "murmur2_random",
                "acks": "all",
                "linger.ms": 50,
                "compression.type": "lz4",
                "queue.buffering.max.messages": 1_000_000,
            }
        )
        count = 0
        for event in events:
            producer.produce(topic, event.value, event.key, headers=event.headers)
            count += 1
            if count % 1_000 == 0:
                producer.poll(0)
        if producer.flush(60.0):
            raise RuntimeError(f"{topic} could not be filled")
        return count

    def progress(self, group: str, topic: str) -> Progress:
        """A way to ask how far `group` has come in `topic`."""
        return Progress(self.bootstrap, group, topic)

    def await_members(self, group: str, count: int, seconds: float) -> None:
        """Wait until the group is stable with so many members that have partitions.

        Raises:
            RuntimeError: It is not, in time.
        """
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                # The request has its own end: one that is given up by its caller alone lives on, and the client's end
                # would wait for it, for ever once the broker is gone.
                asked = self._admin.describe_consumer_groups([group], request_timeout=5.0)
                found = asked[group].result()
            except KafkaException:
                # A fresh broker is still choosing who coordinates the group.
                time.sleep(0.2)
                continue
            members = [each for each in found.members if each.assignment.topic_partitions]
            if found.state == ConsumerGroupState.STABLE and len(members) == count:
                return
            time.sleep(0.2)
        raise RuntimeError(f"{group} has not {count} members after {seconds:g} s")

    def close(self) -> None:
        """Let go of the connection; to be called while the broker is there.

        Afterwards librdkafka's thread may wait for the broker without end, and the program with it.
        """
        del self._admin

    def drop(self, prefix: str) -> None:
        """Delete every topic of a contender."""
        names = [name for name in self._admin.list_topics(timeout=10).topics if prefix in name]
        if names:
            for future in self._admin.delete_topics(names).values():
                future.result(timeout=30)


class Progress:
    """The committed position of one group: the one figure that every contender has to give, whatever it is made of."""

    def __init__(self, bootstrap: str, group: str, topic: str) -> None:
        # Uncommitted: the answer is wanted now, not when the open transaction has ended.
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": group,
                "isolation.level": "read_uncommitted",
                "enable.auto.commit": False,
            }
        )
        self._partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]

    def committed(self) -> int:
        """Records committed so far; 0 while the group's coordinator is still being chosen."""
        try:
            found = self._consumer.committed(self._partitions, timeout=10.0)
        except KafkaException as error:
            if error.args[0].retriable() or error.args[0].code() in _NOT_YET:
                return 0
            raise
        return sum(max(0, each.offset) for each in found)

    def close(self) -> None:
        """Let go of the connection."""
        self._consumer.close()
