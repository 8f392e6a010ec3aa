"""Reads a pipeline's topics as any auditor could: librdkafka, `read_committed`, from the beginning to the stable end.

It stands apart because it is the only part that speaks to Kafka.  Hazard: a reader of uncommitted data would see what was
never promised; only `count_raw` reads so, and only to count.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from tests.chaos.checks.state import State
from tests.chaos.journal import Journal, Record, Seen

AUDITED = re.compile(
    r"complaint\.(received|messaged|traced|status)|process\.observed|trace\.(requested|answered)"
    r"|department\.[a-z0-9_-]+\.inbox|notification\.recorded|clock\.tick|(router|notifier|console)\.dlq"
)
"""All but the router's own changelog, which is no event's home, and is read by `Cluster.state`."""
STATE = "router.state"
_OPTIONS: dict[str, Any] = {
    "enable.auto.commit": False,
    "enable.partition.eof": True,
    "auto.offset.reset": "earliest",
    "reconnect.backoff.max.ms": 500,
    "topic.metadata.refresh.interval.ms": 5000,
    "log_level": 0,
}


class Cluster:
    """The topics of one pipeline on one cluster.

    Args:
        bootstrap: `host:port`.
        prefix: of topic names, when several pipelines share the cluster.
    """

    def __init__(self, bootstrap: str, prefix: str = "") -> None:
        self._bootstrap = bootstrap
        self._prefix = prefix
        self._admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})

    def partitions(self) -> list[TopicPartition]:
        """Every partition that is audited.

        Raises:
            KafkaException: the cluster does not answer.
        """
        metadata = self._admin.list_topics(timeout=20)
        return [
            TopicPartition(name, partition)
            for name in sorted(metadata.topics)
            if name.startswith(self._prefix) and AUDITED.fullmatch(name[len(self._prefix) :])
            for partition in sorted(metadata.topics[name].partitions)
        ]

    def ends(self, *, stable: bool) -> dict[tuple[str, int], int]:
        """The offset after the last record that a reader may see; `stable` leaves open transactions out."""
        level = IsolationLevel.READ_COMMITTED if stable else IsolationLevel.READ_UNCOMMITTED
        asked = {each: OffsetSpec.latest() for each in self.partitions()}
        found = self._admin.list_offsets(asked, isolation_level=level, request_timeout=20)
        return {
            (each.topic, each.partition): future.result().offset for each, future in found.items()
        }

    def open_transactions(self, patience: float) -> list[str]:
        """Partitions whose stable end stays behind for `patience` seconds."""
        until = time.monotonic() + patience
        while True:
            stable, high = self.ends(stable=True), self.ends(stable=False)
            behind = [
                f"{self.logical(topic)}[{partition}] stands at {stable[topic, partition]} of {end}"
                for (topic, partition), end in high.items()
                if stable.get((topic, partition), end) < end
            ]
            if not behind or time.monotonic() >= until:
                return behind
            time.sleep(0.2)

    def read(self) -> dict[str, list[Record]]:
        """Every committed record, by topic, in order of partition and offset."""
        found: dict[str, list[Record]] = {self.logical(p.topic): [] for p in self.partitions()}
        self._consume("read_committed", lambda record: found[record.topic].append(record))
        for records in found.values():
            records.sort(key=lambda record: (record.partition, record.offset))
        return found

    def state(self) -> State:
        """The router's rows: the last committed value of each key of its changelog."""
        rows: dict[int, dict[bytes, bytes]] = {}

        def take(message: Any) -> None:
            of = rows.setdefault(message.partition(), {})
            if message.value() is None:
                of.pop(message.key(), None)
            else:
                of[message.key()] = message.value()

        self._follow("read_committed", self._of(STATE), take)
        return State(rows)

    def count(self) -> int:
        """Partitions of each keyed topic."""
        return len(self._of(STATE))

    def _of(self, topic: str) -> list[TopicPartition]:
        name = self._prefix + topic
        metadata = self._admin.list_topics(name, timeout=20).topics[name]
        return [TopicPartition(name, number) for number in sorted(metadata.partitions)]

    def count_raw(self) -> dict[str, int]:
        """How many records a reader of uncommitted data gets, by topic: the difference was aborted."""
        counts: dict[str, int] = {self.logical(p.topic): 0 for p in self.partitions()}

        def count(message: Any) -> None:
            counts[self.logical(message.topic())] += 1

        self._follow("read_uncommitted", self.partitions(), count)
        return counts

    def logical(self, topic: str) -> str:
        """A topic's name without the prefix."""
        return topic[len(self._prefix) :]

    def consumer(self, isolation: str) -> Consumer:
        """A consumer that belongs to no group."""
        return Consumer(
            {
                **_OPTIONS,
                "bootstrap.servers": self._bootstrap,
                "group.id": f"{self._prefix}auditor-unused",
                "isolation.level": isolation,
            }
        )

    def record(self, message: Any) -> Record:
        """A message in our words."""
        headers: dict[str, str] = {}
        for name, value in message.headers() or ():
            if value is not None:
                headers.setdefault(name, value.decode("utf-8", "replace"))
        key = message.key()
        return Record(
            topic=self.logical(message.topic()),
            partition=message.partition(),
            offset=message.offset(),
            timestamp=message.timestamp()[1],
            key=key.decode("utf-8", "replace") if key else "",
            headers=headers,
            value=message.value(),
        )

    def _consume(self, isolation: str, take: Callable[[Record], None]) -> None:
        self._follow(isolation, self.partitions(), lambda message: take(self.record(message)))

    def _follow(
        self, isolation: str, partitions: Iterable[TopicPartition], take: Callable[[Any], None]
    ) -> None:
        """Give every record up to the end as it is at that time."""
        waiting = {(each.topic, each.partition) for each in partitions}
        consumer = self.consumer(isolation)
        try:
            consumer.assign([TopicPartition(topic, number, 0) for topic, number in waiting])
            until = time.monotonic() + 60
            while waiting:
                if time.monotonic() >= until:
                    raise TimeoutError(f"no end in sight of {sorted(waiting)[:5]}")
                for message in consumer.consume(2000, timeout=0.5):
                    until = time.monotonic() + 60
                    error = message.error()
                    if error is None:
                        take(message)
                    elif error.code() == KafkaError._PARTITION_EOF:
                        waiting.discard((message.topic(), message.partition()))
                    elif not error.retriable():
                        raise KafkaException(error)
        finally:
            consumer.close()


