"""From POST to the department's webhook, at a steady rate, beside a bare client loop on the same broker.

The load is open: each complaint has its moment, whether or not the one before was answered, and its time runs from that
moment, so that a standstill counts for all that would have come in it.  A complaint's time ends with the first webhook that
names it.  Akar's complaints each have an order whose packing was late, with its events sent before.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import aiohttp
import psutil
from aiohttp import web

from bench.cluster import Cluster
from bench.machine import Machine
from bench.throughput import DEPARTMENTS, ROOT
from schemas import topics
from services.chassis.settings import KafkaSettings
from services.local.kafka import EmbeddedKafka

WARM_UP_SECONDS: Final = 20.0
ROUNDS_SECONDS: Final = 150.0
"""No further round of one rate begins after this."""
PATIENCE_SECONDS: Final = 20.0
"""For events that are still to be read, and after the last POST for webhooks that are still to come."""
_ANSWERED_WITHIN: Final = aiohttp.ClientTimeout(total=30.0)
PREFIX: Final = "latency-akar-"
_COMPLAINT: Final = re.compile(rb'"complaint_id": ?"([^"]+)"')


@dataclass(frozen=True, slots=True)
class Load:
    """How much, how fast."""

    per_second: float
    seconds: float
    rounds: int


@dataclass(frozen=True, slots=True)
class Timing:
    """One contender in one round; all times in milliseconds."""

    p50: float
    p99: float
    most: float
    ack_p50: float
    """POST -> 202."""
    ack_p99: float
    sent: int
    told: int
    """Complaints that reached a webhook."""
    cpu: dict[str, float]
    """Process -> CPU milliseconds per complaint; `broker` is the broker's."""
    own: float
    """CPU milliseconds per complaint of what sends and receives here, which shares the machine with all of them."""


class Webhooks:
    """An HTTP server that notes when each complaint was first named to it."""

    def __init__(self) -> None:
        self.first: dict[str, float] = {}
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._runner = web.ServerRunner(web.Server(self._called, access_log=None))

    async def start(self) -> None:
        """Serve on the running loop."""
        await self._runner.setup()
        await web.SockSite(self._runner, self._socket).start()

    async def stop(self) -> None:
        """Serve no longer."""
        await self._runner.cleanup()

    async def _called(self, request: web.BaseRequest) -> web.Response:
        now = time.monotonic()
        for found in _COMPLAINT.findall(await request.read()):
            self.first.setdefault(found.decode(), now)
        return web.Response(status=204)


@dataclass(slots=True)
class Target:
    """Where complaints are posted."""

    url: str
    headers: dict[str, str]
    processes: dict[str, psutil.Process]
    prepare: Callable[[list[str]], Awaitable[None]]
    """Is told the case ids before any complaint about them is sent."""


@dataclass(slots=True)
class _Shots:
    planned: dict[str, float] = field(default_factory=dict)
    """complaint -> when it was to be sent."""
    acks: list[float] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    """Answers other than 202, by status and problem."""


async def measure(target: Target, load: Load, webhooks: Webhooks, name: str) -> Timing:
    """Warm up, send the load, wait for the webhooks.

    Raises:
        RuntimeError: No webhook was called at all, or posts were refused.
    """
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64)) as client:
        warm = [f"{name}-w{number}" for number in range(int(load.per_second * WARM_UP_SECONDS))]
        counted = [f"{name}-{number}" for number in range(int(load.per_second * load.seconds))]
        await target.prepare(warm + counted)
        warmed = await _send(client, target, warm, load.per_second)
        _none_refused(warmed, name)
        await _settled(warmed, webhooks)
        before, own = _cpu(target.processes), time.process_time()
        shots = await _send(client, target, counted, load.per_second)
        await _settled(shots, webhooks)
        after, own = _cpu(target.processes), time.process_time() - own
    _none_refused(shots, name)
    times = sorted(
        1e3 * (webhooks.first[complaint] - planned)
        for complaint, planned in shots.planned.items()
        if complaint in webhooks.first
    )
    if not times:
        raise RuntimeError(f"{name}: no webhook was called for {len(counted)} complaints")
    return Timing(
        p50=statistics.median(times),
        p99=_quantile(times, 0.99),
        most=times[-1],
        ack_p50=statistics.median(shots.acks),
        ack_p99=_quantile(sorted(shots.acks), 0.99),
        sent=len(counted),
        told=len(times),
        cpu={name: 1e3 * (after[name] - before[name]) / len(counted) for name in after},
        own=1e3 * own / len(counted),
    )


