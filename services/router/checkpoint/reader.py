"""Reads the assigned partitions with librdkafka, from the positions that were restored.

It stands apart from membership: Faust's consumer joins the group, is assigned partitions and sends heartbeats, and reads nothing;
this client is told which offsets to begin at and knows of no group.  librdkafka fetches ahead on threads of its own, without
the interpreter's lock, and a fetch that waits at the broker is answered as soon as any partition has something.

Each generation has a client of its own.  Between an assignment and the first record nothing can be left over from before it:
the records of an earlier client carry an earlier epoch, and whoever handles a batch compares.

Hazard: everything of a client is called on one thread.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeVar

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from services.router.checkpoint.transactions import Place

log = structlog.get_logger(__name__)

MOST_RECORDS: Final = 1_000
"""In one fetch: a few tens of milliseconds of work."""

R = TypeVar("R")


class FetchedRecord(NamedTuple):
    """One record as it was read."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    timestamp: int
    """Milliseconds: when the record was written."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one partition of one topic, in order, fetched in one epoch."""

    topic: str
    partition: int
    records: Sequence[Any]
    """`FetchedRecord`s, or what has the same attributes."""
    epoch: int


@dataclass(frozen=True, slots=True)
class Fetched:
    """What one fetch brought, possibly nothing."""

    epoch: int
    batches: list[Batch]
    """In the order in which they arrived; at most one of each partition of a topic."""
    lags: dict[Place, int]
    """Offsets between what has been fetched and the end, of the places that are watched, as far as it is known."""


@dataclass(slots=True)
class _Client:
    consumer: Consumer
    epoch: int
    following: dict[Place, int]
    """The next offset of each place."""
    paused: set[Place] = field(default_factory=set)


class Reader:
    """A librdkafka consumer for the generation in hand; its coroutines are called from one event loop.

    Args:
        connection: librdkafka connection settings.
        group: only named to the broker, for its quotas and logs; this client does not join it.
        client_id: the same.
        watched: the topic whose lag each fetch tells.
        make: builds the client; for tests.
    """

    def __init__(
        self,
        connection: Mapping[str, Any],
        *,
        group: str,
        client_id: str,
        watched: str,
        make: Callable[[dict[str, Any]], Consumer] = Consumer,
    ) -> None:
        self._settings: dict[str, Any] = {
            **connection,
            "group.id": group,
            "client.id": client_id,
            # Trap: what a transaction wrote that is open or was aborted is never handed over.
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",
            # The end of a partition is told also where it is a transaction's marker, which is no record.
            "enable.partition.eof": True,
            # Answered as soon as there is anything; an idle worker asks five times a second.
            "fetch.wait.max.ms": 200,
            "fetch.message.max.bytes": 1 << 20,
            # What is read ahead, for all partitions together: a new complaint waits behind it.  By default the next fetch
            # is put off by a second when that is full.
            "queued.max.messages.kbytes": 4 << 10,
            "fetch.queue.backoff.ms": 5,
            "metadata.max.age.ms": 30_000,
        }
        self._watched = watched
        self._make = make
        self._client: _Client | None = None
        self._thread = ThreadPoolExecutor(1, "reader")
        self._opened = asyncio.Event()

    async def open(self, positions: Mapping[Place, int], epoch: int) -> None:
        """Read these partitions from these offsets from now on, and nothing of before.

        Raises:
            KafkaException: librdkafka refuses.
        """
        await self._call(self._open, dict(positions), epoch)
        self._opened.set()

    def forget(self) -> None:
        """Read no more; what is being fetched carries its old epoch."""
        self._opened.clear()
        client, self._client = self._client, None
        if client is not None:
            self._thread.submit(client.consumer.close)

    async def fetch(self, seconds: float) -> Fetched | None:
        """What has arrived; waits until something has, `seconds` at most, and without limit while nothing is assigned.

        Raises:
            KafkaException: an error that reading on would not mend.
        """
        await self._opened.wait()
        return await self._call(self._fetch, seconds)

    async def hold(self, place: Place, epoch: int) -> None:
        """Fetch nothing more of a partition for the rest of the epoch; what was fetched already may still come."""
        await self._call(self._hold, place, epoch)

    async def release(self, place: Place, epoch: int) -> None:
        """Go on fetching it."""
        await self._call(self._release, place, epoch)

    async def lags(self) -> dict[Place, int]:
        """How many offsets lie between what has been fetched and the end, of every place where it is known."""
        return await self._call(self._all_lags)

    # -- on the reader's thread ---------------------------------------------------------

    def _open(self, positions: dict[Place, int], epoch: int) -> None:
        if self._client is not None:
            self._client.consumer.close()
        consumer = self._make(self._settings)
        consumer.assign([TopicPartition(*place, offset) for place, offset in positions.items()])
        self._client = _Client(consumer, epoch, positions)

    def _fetch(self, seconds: float) -> Fetched | None:
        client = self._client
        if client is None:
            return None
        # `consume` would wait until it has all it may return.
        first = client.consumer.poll(seconds)
        messages: list[Message] = []
        if first is not None:
            messages = [first, *client.consumer.consume(MOST_RECORDS - 1, 0)]
        runs = _runs(messages, client.following)
        batches = [
            Batch(place[0], place[1], records, client.epoch) for place, records in runs.items()
        ]
        watched = (place for place in client.following if place[0] == self._watched)
        return Fetched(client.epoch, batches, _lags(client, watched))

    def _hold(self, place: Place, epoch: int) -> None:
        client = self._client
        if client is not None and client.epoch == epoch and place not in client.paused:
            client.consumer.pause([TopicPartition(*place)])
            client.paused.add(place)

    def _release(self, place: Place, epoch: int) -> None:
        client = self._client
        if client is not None and client.epoch == epoch and place in client.paused:
            client.consumer.resume([TopicPartition(*place)])
            client.paused.discard(place)

    def _all_lags(self) -> dict[Place, int]:
        client = self._client
        return {} if client is None else _lags(client, list(client.following))

    async def _call(self, function: Callable[..., R], *args: Any) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *args)


