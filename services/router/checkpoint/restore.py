"""Brings the partitions that were just assigned to where their last committed transaction left them.

Three steps in this order, each a reason:

1. Committed offsets, asked for by a `read_committed` consumer: the broker answers only when no transaction that staged offsets for
   them is still open.  aiokafka asks without waiting and would read the past.
2. The changelog's end as a `read_uncommitted` reader sees it.  Every transaction stages an offset of each partition whose rows
   it changes, so all of them are decided by now, and whatever they wrote lies below that end.
3. Read the changelog as `read_committed` from where RocksDB stands up to that end, markers included.

It uses librdkafka because Faust's own recovery is slow and stalls on control records.  Blocking: runs on a thread of its own,
outside the rebalance callback, so that heartbeats go on however long it takes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from schemas.topics import TOMBSTONE_RETENTION
from services.chassis.errors import ConfigurationError
from services.router.checkpoint.faults import fault_point
from services.router.checkpoint.store import PartitionStore

_TIMEOUT: Final = 30.0
_BATCH: Final = 5_000
_ROUND_SECONDS: Final = 0.2
"""The longest wait for a batch to fill: filling counts where many are left."""
_LAST_SECONDS: Final = 0.01
"""The same where fewer are left than a batch has: librdkafka waits for a whole one, however long that takes."""
_MANY: Final = 100_000
"""Offsets from which on loading is worth the flush at its end; below, it is done in a second anyway."""
_STALE_SECONDS: Final = TOMBSTONE_RETENTION.total_seconds() * 0.9


class RestoreAbandoned(Exception):
    """Another rebalance began; what was read so far stays in RocksDB and is right."""


@dataclass(frozen=True, slots=True)
class Restored:
    """How one partition was brought up."""

    partition: int
    records: int
    seconds: float
    started_over: str | None
    """Why the local rows were dropped first, if they were."""


class Restorer:
    """Reads committed offsets and changelogs for one worker.

    Args:
        connection: librdkafka connection settings.
        group: the consumer group whose offsets count.
        changelog_topic: the physical name of the changelog.
        wall_seconds: epoch seconds, to notice a state folder that stood still for too long.
    """

    def __init__(
        self,
        connection: Mapping[str, Any],
        *,
        group: str,
        changelog_topic: str,
        wall_seconds: Callable[[], int],
    ) -> None:
        self._connection = dict(connection)
        self._group = group
        self._topic = changelog_topic
        self._wall_seconds = wall_seconds

    def refuse_other_counts(self, topics: Iterable[str], partitions: int) -> None:
        """Check that every topic has the partitions that keys are spread over.

        Raises:
            ConfigurationError: a topic is missing or has another count: records would be looked for where they are not.
            KafkaException: the broker does not answer within 30 s.
        """
        consumer = self._consumer("read_committed")
        try:
            found = consumer.list_topics(timeout=_TIMEOUT).topics
        finally:
            consumer.close()
        for name in sorted(topics):
            count = len(found[name].partitions) if name in found else 0
            if count == 0:
                raise ConfigurationError(
                    f"topic {name} is missing; create the topics first: python -m services.cli.provision"
                )
            if count != partitions:
                raise ConfigurationError(
                    f"topic {name} has {count} partitions and KAFKA_PARTITIONS is {partitions}; set it to {count}"
                )

    def positions(self, partitions: Iterable[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """Where to go on reading each (topic, partition): the stable committed offset, else the earliest.

        Raises:
            KafkaException: the broker does not answer within 30 s, or a transaction stays open that long.
        """
        wanted = [TopicPartition(topic, partition) for topic, partition in partitions]
        consumer = self._consumer("read_committed")
        try:
            found: dict[tuple[str, int], int] = {}
            for each in consumer.committed(wanted, timeout=_TIMEOUT):
                if each.error is not None:
                    raise KafkaException(each.error)
                low, _high = _watermarks(consumer, each)
                # A commit below the earliest offset means that retention was faster than this worker was away.
                found[each.topic, each.partition] = max(each.offset, low)
            return found
        finally:
            consumer.close()

    def restore(
        self, partition: int, store: PartitionStore, *, wanted: Callable[[], bool]
    ) -> Restored:
        """Apply to `store` whatever its changelog partition has beyond it.

        Args:
            partition: of the changelog.
            store: the partition's rows; `store.next_offset` says how far they are.
            wanted: tells whether the partition is still assigned; asked between batches.

        Raises:
            RestoreAbandoned: it is not.
            KafkaException: the changelog cannot be read.
        """
        started = time.monotonic()
        end, low, origin = self._end(partition)
        reason = self._why_start_over(store, low=low, end=end, origin=origin)
        if reason is not None:
            store.start_over(origin)
        behind = end - store.next_offset
        with store.loading() if behind > _MANY else nullcontext():
            records = self._apply(partition, store, end, wanted) if behind > 0 else 0
        return Restored(partition, records, time.monotonic() - started, reason)

    def _why_start_over(
        self, store: PartitionStore, *, low: int, end: int, origin: bytes
    ) -> str | None:
        if store.origin is None:
            return "new"
        if store.origin != origin:
            return "another cluster or topic"
        if store.next_offset > end:
            return "ahead of the changelog"
        if store.next_offset < low:
            return "behind the changelog's beginning"
        if store.touched and self._wall_seconds() - store.touched > _STALE_SECONDS:
            return "stood still for longer than deletions are kept"
        return None

    def _end(self, partition: int) -> tuple[int, int, bytes]:
        consumer = self._consumer("read_uncommitted")
        try:
            low, high = _watermarks(consumer, TopicPartition(self._topic, partition))
            metadata = consumer.list_topics(self._topic, timeout=_TIMEOUT)
            return high, low, f"{metadata.cluster_id}/{self._topic}".encode()
        finally:
            consumer.close()

    def _apply(
        self, partition: int, store: PartitionStore, end: int, wanted: Callable[[], bool]
    ) -> int:
        consumer = self._consumer("read_committed")
        applied = 0
        try:
            consumer.assign([TopicPartition(self._topic, partition, store.next_offset)])
            position = store.next_offset
            deadline = time.monotonic() + _TIMEOUT
            while position < end:
                if not wanted():
                    raise RestoreAbandoned
                few = end - position < _BATCH
                messages = consumer.consume(
                    _BATCH, timeout=_LAST_SECONDS if few else _ROUND_SECONDS
                )
                rows = [message for message in messages if message.error() is None]
                for message in messages:
                    position = max(position, _after(message))
                if rows:
                    store.write(_rows(rows), position, touched=self._wall_seconds())
                    applied += len(rows)
                    fault_point("restore.applied")
                if messages:
                    deadline = time.monotonic() + _TIMEOUT
                elif time.monotonic() > deadline:
                    raise KafkaException(
                        KafkaError(
                            KafkaError._TIMED_OUT,  # noqa: SLF001 - confluent-kafka's public constants begin with _
                            f"changelog {self._topic}[{partition}] stands at {position} of {end}",
                        )
                    )
            store.write(iter(()), position, touched=self._wall_seconds())
            return applied
        finally:
            consumer.close()

    def _consumer(self, isolation: str) -> Consumer:
        return Consumer(
            {
                **self._connection,
                "group.id": self._group,
                "isolation.level": isolation,
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "earliest",
                # A changelog ends in markers, which are told of by the answer to a fetch that finds no record: by default the
                # broker thinks that over for half a second, in each partition.
                "fetch.wait.max.ms": 10,
                "fetch.message.max.bytes": 4 << 20,
                "queued.max.messages.kbytes": 16 << 10,
            }
        )


_MOVING: Final = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
    }
)
"""What a broker answers while a partition is new to it or moves; librdkafka hands it on without trying again."""


def _watermarks(consumer: Consumer, place: TopicPartition) -> tuple[int, int]:
    until = time.monotonic() + _TIMEOUT
    while True:
        try:
            low, high = consumer.get_watermark_offsets(place, timeout=_TIMEOUT, cached=False)
        except KafkaException as error:
            if error.args[0].code() not in _MOVING or time.monotonic() > until:
                raise
            time.sleep(0.1)
        else:
            return low, high


def _after(message: Message) -> int:
    """The position after a record; at the end of a partition, after its last markers too."""
    error = message.error()
    offset = message.offset()
    if error is not None:
        if error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - as above
            raise KafkaException(error)
        return offset if offset is not None else 0
    return (offset if offset is not None else -1) + 1


def _rows(messages: Iterable[Message]) -> Iterator[tuple[bytes, bytes | None]]:
    for message in messages:
        key = message.key()
        if isinstance(key, bytes):
            value = message.value()
            yield key, value if isinstance(value, bytes) else None
