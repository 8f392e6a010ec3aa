"""Reading committed records with kafka-python, from positions that the caller keeps.

It stands apart because the services that use it store their effects and their offsets in one SQL transaction, so neither
Kafka's offset commits nor its group rebalancing may play a part: the partitions are assigned by hand, all of them, and
topics and partitions that appear later are taken up.

Hazard: one thread at a time.  Records of one partition come in order; those of different partitions in any.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Self

from kafka import TopicPartition
from kafka.errors import KafkaError

from services.chassis.clients import close_quietly, make_admin, make_consumer
from services.chassis.clock import Clock, SystemClock
from services.chassis.errors import BrokerUnavailable
from services.chassis.logs import get_logger
from services.chassis.records import Place, Received
from services.chassis.settings import KafkaSettings

CALL_SECONDS: Final = 5.0

log = get_logger(__name__)


class PartitionReader:
    """All partitions of some topics, read from given positions.

    Args:
        settings: The cluster.
        topics: Names from `schemas.topics`; one that does not exist yet is taken up when it does.
        start: Offset of the next record by topic and partition; what is not in it starts with its first record.
        name: Shown to the broker as the client's name.
        max_records: Most records of one `poll`.
        longest_fetch_ms: How long the broker may park a fetch that has found nothing.  One fetch is under way at a time,
            without the partitions whose last records are being handled: those wait until it returns.
        refresh_seconds: How often to look for new topics and partitions.
        clock: Time for that.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        topics: Iterable[str],
        *,
        start: Mapping[Place, int] | None = None,
        name: str,
        max_records: int = 500,
        longest_fetch_ms: int = 200,
        refresh_seconds: float = 10.0,
        clock: Clock | None = None,
    ) -> None:
        self._settings = settings
        self._topics = sorted(set(topics))
        self._start = dict(start or {})
        self._name = name
        self._max_records = max_records
        self._longest_fetch_ms = longest_fetch_ms
        self._refresh = refresh_seconds
        self._clock: Clock = clock or SystemClock()
        self._consumer: Any = None
        self._admin: Any = None
        self._refresh_at = 0.0

    def open(self) -> Self:
        """Connect and take up the partitions; `poll` does it by itself, too.

        Raises:
            BrokerUnavailable: The cluster does not answer.
        """
        if self._consumer is None:
            try:
                self._consumer = make_consumer(
                    self._settings,
                    name=self._name,
                    seconds=CALL_SECONDS,
                    group_id=None,
                    enable_auto_commit=False,
                    isolation_level="read_committed",
                    auto_offset_reset="earliest",
                    allow_auto_create_topics=False,
                    max_poll_records=self._max_records,
                    fetch_max_wait_ms=self._longest_fetch_ms,
                    request_timeout_ms=int(CALL_SECONDS * 1000),
                    metadata_max_age_ms=30_000,
                )
            except (KafkaError, OSError) as error:
                raise BrokerUnavailable(str(error) or type(error).__name__) from error
            self._take_up()
        return self

    def close(self) -> None:
        """Give up the connections."""
        for client in (self._consumer, self._admin):
            close_quietly(client)
        self._consumer = self._admin = None

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(self, *_: object) -> None:
        self.close()

    def poll(self, timeout: float) -> list[Received]:
        """The next records, or none after `timeout` seconds (also while the broker is away).

        Raises:
            BrokerUnavailable: There never was a connection yet.
        """
        self.open()
        if self._clock.monotonic() >= self._refresh_at:
            self._take_up()
        batches = self._consumer.poll(timeout_ms=int(timeout * 1000), max_records=self._max_records)
        return [self._received(record) for records in batches.values() for record in records]

    def include(self, topics: Iterable[str]) -> None:
        """Read these topics as well, from where `start` says or their beginning, once they exist."""
        wanted = sorted({*self._topics, *topics})
        if wanted != self._topics:
            self._topics = wanted
            self._refresh_at = 0.0

    def batches(self, timeout: float) -> Iterator[list[Received]]:
        """`poll` for ever; empty lists too, so that the caller can look at its own clock."""
        while True:
            yield self.poll(timeout)

    def assigned(self) -> list[Place]:
        """Every partition that is being read, in order."""
        if self._consumer is None:
            return []
        return sorted(self._place(partition) for partition in self._consumer.assignment())

    def seek(self, topic: str, partition: int, offset: int) -> None:
        """Read on at `offset`; takes effect at the next `poll`.

        Raises:
            BrokerUnavailable: The cluster does not answer.
        """
        self._start[(topic, partition)] = offset
        self.open()
        where = TopicPartition(self._settings.topic(topic), partition)
        if where in self._consumer.assignment():
            self._consumer.seek(where, offset)

    def position(self, topic: str, partition: int) -> int:
        """Offset of the next record of that partition that `poll` will give, if there is one already.

        Raises:
            BrokerUnavailable: It is not known because the cluster does not answer.
        """
        self.open()
        where = TopicPartition(self._settings.topic(topic), partition)
        try:
            found = self._consumer.position(where, timeout_ms=int(CALL_SECONDS * 1000))
        except KafkaError as error:
            raise BrokerUnavailable(type(error).__name__) from error
        if found is None:
            raise BrokerUnavailable(f"no position for {topic}:{partition}")
        return int(found)

    def positions(self) -> dict[Place, int]:
        """Every partition's position."""
        return {place: self.position(*place) for place in self.assigned()}

    def end_offsets(self) -> dict[Place, int]:
        """Offset after the last committed record of every assigned partition.

        A transaction's end mark takes an offset too: compare with `position`, never with the last record's offset.

        Raises:
            BrokerUnavailable: The cluster does not answer.
        """
        self.open()
        assigned = list(self._consumer.assignment())
        if not assigned:
            return {}
        try:
            found = self._consumer.end_offsets(assigned, timeout_ms=int(CALL_SECONDS * 1000))
        except KafkaError as error:
            raise BrokerUnavailable(type(error).__name__) from error
        return {self._place(partition): int(offset) for partition, offset in found.items()}

    def lag(self) -> int:
        """Records, and end marks, that are not read yet."""
        ends = self.end_offsets()
        return sum(max(0, ends[place] - self.position(*place)) for place in ends)

    def _take_up(self) -> None:
        """Assign partitions that are new; the consumer itself would not look for them."""
        self._refresh_at = self._clock.monotonic() + self._refresh
        try:
            if self._admin is None:
                self._admin = make_admin(
                    self._settings, name=f"{self._name}-topics", seconds=CALL_SECONDS
                )
            described = self._admin.describe_topics(
                [self._settings.topic(name) for name in self._topics]
            )
        except (KafkaError, OSError) as error:
            # What is assigned is still read; look again soon.
            log.warning("cannot look for new partitions", error=str(error) or type(error).__name__)
            self._refresh_at = self._clock.monotonic() + 1.0
            return
        present = {
            TopicPartition(str(topic["name"]), int(partition["partition_index"]))
            for topic in described
            if topic["error_code"] == 0
            for partition in topic["partitions"]
        }
        if len({partition.topic for partition in present}) < len(self._topics):
            self._refresh_at = self._clock.monotonic() + 1.0
        before = set(self._consumer.assignment())
        new = present - before
        if not new:
            return
        # Assigning replaces the whole assignment but keeps the positions of what stays.
        self._consumer.assign(sorted(before | new))
        for partition in sorted(new):
            self._begin(partition)

    def _begin(self, partition: TopicPartition) -> None:
        offset = self._start.get(self._place(partition))
        if offset is None:
            self._consumer.seek_to_beginning(partition)
            return
        self._consumer.seek(partition, offset)
        try:
            end = self._consumer.end_offsets([partition], timeout_ms=int(CALL_SECONDS * 1000))[
                partition
            ]
        except KafkaError as error:
            # The position is set all the same; a broker that has just gone away will be back with its log.
            log.warning("cannot compare the position with the log", error=type(error).__name__)
            return
        if offset > end:
            # The log was lost or made anew: what the caller remembers is about another one.
            log.error(
                "the log is shorter than the stored position; reading it from its beginning",
                topic=partition.topic,
                partition=partition.partition,
                stored=offset,
                end=end,
            )
            self._consumer.seek_to_beginning(partition)

    def _place(self, partition: TopicPartition) -> Place:
        return self._settings.logical(partition.topic), partition.partition

    def _received(self, record: Any) -> Received:
        return Received(
            topic=self._settings.logical(record.topic),
            partition=record.partition,
            offset=record.offset,
            key=record.key,
            value=record.value,
            headers=tuple(record.headers or ()),
            timestamp=datetime.fromtimestamp(record.timestamp / 1000, UTC),
        )
