"""Each trap of Faust's own commit, on the real broker: the router comes through it, and stock Faust loses or repeats.

The fence is that Faust reads nothing and commits nothing: offsets are in the checkpoint's transaction.  Taken out, it is stock
Faust at work (tests/support/stock_faust.py); then each trap's harm is read from the broker itself: what lies before the
committed offset and never came out would be lost by a crash now, what lies behind it and has come out would be repeated.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
)

from services.chassis.partitioner import partition_for
from services.chassis.settings import KafkaSettings
from tests.support import stock_faust
from tests.support.fence_story import (
    PROCESSES,
    SECONDS,
    SIDE_BY_SIDE,
    Story,
    Told,
    committed_offset,
    counted,
)
from tests.support.following import Following

Connection = dict[str, str | int | float | bool]
TRAPS = stock_faust.TRAPS
LARGE = "".join(hashlib.sha256(b"%d" % number).hexdigest() for number in range(100))
"""More than a topic for small records takes, compressed too."""
SMALL_RECORDS = {"max.message.bytes": "2000"}
VALUES = [f"v{number}" for number in range(10)]
EACH_IN_A_TRANSACTION = [f"v{number}" for number in range(24)]
KEY = next(key for n in range(100) if partition_for(key := b"k%d" % n, 4) == 3)
"""Of the last partition: a second worker takes it over."""


def write_in_transactions(connection: Connection, topic: str, values: list[str]) -> None:
    """Each value with a marker behind it."""
    writer = Producer(
        {**connection, "transactional.id": f"{topic}-writer", "partitioner": "murmur2_random"}
    )
    writer.init_transactions(30)
    for value in values:
        writer.begin_transaction()
        writer.produce(topic, value, KEY)
        writer.commit_transaction(30)


# -- with the fence: the router ---------------------------------------------------------------------


def told(story: Story, values: list[str], offset: int | None = None) -> Told:
    """What came out, and where the group would read on if the workers ended now."""
    story.until("the last comes out", lambda: len(story.values(KEY)) >= len(values))
    wanted = counted(values), len(values) if offset is None else offset
    return (story.values(KEY), story.committed(KEY)), wanted


def a_record_in_hand(story: Story) -> Told:
    """L3, L4: a worker is killed while it has a record in hand and others wait behind it."""
    story.feed(["v0", "hang", "v2"], key=KEY)
    worker = story.start()
    story.until("the record in hand", (story.folder / "w0" / "hung").exists)
    worker.kill()
    worker.join(10)
    story.start()
    return told(story, ["v0", "hang", "v2"])


def markers_and_a_second_worker(story: Story) -> Told:
    """L5, L11: between the records lie markers; then another worker takes the partition over."""
    topic = story.kafka.topic("process.observed")
    write_in_transactions(story.kafka.for_librdkafka(), topic, VALUES)
    story.start("w0")
    story.until("all", lambda: len(story.values(KEY)) == len(VALUES))
    story.start("w1")
    story.until_shared(("w0", "w1"))
    story.feed(["v10"], key=KEY)
    # A marker lies behind each of the first ten.
    return told(story, [*VALUES, "v10"], offset=2 * len(VALUES) + 1)


def an_output_without_a_topic(story: Story) -> Told:
    """L6: what comes out has nowhere to go for a while."""
    admin = AdminClient(story.kafka.for_librdkafka())
    topic = story.kafka.topic("complaint.traced")
    admin.delete_topics([topic])[topic].result(30)
    story.until_gone(topic)
    story.feed(["v0"], key=KEY)
    story.until_ended(story.start(commit_seconds=3.0), 70)
    assert story.committed(KEY) is None
    admin.create_topics([NewTopic(topic, story.partitions, 1)])[topic].result(30)
    story.start()
    return told(story, ["v0"])


def an_output_that_is_refused(story: Story) -> Told:
    """L7: the broker refuses what comes out, until somebody changes the topic."""
    topic = story.kafka.topic("complaint.traced")
    configure(story.kafka.for_librdkafka(), topic, SMALL_RECORDS)
    story.feed(["v0"], key=KEY)
    first = story.start()
    story.until("the small one", lambda: story.values(KEY))
    story.feed([LARGE], key=KEY)
    story.until_ended(first, 70)
    assert story.committed(KEY) == 1
    configure(story.kafka.for_librdkafka(), topic, {"max.message.bytes": "1000000"})
    story.start()
    return told(story, ["v0", LARGE])


def a_commit_that_is_refused(story: Story) -> Told:
    """L12: the coordinator refuses the offsets once."""
    story.feed(VALUES, key=KEY)
    story.until_ended(story.start(refused=True), 70)
    assert story.committed(KEY) is None
    story.start(refused=True)
    return told(story, VALUES)


ROUTER: dict[str, Callable[[Story], Told]] = {
    "L3": a_record_in_hand,
    "L4": a_record_in_hand,
    "L5": markers_and_a_second_worker,
    "L6": an_output_without_a_topic,
    "L7": an_output_that_is_refused,
    "L11": markers_and_a_second_worker,
    "L12": a_commit_that_is_refused,
}


# -- without it: stock Faust -----------------------------------------------------------------------------


def configure(connection: Connection, topic: str, configs: dict[str, str]) -> None:
    """Change a topic's settings."""
    entries = [
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        for name, value in configs.items()
    ]
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=entries)
    admin = AdminClient(connection)
    for future in admin.incremental_alter_configs([resource]).values():
        future.result(30)


