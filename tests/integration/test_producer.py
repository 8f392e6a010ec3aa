"""Records written to a real broker: acknowledged, or an error in time, whatever the broker does."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from services.chassis.consumer import PartitionReader
from services.chassis.errors import BrokerUnavailable, Overloaded, PermanentError
from services.chassis.partitioner import partition_for
from services.chassis.producer import EventPublisher
from services.chassis.provision import provision
from services.chassis.records import Ack, Outgoing, Received
from services.chassis.settings import KafkaSettings
from tests.support.broker import RunningBroker

TOPIC = "process.observed"
Publisher = Callable[..., EventPublisher]


def provisioned(bootstrap: str, prefix: str) -> KafkaSettings:
    settings = KafkaSettings(bootstrap_servers=bootstrap, topic_prefix=prefix, partitions=3)
    provision(settings, ["packing"])
    return settings


@pytest.fixture
def settings(broker: str, topic_prefix: str) -> KafkaSettings:
    return provisioned(broker, topic_prefix)


@pytest.fixture
def own_settings(victim: RunningBroker, topic_prefix: str) -> KafkaSettings:
    return provisioned(victim.bootstrap, topic_prefix)


@pytest.fixture
def make() -> Iterator[Publisher]:
    """Publishers that are closed at the end of the test."""
    made: list[EventPublisher] = []

    def start(settings: KafkaSettings, **options: float) -> EventPublisher:
        publisher = EventPublisher(settings, name="test", **options).start()  # type: ignore[arg-type]
        made.append(publisher)
        return publisher

    yield start
    for publisher in made:
        publisher.close(timeout=1)


@contextmanager
def paused(broker: RunningBroker) -> Iterator[None]:
    """The broker stands still: connections stay open and nothing answers."""
    pid = broker.kafka.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def read_all(settings: KafkaSettings, topic: str = TOPIC) -> list[Received]:
    found: list[Received] = []
    with PartitionReader(settings, [topic], name="test-reader") as reader:
        ends = time.monotonic() + 20
        while reader.lag() > 0:
            assert time.monotonic() < ends
            found += reader.poll(0.5)
    return found


async def test_acknowledged_record_is_there(settings: KafkaSettings, make: Publisher) -> None:
    """Key, value and headers come back from where the acknowledgement says, in the partition of its key."""
    publisher = make(settings)
    headers = (("ce_id", b"1"), ("ce_type", b"x"))
    ack = await publisher.publish(TOPIC, b"order-1", b'{"a": 1}', headers)
    (record,) = read_all(settings)
    assert (record.topic, record.partition, record.offset) == (TOPIC, ack.partition, ack.offset)
    assert ack.partition == partition_for(b"order-1", 3)
    assert (record.key, record.value, record.headers) == (b"order-1", b'{"a": 1}', headers)
    assert publisher.seconds_since_ack < 5


async def test_asked_partition_is_used(settings: KafkaSettings, make: Publisher) -> None:
    """Who names a partition gets it; one that does not exist is a mistake for good."""
    publisher = make(settings)
    assert (await publisher.publish("clock.tick", b"wall", b"{}", partition=2)).partition == 2
    with pytest.raises(PermanentError, match="invalid_record"):
        await publisher.publish("clock.tick", b"wall", b"{}", partition=3)


async def test_batch_larger_than_the_bound_goes_in_whole(
    settings: KafkaSettings, make: Publisher
) -> None:
    """A thousand records through a bound of fifty: each acknowledged, those of one key in their order."""
    publisher = make(settings, max_in_flight=50)
    records = [Outgoing(TOPIC, f"k{n % 7}".encode(), str(n).encode()) for n in range(1000)]
    results = await publisher.publish_many(records, deadline_seconds=30)
    assert all(isinstance(result, Ack) for result in results)
    assert publisher.in_flight == 0
    by_key: dict[bytes | None, list[int]] = {}
    for record in sorted(read_all(settings), key=lambda r: (r.partition, r.offset)):
        by_key.setdefault(record.key, []).append(int(record.value or b""))
    assert sum(len(found) for found in by_key.values()) == 1000
    assert all(found == sorted(found) for found in by_key.values())


async def test_two_batches_share_the_bound(settings: KafkaSettings, make: Publisher) -> None:
    """Batches at one time wait for each other's room instead of failing, and singles still get in."""
    publisher = make(settings, max_in_flight=40)
    batches = [[Outgoing(TOPIC, f"{b}-{n}".encode(), b"v") for n in range(300)] for b in range(3)]
    running = [
        asyncio.create_task(publisher.publish_many(batch, deadline_seconds=30)) for batch in batches
    ]
    singles = [await publisher.publish(TOPIC, b"single", b"v") for _ in range(5)]
    assert all(isinstance(single, Ack) for single in singles)
    for results in await asyncio.gather(*running):
        assert all(isinstance(result, Ack) for result in results)