def _runs(
    messages: Iterable[Message], following: dict[Place, int]
) -> dict[Place, list[FetchedRecord]]:
    """The records by partition; `following` moves with them.

    Raises:
        KafkaException: an error that reading on would not mend.
    """
    runs: dict[Place, list[FetchedRecord]] = {}
    for message in messages:
        error = message.error()
        place: Place = (message.topic(), message.partition())  # type: ignore[assignment]
        offset: int = message.offset()  # type: ignore[assignment]
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - confluent-kafka's public constants begin with _
                # Markers lie between the last record and here.
                following[place] = max(following[place], offset)
            else:
                _complain(error)
            continue
        if offset < following[place]:
            # A client that was paused may fetch again what it had handed over.
            continue
        following[place] = offset + 1
        run = runs.get(place)
        if run is None:
            run = runs[place] = []
        run.append(
            FetchedRecord(
                place[0],
                place[1],
                offset,
                message.key(),
                message.value(),
                message.headers() or (),  # type: ignore[arg-type]
                message.timestamp()[1],
            )
        )
    return runs


def _complain(error: KafkaError) -> None:
    if error.fatal() or error.code() in _HOPELESS:
        raise KafkaException(error)
    # The broker is away, or moves a partition: librdkafka tries again by itself.
    log.warning("router.reading_disturbed", error=error.name(), detail=error.str())


_HOPELESS: Final = frozenset(
    {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001 - as above
        KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001
        KafkaError._AUTHENTICATION,  # noqa: SLF001
        KafkaError._AUTO_OFFSET_RESET,  # noqa: SLF001
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.OFFSET_OUT_OF_RANGE,
    }
)


def _lags(client: _Client, places: Iterable[Place]) -> dict[Place, int]:
    lags: dict[Place, int] = {}
    for place in places:
        found = client.consumer.get_watermark_offsets(TopicPartition(*place), cached=True)
        # Nothing is known, or what was known when the partition was last fetched.
        if found[1] >= 0:
            lags[place] = max(0, found[1] - client.following[place])
    return lags