@dataclass
class Stock:
    """Stock Faust's apps at work, one for each trap, and the broker's books about them."""

    broker: str
    folder: Path
    traps: tuple[str, ...]
    prefix: str = field(default_factory=lambda: f"s{uuid.uuid4().hex[:10]}-")
    following: dict[str, Following] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.connection: Connection = {"bootstrap.servers": self.broker}
        self.log = self.folder / "stock.log"
        new = []
        for trap in self.traps:
            new.append(NewTopic(stock_faust.topic_in(self.prefix, trap), 1, 1))
            if trap != "L6":
                config = SMALL_RECORDS if trap == "L7" else {}
                out = stock_faust.topic_out(self.prefix, trap)
                new.append(NewTopic(out, 1, 1, config=config))
        admin = AdminClient(self.connection)
        for future in admin.create_topics(new).values():
            future.result(30)
        for trap in self.traps:
            topic = stock_faust.topic_in(self.prefix, trap)
            if trap == "L5":
                write_in_transactions(self.connection, topic, EACH_IN_A_TRANSACTION)
            else:
                self._write(topic, self.inputs(trap))
        self.process = PROCESSES.Process(
            target=stock_faust.run,
            args=(self.broker, self.prefix, self.traps, self.folder, self.log),
            daemon=True,
        )
        self.process.start()

    @staticmethod
    def inputs(trap: str) -> list[str]:
        """What goes into a trap's app, in order."""
        boom = stock_faust.BOOM.decode()
        return {
            "L3": [*VALUES[:3], boom, *VALUES[3:]],
            "L4": [boom, *VALUES],
            "L5": EACH_IN_A_TRANSACTION,
            "L7": [*VALUES[:3], LARGE, *VALUES[3:]],
        }.get(trap, VALUES)

    def _write(self, topic: str, values: list[str]) -> None:
        producer = Producer(self.connection)
        for value in values:
            producer.produce(topic, value, KEY, partition=0)
        assert producer.flush(30) == 0

    def outputs(self, trap: str) -> list[str]:
        """What has come out, in order."""
        if trap not in self.following:
            topic = stock_faust.topic_out(self.prefix, trap)
            self.following[trap] = Following(self.connection, topic)
        return [(m.value() or b"").decode() for m in self.following[trap].messages()]

    def committed(self, trap: str) -> int:
        """Where the group would read on after a crash now."""
        group = stock_faust.group(self.prefix, trap)
        place = TopicPartition(stock_faust.topic_in(self.prefix, trap), 0)
        return committed_offset(self.connection, group, place) or 0

    def until(self, what: str, done: Callable[[], object]) -> None:
        """Wait for a condition."""
        ends = time.monotonic() + SECONDS
        while not done():
            assert self.process.is_alive(), self.log.read_text()[-3000:]
            assert time.monotonic() < ends, f"{what}; {self.log.read_text()[-3000:]}"
            time.sleep(0.1)

    def end(self) -> None:
        """End the apps as a crash would."""
        self.process.kill()
        self.process.join(10)
        for following in self.following.values():
            following.close()