def test_threads_may_wait_too(settings: KafkaSettings, make: Publisher) -> None:
    """A service without an event loop sends from its threads and gets the same acknowledgements."""
    publisher = make(settings)
    with ThreadPoolExecutor(4) as pool:
        acks = list(
            pool.map(lambda n: publisher.publish_sync(Outgoing(TOPIC, b"k", b"%d" % n)), range(20))
        )
    assert sorted(ack.offset for ack in acks) == list(range(20))
    many = publisher.publish_all_sync([Outgoing(TOPIC, b"k", b"v") for _ in range(10)])
    assert [ack.offset for ack in many] == list(range(20, 30))


async def test_record_beyond_the_limit_is_permanent(
    settings: KafkaSettings, make: Publisher
) -> None:
    """Trying again would not make it smaller; the next record is not touched by it."""
    publisher = make(settings)
    with pytest.raises(PermanentError, match="record_too_large"):
        await publisher.publish(TOPIC, b"k", b"x" * 2_000_000)
    assert isinstance(await publisher.publish(TOPIC, b"k", b"v"), Ack)


async def test_missing_topic_does_not_hold_up_the_others(
    settings: KafkaSettings, make: Publisher
) -> None:
    """It is refused in time, at once when asked again, and others go on."""
    publisher = make(settings)
    await publisher.publish(TOPIC, b"k", b"v")
    with pytest.raises(BrokerUnavailable):
        await publisher.publish("no.such.topic", b"k", b"v")
    began = time.monotonic()
    with pytest.raises(BrokerUnavailable, match="not there"):
        await publisher.publish("no.such.topic", b"k", b"v")
    assert time.monotonic() - began < 1
    assert isinstance(await publisher.publish(TOPIC, b"k", b"v"), Ack)


async def test_broker_that_stands_still_costs_no_more_than_the_deadline(
    victim: RunningBroker, own_settings: KafkaSettings, make: Publisher
) -> None:
    """Whoever waits is told at the deadline, and afterwards all is well again."""
    publisher = make(own_settings, deadline_seconds=1.5)
    await _again(publisher, 20, b"before")
    with paused(victim):
        began = time.monotonic()
        with pytest.raises(BrokerUnavailable, match=r"1\.5 s"):
            await publisher.publish(TOPIC, b"k", b"during")
        assert 1.4 < time.monotonic() - began < 2.5
        results = await publisher.publish_many(
            [Outgoing(TOPIC, b"k", b"during") for _ in range(20)], deadline_seconds=0.5
        )
        assert all(isinstance(result, BrokerUnavailable) for result in results)
    assert isinstance(await _again(publisher, 20), Ack)


async def test_what_is_unacknowledged_is_bounded(
    victim: RunningBroker, own_settings: KafkaSettings, make: Publisher
) -> None:
    """While nothing is acknowledged, one more than the bound is refused at once: nothing of it was sent."""
    publisher = make(own_settings, max_in_flight=10, deadline_seconds=1.0)
    await _again(publisher, 20, b"before")
    with paused(victim):
        waiting = [publisher.publish(TOPIC, b"k", b"v") for _ in range(10)]
        began = time.monotonic()
        with pytest.raises(Overloaded):
            publisher.publish(TOPIC, b"k", b"v")
        assert time.monotonic() - began < 0.1
        for future in waiting:
            with pytest.raises(BrokerUnavailable):
                await future
    assert isinstance(await _again(publisher, 20), Ack)


