"""One librdkafka transaction per checkpoint: changelog, outputs and consumed offsets, all or nothing.

It stands apart because it is the only user of librdkafka's transactional producer.  The group metadata is built from the
generation and member id that were captured at assignment, never later: a worker that was stopped beyond its session and woken
again offers its old generation and is refused.

Hazard: any error here is final for the process (the caller ends it); there is no retry that would be right in every case.  A broker
that is lost is no error of its own: it is waited for, and what was under way is left to a client that is given up.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition

from services.router.checkpoint.faults import fault_point

log = structlog.get_logger(__name__)

TRANSACTION_TIMEOUT_MS: Final = 10_000
"""After this the broker aborts what a dead worker left open, and readers go on."""
LARGEST_RECORD: Final = 990_000
"""Bytes of a key and a value: librdkafka takes a million, a broker as much with the headers, unless it is told otherwise."""
_STEP_SECONDS: Final = 30.0
_ANSWER_SECONDS: Final = 0.5
_AWAY: Final = frozenset(
    {
        KafkaError._TRANSPORT,  # noqa: SLF001 - confluent-kafka's public constants begin with _
        KafkaError._TIMED_OUT,  # noqa: SLF001
        KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001
    }
)
_POLL_EVERY: Final = 2_000

Place = tuple[str, int]
"""A topic by its name on the cluster, and a partition's number."""


@dataclass(frozen=True, slots=True)
class Membership:
    """Who this worker was in the consumer group when its partitions were assigned."""

    group: str
    generation: int
    member_id: str
    instance_id: str

    def metadata(self) -> bytes:
        """librdkafka's own serialization of consumer group metadata (`CGMDv2`)."""
        return (
            b"CGMDv2:"
            + struct.pack("<i", self.generation)
            + self.group.encode()
            + b"\0"
            + self.member_id.encode()
            + b"\0\x00"
            + self.instance_id.encode()
            + b"\0"
        )


@dataclass(frozen=True, slots=True)
class Output:
    """A record for another topic."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, str | bytes | None]]
    partition: int | None = None
    """None: by the key, with murmur2."""

    @property
    def size(self) -> int:
        """Bytes of key and value."""
        return len(self.key or b"") + len(self.value or b"")


@dataclass(slots=True)
class Work:
    """What one transaction holds."""

    changelog: dict[int, list[tuple[bytes, bytes | None]]] = field(default_factory=dict)
    """partition -> rows."""
    outputs: list[Output] = field(default_factory=list)
    offsets: dict[Place, int] = field(default_factory=dict)
    """Place -> next offset to consume."""


class TransactionalProducer:
    """A librdkafka producer that commits one `Work` at a time.  Blocking: runs on the checkpoint's thread."""

    def __init__(
        self, connection: Mapping[str, Any], *, transactional_id: str, changelog_topic: str
    ) -> None:
        self._changelog_topic = changelog_topic
        self._next_changelog: dict[int, int] = {}
        self._failed: list[str] = []
        self._lost = False
        self._started = False
        self._settings: dict[str, Any] = {
            **connection,
            "error_cb": self._troubled,
            "transactional.id": transactional_id,
            "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
            # Every writer agrees with the Java client; librdkafka's own default does not.
            "partitioner": "murmur2_random",
            "linger.ms": 0,
            # The broker answers CONCURRENT_TRANSACTIONS while it ends the one before; the default of 100 ms
            # for trying again makes every checkpoint that slow.
            "retry.backoff.ms": 5,
            "retry.backoff.max.ms": 20,
            "compression.type": "lz4",
            "queue.buffering.max.messages": 1_000_000,
        }
        self._producer = Producer(self._settings)

    def start(self) -> None:
        """Fence any earlier user of the transactional id and end what it left open.

        Raises:
            KafkaException: the broker cannot be reached or refuses.
        """
        self._producer.init_transactions(_STEP_SECONDS)
        self._started = True

    def _troubled(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 - librdkafka's own name
            self._lost = True

    def lost(self) -> bool:
        """Whether no broker could be reached at some time since the last renewal; may be asked from another thread."""
        self._producer.poll(0)
        return self._lost

    def reach(self, wanted: Callable[[], bool]) -> None:
        """With no transaction open: wait until a broker answers, for as long as that takes or until it is not `wanted`.

        Nothing can hang here as it can in a transaction, and a process that starts again would wait for the same broker.

        Raises:
            KafkaException: one answers, and refuses.
        """
        if self.lost():
            self._renew()
        while wanted():
            try:
                self._producer.list_topics(self._changelog_topic, timeout=_ANSWER_SECONDS)
            except KafkaException as error:
                if error.args[0].code() not in _AWAY:
                    raise
                continue
            # What it could not reach before is told by now, and is over.
            self._producer.poll(0)
            self._lost = False
            return

    def _renew(self) -> None:
        """Trap: the first transaction after a broker was killed may hang in `send_offsets_to_transaction`, with no end.

        No transaction is open here, so that a new client fences nothing but the one that it replaces.
        """
        log.info("router.producer_renewed", reason="the broker was lost")
        self._lost = self._started = False
        self._producer = Producer(self._settings)

    def commit(self, work: Work, membership: Membership) -> dict[int, int]:
        """Write and commit everything in `work`.

        Returns:
            For each partition with changelog rows, the offset after the last of them.

        Raises:
            KafkaException, BufferError: nothing of it is visible to a `read_committed` reader, or it cannot be known;
                end the process.
        """
        if self.lost():
            self._renew()
        if not self._started:
            self.start()
        producer = self._producer
        producer.begin_transaction()
        fault_point("transaction.begun")
        self._next_changelog = {}
        self._produce(work)
        fault_point("transaction.produced")
        producer.send_offsets_to_transaction(
            [
                TopicPartition(topic, partition, offset)
                for (topic, partition), offset in work.offsets.items()
            ],
            membership.metadata(),
            _STEP_SECONDS,
        )
        fault_point("transaction.offsets_sent")
        producer.commit_transaction(_STEP_SECONDS)
        fault_point("transaction.committed")
        if self._failed:
            # Cannot be: a failed record fails the commit.  If it ever is, the state must not be applied.
            raise RuntimeError(f"a committed transaction had failed records: {self._failed[0]}")
        missing = work.changelog.keys() - self._next_changelog.keys()
        if missing:
            raise RuntimeError(f"no delivery report for changelog partitions {sorted(missing)}")
        return self._next_changelog

    def _produce(self, work: Work) -> None:
        producer = self._producer
        produce = producer.produce
        count = 0
        for partition, rows in work.changelog.items():
            last = len(rows) - 1
            for index, (key, value) in enumerate(rows):
                if index == last:
                    produce(
                        self._changelog_topic,
                        value,
                        key,
                        partition=partition,
                        on_delivery=self._delivered,
                    )
                else:
                    produce(self._changelog_topic, value, key, partition=partition)
                count += 1
                if count % _POLL_EVERY == 0:
                    producer.poll(0)
        for output in work.outputs:
            if output.partition is None:
                produce(output.topic, output.value, output.key, headers=output.headers)
            else:
                produce(
                    output.topic,
                    output.value,
                    output.key,
                    partition=output.partition,
                    headers=output.headers,
                )
            count += 1
            if count % _POLL_EVERY == 0:
                producer.poll(0)

    def _delivered(self, error: object, message: Message) -> None:
        if error is not None:
            self._failed.append(str(error))
            return
        partition, offset = message.partition(), message.offset()
        if partition is not None and offset is not None:
            self._next_changelog[partition] = offset + 1
