"""A worker that has no partition: it is ready, and stands in when another one leaves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from services.chassis.provision import provision
from services.chassis.settings import KafkaSettings
from services.local.ports import free_port
from services.registry import example_folder, load

DEADLINE_SECONDS = 90.0


class Workers:
    """Workers of one partition."""

    def __init__(self, broker: str, prefix: str, folder: Path) -> None:
        self.folder = folder
        self.kafka = KafkaSettings(bootstrap_servers=broker, topic_prefix=prefix, partitions=1)
        provision(self.kafka, load(example_folder("shop")).inboxes())
        self.ports: dict[str, int] = {}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        self.ports[name] = free_port(name)
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "services.router"],
                env={
                    **os.environ,
                    "KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
                    "KAFKA_TOPIC_PREFIX": self.kafka.topic_prefix,
                    "KAFKA_PARTITIONS": "1",
                    "AKAR_REGISTRY": str(example_folder("shop")),
                    "AKAR_DATA_DIR": str(self.folder / "data"),
                    "ROUTER_INSTANCE": name,
                    "ROUTER_HEALTH_PORT": str(self.ports[name]),
                    "ROUTER_SESSION_TIMEOUT_SECONDS": "6",
                },
                stdout=log,
                stderr=log,
            )

    def ready(self, name: str) -> bool:
        """What an orchestrator is told."""
        assert self.processes[name].poll() is None, (self.folder / f"{name}.log").read_text()
        try:
            return httpx.get(f"http://127.0.0.1:{self.ports[name]}/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def owns(self, name: str) -> bool:
        """Whether its latest generation has the partition."""
        lines = (self.folder / f"{name}.log").read_text().splitlines()
        found = [json.loads(line) for line in lines if '"router.assigned"' in line]
        return bool(found) and found[-1]["partitions"] == [0]

    def kill(self, name: str) -> None:
        """No goodbye: the group notices by itself."""
        process = self.processes.pop(name)
        process.kill()
        process.wait(10)

    def until(self, what: str, done: Callable[[], bool]) -> None:
        until = time.monotonic() + DEADLINE_SECONDS
        while not done():
            assert time.monotonic() < until, f"not in {DEADLINE_SECONDS:g} s: {what}"
            time.sleep(0.1)

    def end(self) -> None:
        for name in list(self.processes):
            self.kill(name)


@pytest.fixture
def workers(broker: str, topic_prefix: str, tmp_path: Path) -> Iterator[Workers]:
    """One partition, and workers as they are asked for."""
    made = Workers(broker, topic_prefix, tmp_path)
    yield made
    made.end()


@pytest.mark.timeout(240)
def test_a_worker_to_spare_is_ready_and_stands_in(workers: Workers) -> None:
    """More workers than partitions: each is ready, so that a rollout goes on; the one to spare takes over from a killed one."""
    names = ("first", "second")
    for name in names:
        workers.start(name)
        workers.until(f"{name} is ready", lambda name=name: workers.ready(name))  # type: ignore[misc]
    workers.until("one has the partition", lambda: any(map(workers.owns, names)))
    workers.until("both are ready", lambda: all(map(workers.ready, names)))
    (owner,) = filter(workers.owns, names)
    (spare,) = set(names) - {owner}
    workers.kill(owner)
    workers.until("the other has taken over", lambda: workers.owns(spare))
    workers.until("it is ready", lambda: workers.ready(spare))