class Follower:
    """Reads along while things fail: what it saw may never be taken back.

    Keeps every record, so that a test may also ask it how far the pipeline has come.
    """

    def __init__(self, cluster: Cluster, journal: Journal | None = None) -> None:
        self._cluster = cluster
        self._journal = journal
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._topics: dict[str, list[Record]] = {}
        self._last = time.monotonic()
        self.failure: BaseException | None = None
        self.seen: list[Seen] = []
        self._partitions = cluster.partitions()
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)

    def start(self) -> Follower:
        """Begin at the beginning."""
        self._thread.start()
        return self

    def stop(self) -> list[Seen]:
        """End, and tell what was seen, in order."""
        self._stop.set()
        self._thread.join(20)
        if self.failure is not None:
            raise self.failure
        return self.seen

    def topics(self) -> dict[str, list[Record]]:
        """What there is so far, as `Cluster.read` would give it."""
        with self._lock:
            found = {topic: list(records) for topic, records in self._topics.items()}
        for records in found.values():
            records.sort(key=lambda record: (record.partition, record.offset))
        return found

    def quiet_seconds(self) -> float:
        """Since the last record that was not the clock's."""
        return time.monotonic() - self._last

    def _run(self) -> None:
        consumer = self._cluster.consumer("read_committed")
        try:
            consumer.assign(
                [TopicPartition(each.topic, each.partition, 0) for each in self._partitions]
            )
            while not self._stop.is_set():
                for message in consumer.consume(1000, timeout=0.1):
                    # A broker that is away is what we are here to see; librdkafka comes back by itself.
                    if message.error() is None:
                        self._take(self._cluster.record(message))
        except BaseException as error:  # noqa: BLE001 - told by `stop`
            self.failure = error
        finally:
            consumer.close()

    def _take(self, record: Record) -> None:
        row = Seen(record.topic, record.partition, record.offset, record.digest)
        if self._journal is not None:
            self._journal.write(
                topic=row.topic, partition=row.partition, offset=row.offset, digest=row.digest
            )
        with self._lock:
            self.seen.append(row)
            self._topics.setdefault(record.topic, []).append(record)
        if record.topic != "clock.tick":
            self._last = time.monotonic()
