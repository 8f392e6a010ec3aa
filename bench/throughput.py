"""Process events per second: each contender in turn, from the same records, measured from outside.

A round starts every contender once, on topics of its own; the order turns with each round.  Measuring begins when the first
thousands are committed, so that start-up, joining the group and warming up are not in it, and ends when all are, or after
the time allowed.  What is counted is what the contender has committed for its group.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from bench import records
from bench.cluster import Cluster, Progress
from bench.contenders.settings import Settings
from bench.streams import jars
from schemas import topics
from services.chassis.settings import KafkaSettings

ROOT: Final = Path(__file__).parents[1]
POLL_SECONDS: Final = 0.02
WARM_UP: Final = 20_000
"""Records, at most, that are not counted: a JVM compiles in that time."""
START_SECONDS: Final = 60.0
"""From starting a contender to the end of measuring it, at most."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to measure."""

    records: int
    rounds: int
    seconds: float
    """The longest time that one contender is measured for."""
    commit_seconds: float
    complaints: int
    tree: Path = ROOT
    """Where Akar's router is started from."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One contender in one round."""

    rate: float
    """Records per second."""
    cpu: float
    """CPU seconds of the contender per million records."""
    broker_cpu: float
    """The same, of the broker."""
    resident: float
    """MB at most."""
    seconds: float
    """How long it was measured."""


@dataclass(frozen=True, slots=True)
class Contender:
    """Something that is measured."""

    name: str
    title: str
    guarantee: str
    command: Callable[[Settings, KafkaSettings], tuple[list[str], Mapping[str, str]]]
    """Gives what to run and its environment."""
    group: str


def _python(venv: str | None = None) -> str:
    """This interpreter, or the one of the peers' own environment."""
    if venv is None:
        return sys.executable
    return str(Path(sys.prefix) / venv / "bin" / "python")


def peers_installed() -> bool:
    """Whether `make bench` has installed requirements/bench.lock."""
    return (Path(sys.prefix) / "bench" / ".installed").exists()


def peer(
    module: str, venv: str | None = None, **extra: str
) -> Callable[[Settings, KafkaSettings], tuple[list[str], Mapping[str, str]]]:
    """What runs one of `bench.contenders`, by the interpreter of another environment if one is named."""

    def command(settings: Settings, _kafka: KafkaSettings) -> tuple[list[str], Mapping[str, str]]:
        return [_python(venv), "-m", f"bench.contenders.{module}"], settings.environment() | extra

    return command


def akar(settings: Settings, kafka: KafkaSettings) -> tuple[list[str], Mapping[str, str]]:
    """What runs the product's router."""
    return [_python(), "-m", "services.router"], {
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "KAFKA_TOPIC_PREFIX": kafka.topic_prefix,
        "AKAR_REGISTRY": str(ROOT / "examples" / "shop"),
        "AKAR_DATA_DIR": str(settings.state_dir),
        "AKAR_LOG_LEVEL": "warning",
        "ROUTER_INSTANCE": "bench-0",
        "ROUTER_CHECKPOINT_SECONDS": str(settings.commit_seconds),
    }


def _streams(settings: Settings, _kafka: KafkaSettings) -> tuple[list[str], Mapping[str, str]]:
    return jars.command(), settings.environment()


CONTENDERS: Final = {
    each.name: each
    for each in (
        Contender("akar", "Akar's router", "exactly once", akar, "router"),
        Contender(
            "bare", "bare confluent-kafka loop, no state", "exactly once", peer("bare"), "bare"
        ),
        Contender(
            "quix",
            "Quix Streams, same check and state",
            "exactly once",
            peer("quix", "bench"),
            "quix",
        ),
        Contender(
            "quix-json",
            "Quix Streams, parses only",
            "exactly once",
            peer("quix", "bench", BENCH_CHECK="json"),
            "quix",
        ),
        Contender(
            "streams", "Kafka Streams (Java), pass-through", "exactly once", _streams, "streams"
        ),
        Contender(
            "faust",
            "stock Faust table, same check and state",
            "at least once",
            peer("faust_table"),
            "faust",
        ),
    )
}


def measure(
    contender: Contender, plan: Plan, cluster: Cluster, broker_pid: int, folder: Path, number: int
) -> Sample:
    """Fill topics of its own, run the contender on them, and measure it.

    Raises:
        RuntimeError: It ended, or committed nothing in time; the end of what it said is in the message.
    """
    prefix = f"bench{number}-"
    kafka = cluster.prepare(prefix, DEPARTMENTS)
    topic = kafka.topic(topics.PROCESS_OBSERVED.name)
    total = cluster.fill(topic, records.events(plan.records))
    group = kafka.group(contender.group)
    settings = Settings(
        bootstrap=cluster.bootstrap,
        topic=topic,
        output=kafka.topic(topics.ROUTER_STATE.name),
        group=group,
        state_dir=folder / f"{contender.name}-{number}",
        commit_seconds=plan.commit_seconds,
    )
    command, environment = contender.command(settings, kafka)
    progress = cluster.progress(group, topic)
    try:
        with running(
            command, environment, plan.tree, folder / f"{prefix}{contender.name}.log"
        ) as child:
            return _watch(child, progress, total, plan.seconds, psutil.Process(broker_pid))
    finally:
        progress.close()
        cluster.drop(prefix)


DEPARTMENTS: Final = (
    "customer-care",
    "payments",
    "back-office",
    "warehouse",
    "packing",
    "logistics",
    "finance",
    "digital",
)


@contextmanager
def running(
    command: list[str], environment: Mapping[str, str], tree: Path, log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a contender for as long as the block lasts; an error of the block is told with the end of its log."""
    env = {**os.environ, **environment, "PYTHONPATH": str(tree)}
    with log.open("wb") as output:
        child = subprocess.Popen(command, cwd=tree, env=env, stdout=output, stderr=output)
        try:
            yield child
        except Exception as error:
            said = log.read_text(errors="replace")[-2_000:]
            raise RuntimeError(f"{' '.join(command)}: {error}\n{said}") from error
        finally:
            # Nothing of it is needed any more, and its state is thrown away.
            child.kill()
            child.wait()


def _watch(
    child: subprocess.Popen[bytes],
    progress: Progress,
    total: int,
    seconds: float,
    broker: psutil.Process,
) -> Sample:
    process = psutil.Process(child.pid)
    patience = time.monotonic() + START_SECONDS
    began: tuple[float, int, float, float] | None = None
    resident = seen = 0
    while True:
        time.sleep(POLL_SECONDS)
        done, now = progress.committed(), time.monotonic()
        if child.poll() is not None:
            raise RuntimeError(f"ended with {child.returncode} after {done} of {total} records")
        resident = max(resident, process.memory_info().rss)
        if now > patience:
            raise RuntimeError(f"committed {done} of {total} records in {START_SECONDS:g} s")
        if done == seen:
            # Only the moments at which a commit arrived are compared, however far apart they are.
            continue
        seen = done
        if began is None:
            if done >= min(total // 5, WARM_UP):
                began = now, done, cpu(process), cpu(broker)
        elif done >= total or now - began[0] >= seconds:
            took, millions = now - began[0], (done - began[1]) / 1e6
            return Sample(
                rate=1e6 * millions / took,
                cpu=(cpu(process) - began[2]) / millions,
                broker_cpu=(cpu(broker) - began[3]) / millions,
                resident=resident / 1e6,
                seconds=took,
            )


def cpu(process: psutil.Process) -> float:
    """CPU seconds that a process has used."""
    times = process.cpu_times()
    return float(times.user + times.system)
