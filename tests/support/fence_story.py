"""A story of workers on the real broker: what goes in, who works, who is stopped or killed, what comes out.

Each has topics of its own, so that stories run side by side on one broker.
"""

from __future__ import annotations

import json
import multiprocessing
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from services.chassis.partitioner import partition_for
from services.chassis.provision import provision
from services.chassis.settings import KafkaSettings
from tests.support import fenced_worker
from tests.support.following import Following

SECONDS: Final = 60.0
SIDE_BY_SIDE: Final = 3
KEY: Final = b"k"
# Workers are forked from a process that has imported everything: a start costs a tenth.
PROCESSES: Final = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(
    ["pytest", "tests.support.fenced_worker", "tests.support.stock_faust"]
)

Told = tuple[object, object]
"""What came out, and what should have."""


_NOT_YET: Final = frozenset(
    {
        KafkaError.NOT_COORDINATOR,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    }
)
"""What a broker answers whose topic of offsets is just being made; librdkafka hands it on without trying again."""


def committed_offset(
    connection: Mapping[str, Any], group: str, place: TopicPartition
) -> int | None:
    """Where a group would read on in a partition."""
    consumer = Consumer({**connection, "group.id": group})
    ends = time.monotonic() + SECONDS
    try:
        while True:
            try:
                (found,) = consumer.committed([place], timeout=30)
            except KafkaException as error:
                if error.args[0].code() not in _NOT_YET or time.monotonic() > ends:
                    raise
                time.sleep(0.1)
            else:
                return found.offset if found.offset >= 0 else None
    finally:
        consumer.close()


