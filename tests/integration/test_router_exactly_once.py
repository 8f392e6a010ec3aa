"""The checkpoint protocol on the real broker: killed, stopped beyond its session, bereft of its state."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer

from services.chassis.provision import provision
from services.chassis.settings import KafkaSettings
from services.router.checkpoint.fatal import EXIT_FAILED
from services.router.checkpoint.faults import POINTS
from services.router.checkpoint.transaction_thread import LONGEST_COMMIT_SECONDS
from tests.support.broker import RunningBroker
from tests.support.following import Following

KEYS = 200
PARTITIONS = 4


class Fleet:
    """Counting workers as processes, and what goes in and comes out."""

    def __init__(self, broker: str, prefix: str, folder: Path) -> None:
        self.kafka = KafkaSettings(
            bootstrap_servers=broker,
            topic_prefix=prefix,
            partitions=PARTITIONS,
            leaf_partitions=PARTITIONS,
        )
        self.folder = folder
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.written = 0
        self._following: Following | None = None
        self._producer = Producer(
            {
                **self.kafka.for_librdkafka(),
                "partitioner": "murmur2_random",
                # What it sends again when a broker was killed is written once.
                "enable.idempotence": True,
            }
        )
        provision(self.kafka, ["a"])

    def feed(self, count: int) -> None:
        """Write records v<n> with keys in turn."""
        for number in range(self.written, self.written + count):
            self._producer.produce(
                self.kafka.topic("process.observed"), f"v{number}", f"k{number % KEYS}"
            )
        assert self._producer.flush(60) == 0
        self.written += count

    def start(self, name: str, fault: str = "") -> subprocess.Popen[bytes]:
        """Start (again) the worker of this name."""
        environment = {
            **os.environ,
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
            "KAFKA_TOPIC_PREFIX": self.kafka.topic_prefix,
            "ROUTER_INSTANCE": name,
            "ROUTER_SESSION_TIMEOUT_SECONDS": "6",
            "ROUTER_FAULT": fault,
        }
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.counting_router", str(self.state(name))],
                env=environment,
                stdout=log,
                stderr=log,
            )
        self.processes[name] = process
        return process

    def state(self, name: str) -> Path:
        """The worker's state folder."""
        return self.folder / f"state-{name}"

    def kill(self, name: str) -> None:
        """End it as a power cut would, as far as a process can tell."""
        self.processes[name].kill()
        self.processes[name].wait(10)

    def restart_dead(self) -> None:
        """What a supervisor does."""
        for name, process in list(self.processes.items()):
            if process.poll() is not None:
                self.start(name)

    def outputs(self) -> dict[bytes, list[bytes]]:
        """Every committed output in order, by key."""
        if self._following is None:
            topic = self.kafka.topic("complaint.traced")
            self._following = Following(self.kafka.for_librdkafka(), topic)
        found: dict[bytes, list[bytes]] = defaultdict(list)
        for message in self._following.messages():
            key, value = message.key(), message.value()
            assert isinstance(key, bytes)
            assert isinstance(value, bytes)
            found[key].append(value)
        return found

    def until_out(self, count: int, seconds: float = 60) -> None:
        """Wait until so many outputs have been committed."""
        ends = time.monotonic() + seconds
        while sum(map(len, self.outputs().values())) < count:
            assert time.monotonic() < ends, self.logs()
            time.sleep(0.05)

    def settle(self, seconds: float = 60) -> None:
        """Wait until every record has come out, restarting what died; then check the books."""
        ends = time.monotonic() + seconds
        while True:
            self.restart_dead()
            found = self.outputs()
            total = sum(len(values) for values in found.values())
            if total >= self.written:
                break
            assert time.monotonic() < ends, (
                f"{total} of {self.written} came out; logs: {self.logs()}"
            )
            time.sleep(0.5)
        seen = sorted(int(value.split()[0][1:]) for values in found.values() for value in values)
        assert seen == list(range(self.written)), "lost or repeated"
        for key, values in found.items():
            counts = [int(value.split()[1]) for value in values]
            assert counts == list(range(1, len(values) + 1)), f"state of {key!r} went back or ahead"

    def logs(self) -> str:
        """The end of every worker's log."""
        return "\n".join(path.read_text()[-1500:] for path in self.folder.glob("*.log"))

    def stop(self) -> None:
        """End every worker."""
        for process in self.processes.values():
            if process.poll() is None:
                process.kill()
                process.wait(10)
        if self._following is not None:
            self._following.close()


@pytest.fixture
def fleet(broker: str, topic_prefix: str, tmp_path: Path) -> Iterator[Fleet]:
    """Topics of this test's own, and workers that end with it."""
    started = Fleet(broker, topic_prefix, tmp_path)
    yield started
    started.stop()


