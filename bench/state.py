"""`python -m bench.state --cases 1000000`: what a million cases cost in memory, on disk, and at a start.

The real router on a real broker of its own takes in the events of every case, then a complaint for every twentieth, and is started
again with its data folder, after a kill -9, and without its folder, so that all of it comes back from the changelog.  What is
measured is seen from outside: resident memory, CPU seconds, files, and the time until `/readyz` says so.

It stands apart from `python -m bench` because it takes many minutes and several gigabytes of disk; both are bounded.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import psutil
from confluent_kafka import Consumer, KafkaException, TopicPartition
from rich.console import Console
from rich.table import Table

from bench import records
from bench.cluster import Cluster
from bench.throughput import DEPARTMENTS, ROOT, cpu
from schemas import codec, topics
from schemas.complaint import ComplaintReceivedV1
from services.chassis.provision import provision
from services.chassis.settings import KafkaSettings
from services.local.kafka import EmbeddedKafka

EVENTS: Final = 6
"""Of each case."""
COMPLAINT_EVERY: Final = 20
"""Cases."""
BYTES_PER_CASE: Final = 9_000
"""Of free disk that are asked for before anything begins: topics, changelog, state, and room to compact them."""
START_SECONDS: Final = 300.0
MEMORY_GOAL: Final = 400
"""MB resident."""
WITH_GOAL: Final = 30
WITHOUT_GOAL: Final = 120
"""Seconds."""


@dataclass(frozen=True, slots=True)
class Start:
    """How the router came up once."""

    seconds: float
    """From its start to ready."""
    cpu: float
    """Seconds until then."""
    peak: float
    """MB resident at most, until a little after."""
    restored: int
    """Changelog records that it had to read."""


@dataclass(slots=True)
class Measured:
    """Everything of one run; sizes in MB (10^6 bytes), times in seconds."""

    about: dict[str, object]
    cases: int = 0
    events: int = 0
    complaints: int = 0
    events_per_second: float = 0.0
    complaints_per_second: float = 0.0
    cpu: float = 0.0
    """To take in all of it."""
    rows: int = 0
    changelog: float = 0.0
    state: float = 0.0
    peak: float = 0.0
    """Resident, while taking in."""
    settled: float = 0.0
    """Resident, 5 s after the last record."""
    with_folder: Start | None = None
    after_kill: Start | None = None
    without_folder: Start | None = None


class Router:
    """The router as a process, watched from outside."""

    def __init__(self, kafka: KafkaSettings, state: Path, log: Path, tree: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._ready = f"http://127.0.0.1:{port}/readyz"
        self._log = log
        self._from = log.stat().st_size if log.exists() else 0
        self.peak = 0.0
        self._began = time.monotonic()
        environment = {
            **os.environ,
            "PYTHONPATH": str(tree),
            "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "KAFKA_TOPIC_PREFIX": kafka.topic_prefix,
            "KAFKA_PARTITIONS": str(kafka.partitions),
            "AKAR_REGISTRY": str(tree / "examples" / "shop"),
            "AKAR_DATA_DIR": str(state),
            "ROUTER_STATE_DIR": str(state),
            "ROUTER_INSTANCE": "bench-0",
            "ROUTER_HEALTH_PORT": str(port),
        }
        with log.open("ab") as output:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "services.router"],
                cwd=tree,
                env=environment,
                stdout=output,
                stderr=output,
            )
        self._process = psutil.Process(self._child.pid)
        self._watching = threading.Thread(target=self._watch, daemon=True)
        self._watching.start()

    def _watch(self) -> None:
        while self._child.poll() is None:
            self.peak = max(self.peak, self.resident())
            time.sleep(0.2)

    def check(self) -> None:
        """Make sure that it runs.

        Raises:
            RuntimeError: It ended; with the end of its log.
        """
        if self._child.poll() is not None:
            said = self._log.read_text(errors="replace")[-2_000:]
            raise RuntimeError(f"the router ended with {self._child.returncode}\n{said}")

    def started(self) -> Start:
        """Wait until it is ready."""
        until = self._began + START_SECONDS
        while not self._is_ready():
            self.check()
            if time.monotonic() > until:
                raise RuntimeError(f"not ready after {START_SECONDS:g} s")
            time.sleep(0.05)
        took, used = time.monotonic() - self._began, self.cpu()
        # What follows a restore (compaction) belongs to its memory too.
        time.sleep(5.0)
        return Start(round(took, 1), round(used, 1), round(self.peak), self._restored())

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(self._ready, timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def _restored(self) -> int:
        lines = self._log.read_bytes()[self._from :].decode(errors="replace").splitlines()
        entries = [json.loads(line) for line in lines if '"router.restored"' in line]
        return sum(int(entry["records"]) for entry in entries)

    def resident(self) -> float:
        """MB."""
        try:
            return float(self._process.memory_info().rss) / 1e6
        except psutil.Error:
            return 0.0

    def cpu(self) -> float:
        """CPU seconds so far."""
        return cpu(self._process)

    def end(self, how: signal.Signals) -> None:
        """End it."""
        self._child.send_signal(how)
        try:
            self._child.wait(60)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._watching.join(5)


class Committed:
    """How far the router's group has come in one topic."""

    def __init__(self, kafka: KafkaSettings, topic: str) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": kafka.bootstrap_servers,
                "group.id": kafka.group("router"),
                "isolation.level": "read_uncommitted",
                "enable.auto.commit": False,
                "log_level": 0,
            }
        )
        self._places = [TopicPartition(topic, number) for number in range(kafka.partitions)]

    def behind(self) -> int:
        """Records, markers included, that are not committed yet."""
        try:
            found = self._consumer.committed(self._places, timeout=10)
        except KafkaException as error:
            if error.args[0].retriable():
                return sys.maxsize
            raise
        ends = [self._consumer.get_watermark_offsets(each, timeout=10)[1] for each in found]
        return sum(end - max(0, each.offset) for each, end in zip(found, ends, strict=True))

    def end(self) -> int:
        """The sum of the partitions' ends."""
        return sum(
            self._consumer.get_watermark_offsets(each, timeout=10)[1] for each in self._places
        )

    def close(self) -> None:
        """Let go of the connection."""
        self._consumer.close()


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what the arguments say."""
    options = _options(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    console = Console(stderr=options.json, width=max(120, shutil.get_terminal_size().columns))
    folder = Path(tempfile.mkdtemp(prefix="akar-bench-state-"))
    free = shutil.disk_usage(folder).free
    if free < options.cases * BYTES_PER_CASE:
        folder.rmdir()
        sys.exit(
            f"{free / 1e9:.1f} GB are free, {options.cases * BYTES_PER_CASE / 1e9:.1f} are needed"
        )
    broker = EmbeddedKafka(folder / "kafka").start()
    try:
        found = _measure(options, broker, folder, console)
    finally:
        broker.stop()
        shutil.rmtree(folder, ignore_errors=True)
    _show(found, console)
    if options.json:
        print(json.dumps(asdict(found)))
    if options.output:
        options.output.write_text(json.dumps(asdict(found), indent=1) + "\n")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.state", description=__doc__)
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--partitions", type=int, default=topics.DEFAULT_PARTITIONS)
    parser.add_argument(
        "--seconds", type=float, default=3_600.0, help="the longest time to take all of it in"
    )
    parser.add_argument("--json", action="store_true", help="JSON on stdout, the rest on stderr")
    parser.add_argument("--output", type=Path, help="a file for the JSON")
    parser.add_argument("--tree", type=Path, default=ROOT, help="source tree of the router")
    return parser.parse_args(arguments)


def _measure(
    options: argparse.Namespace, broker: EmbeddedKafka, folder: Path, console: Console
) -> Measured:
    kafka = KafkaSettings(bootstrap_servers=broker.bootstrap, partitions=options.partitions)
    provision(kafka, DEPARTMENTS)
    cluster = Cluster(broker.bootstrap)
    state, log, tree = folder / "state", folder / "router.log", options.tree.absolute()
    found = Measured(
        {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "cpus": os.cpu_count(),
            "partitions": options.partitions,
            "load_before": os.getloadavg(),
        }
    )
    found.events = cluster.fill(
        kafka.topic(topics.PROCESS_OBSERVED.name),
        records.events(options.cases * EVENTS, steps=EVENTS),
    )
    found.cases = options.cases
    console.log(f"{found.events:,} events are written")
    until = time.monotonic() + options.seconds
    router = Router(kafka, state, log, tree)
    try:
        router.started()
        observed = Committed(kafka, kafka.topic(topics.PROCESS_OBSERVED.name))
        began = time.monotonic()
        before = observed.behind()
        _until(lambda: observed.behind() == 0, router, until, console)
        found.events_per_second = round(before / (time.monotonic() - began))
        console.log(f"taken in, {found.events_per_second:,.0f}/s (load {os.getloadavg()[0]:.1f})")
        began = time.monotonic()
        received = kafka.topic(topics.COMPLAINT_RECEIVED.name)
        found.complaints = cluster.fill(received, _complaints(options.cases))
        complained = Committed(kafka, received)
        _until(lambda: complained.behind() == 0, router, until, console)
        found.complaints_per_second = round(found.complaints / (time.monotonic() - began))
        found.cpu, found.peak = round(router.cpu(), 1), round(router.peak)
        time.sleep(5.0)
        found.settled = round(router.resident())
        found.state = round(_size(state))
        changelog = Committed(kafka, kafka.topic(topics.ROUTER_STATE.name))
        found.rows = changelog.end()
        for each in (observed, complained, changelog):
            each.close()
        name = kafka.topic(topics.ROUTER_STATE.name)
        found.changelog = round(
            sum(_size(part) for part in broker.data_dir.rglob(f"{name}-*") if part.is_dir())
        )
        console.log("all of it is taken in; now the starts")
        router.end(signal.SIGTERM)
        router = Router(kafka, state, log, tree)
        found.with_folder = router.started()
        router.end(signal.SIGKILL)
        router = Router(kafka, state, log, tree)
        found.after_kill = router.started()
        router.end(signal.SIGTERM)
        shutil.rmtree(state)
        router = Router(kafka, state, log, tree)
        found.without_folder = router.started()
    finally:
        router.end(signal.SIGKILL)
        cluster.close()
    found.about["load_after"] = os.getloadavg()
    return found


def _until(done: Callable[[], bool], router: Router, until: float, console: Console) -> None:
    said = time.monotonic()
    while not done():
        router.check()
        now = time.monotonic()
        if now > until:
            raise RuntimeError("the time is up; allow more with --seconds")
        if now > said + 30:
            said = now
            console.log(f"… {router.resident():.0f} MB, {router.cpu():.0f} CPU s")
        time.sleep(0.5)


def _complaints(cases: int) -> Iterator[records.Event]:
    """About every twentieth case: its parcel has not come."""
    at = datetime(2026, 11, 12, tzinfo=UTC)
    for number in range(0, cases, COMPLAINT_EVERY):
        generation, lane = divmod(number, records.UNDER_WAY)
        identity = f"{number:08x}-0000-5000-8000-111111111111"
        data = ComplaintReceivedV1(
            complaint_id=identity,
            channel="bench",
            text="Paket saya belum sampai juga, sudah lewat dari tanggal yang dijanjikan.",
            case_id=f"ORD-{generation:03d}-{lane:06d}",
            occurred_at=at,
            received_at=at,
            body_digest=hashlib.sha256(identity.encode()).hexdigest(),
        )
        made = codec.encode(codec.wrap(data, id=identity, source="/bench", time=at))
        yield records.Event(made.key, made.value, list(made.headers))


def _size(folder: Path) -> float:
    """MB of the files below a folder; files may vanish meanwhile."""
    total = 0
    for path, _folders, files in os.walk(folder):
        for name in files:
            try:
                total += (Path(path) / name).stat().st_size
            except FileNotFoundError:
                continue
    return total / 1e6


def _show(found: Measured, console: Console) -> None:
    table = Table("what", "found", "goal", title=f"State of {found.cases:,} cases")
    table.add_row("events, complaints", f"{found.events:,} · {found.complaints:,}", "")
    table.add_row(
        "events/s, complaints/s",
        f"{found.events_per_second:,.0f} · {found.complaints_per_second:,.0f}",
        "",
    )
    table.add_row("CPU s to take all in", f"{found.cpu:,.0f}", "")
    table.add_row("changelog offsets (rows and markers)", f"{found.rows:,}", "")
    table.add_row(
        "changelog · state folder", f"{found.changelog:,.0f} MB · {found.state:,.0f} MB", ""
    )
    table.add_row(
        "resident, at most · settled",
        f"{found.peak:,.0f} MB · {found.settled:,.0f} MB",
        f"≤ {MEMORY_GOAL} MB",
    )
    for title, start, goal in (
        ("start with data folder", found.with_folder, WITH_GOAL),
        ("start after kill -9", found.after_kill, WITH_GOAL),
        ("start without data folder", found.without_folder, WITHOUT_GOAL),
    ):
        if start is not None:
            table.add_row(
                title,
                f"{start.seconds} s ({start.cpu} CPU s, {start.restored:,} records, at most {start.peak:,.0f} MB)",
                f"≤ {goal} s",
            )
    table.add_row(
        "load average before, after",
        f"{found.about['load_before']} · {found.about.get('load_after')}",
        "",
    )
    console.print(table)


if __name__ == "__main__":
    main()
