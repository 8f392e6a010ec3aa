"""A broker in memory, with transactions as Kafka has them, behind librdkafka's own methods.

The protocol's own classes run against it, so that a test may stop a worker between any two calls, let others go on, and look at
what every reader may see.  It honours producer epochs, group generations, offsets that are pending in a transaction, the last
stable offset, and that the markers of one decided transaction reach its partitions one after another, in any order.

What it does not model: replication, retention, and time.
"""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from services.chassis.partitioner import partition_for

Place = tuple[str, int]
OFFSETS: Final[Place] = ("__consumer_offsets", 0)
LOW, OPEN, COMMITTING, ABORTING = 0, "open", "committing", "aborting"


class Crash(BaseException):
    """The process ended here."""


class Stepper:
    """Where one process is: it stops before each call to the broker and goes on when it is told to."""

    def __init__(self) -> None:
        self.running_free = True
        self.crashed = False
        self.at = ""
        self.parked = threading.Event()
        self.on_parked: Callable[[], None] = lambda: None
        self._go = threading.Semaphore(0)
        # Whoever is about to stop sees that it has crashed, or is seen standing: one of them would wait for ever.
        self._stopping = threading.Lock()

    def step(self, name: str) -> None:
        """Called on the process's thread; returns when it may go on."""
        if self.crashed:
            raise Crash(name)
        if self.running_free and not name.startswith("waits"):
            return
        with self._stopping:
            if self.crashed:
                raise Crash(name)
            self.at = name
            self.parked.set()
        self.on_parked()
        self._go.acquire()
        if self.crashed:
            raise Crash(name)

    def release(self) -> None:
        """Let it make one more call."""
        self.parked.clear()
        self._go.release()

    def crash(self) -> None:
        """End it at the call before which it stands, or at the next."""
        with self._stopping:
            self.crashed = True
            if self.parked.is_set():
                self.release()


@dataclass(eq=False, slots=True)
class Transaction:
    """One transaction of one producer."""

    tid: str
    state: str = OPEN
    places: list[Place] = field(default_factory=list)
    landed: set[Place] = field(default_factory=set)
    offsets: dict[Place, int] = field(default_factory=dict)

    @property
    def ended(self) -> bool:
        """Whether every partition knows how it ended."""
        return self.state != OPEN and self.landed >= set(self.places)


@dataclass(eq=False, slots=True)
class Entry:
    """A record or a control marker in a log."""

    offset: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, Any]]
    transaction: Transaction | None
    marker: bool = False