async def _send(
    client: aiohttp.ClientSession, target: Target, cases: list[str], per_second: float
) -> _Shots:
    shots = _Shots()
    start = time.monotonic() + 0.1

    async def post(number: int, case_id: str) -> None:
        planned = start + number / per_second
        await asyncio.sleep(max(0.0, planned - time.monotonic()))
        body = {
            "text": "Paket saya belum sampai juga, sudah lewat dari tanggal yang dijanjikan.",
            "case_id": case_id,
            "channel_ref": case_id,
        }
        headers = {**target.headers, "Idempotency-Key": case_id}
        async with client.post(
            target.url, json=body, headers=headers, timeout=_ANSWERED_WITHIN
        ) as answer:
            if answer.status != 202:
                shots.refused[f"{answer.status} {(await answer.text())[:200]}"] += 1
                return
            complaint = (await answer.json())["complaint_id"]
        shots.acks.append(1e3 * (time.monotonic() - planned))
        shots.planned[complaint] = planned

    await asyncio.gather(*(post(number, case_id) for number, case_id in enumerate(cases)))
    return shots


def _none_refused(shots: _Shots, name: str) -> None:
    if shots.refused:
        told = "; ".join(f"{count} × {what}" for what, count in shots.refused.most_common(3))
        raise RuntimeError(f"{name}: posts were refused: {told}")


async def _settled(shots: _Shots, webhooks: Webhooks) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until and not webhooks.first.keys() >= shots.planned.keys():  # noqa: ASYNC110 - it has a deadline
        await asyncio.sleep(0.05)


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _cpu(processes: Mapping[str, psutil.Process]) -> dict[str, float]:
    found = {}
    for name, process in processes.items():
        times = process.cpu_times()
        found[name] = times.user + times.system
    return found


def _name(process: psutil.Process) -> str:
    """`router`, `intake` … of a process that runs a module of ours."""
    parts = process.cmdline()
    module = parts[parts.index("-m") + 1] if "-m" in parts else parts[0].rpartition("/")[2]
    return " ".join([module.removeprefix("services."), *(p for p in parts[-1:] if p == "ticker")])


# -- contenders --------------------------------------------------------------------------------


@asynccontextmanager
async def akar(
    cluster: Cluster, broker: psutil.Process, webhooks: Webhooks, folder: Path, tree: Path
) -> AsyncIterator[Target]:
    """The whole pipeline, as `akar up` starts it, on the bench's broker."""
    env = {
        **os.environ,
        "KAFKA_BOOTSTRAP_SERVERS": cluster.bootstrap,
        "KAFKA_TOPIC_PREFIX": PREFIX,
        "AKAR_LOG_LEVEL": "warning",
        "PYTHONPATH": str(tree),
    }
    command = [sys.executable, "-m", "services.cli", "up", "--ready-json"]
    command += ["--data-dir", str(folder / "akar"), "--webhooks", webhooks.url]
    command += ["--registry", str(ROOT / "examples" / "shop")]
    progress = None
    with (folder / "akar-up.log").open("wb") as log:
        child = await asyncio.create_subprocess_exec(
            *command, cwd=tree, env=env, stdout=subprocess.PIPE, stderr=log
        )
    try:
        assert child.stdout is not None
        line = await asyncio.wait_for(child.stdout.readline(), 120.0)
        if not line:
            said = (folder / "akar-up.log").read_text(errors="replace")[-2_000:]
            raise RuntimeError(f"akar up ended with {await child.wait()}\n{said}")
        ready = json.loads(line)
        headers = {"Authorization": f"Bearer {ready['channel_key']}"}
        parent = psutil.Process(child.pid)
        kafka = KafkaSettings(bootstrap_servers=cluster.bootstrap, topic_prefix=PREFIX)
        observed = kafka.topic(topics.PROCESS_OBSERVED.name)
        progress = cluster.progress(kafka.group("router"), observed)
        events = 0

        async def prepare(cases: list[str]) -> None:
            nonlocal events
            async with aiohttp.ClientSession(raise_for_status=True) as client:
                for start in range(0, len(cases), 200):
                    lines = [e for case in cases[start : start + 200] for e in _late_packing(case)]
                    async with client.post(
                        f"{ready['intake']}/v1/process-events",
                        data="\n".join(json.dumps(each) for each in lines),
                        headers={**headers, "Content-Type": "application/x-ndjson"},
                    ):
                        events += len(lines)
            # The router is to have them before the first complaint comes.
            until = time.monotonic() + PATIENCE_SECONDS
            while await asyncio.to_thread(progress.committed) < events:
                if time.monotonic() >= until:
                    raise RuntimeError(f"{observed}: the router has not read {events} events")
                await asyncio.sleep(0.1)

        processes = {_name(each): each for each in (parent, *parent.children(recursive=True))}
        processes["broker"] = broker
        yield Target(f"{ready['intake']}/v1/complaints", headers, processes, prepare)
    finally:
        if progress is not None:
            progress.close()
        if child.returncode is None:
            child.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(child.wait(), 40.0)
            except TimeoutError:
                child.kill()
                await child.wait()