async def test_client_that_is_stuck_is_made_anew(
    victim: RunningBroker, own_settings: KafkaSettings, make: Publisher
) -> None:
    """A record open for longer than allowed costs the client its place; the next one works."""
    publisher = make(own_settings, give_up_seconds=1.0, deadline_seconds=0.5)
    await _again(publisher, 20, b"before")
    with paused(victim):
        with pytest.raises(BrokerUnavailable):
            await publisher.publish(TOPIC, b"k", b"during")
        ends = time.monotonic() + 15
        while publisher.in_flight:
            assert time.monotonic() < ends, "the stuck client was not given up"
            await asyncio.sleep(0.05)
        assert publisher.check() is None
    assert isinstance(await _again(publisher, 20), Ack)


async def test_killed_broker_is_found_again(
    victim: RunningBroker, own_settings: KafkaSettings, make: Publisher
) -> None:
    """kill -9 and a start later: what was acknowledged is there, and writing goes on soon after."""
    publisher = make(own_settings, deadline_seconds=2.0)
    await _again(publisher, 20, b"before")
    victim.kafka.kill()
    with pytest.raises(BrokerUnavailable):
        await publisher.publish(TOPIC, b"k", b"during")
    await asyncio.to_thread(victim.kafka.start, 60)
    assert isinstance(await _again(publisher, 15), Ack)
    values = [record.value for record in read_all(own_settings)]
    assert values.count(b"before") >= 1
    assert values.count(b"after") >= 1


@pytest.mark.slow
async def test_broker_that_was_away_for_long_is_written_to_at_once(
    victim: RunningBroker, own_settings: KafkaSettings, make: Publisher
) -> None:
    """Away for longer than the client keeps a record, with records under way: the first seconds after it count again."""
    publisher = make(own_settings, deadline_seconds=2.0)
    await _again(publisher, 20, b"before")
    assert victim.kafka.pid is not None
    os.kill(victim.kafka.pid, signal.SIGSTOP)
    waiting = [publisher.publish(TOPIC, b"%d" % n, b"under way") for n in range(50)]
    await asyncio.sleep(0.2)
    victim.kafka.kill()
    ends = time.monotonic() + 12
    while time.monotonic() < ends:
        waiting.append(publisher.publish(TOPIC, b"k", b"during"))
        await asyncio.sleep(0.5)
    await asyncio.gather(*waiting, return_exceptions=True)
    await asyncio.to_thread(victim.kafka.start, 60)

    assert isinstance(await _again(publisher, 8), Ack)


async def test_closing_sends_what_is_queued(settings: KafkaSettings, make: Publisher) -> None:
    """A service that stops finishes what it took; afterwards nothing more is taken."""
    publisher = make(settings)
    futures = [publisher.publish(TOPIC, b"k", b"v") for _ in range(100)]
    await asyncio.to_thread(publisher.close, 10)
    assert all(isinstance(ack, Ack) for ack in await asyncio.gather(*futures))
    with pytest.raises(BrokerUnavailable, match="stopping"):
        await publisher.publish(TOPIC, b"k", b"v")
    assert publisher.check() is not None


async def _again(publisher: EventPublisher, seconds: float, value: bytes = b"after") -> Ack:
    """The first acknowledgement within `seconds`; a refused try is made again.

    The first record of a fresh topic needs it too: its leader takes a moment after the metadata names it.
    """
    ends = time.monotonic() + seconds
    while True:
        try:
            return await publisher.publish(TOPIC, b"k", value)
        except BrokerUnavailable:
            assert time.monotonic() < ends, f"no acknowledgement within {seconds} s"
            await asyncio.sleep(0.1)