def passes_over(trap: str) -> Callable[[Stock], None]:
    """The group's offset passes a record that has not come out."""

    def see(stock: Stock) -> None:
        inputs = stock.inputs(trap)
        stock.until("the commit", lambda: stock.committed(trap) == len(inputs))
        out = set() if trap == "L6" else set(stock.outputs(trap))
        lost = [value for value in inputs if value not in out]
        wanted = {"L6": inputs, "L7": [LARGE]}.get(trap, [stock_faust.BOOM.decode()])
        # With the large one the broker refuses what was sent along with it.
        assert set(lost) >= set(wanted)
        assert trap == "L7" or lost == wanted

    return see


def creeps(stock: Stock) -> None:
    """All is handled, and the offset follows by a marker at a time."""
    stock.until("all", lambda: len(stock.outputs("L5")) == len(EACH_IN_A_TRANSACTION))
    first = stock.committed("L5")
    stock.until("another commit", lambda: stock.committed("L5") > first)
    behind = 2 * len(EACH_IN_A_TRANSACTION) - stock.committed("L5")
    assert behind > len(EACH_IN_A_TRANSACTION), "a crash now would repeat half of the records"


def handles_again(trap: str) -> Callable[[Stock], None]:
    """What has come out comes out once more."""

    def see(stock: Stock) -> None:
        if trap == "L12":
            stock.until("the refusal", (stock.folder / stock_faust.REFUSED).exists)
        stock.until("a repeat", lambda: len(stock.outputs(trap)) > len(VALUES))
        repeated = stock.outputs(trap)[len(VALUES) :]
        assert set(repeated) <= set(VALUES)

    return see


STOCK: dict[str, Callable[[Stock], None]] = {
    "L3": passes_over("L3"),
    "L4": passes_over("L4"),
    "L5": creeps,
    "L6": passes_over("L6"),
    "L7": passes_over("L7"),
    "L11": handles_again("L11"),
    "L12": handles_again("L12"),
}


def seen(broker: str, root: Path, trap: str, together: Future[Stock]) -> None:
    """Watch a trap at work, in the process with all of them; when that stands still, in one of its own.

    Stock Faust may stand still for good when the broker was busy (trap R4).
    """
    try:
        STOCK[trap](together.result())
    except AssertionError:
        alone = Stock(broker, root, (trap,))
        try:
            STOCK[trap](alone)
        finally:
            alone.end()


def told_and_ended(
    broker: str, folder: Path, base: KafkaSettings, play: Callable[[Story], Told]
) -> Told:
    """What a story of the router's came to."""
    story = Story(broker, folder, "", base=base)
    try:
        return play(story)
    finally:
        story.end()


@dataclass
class Running:
    """What runs side by side from the first test on."""

    router: dict[str, Future[Told]]
    stock: dict[str, Future[None]]


@pytest.fixture(scope="module")
def running(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Stock Faust at work on every trap, each watched from its beginning, and the router's stories beside it."""
    root = tmp_path_factory.mktemp("router")
    together: Future[Stock] = Future()
    base = KafkaSettings()
    with ThreadPoolExecutor(SIDE_BY_SIDE) as plays, ThreadPoolExecutor(len(TRAPS)) as watches:
        told = {
            play: plays.submit(told_and_ended, broker, root / play.__name__, base, play)
            for play in dict.fromkeys(ROUTER.values())
        }
        stock = {
            trap: watches.submit(seen, broker, tmp_path_factory.mktemp(trap), trap, together)
            for trap in TRAPS
        }
        at_work = None
        try:
            at_work = Stock(broker, tmp_path_factory.mktemp("stock"), TRAPS)
            together.set_result(at_work)
            yield Running({trap: told[play] for trap, play in ROUTER.items()}, stock)
        finally:
            if at_work is None:
                together.cancel()
            for story in told.values():
                story.cancel()
            for watch in stock.values():
                watch.cancel()
            wait(stock.values())
            if at_work is not None:
                at_work.end()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("trap", ROUTER)
def test_the_router_comes_through(trap: str, running: Running) -> None:
    """Each input comes out once, and the group's offset is where it has to be, whatever happens on the way."""
    found, wanted = running.router[trap].result()

    assert found == wanted


@pytest.mark.timeout(300)
@pytest.mark.parametrize("trap", TRAPS)
def test_stock_faust_does_not(trap: str, running: Running) -> None:
    """The trap is real: without the fence "Faust does not commit" the same loses records, or is about to repeat them."""
    running.stock[trap].result()
