"""Follows a topic as a `read_committed` reader with one client: one made anew for each look costs more than the look.

Hazard: of one thread, and closed by whoever made it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

_SECONDS: Final = 60.0


class Following:
    """Everything committed in a topic so far, each record read once.

    Args:
        connection: librdkafka connection settings.
        topic: its name on the cluster.
    """

    def __init__(self, connection: Mapping[str, Any], topic: str) -> None:
        self._consumer = Consumer(
            {
                **connection,
                "group.id": "following",
                "isolation.level": "read_committed",
                "enable.partition.eof": True,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 100,
            }
        )
        partitions = self._partitions(topic)
        self._places = [TopicPartition(topic, number, 0) for number in partitions]
        self._next = dict.fromkeys(partitions, 0)
        self._found: dict[int, list[Message]] = {number: [] for number in partitions}
        self._consumer.assign(self._places)

    def messages(self) -> list[Message]:
        """Whatever is committed now, partition by partition and in order within each."""
        ends = {place.partition: end_of(self._consumer, place) for place in self._places}
        until = time.monotonic() + _SECONDS
        while any(self._next[number] < end for number, end in ends.items()):
            assert time.monotonic() < until, f"{self._places[0].topic} does not answer"
            message = self._consumer.poll(1.0)
            if message is None:
                continue
            number, offset = message.partition(), message.offset()
            assert number is not None
            assert offset is not None
            error = message.error()
            if error is None:
                self._found[number].append(message)
                self._next[number] = offset + 1
            elif error.code() == KafkaError._PARTITION_EOF:
                # Markers lie between the last record and here.
                self._next[number] = max(self._next[number], offset)
            elif error.fatal():
                raise KafkaException(error)
        return [message for number in sorted(self._found) for message in self._found[number]]

    def _partitions(self, topic: str) -> list[int]:
        until = time.monotonic() + _SECONDS
        while True:
            found = self._consumer.list_topics(topic, timeout=_SECONDS).topics[topic]
            if found.error is None and found.partitions:
                return sorted(found.partitions)
            assert time.monotonic() < until, f"{topic} is not there: {found.error}"
            time.sleep(0.1)

    def close(self) -> None:
        """Let the client go."""
        self._consumer.close()


def end_of(consumer: Consumer, place: TopicPartition) -> int:
    """Where a partition ends for `consumer`; waits while no broker leads it, which librdkafka here does not."""
    until = time.monotonic() + _SECONDS
    while True:
        try:
            return consumer.get_watermark_offsets(place, timeout=_SECONDS)[1]
        except KafkaException:
            # A topic that was made, or a broker that was started, a moment ago.
            assert time.monotonic() < until, f"{place.topic} does not answer"
            time.sleep(0.1)
