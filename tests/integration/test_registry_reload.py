"""The company changes while the pipeline runs, on the real broker: from a recorded point on, and never by a broken file."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer

from schemas import codec, topics
from services.chassis.provision import check, provision
from services.chassis.settings import KafkaSettings
from services.registry import example_folder, load
from services.router.library import read_all
from tests.support.records import Case

DEADLINE_SECONDS = 60.0


class Running:
    """A worker and the ticker, with a folder of their own."""

    def __init__(self, broker: str, prefix: str, folder: Path) -> None:
        self.kafka = KafkaSettings(bootstrap_servers=broker, topic_prefix=prefix)
        self.folder = folder
        self.company = folder / "company"
        shutil.copytree(example_folder("shop"), self.company)
        provision(self.kafka, load(self.company).inboxes())
        self._producer = Producer({**self.kafka.for_librdkafka(), "partitioner": "murmur2_random"})
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._complaints = 0

    def start(self, name: str, *arguments: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [sys.executable, "-m", "services.router", *arguments],
                env={
                    **os.environ,
                    "KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
                    "KAFKA_TOPIC_PREFIX": self.kafka.topic_prefix,
                    "AKAR_REGISTRY": str(self.company),
                    "AKAR_DATA_DIR": str(self.folder / "data"),
                    "ROUTER_INSTANCE": "one",
                    "ROUTER_SESSION_TIMEOUT_SECONDS": "6",
                },
                stdout=log,
                stderr=log,
            )

    def kill(self, name: str) -> None:
        self._processes[name].kill()
        self._processes[name].wait(10)

    def stop(self) -> None:
        for name in self._processes:
            self.kill(name)

    def logged(self, name: str, event: str) -> list[dict[str, object]]:
        """The lines of a process's log about an event."""
        lines = (self.folder / f"{name}.log").read_text(encoding="utf-8").splitlines()
        found = [json.loads(line) for line in lines if line.startswith("{")]
        return [line for line in found if line.get("event") == event]

    def wait(self, what: str, condition: Callable[[], bool]) -> None:
        ends = time.monotonic() + DEADLINE_SECONDS
        while not condition():
            assert time.monotonic() < ends, f"{what}; logs: {self.logs()}"
            time.sleep(0.2)

    def logs(self) -> str:
        return "\n".join(path.read_text()[-3000:] for path in self.folder.glob("*.log"))

    def active_everywhere(self, digest: str) -> None:
        """Wait until every partition has taken these contents over."""
        self.wait(
            f"{digest[:12]} is not active",
            lambda: (
                {
                    line["partition"]
                    for line in self.logged("router", "registry.activated")
                    if line["digest"] == digest[:12]
                }
                == set(range(self.kafka.partitions))
            ),
        )

    def complain(self) -> str:
        """Send a complaint, wait for its decision, return the digest that it names."""
        self._complaints += 1
        outgoing = Case(self._complaints).received()
        self._producer.produce(
            self.kafka.topic(outgoing.topic),
            outgoing.value,
            outgoing.key,
            headers=list(outgoing.headers),
        )
        assert self._producer.flush(30) == 0
        ends = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < ends:
            for record in read_all(self.kafka, topics.COMPLAINT_TRACED, seconds=20):
                if record.key == outgoing.key:
                    decision = codec.decode(
                        topics.COMPLAINT_TRACED.contracts,
                        key=record.key,
                        value=record.value,
                        headers=record.headers,
                    ).data
                    return str(json.loads(decision.model_dump_json())["registry_digest"])
        raise AssertionError(f"no decision; logs: {self.logs()}")

    def change(self, file: str, old: str, new: str) -> None:
        path = self.company / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.fixture
def running(broker: str, topic_prefix: str, tmp_path: Path) -> Iterator[Running]:
    """Started, and ended with the test."""
    made = Running(broker, topic_prefix, tmp_path)
    made.start("router", "worker")
    made.start("ticker", "ticker")
    yield made
    made.stop()


def test_a_new_company_takes_over_and_a_broken_one_does_not(running: Running) -> None:
    """Old digest before, new one after, the same after a broken file and after a restart with it; inboxes are there."""
    first = load(running.company).digest
    running.active_everywhere(first)
    assert running.complain() == first

    running.change("processes/order.toml", 'allowance = "12h"', 'allowance = "11h"')
    running.change(
        "departments.toml",
        "[departments.courier]",
        '[departments.returns]\nnames = { id = "Retur", en = "Returns" }\n\n[departments.courier]',
    )
    second = load(running.company).digest
    assert second != first
    running.active_everywhere(second)
    assert running.complain() == second
    inboxes = [topics.DEPARTMENT_INBOX.for_department("returns").name]
    assert not [
        d for d in check(running.kafka, ["returns"]) if d.topic in map(running.kafka.topic, inboxes)
    ]

    activations = len(running.logged("router", "registry.activated"))
    running.change("processes/order.toml", 'owner = "warehouse"', 'owner = "warehous"')
    running.wait(
        "the broken file is not refused",
        lambda: bool(running.logged("ticker", "registrar.refused")),
    )
    (refused,) = running.logged("ticker", "registrar.refused")
    assert "order.toml:" in str(refused["problems"])
    assert 'Did you mean "warehouse"?' in str(refused["problems"])
    assert running.complain() == second

    running.kill("router")
    running.start("router", "worker")
    assert running.complain() == second
    assert len(running.logged("router", "registry.activated")) == activations
