"""Raises the number of partitions of a pipeline whose router is stopped: each row moves to where its key lies then.

The alternative, new topics and a replay, would decide everything again with all the evidence at hand: other revisions, and
with them other assignment ids and second alerts.  Here nothing is decided: revisions, ids and offsets stay as they are.

The order is what makes it safe to be interrupted anywhere, and repeated:

1. the changelog gets its new partitions.  From now on no router starts, whatever number it is configured with, because the
   topics differ; and nothing is lost, because nothing has moved;
2. rows move, some thousands in a transaction: written to the new partition, deleted from the old one.  Whoever repeats this finds
   only what has not moved;
3. all other topics follow.  When the last one has, routers start with the new number.

Records that lie unread in the old partitions, or that a writer still puts there, are forwarded by the router as any record that
lies in the wrong partition.  So intake and all other writers need not stop.

Hazard: a number cannot be lowered again.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from services.chassis.errors import ConfigurationError
from services.chassis.partitioner import partition_for
from services.router.checkpoint.faults import fault_point
from services.router.checkpoint.restore import Restorer
from services.router.checkpoint.store import PartitionStore, SharedMemory, row_key

log = structlog.get_logger(__name__)

_TIMEOUT: Final = 30.0
_CHUNK: Final = 5_000
"""Rows in a transaction: each is written twice."""
_LEAVE_SECONDS: Final = 45.0
"""A worker that has ended keeps its place until its session has run out."""

KeyOf = Callable[[bytes, bytes], bytes | None]
Joined = Callable[[bytes, Sequence[bytes | None]], bytes | None]
Row = tuple[int, bytes, bytes | None]
"""Partition of the changelog, key, value."""


@dataclass(frozen=True, slots=True)
class Place:
    """Everything that is raised together.

    Attributes:
        connection: librdkafka connection settings.
        group: the router's consumer group.
        changelog: physical name of its changelog.
        inputs: physical names of the topics that it reads.
        others: physical names of all other topics that are partitioned alike.
    """

    connection: Mapping[str, Any]
    group: str
    changelog: str
    inputs: tuple[str, ...]
    others: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Raised:
    """What was done."""

    before: int
    after: int
    moved: int
    """Rows that lie in another partition now."""
    stayed: int
    positions: Mapping[str, Sequence[int]]
    """Where the router had stopped: the committed offset of each old partition, by topic."""


def raise_partitions(
    place: Place,
    to: int,
    folder: Path,
    *,
    key_of: KeyOf,
    joined: Joined,
    wall_seconds: Callable[[], int],
) -> Raised:
    """Raise every topic to `to` partitions and move the router's rows.

    Args:
        place: what.
        to: how many partitions.
        folder: for the rows of all partitions while they are moved; it is emptied before and after.
        key_of: the record key that a row belongs to; None for a row of the partition itself.
        joined: what such a row is in a partition that continues several.
        wall_seconds: epoch seconds.

    Raises:
        ConfigurationError: the router still runs, a topic is missing, or the number is not higher than now.
        KafkaException: the broker does not answer; repeat it.
    """
    admin = AdminClient(dict(place.connection))
    every = (place.changelog, *place.inputs, *place.others)
    counts = _counts(admin, every)
    rest = {name: count for name, count in counts.items() if name != place.changelog}
    before = min(rest.values())
    _refuse(counts, before, to)
    _await_empty(admin, place.group)
    restorer = Restorer(
        place.connection,
        group=place.group,
        changelog_topic=place.changelog,
        wall_seconds=wall_seconds,
    )
    old = [(topic, number) for topic in place.inputs for number in range(before)]
    moved = stayed = 0
    # Only when every row has its place do the others follow: one that has tells that all rows have moved.
    positions = restorer.positions(old)
    if max(rest.values()) == before:
        log.info("raising.recorded_point", positions=_by_topic(positions))
        _expand(admin, place.changelog, to)
        fault_point("raising.changelog")
        moved, stayed = _move(place, restorer, before, to, folder, key_of=key_of, joined=joined)
        fault_point("raising.moved")
        if restorer.positions(old) != positions or _members(admin, place.group):
            raise ConfigurationError(
                "a router has worked meanwhile; stop every one of them and repeat the command"
            )
    for name in (*place.others, *place.inputs):
        _expand(admin, name, to)
        fault_point("raising.topic")
    return Raised(before, to, moved, stayed, _by_topic(positions))


def _refuse(counts: Mapping[str, int], before: int, to: int) -> None:
    missing = sorted(name for name, count in counts.items() if count == 0)
    if missing:
        raise ConfigurationError(
            f"topic {missing[0]} is missing; create the topics first: python -m services.cli.provision"
        )
    strange = sorted(name for name, count in counts.items() if count not in (before, to))
    if strange:
        raise ConfigurationError(
            f"topic {strange[0]} has {counts[strange[0]]} partitions, others have {before}; "
            f"go on with the number that was begun with, {max(counts.values())}"
        )
    if to < before or (to == before and set(counts.values()) == {to}):
        raise ConfigurationError(
            f"there are {before} partitions already; their number can only be raised"
        )
    if len(set(counts.values())) > 1:
        log.info("raising.resumed", before=before, to=to)


def _counts(admin: AdminClient, names: Iterable[str]) -> dict[str, int]:
    found = admin.list_topics(timeout=_TIMEOUT).topics
    return {name: len(found[name].partitions) if name in found else 0 for name in names}


def _members(admin: AdminClient, group: str) -> list[str]:
    described = admin.describe_consumer_groups([group], request_timeout=_TIMEOUT)[group].result()
    return sorted(str(member.group_instance_id or member.member_id) for member in described.members)


def _await_empty(admin: AdminClient, group: str) -> None:
    until = time.monotonic() + _LEAVE_SECONDS
    while members := _members(admin, group):
        if time.monotonic() > until:
            raise ConfigurationError(
                f"the router still runs ({', '.join(members)}); stop every worker first"
            )
        time.sleep(0.5)


def _expand(admin: AdminClient, name: str, to: int) -> None:
    if _counts(admin, [name])[name] >= to:
        return
    for future in admin.create_partitions([NewPartitions(name, to)]).values():
        future.result(_TIMEOUT)
    until = time.monotonic() + _TIMEOUT
    while True:
        topic = admin.list_topics(name, timeout=_TIMEOUT).topics[name]
        if len(topic.partitions) == to and all(
            partition.leader >= 0 for partition in topic.partitions.values()
        ):
            return
        if time.monotonic() > until:
            raise ConfigurationError(f"{name} did not get {to} partitions in {_TIMEOUT:g} s")
        time.sleep(0.1)


def _by_topic(positions: Mapping[tuple[str, int], int]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for (topic, _number), offset in sorted(positions.items()):
        found.setdefault(topic, []).append(offset)
    return found


def _move(
    place: Place,
    restorer: Restorer,
    before: int,
    to: int,
    folder: Path,
    *,
    key_of: KeyOf,
    joined: Joined,
) -> tuple[int, int]:
    shutil.rmtree(folder, ignore_errors=True)
    memory = SharedMemory()
    mover = _Mover(place)
    moved = stayed = 0
    with ExitStack() as open_until_the_end:
        open_until_the_end.callback(shutil.rmtree, folder, ignore_errors=True)
        stores = []
        for number in range(before):
            store = PartitionStore(folder / str(number), memory)
            open_until_the_end.callback(store.close)
            restorer.restore(number, store, wanted=lambda: True)
            stores.append(store)
        chunk: list[Row] = []
        shared: list[dict[tuple[bytes, bytes], bytes]] = [{} for _ in stores]
        for number, store in enumerate(stores):
            for group, item, value in store.rows():
                key = key_of(group, item)
                if key is None:
                    shared[number][group, item] = value
                    continue
                target = partition_for(key, to)
                if target == number:
                    stayed += 1
                    continue
                moved += 1
                whole = row_key(group, item)
                chunk += ((target, whole, value), (number, whole, None))
                if len(chunk) >= 2 * _CHUNK:
                    mover.commit(chunk)
                    chunk = []
        mover.commit([*chunk, *_of_partitions(shared, to, joined)])
    return moved, stayed


def _of_partitions(
    shared: Sequence[Mapping[tuple[bytes, bytes], bytes]], to: int, joined: Joined
) -> Iterator[Row]:
    """The rows of each new partition itself, from those of the old ones that its keys lay in."""
    before = len(shared)
    step = math.gcd(before, to)
    for target in range(to):
        first = target % before
        # hash % to == target says of hash % before only what it is modulo their common divisor.
        others = [n for n in range(target % step, before, step) if n != first]
        sources = [shared[number] for number in (first, *others)]
        for group, item in sorted({place for source in sources for place in source}):
            value = joined(group, [source.get((group, item)) for source in sources])
            if target >= before or value != shared[target].get((group, item)):
                yield target, row_key(group, item), value


class _Mover:
    """Writes rows into the changelog, a chunk in each transaction."""

    def __init__(self, place: Place) -> None:
        self._topic = place.changelog
        self._failed: list[str] = []
        self._producer = Producer(
            {
                **place.connection,
                # Whoever repeats the command ends what an earlier one left open.
                "transactional.id": f"{place.group}-raising",
                "transaction.timeout.ms": 60_000,
                "compression.type": "lz4",
                "linger.ms": 5,
                "queue.buffering.max.messages": 1_000_000,
            }
        )
        self._producer.init_transactions(_TIMEOUT)

    def commit(self, rows: Iterable[Row]) -> None:
        """Write all of them or none."""
        producer = self._producer
        producer.begin_transaction()
        for partition, key, value in rows:
            producer.produce(
                self._topic, value, key, partition=partition, on_delivery=self._delivered
            )
            producer.poll(0)
        producer.commit_transaction(_TIMEOUT)
        if self._failed:
            raise RuntimeError(f"a committed transaction had failed records: {self._failed[0]}")
        fault_point("raising.chunk")

    def _delivered(self, error: object, _message: object) -> None:
        if error is not None:
            self._failed.append(str(error))