class Broker:
    """Logs, the transaction coordinator and one consumer group's coordinator."""

    def __init__(self, partitions: int) -> None:
        self.partitions = partitions
        self.logs: dict[Place, list[Entry]] = {}
        self.committed: dict[Place, int] = {}
        self.generation = 0
        self.members: set[str] = set()
        self.transactions: list[Transaction] = []
        self.trouble = ""
        """The name of a call that fails the next time it is made, once."""
        self.away = False
        """Whether producers reach nobody, and say so."""
        self.refuses = False
        """Whether it answers whoever asks for topics with a refusal."""
        self._epochs: dict[str, int] = {}

    # -- logs -------------------------------------------------------------------

    def log(self, place: Place) -> list[Entry]:
        """The log of one partition."""
        return self.logs.setdefault(place, [])

    def append(
        self,
        place: Place,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[tuple[str, Any]] = (),
        transaction: Transaction | None = None,
        *,
        marker: bool = False,
    ) -> int:
        """Write a record; its offset."""
        log = self.log(place)
        log.append(Entry(len(log), key, value, list(headers), transaction, marker))
        return len(log) - 1

    def stable(self, place: Place) -> int:
        """The last stable offset: before the first record of a transaction whose end this partition does not know."""
        for entry in self.log(place):
            transaction = entry.transaction
            if transaction is not None and place not in transaction.landed:
                return entry.offset
        return len(self.log(place))

    def read(
        self, place: Place, start: int = 0, *, most: int | None = None, committed: bool = True
    ) -> list[Entry]:
        """What a reader sees from `start` on."""
        end = self.stable(place) if committed else len(self.log(place))
        found = [
            entry
            for entry in self.log(place)[start:end]
            if not entry.marker
            and (
                not committed or entry.transaction is None or entry.transaction.state == COMMITTING
            )
        ]
        return found if most is None else found[:most]

    # -- transactions --------------------------------------------------------------

    def current(self, tid: str) -> Transaction | None:
        """The transaction of this id that has not ended everywhere."""
        for transaction in self.transactions:
            if transaction.tid == tid:
                return transaction
        return None

    def fence(self, tid: str) -> int:
        """InitProducerId: a new epoch; what the last one left open is aborted, and has ended everywhere."""
        self._epochs[tid] = self._epochs.get(tid, 0) + 1
        transaction = self.current(tid)
        if transaction is not None:
            if transaction.state == OPEN:
                transaction.state = ABORTING
            self.land_all(transaction)
        return self._epochs[tid]

    def join(self, tid: str, epoch: int) -> Transaction:
        """The open transaction of a producer, begun if need be.

        Raises:
            KafkaException: a newer producer has the id, or the coordinator aborted the transaction.
        """
        self.check(tid, epoch)
        transaction = self.current(tid)
        if transaction is not None and transaction.state != OPEN:
            # The client asks again while the answer is CONCURRENT_TRANSACTIONS.
            self.land_all(transaction)
            transaction = None
        if transaction is None:
            transaction = Transaction(tid)
            self.transactions.append(transaction)
        return transaction

    def troubled(self, call: str) -> None:
        """Fail if this call is to fail now: an error that aborting the transaction would mend."""
        if self.trouble == call:
            self.trouble = ""
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT))

    def check(self, tid: str, epoch: int) -> None:
        """Refuse a producer whose epoch is over."""
        if self._epochs.get(tid) != epoch:
            raise KafkaException(KafkaError(KafkaError._FENCED))

    def expire(self, tid: str) -> None:
        """The coordinator's time-out: abort what is open, and refuse whoever goes on with it."""
        transaction = self.current(tid)
        if transaction is not None and transaction.state == OPEN:
            self._epochs[tid] += 1
            transaction.state = ABORTING

    def end(self, tid: str, epoch: int) -> None:
        """EndTxn: decided, but no partition knows yet."""
        self.check(tid, epoch)
        transaction = self.current(tid)
        if transaction is not None and transaction.state == OPEN:
            transaction.state = COMMITTING
            if not transaction.places:
                self.transactions.remove(transaction)

    def land(self, transaction: Transaction, place: Place) -> None:
        """One partition learns how a decided transaction ended."""
        transaction.landed.add(place)
        if place == OFFSETS:
            if transaction.state == COMMITTING:
                self.committed.update(transaction.offsets)
        else:
            self.append(place, None, None, transaction=None, marker=True)
        if transaction.ended and transaction in self.transactions:
            self.transactions.remove(transaction)

    def land_all(self, transaction: Transaction) -> None:
        """Every partition learns it."""
        for place in transaction.places:
            if place not in transaction.landed:
                self.land(transaction, place)
        if transaction in self.transactions:
            self.transactions.remove(transaction)

    def pending(self) -> list[tuple[Transaction, Place]]:
        """Markers on their way."""
        return [
            (transaction, place)
            for transaction in self.transactions
            if transaction.state != OPEN
            for place in transaction.places
            if place not in transaction.landed
        ]

    def unstable(self, places: Sequence[Place]) -> bool:
        """Whether a transaction that is not known to have ended holds an offset of one of these."""
        return any(
            place in transaction.offsets
            for transaction in self.transactions
            if OFFSETS in transaction.places and OFFSETS not in transaction.landed
            for place in places
        )

    def stage(
        self, transaction: Transaction, offsets: Mapping[Place, int], metadata: bytes
    ) -> None:
        """TxnOffsetCommit, validated like a member's."""
        generation, member = _membership(metadata)
        if (generation >= 0 or member) and (
            generation != self.generation or member not in self.members
        ):
            raise KafkaException(KafkaError(KafkaError.ILLEGAL_GENERATION))
        if OFFSETS not in transaction.places:
            transaction.places.append(OFFSETS)
        transaction.offsets.update(offsets)


def _membership(metadata: bytes) -> tuple[int, str]:
    head = len(b"CGMDv2:")
    (generation,) = struct.unpack("<i", metadata[head : head + 4])
    _group, member, _rest = metadata[head + 4 :].split(b"\0", 2)
    return generation, member.decode()


# -- librdkafka's side -------------------------------------------------------------------


@dataclass(slots=True)
class Client:
    """What a process's clients need; it travels in the connection settings, under `model`."""

    broker: Broker
    stepper: Stepper

    def connection(self) -> dict[str, Any]:
        """Connection settings with this in them."""
        return {"model": self}


class Message:
    """A consumed record, a delivery report, or the end of a partition."""

    def __init__(
        self, place: Place, offset: int, entry: Entry | None = None, error: Any = None
    ) -> None:
        self._place, self._offset, self._entry, self._error = place, offset, entry, error

    def error(self) -> Any:
        return self._error

    def topic(self) -> str:
        return self._place[0]

    def partition(self) -> int:
        return self._place[1]

    def offset(self) -> int:
        return self._offset

    def key(self) -> bytes | None:
        return self._entry.key if self._entry else None

    def value(self) -> bytes | None:
        return self._entry.value if self._entry else None


