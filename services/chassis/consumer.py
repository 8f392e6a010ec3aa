"""Reading committed records with librdkafka, from positions that the caller keeps.

It stands apart because the services that use it store their effects and their offsets in one SQL transaction, so neither
Kafka's offset commits nor its group rebalancing may play a part: the partitions are assigned by hand, all of them, and
topics and partitions that appear later are taken up.

librdkafka fetches ahead on threads of its own, without the interpreter's lock, and the broker answers its parked fetch the
moment any partition has something (ADR 25).  What partitions there are is asked apart, see `extents`.

Hazard: one thread at a time.  Records of one partition come in order; those of different partitions in any.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Self

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from services.chassis.clock import Clock, SystemClock
from services.chassis.errors import BrokerUnavailable
from services.chassis.extents import Extents
from services.chassis.logs import get_logger
from services.chassis.records import Place, Received
from services.chassis.settings import KafkaSettings

AGAIN_SECONDS: Final = 1.0
"""Until the next look for partitions when one was missing."""
_SETTINGS: Final[Mapping[str, Any]] = {
    # Trap: what a transaction wrote that is open or was aborted is never handed over.
    "isolation.level": "read_committed",
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "earliest",
    "allow.auto.create.topics": False,
    # The end of a partition is told also where it is a transaction's marker, which is no record.
    "enable.partition.eof": True,
    "check.crcs": True,
    # How long a fetch without anything waits at the broker, and so how long a partition that is new or was moved
    # waits for its first, and how late the end behind a marker is known.
    "fetch.wait.max.ms": 200,
    # What is read ahead, for all partitions together.  By default the next fetch is put off by a second when that is full.
    "queued.max.messages.kbytes": 16 << 10,
    "fetch.queue.backoff.ms": 20,
    # A broker that is not answered by any more, and one that was killed, are found out and found again early.
    "socket.timeout.ms": 10_000,
    "metadata.max.age.ms": 30_000,
    "enable.metrics.push": False,
}
_GATHERED: Final = 1 << 20
_GONE: Final = frozenset(
    {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001 - confluent-kafka's public constants begin with _
        KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001
    }
)
_FORBIDDEN: Final = frozenset(
    {KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.CLUSTER_AUTHORIZATION_FAILED}
)

log = get_logger(__name__)


class PartitionReader:
    """All partitions of some topics, read from given positions.

    Args:
        settings: The cluster.
        topics: Names from `schemas.topics`; one that does not exist yet is taken up when it does.
        start: Offset of the next record by topic and partition; what is not in it starts with its first record.
        name: Shown to the broker as the client's name.
        max_records: Most records of one `poll`.
        gathering: Whether records may wait 0.2 s at the broker for others: far fewer fetches and turns, for whoever
            answers to people and not to other services.
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
        gathering: bool = False,
        refresh_seconds: float = 10.0,
        clock: Clock | None = None,
    ) -> None:
        self._settings = settings
        self._topics = sorted(set(topics))
        self._start = dict(start or {})
        self._name = name
        self._max_records = max_records
        self._gathering = gathering
        self._refresh = refresh_seconds
        self._clock: Clock = clock or SystemClock()
        self._extents = Extents(settings, name=f"{name}-topics")
        self._consumer: Consumer | None = None
        self._next: dict[Place, int] = {}
        """Every partition that is being read, and the offset of its next record."""
        self._moved = False
        self._refresh_at = 0.0

    def open(self) -> Self:
        """Connect and take up the partitions; `poll` does it by itself, too.

        Raises:
            BrokerUnavailable: The cluster does not answer.
        """
        self._opened()
        return self

    def close(self) -> None:
        """Give up the connections."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None
        self._extents.close()
        # Another `open` goes on where this one has come to.
        self._start |= self._next
        self._next.clear()

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(self, *_: object) -> None:
        self.close()

    def poll(self, timeout: float) -> list[Received]:
        """The next records, or none after `timeout` seconds (also while the broker is away).

        Raises:
            BrokerUnavailable: There never was a connection yet.
            KafkaException: The records may not be read.
        """
        ends = self._clock.monotonic() + timeout
        consumer = self._opened()
        while True:
            if self._clock.monotonic() >= self._refresh_at:
                self._take_up()
            if self._moved:
                self._assign(consumer)
            # `consume` alone would wait until it has all that it may return.
            first = consumer.poll(max(0.0, ends - self._clock.monotonic()))
            if first is None:
                return []
            records = self._taken([first, *consumer.consume(self._max_records - 1, 0)])
            if records:
                return records

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
        return sorted(self._next)

    def seek(self, topic: str, partition: int, offset: int) -> None:
        """Read on at `offset`; takes effect at the next `poll`."""
        place = (topic, partition)
        self._start[place] = offset
        if place in self._next:
            self._next[place] = offset
            self._moved = True

    def position(self, topic: str, partition: int) -> int:
        """Offset of the next record of that partition that `poll` will give, if there is one already.

        Raises:
            BrokerUnavailable: It is not being read.
        """
        found = self._next.get((topic, partition))
        if found is None:
            raise BrokerUnavailable(f"no position for {topic}:{partition}")
        return found

    def positions(self) -> dict[Place, int]:
        """Every partition's position."""
        return dict(self._next)

    def end_offsets(self) -> dict[Place, int]:
        """Offset after the last committed record of every assigned partition.

        A transaction's end mark takes an offset too: compare with `position`, never with the last record's offset.

        Raises:
            BrokerUnavailable: The cluster does not answer.
        """
        self._opened()
        return self._extents.ends(self._next)

    def lag(self) -> int:
        """Records, and end marks, that are not read yet."""
        return sum(max(0, end - self.position(*place)) for place, end in self.end_offsets().items())

    def _opened(self) -> Consumer:
        if self._consumer is None:
            # A consumer is made in an instant, whether or not anybody answers; this finds out.
            self._extents.open()
            self._consumer = Consumer(
                {
                    **self._settings.for_librdkafka(),
                    **_SETTINGS,
                    "fetch.min.bytes": _GATHERED if self._gathering else 1,
                    "client.id": self._name,
                    # librdkafka wants one; nothing joins it and nothing is committed.
                    "group.id": self._settings.group(self._name),
                },
                logger=logging.getLogger("librdkafka"),
            )
            self._take_up()
        return self._consumer

    def _take_up(self) -> None:
        """Begin to read what is new; the consumer itself would not look for it."""
        self._refresh_at = self._clock.monotonic() + self._refresh
        try:
            present = self._extents.present(self._topics)
            new = {place: self._start.get(place, 0) for place in present - self._next.keys()}
            stored = [place for place, offset in new.items() if offset > 0]
            ends = self._extents.ends(stored)
        except BrokerUnavailable as error:
            # What is assigned is still read; look again soon.
            log.warning("cannot look for new partitions", error=error.detail)
            self._refresh_at = self._clock.monotonic() + AGAIN_SECONDS
            return
        if len({topic for topic, _ in present}) < len(self._topics):
            self._refresh_at = self._clock.monotonic() + AGAIN_SECONDS
        for (topic, partition), end in ends.items():
            if new[topic, partition] > end:
                # The log was lost or made anew: what the caller remembers is about another one.
                log.error(
                    "the log is shorter than the stored position; reading it from its beginning",
                    topic=topic,
                    partition=partition,
                    stored=new[topic, partition],
                    end=end,
                )
                new[topic, partition] = 0
        if new:
            self._next |= new
            self._moved = True

    def _assign(self, consumer: Consumer) -> None:
        # All of them anew, each at its position: what was fetched before and not handed over is fetched again.
        consumer.assign(
            [
                TopicPartition(self._settings.topic(topic), partition, offset or OFFSET_BEGINNING)
                for (topic, partition), offset in sorted(self._next.items())
            ]
        )
        self._moved = False

    def _taken(self, messages: Sequence[Message]) -> list[Received]:
        records: list[Received] = []
        for message in messages:
            error = message.error()
            if error is not None:
                self._told(error, message)
                continue
            place: Place = (self._settings.logical(message.topic()), message.partition())  # type: ignore[arg-type, assignment]
            offset: int = message.offset()  # type: ignore[assignment]
            self._next[place] = offset + 1
            records.append(
                Received(
                    topic=place[0],
                    partition=place[1],
                    offset=offset,
                    key=message.key(),
                    value=message.value(),
                    headers=tuple(message.headers() or ()),  # type: ignore[arg-type]
                    timestamp=datetime.fromtimestamp(message.timestamp()[1] / 1000, UTC),
                )
            )
        return records

    def _told(self, error: KafkaError, message: Message) -> None:
        """What librdkafka says instead of a record.

        Raises:
            KafkaException: Reading on would not mend it.
        """
        place: Place = (self._settings.logical(message.topic() or ""), message.partition() or 0)
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - as above
            # Markers lie between the last record and here.
            if place in self._next:
                self._next[place] = max(self._next[place], message.offset() or 0)
        elif error.code() in _GONE:
            # Taken up again when it is there again: a broker that has just come up may not know it yet.
            if place in self._next:
                self._start[place] = self._next.pop(place)
                self._moved = True
                self._refresh_at = self._clock.monotonic() + AGAIN_SECONDS
        elif error.fatal() or error.code() in _FORBIDDEN:
            raise KafkaException(error)
        else:
            # The broker is away, or moves a partition: librdkafka tries again by itself.
            log.warning("reading is disturbed", error=error.name(), detail=error.str())
