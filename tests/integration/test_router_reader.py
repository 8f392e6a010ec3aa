"""The router's reader on the real broker: from where it is told, what is committed, once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager

from confluent_kafka import Producer

from services.chassis.provision import provision
from services.chassis.settings import KafkaSettings
from services.router.checkpoint.reader import FetchedRecord, Reader
from services.router.checkpoint.transactions import Place

PARTITION = 2


class Bench:
    """One topic, and ways to write into it."""

    def __init__(self, broker: str, prefix: str) -> None:
        self.kafka = KafkaSettings(bootstrap_servers=broker, topic_prefix=prefix)
        provision(self.kafka, ["a"])
        self.topic = self.kafka.topic("process.observed")
        self.other = self.kafka.topic("trace.requested")
        self._plain = Producer(self.kafka.for_librdkafka())
        self._prefix = prefix

    def write(self, values: Iterable[str], topic: str | None = None) -> None:
        """Write plain records."""
        for value in values:
            self._plain.produce(topic or self.topic, value, b"k", partition=PARTITION)
        assert self._plain.flush(20) == 0

    def transaction(self, values: Iterable[str], *, commit: bool) -> None:
        """Write records in a transaction, and end it."""
        producer = Producer({**self.kafka.for_librdkafka(), "transactional.id": f"{self._prefix}t"})
        producer.init_transactions(20)
        producer.begin_transaction()
        for value in values:
            producer.produce(self.topic, value, b"k", partition=PARTITION)
        producer.flush(20)
        if commit:
            producer.commit_transaction(20)
        else:
            producer.abort_transaction(20)


@asynccontextmanager
async def reading(bench: Bench) -> AsyncIterator[Reader]:
    """A reader that is forgotten at the end."""
    reader = Reader(
        bench.kafka.for_librdkafka(), group="router", client_id="test", watched=bench.topic
    )
    try:
        yield reader
    finally:
        reader.forget()


async def collect(
    reader: Reader, enough: Callable[[list[FetchedRecord], dict[Place, int]], bool]
) -> list[FetchedRecord]:
    """Fetch until `enough` of records and lags."""
    found: list[FetchedRecord] = []
    ends = time.monotonic() + 20
    while True:
        fetched = await reader.fetch(0.2)
        assert fetched is not None
        for batch in fetched.batches:
            found += batch.records
        if enough(found, fetched.lags):
            return found
        assert time.monotonic() < ends, (len(found), fetched.lags)


def values(records: Iterable[FetchedRecord]) -> list[str]:
    """What is in them."""
    return [(record.value or b"").decode() for record in records]


def run(work: Awaitable[None]) -> None:
    """In a loop of its own."""

    async def main() -> None:
        await work

    asyncio.run(main())


def test_only_what_is_committed_from_where_it_is_told(broker: str, topic_prefix: str) -> None:
    """It begins at the offset given, passes over what was aborted, and knows that it is at the end though a marker is there."""
    bench = Bench(broker, topic_prefix)
    bench.write(f"v{number}" for number in range(10))
    bench.transaction(["never"], commit=False)
    bench.transaction(["t0", "t1"], commit=True)

    async def scenario() -> None:
        async with reading(bench) as reader:
            await reader.open({(bench.topic, PARTITION): 7}, 1)
            at_end = (bench.topic, PARTITION)
            found = await collect(
                reader, lambda some, lags: len(some) == 5 and lags.get(at_end) == 0
            )
            assert values(found) == ["v7", "v8", "v9", "t0", "t1"]
            assert found[0].offset == 7
            assert found[0].key == b"k"
            assert found[0].headers == ()
            assert found[0].timestamp > 0

    run(scenario())


def test_a_partition_that_is_held_goes_on_where_it_stood(broker: str, topic_prefix: str) -> None:
    """Held with records read ahead, and released: every record comes once and in order; others come meanwhile."""
    bench = Bench(broker, topic_prefix)
    bench.write((f"v{number}" for number in range(3_000)), bench.other)

    async def scenario() -> None:
        async with reading(bench) as reader:
            held = (bench.other, PARTITION)
            await reader.open({held: 0, (bench.topic, PARTITION): 0}, 1)
            found = await collect(reader, lambda some, _lags: len(some) >= 500)
            await reader.hold(held, 1)
            bench.write(["meanwhile"])
            found += await collect(reader, lambda some, _lags: "meanwhile" in values(some))
            await reader.release(held, 1)
            left = 3_001 - len(found)
            found += await collect(reader, lambda some, _lags: len(some) >= left)
            questions = [record for record in found if record.topic == bench.other]
            assert values(questions) == [f"v{number}" for number in range(3_000)]

    run(scenario())


def test_a_generation_reads_nothing_of_the_one_before(broker: str, topic_prefix: str) -> None:
    """Opened anew at another offset, what comes carries the new epoch and begins there."""
    bench = Bench(broker, topic_prefix)
    bench.write(f"v{number}" for number in range(2_000))

    async def scenario() -> None:
        async with reading(bench) as reader:
            place = (bench.topic, PARTITION)
            await reader.open({place: 0}, 1)
            await collect(reader, lambda some, _lags: bool(some))
            reader.forget()
            await reader.open({place: 5}, 2)
            fetched = None
            while fetched is None or not fetched.batches:
                fetched = await reader.fetch(0.5)
            assert fetched.epoch == 2
            assert fetched.batches[0].records[0].offset == 5
            await reader.hold(place, 1)
            # A hold that was meant for the generation before has no effect on this one.
            await collect(reader, lambda some, _lags: "v1999" in values(some))

    run(scenario())
