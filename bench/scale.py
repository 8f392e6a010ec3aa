"""N routers share the partitions: what each further worker costs, with the broker on a core of its own.

On a machine with few cores more workers cannot be faster; whether the work *divides* shows in CPU seconds per million events,
which stay the same when it does.  The broker is pinned to the first core and all workers to the rest, so that neither takes
the other's time; a machine with more cores shows the rate, too.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import psutil
from rich.console import Console
from rich.table import Table

from bench import records
from bench.cluster import Cluster
from bench.contenders.settings import Settings
from bench.throughput import (
    CONTENDERS,
    DEPARTMENTS,
    POLL_SECONDS,
    START_SECONDS,
    Plan,
    cpu,
    running,
)
from schemas import topics

WORKERS: Final = (1, 2, 4)


@dataclass(frozen=True, slots=True)
class Scaled:
    """So many workers in one round."""

    workers: int
    rate: float
    """Records per second, of all together."""
    cpu: float
    """CPU seconds of all workers per million records."""
    resident: float
    """MB of all workers."""
    shares: tuple[float, ...]
    """Each worker's part of the CPU time, largest first: how evenly the partitions fall."""


def measure(
    workers: int, plan: Plan, cluster: Cluster, broker_pid: int, folder: Path, number: int
) -> Scaled:
    """Fill the topics, start the workers together and measure them.

    Raises:
        RuntimeError: One ended, or nothing was committed in time.
    """
    prefix = f"scale{number}-"
    kafka = cluster.prepare(prefix, DEPARTMENTS)
    topic = kafka.topic(topics.PROCESS_OBSERVED.name)
    contender = CONTENDERS["akar"]
    group = kafka.group(contender.group)
    settings = Settings(
        bootstrap=cluster.bootstrap,
        topic=topic,
        output=kafka.topic(topics.ROUTER_STATE.name),
        group=group,
        state_dir=folder / prefix,
        commit_seconds=plan.commit_seconds,
    )
    progress = cluster.progress(group, topic)
    broker = psutil.Process(broker_pid)
    cores = broker.cpu_affinity() or []
    with ExitStack() as stack:
        stack.callback(cluster.drop, prefix)
        stack.callback(progress.close)
        if len(cores) > 1:
            stack.callback(broker.cpu_affinity, cores)
            broker.cpu_affinity(cores[:1])
        children = []
        for instance in range(workers):
            own = replace(settings, state_dir=folder / f"{prefix}{instance}")
            command, environment = contender.command(own, kafka)
            child = stack.enter_context(
                running(
                    command,
                    {**environment, "ROUTER_INSTANCE": f"bench-{instance}"},
                    plan.tree,
                    folder / f"{prefix}{instance}.log",
                )
            )
            if len(cores) > 1:
                psutil.Process(child.pid).cpu_affinity(cores[1:])
            children.append(child)
        processes = [psutil.Process(child.pid) for child in children]
        cluster.await_members(group, workers, START_SECONDS)
        # Written once all have joined: else the first would take everything before the last has come.
        began, before = time.monotonic(), [cpu(each) for each in processes]
        total = cluster.fill(topic, records.events(plan.records))
        until = began + START_SECONDS
        while (done := progress.committed()) < total:
            time.sleep(POLL_SECONDS)
            if any(child.poll() is not None for child in children):
                raise RuntimeError(f"a worker ended after {done} of {total} records")
            if time.monotonic() > until:
                raise RuntimeError(f"{done} of {total} records in {START_SECONDS:g} s")
        took = time.monotonic() - began
        used = [cpu(each) - was for each, was in zip(processes, before, strict=True)]
        return Scaled(
            workers=workers,
            rate=total / took,
            cpu=1e6 * sum(used) / total,
            resident=sum(each.memory_info().rss for each in processes) / 1e6,
            shares=tuple(sorted((each / sum(used) for each in used), reverse=True)),
        )


def show(found: Sequence[Scaled], console: Console) -> None:
    """Print the table."""
    table = Table(title="Router workers, the broker on a core of its own, all workers on the rest")
    for column in ("workers", "events/s", "CPU s/M", "CPU ÷ one worker", "MB", "share of each"):
        table.add_column(column, justify="right")
    one = next((each.cpu for each in found if each.workers == 1), None)
    for each in found:
        table.add_row(
            str(each.workers),
            f"{each.rate:,.0f}",
            f"{each.cpu:.0f}",
            "" if one is None else f"{each.cpu / one:.2f}",
            f"{each.resident:.0f}",
            " ".join(f"{share:.0%}" for share in each.shares),
        )
    console.print(table)