@dataclass
class Story:
    """Workers without some fence, on topics of their own."""

    broker: str
    folder: Path
    without: str
    partitions: int = 4
    prefix: str = field(default_factory=lambda: f"f{uuid.uuid4().hex[:10]}-")
    processes: list[BaseProcess] = field(default_factory=list)
    session_seconds: float = 2.0
    """After which a worker that is stopped has lost its partitions; a busy machine may stop one for as long by itself."""
    base: KafkaSettings | None = None
    """What the environment says; whoever is not the main thread has to bring it, since pytest changes the environment there."""
    _following: Following | None = None
    _producer: Producer | None = None

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        its_own = {
            "bootstrap_servers": self.broker,
            "topic_prefix": self.prefix,
            "partitions": self.partitions,
            # Outputs are spread by key too: one story is about that.
            "leaf_partitions": self.partitions,
        }
        self.kafka = (self.base or KafkaSettings()).model_copy(update=its_own)
        provision(self.kafka, ["a"])

    def feed(self, values: list[str], *, key: bytes = KEY, topic: str = "process.observed") -> None:
        """Write records."""
        if self._producer is None:
            settings = {**self.kafka.for_librdkafka(), "partitioner": "murmur2_random"}
            self._producer = Producer(settings)
        for value in values:
            self._producer.produce(self.kafka.topic(topic), value, key)
        assert self._producer.flush(30) == 0

    def start(
        self,
        name: str = "w0",
        *,
        fault: str = "",
        stop: str = "",
        refused: bool = False,
        hold: bool = False,
        late: bool = False,
        commit_seconds: float = 60.0,
    ) -> BaseProcess:
        """Start a worker.

        Args:
            name: of the instance.
            fault: ends it at a fault point.
            stop: stops it at a fault point, once.
            refused: its first commit of offsets is one that the coordinator refuses.
            hold: batches that it has fetched wait until `released` is in its folder.
            late: the records of its transactions leave it with the commit, behind the offsets.
            commit_seconds: the deadline of a commit: far beyond what any takes on a busy machine, unless a story waits for it.
        """
        environment = {
            "KAFKA_BOOTSTRAP_SERVERS": self.broker,
            "KAFKA_TOPIC_PREFIX": self.prefix,
            "KAFKA_PARTITIONS": str(self.partitions),
            "ROUTER_INSTANCE": name,
            "ROUTER_SESSION_TIMEOUT_SECONDS": str(self.session_seconds),
            "ROUTER_FAULT": fault,
            "AKAR_TEST_WITHOUT": self.without,
            "AKAR_TEST_STOP": stop,
            "AKAR_TEST_REFUSED": "1" if refused else "",
            "AKAR_TEST_HOLD": "1" if hold else "",
            "AKAR_TEST_LATE": "1" if late else "",
            "AKAR_TEST_COMMIT_SECONDS": str(commit_seconds),
        }
        process = PROCESSES.Process(
            target=fenced_worker.run,
            args=(self.folder / name, environment, self.folder / f"{name}.log"),
            daemon=True,
        )
        process.start()
        self.processes.append(process)
        return process

    def outputs(self) -> list[tuple[int, bytes, bytes]]:
        """Every committed output: its partition, key and value, in order within a partition."""
        if self._following is None:
            topic = self.kafka.topic("complaint.traced")
            self._following = Following(self.kafka.for_librdkafka(), topic)
        return [(m.partition(), m.key(), m.value()) for m in self._following.messages()]  # type: ignore[misc]

    def values(self, key: bytes = KEY) -> list[str]:
        """What came out for a key."""
        return [value.decode() for _, found, value in self.outputs() if found == key]

    def committed(self, key: bytes = KEY) -> int | None:
        """Where the router would read on in the key's partition of `process.observed`, if every worker ended now."""
        place = TopicPartition(
            self.kafka.topic("process.observed"), partition_for(key, self.partitions)
        )
        return committed_offset(self.kafka.for_librdkafka(), self.kafka.group("router"), place)

    def until_gone(self, topic: str) -> None:
        """Wait until the broker no longer knows a topic."""
        admin = AdminClient(self.kafka.for_librdkafka())
        ends = time.monotonic() + SECONDS
        while topic in admin.list_topics(timeout=30).topics:
            assert time.monotonic() < ends, f"{topic} is still there"
            time.sleep(0.1)

    def until(self, what: str, done: Callable[[], object]) -> None:
        """Wait for a condition."""
        ends = time.monotonic() + SECONDS
        while not done():
            assert time.monotonic() < ends, f"{what}: {self.values()}; {self.logs()}"
            time.sleep(0.1)

    def until_out(self, value: str) -> list[str]:
        """Wait until this input has come out; everything that has."""
        self.until(f"{value} comes out", lambda: any(v.split()[0] == value for v in self.values()))
        return self.values()

    def until_ended(self, process: BaseProcess, code: int) -> None:
        """Wait until a worker has ended."""
        process.join(SECONDS)
        assert process.exitcode == code, self.logs()

    def generations(self) -> dict[str, int]:
        """The latest generation in which each worker was assigned partitions."""
        return {name: int(line["generation"]) for name, line in self.said("router.assigned")}

    def restored(self, names: tuple[str, ...], partition: int) -> bool:
        """Whether one of these workers has restored a partition."""
        return any(
            name in names and line["partition"] == partition
            for name, line in self.said("router.restored")
        )

    def said(self, event: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Each line that a worker logged of an event, with the worker's name."""
        for path in self.folder.glob("*.log"):
            for line in path.read_text(errors="replace").splitlines():
                if f'"{event}"' in line:
                    yield path.stem, json.loads(line)

    def until_shared(self, names: tuple[str, ...]) -> None:
        """Wait until all of these are members of one generation, the latest of each."""
        self.until(
            f"{names} share the partitions",
            lambda: (
                (found := self.generations()).keys() >= set(names)
                and len({found[name] for name in names}) == 1
            ),
        )

    def logs(self) -> str:
        """The end of every worker's log."""
        return "\n".join(path.read_text()[-1500:] for path in self.folder.glob("*.log"))

    def end(self) -> None:
        """End every worker."""
        for process in self.processes:
            process.kill()
            process.join(10)
        if self._following is not None:
            self._following.close()


Play = Callable[[Story], Told]


@contextmanager
def side_by_side(
    broker: str, root: Path, stories: Mapping[str, tuple[Play, int]]
) -> Iterator[Callable[[str, bool], Told]]:
    """Play each fence's story with it and without it, a few at a time; stories that are the same are played once with.

    Args:
        broker: its address.
        root: a folder of the test's.
        stories: by the name of the fence; each with its number of partitions.

    Yields:
        What the story of a fence came to, with it or without.
    """
    base = KafkaSettings()

    def tell(name: str, fenced: bool) -> Told:
        play, partitions = stories[name]
        folder = root / f"{'with' if fenced else 'without'}-{name.replace(' ', '-')}"
        story = Story(broker, folder, "" if fenced else name, partitions, base=base)
        try:
            return play(story)
        finally:
            story.end()

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        running: dict[tuple[str, bool], Future[Told]] = {}
        plays: dict[object, Future[Told]] = {}
        for name, (play, _) in stories.items():
            running[name, False] = pool.submit(tell, name, False)
            if play not in plays:
                plays[play] = pool.submit(tell, name, True)
            running[name, True] = plays[play]
        yield lambda name, fenced: running[name, fenced].result()
        for future in running.values():
            future.cancel()


def counted(values: list[str]) -> list[str]:
    """What should come out for these inputs of one key."""
    return [f"{value} {number}" for number, value in enumerate(values, 1)]