class Producer:
    """A transactional producer."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        client: Client = settings["model"]
        self._broker, self._step = client.broker, client.stepper.step
        self._tid: str = settings["transactional.id"]
        self._epoch = -1
        # Not sent yet: librdkafka sends on a thread of its own, at the latest when it commits.
        self._queue: list[tuple[Place, bytes | None, bytes | None, Any, Any]] = []
        self._begun = False
        self._troubled: Callable[[KafkaError], None] = settings["error_cb"]

    def list_topics(self, _topic: str | None = None, timeout: float = 0) -> None:
        if self._broker.away:
            # No less than librdkafka: who asks in a loop would use a processor up.
            time.sleep(min(timeout, 0.02))
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        if self._broker.refuses:
            raise KafkaException(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))

    def init_transactions(self, _timeout: float = 0) -> None:
        while self._broker.away:
            time.sleep(0.01)
        # Behind the wait: whoever has ended meanwhile asks for nothing any more.
        self._step("init")
        self._epoch = self._broker.fence(self._tid)

    def begin_transaction(self) -> None:
        self._step("begin")
        if self._begun:
            raise KafkaException(KafkaError(KafkaError._STATE))
        self._begun = True

    def produce(
        self,
        topic: str,
        value: bytes | None = None,
        key: bytes | None = None,
        partition: int | None = None,
        on_delivery: Callable[..., None] | None = None,
        headers: Sequence[tuple[str, Any]] = (),
        **_more: Any,
    ) -> None:
        if partition is None:
            partition = partition_for(key or b"", self._broker.partitions)
        self._queue.append(((topic, partition), key, value, headers, on_delivery))

    def poll(self, _timeout: float = 0) -> int:
        if self._broker.away:
            self._troubled(KafkaError(KafkaError._ALL_BROKERS_DOWN))
        return 0

    def flush(self, _timeout: float = 0) -> int:
        return 0

    def send_offsets_to_transaction(
        self, offsets: Sequence[TopicPartition], metadata: bytes, _timeout: float = 0
    ) -> None:
        self._step("offsets")
        self._broker.troubled("offsets")
        transaction = self._broker.join(self._tid, self._epoch)
        wanted = {(each.topic, each.partition): each.offset for each in offsets}
        self._broker.stage(transaction, wanted, metadata)

    def commit_transaction(self, _timeout: float = 0) -> None:
        while self._queue:
            self._step("flush")
            self._broker.troubled("flush")
            place, key, value, headers, report = self._queue.pop(0)
            transaction = self._broker.join(self._tid, self._epoch)
            if place not in transaction.places:
                transaction.places.append(place)
            offset = self._broker.append(place, key, value, headers, transaction)
            if report is not None:
                report(None, Message(place, offset))
        self._step("commit")
        self._broker.end(self._tid, self._epoch)
        self._begun = False
        # Decided, and the answer on its way.
        self._step("answer")

    def abort_transaction(self, _timeout: float = 0) -> None:
        self._step("abort")
        transaction = self._broker.current(self._tid)
        if transaction is not None and transaction.state == OPEN:
            transaction.state = ABORTING
        self._queue.clear()
        self._begun = False


class Consumer:
    """A consumer that is assigned by hand."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        client: Client = settings["model"]
        self._broker, self._step = client.broker, client.stepper.step
        self._committed_only = settings["isolation.level"] == "read_committed"
        self._tells_ends = bool(settings.get("enable.partition.eof"))
        self._place: Place = ("", 0)
        self._position = 0
        self._told = -1

    def list_topics(self, _topic: str | None = None, timeout: float = 0) -> Any:
        broker = self._broker

        class Everything(dict[str, Any]):
            def __contains__(self, _name: object) -> bool:
                return True

            def __missing__(self, _name: str) -> Any:
                return type("Topic", (), {"partitions": dict.fromkeys(range(broker.partitions))})()

        return type("Metadata", (), {"cluster_id": "model", "topics": Everything()})()

    def committed(
        self, partitions: Sequence[TopicPartition], timeout: float = 0
    ) -> list[TopicPartition]:
        self._step("committed")
        places = [(each.topic, each.partition) for each in partitions]
        while self._committed_only and self._broker.unstable(places):
            self._step("waits for stable offsets")
        return [
            TopicPartition(topic, number, self._broker.committed.get((topic, number), -1001))
            for topic, number in places
        ]

    def get_watermark_offsets(
        self, partition: TopicPartition, timeout: float = 0, *, cached: bool = False
    ) -> tuple[int, int]:
        self._step("watermarks")
        place = (partition.topic, partition.partition)
        if self._committed_only:
            return LOW, self._broker.stable(place)
        return LOW, len(self._broker.log(place))

    def assign(self, partitions: Sequence[TopicPartition]) -> None:
        (one,) = partitions
        self._place, self._position = (one.topic, one.partition), one.offset

    def consume(self, most: int = 1, timeout: float = 0) -> list[Message]:
        self._step("consume")
        end = (
            self._broker.stable(self._place)
            if self._committed_only
            else len(self._broker.log(self._place))
        )
        # Few at a time: a worker may end between two batches of a restore.
        entries = self._broker.read(
            self._place, self._position, most=min(most, 3), committed=self._committed_only
        )
        if entries:
            self._position = entries[-1].offset + 1
            return [Message(self._place, entry.offset, entry) for entry in entries]
        if self._tells_ends and self._told != end:
            self._told = self._position = end
            return [Message(self._place, end, error=KafkaError(KafkaError._PARTITION_EOF))]
        self._step("waits for records")
        return []

    def close(self) -> None:
        """Nothing is held."""