def _late_packing(case_id: str) -> list[dict[str, Any]]:
    """An order whose packing took two days too long and which is not delivered yet."""
    ordered = datetime.now(UTC) - timedelta(days=8)
    steps = (
        ("order_placed", 0),
        ("payment_received", 1),
        ("payment_verified", 2),
        ("confirmed", 4),
        ("picked", 10),
        ("packed", 64),
        ("handed_over", 70),
    )
    return [
        {
            "case_id": case_id,
            "event_id": f"{case_id}-{activity}",
            "activity": activity,
            "transition": "complete",
            "at": (ordered + timedelta(hours=hours)).isoformat(),
        }
        for activity, hours in steps
    ]


@asynccontextmanager
async def bare(
    cluster: Cluster, broker: psutil.Process, webhooks: Webhooks, folder: Path
) -> AsyncIterator[Target]:
    """One handler and one sender, with nothing between them but the topic."""
    kafka = cluster.prepare("latency-bare-", DEPARTMENTS)
    env = {
        **os.environ,
        "BENCH_BOOTSTRAP": cluster.bootstrap,
        "BENCH_TOPIC": kafka.topic(topics.COMPLAINT_RECEIVED.name),
        "BENCH_GROUP": kafka.group("sender"),
        "BENCH_WEBHOOK": webhooks.url,
        "PYTHONPATH": str(ROOT),
    }
    with (folder / "bare.log").open("wb") as log:
        children = [
            await asyncio.create_subprocess_exec(
                sys.executable, "-m", f"bench.contenders.{name}",
                cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=log,
            )
            for name in ("bare_http", "bare_sender")
        ]  # fmt: skip
    try:
        output = children[0].stdout
        assert output is not None
        port = int(await asyncio.wait_for(output.readline(), 30.0))

        async def prepare(_cases: list[str]) -> None:
            return

        processes = {
            "handler": psutil.Process(children[0].pid),
            "sender": psutil.Process(children[1].pid),
            "broker": broker,
        }
        yield Target(f"http://127.0.0.1:{port}", {}, processes, prepare)
    finally:
        for child in children:
            if child.returncode is None:
                child.kill()
            await child.wait()


async def run(
    kafka: EmbeddedKafka,
    loads: Sequence[Load],
    folder: Path,
    report: Callable[[str], None],
    tree: Path = ROOT,
) -> dict[float, dict[str, list[Timing]]]:
    """Measure both at each rate, in turn, both running all the time; gives rate -> contender -> rounds."""
    cluster, broker = Cluster(kafka.bootstrap), psutil.Process(kafka.pid)
    webhooks = Webhooks()
    await webhooks.start()
    found: dict[float, dict[str, list[Timing]]] = {}
    try:
        async with (
            akar(cluster, broker, webhooks, folder, tree) as ours,
            bare(cluster, broker, webhooks, folder) as theirs,
        ):
            for load in loads:
                rounds = found[load.per_second] = {"akar": [], "bare": []}
                until = time.monotonic() + ROUNDS_SECONDS
                for number in range(load.rounds):
                    if time.monotonic() >= until:
                        report(f"a busy machine: {number} of {load.rounds} rounds")
                        break
                    for name, target in (("akar", ours), ("bare", theirs)):
                        machine = Machine()
                        unique = f"{name}-{load.per_second:g}-{number}"
                        timing = await measure(target, load, webhooks, unique)
                        rounds[name].append(timing)
                        report(
                            f"{load.per_second:g}/s, round {number + 1} of {load.rounds}: {name} "
                            f"p50 {timing.p50:,.0f} ms, p99 {timing.p99:,.0f} ms "
                            f"({machine.said()})"
                        )
    finally:
        await webhooks.stop()
        cluster.close()
    return found