@pytest.mark.timeout(180)
def test_every_fault_point_is_survived(fleet: Fleet) -> None:
    """Ended at each named point of the protocol in turn, nothing is lost, repeated or counted twice."""
    fleet.feed(400)
    for point in POINTS:
        if point == "restore.applied":
            # There is something to restore only if the local rows are gone.
            shutil.rmtree(fleet.state("w0"))
        process = fleet.start("w0", fault=f"{point}:1")
        if point == "revoked":
            fleet.start("w1")
        fleet.feed(200)
        assert process.wait(60) == 137, f"{point} was not reached; {fleet.logs()}"
    fleet.start("w0")
    fleet.settle()


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_kills_and_zombies(fleet: Fleet) -> None:
    """Two workers, killed at random and one stopped beyond its session and woken: exactly once, state included."""
    seed = int(os.environ.get("AKAR_SEED", "11"))
    chance = random.Random(seed)
    fleet.feed(10_000)
    for name in ("w0", "w1"):
        fleet.start(name)
    for round_number in range(5):
        time.sleep(chance.uniform(1.5, 4))
        victim = chance.choice(("w0", "w1"))
        fleet.feed(1_000)
        if round_number == 2:
            os.kill(fleet.processes[victim].pid, signal.SIGSTOP)
            # Longer than the session of 6 s: the other worker takes its partitions over.
            time.sleep(9)
            os.kill(fleet.processes[victim].pid, signal.SIGCONT)
        else:
            fleet.kill(victim)
        fleet.restart_dead()
    fleet.settle(90)


@pytest.mark.timeout(120)
def test_state_comes_back_without_its_folder(fleet: Fleet) -> None:
    """With the local rows deleted, the changelog alone gives the same counts to go on from."""
    fleet.feed(2_000)
    fleet.start("w0")
    fleet.settle()
    fleet.kill("w0")
    shutil.rmtree(fleet.state("w0"))

    fleet.feed(1_000)
    fleet.start("w0")
    fleet.settle()


@pytest.mark.timeout(120)
def test_a_clean_stop_commits_what_is_done(fleet: Fleet) -> None:
    """SIGTERM under load ends with code 0 within ten seconds, and the next start goes on without a gap."""
    fleet.feed(5_000)
    process = fleet.start("w0")
    ends = time.monotonic() + 30
    while not fleet.outputs():
        assert time.monotonic() < ends, fleet.logs()
        time.sleep(0.2)

    process.terminate()

    assert process.wait(10) == 0
    fleet.feed(100)
    fleet.start("w0")
    fleet.settle()


@pytest.mark.timeout(180)
def test_a_transaction_that_does_not_end_ends_the_worker(
    victim: RunningBroker, topic_prefix: str, tmp_path: Path
) -> None:
    """With a broker that is there and answers nothing, a worker gives up after seconds and says why; later nothing is missing."""
    fleet = Fleet(victim.bootstrap, topic_prefix, tmp_path)
    pid = victim.kafka.pid
    assert pid is not None
    try:
        fleet.feed(1_000)
        process = fleet.start("w0")
        fleet.until_out(1)
        # Fed until the broker stops: nothing could hang in a worker that has done everything.
        enough = threading.Event()

        def feed() -> None:
            while not enough.is_set():
                fleet.feed(5_000)

        feeding = threading.Thread(target=feed)
        feeding.start()
        fleet.until_out(1_001)
        os.kill(pid, signal.SIGSTOP)
        enough.set()
        try:
            began = time.monotonic()
            code = process.wait(LONGEST_COMMIT_SECONDS + 15)
            took = time.monotonic() - began
        finally:
            os.kill(pid, signal.SIGCONT)
            feeding.join(90)
        assert code == EXIT_FAILED
        assert took >= LONGEST_COMMIT_SECONDS / 2
        assert "a transaction did not end" in fleet.logs()
        fleet.settle()
    finally:
        fleet.stop()


@pytest.mark.timeout(180)
def test_an_idle_worker_outlives_its_broker(
    victim: RunningBroker, topic_prefix: str, tmp_path: Path
) -> None:
    """A worker that had nothing under way when its broker was killed takes a new client, and goes on in the same life."""
    fleet = Fleet(victim.bootstrap, topic_prefix, tmp_path)
    try:
        fleet.feed(500)
        process = fleet.start("w0")
        fleet.settle()
        victim.kafka.kill()
        victim.kafka.start(deadline=120)
        fleet.feed(500)
        fleet.settle()
        assert process.poll() is None, fleet.logs()
        assert "router.producer_renewed" in (fleet.folder / "w0.log").read_text()
    finally:
        fleet.stop()


@pytest.mark.timeout(300)
def test_a_worker_at_work_outlives_its_broker(
    victim: RunningBroker, topic_prefix: str, tmp_path: Path
) -> None:
    """Killed while the worker commits, the broker is waited for; the transaction is given up, and started over in the same life."""
    fleet = Fleet(victim.bootstrap, topic_prefix, tmp_path)
    log = tmp_path / "w0.log"
    enough = threading.Event()

    def feed() -> None:
        # Through the kills: there is always something to commit.
        while not enough.is_set():
            fleet.feed(2_000)

    feeding = threading.Thread(target=feed)
    try:
        process = fleet.start("w0")
        feeding.start()
        for _kill in range(8):
            fleet.until_out(sum(map(len, fleet.outputs().values())) + 1)
            noticed = log.read_text().count("the broker was lost")
            victim.kafka.kill()
            ends = time.monotonic() + 30
            while log.read_text().count("the broker was lost") == noticed:
                assert time.monotonic() < ends, fleet.logs()
                time.sleep(0.05)
            victim.kafka.start(deadline=120)
            if "router.transaction_given_up" in log.read_text():
                break
        enough.set()
        feeding.join(90)
        fleet.settle()
        assert process.poll() is None, fleet.logs()
        assert "router.transaction_given_up" in log.read_text(), "no kill fell into a transaction"
    finally:
        enough.set()
        feeding.join(90)
        fleet.stop()
