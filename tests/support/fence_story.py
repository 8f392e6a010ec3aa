"""A story of workers on the real broker: what goes in, who works, who is stopped or killed, what comes out.

Each has topics of its own, so that stories run side by side on one broker.
"""

from __future__ import annotations

import json
import multiprocessing
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final

from confluent_kafka import Producer

from services.chassis.provision import provision
from services.chassis.settings import KafkaSettings
from tests.support import fenced_worker
from tests.support.following import Following

SECONDS: Final = 60.0
KEY: Final = b"k"
# Workers are forked from a process that has imported everything: a start costs a tenth.
PROCESSES: Final = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(
    ["pytest", "tests.support.fenced_worker"]
)

Told = tuple[object, object]
"""What came out, and what should have."""


@dataclass
class Story:
    """Workers without some fence, on topics of their own."""

    broker: str
    folder: Path
    without: str
    partitions: int = 4
    prefix: str = field(default_factory=lambda: f"f{uuid.uuid4().hex[:10]}-")
    processes: list[BaseProcess] = field(default_factory=list)
    _following: Following | None = None

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        self.kafka = KafkaSettings(
            bootstrap_servers=self.broker, topic_prefix=self.prefix, partitions=self.partitions
        )
        provision(self.kafka, ["a"])

    def feed(self, values: list[str], *, key: bytes = KEY, topic: str = "process.observed") -> None:
        """Write records."""
        producer = Producer({**self.kafka.for_librdkafka(), "partitioner": "murmur2_random"})
        for value in values:
            producer.produce(self.kafka.topic(topic), value, key)
        assert producer.flush(30) == 0

    def start(self, name: str = "w0", *, fault: str = "", stop: str = "") -> BaseProcess:
        """Start a worker."""
        environment = {
            "KAFKA_BOOTSTRAP_SERVERS": self.broker,
            "KAFKA_TOPIC_PREFIX": self.prefix,
            "KAFKA_PARTITIONS": str(self.partitions),
            "ROUTER_INSTANCE": name,
            "ROUTER_SESSION_TIMEOUT_SECONDS": "2",
            "ROUTER_FAULT": fault,
            "AKAR_TEST_WITHOUT": self.without,
            "AKAR_TEST_STOP": stop,
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
            self._following = Following(self.kafka.for_librdkafka(), topic, self.partitions)
        return [(m.partition(), m.key(), m.value()) for m in self._following.messages()]  # type: ignore[misc]

    def values(self, key: bytes = KEY) -> list[str]:
        """What came out for a key."""
        return [value.decode() for _, found, value in self.outputs() if found == key]

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
        found = {}
        for path in self.folder.glob("*.log"):
            for line in path.read_text(errors="replace").splitlines():
                if '"router.assigned"' in line:
                    found[path.stem] = int(json.loads(line)["generation"])
        return found

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


def counted(values: list[str]) -> list[str]:
    """What should come out for these inputs of one key."""
    return [f"{value} {number}" for number, value in enumerate(values, 1)]
