"""`python -m bench`: one broker of its own, every contender in turn, then table, JSON and picture."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from bench import complaints, latency, records, scale
from bench.cluster import Cluster
from bench.machine import Machine
from bench.report import Results, picture, show
from bench.throughput import CONTENDERS, ROOT, Contender, Plan, Sample, measure, peers_installed
from services.local.kafka import EmbeddedKafka

RESULTS = ROOT / "bench" / "results"
ROWS = ("process-events", "complaints", "scale", "latency")
THROUGHPUT_SECONDS = 270.0
"""No further round begins after this."""
QUICK = ("bare", "akar", "quix")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what the arguments say."""
    options = _options(arguments)
    # The tables need that much, also in a log file.
    console = Console(stderr=options.json, width=max(120, shutil.get_terminal_size().columns))
    # Ended from outside, it still ends what it started and removes what it wrote.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    started = time.monotonic()
    records.verify()
    names = _contenders(options, console)
    plan = Plan(
        records=options.records or (60_000 if options.quick else 150_000),
        rounds=options.rounds or (1 if options.quick else 3),
        seconds=5.0 if options.quick else 8.0,
        commit_seconds=options.commit_seconds,
        complaints=options.complaints or (2_000 if options.quick else 6_000),
        tree=options.tree.absolute(),
    )
    loads = [
        latency.Load(
            per_second=per_second,
            seconds=6.0 if options.quick else 20.0,
            rounds=1 if options.quick else 2,
        )
        for per_second in options.per_second
    ]
    machine = Machine()
    results = Results(about=_about(plan, loads))
    folder = Path(tempfile.mkdtemp(prefix="akar-bench-"))
    broker = EmbeddedKafka(folder / "kafka").start()
    failed: list[str] = []
    try:
        if "process-events" in options.rows:
            results.throughput, missed = _throughput(
                plan, [CONTENDERS[name] for name in names], measure, broker, folder, console.log
            )
            failed += missed
        if "complaints" in options.rows:
            chosen = [each for name, each in complaints.CONTENDERS.items() if name in names]
            results.complaints, missed = _throughput(
                plan, chosen, complaints.measure, broker, folder, console.log
            )
            failed += missed
        if "scale" in options.rows:
            with closing(Cluster(broker.bootstrap)) as cluster:
                for number, workers in enumerate(scale.WORKERS):
                    turn = Machine()
                    try:
                        found = scale.measure(
                            workers, plan, cluster, broker.pid or 0, folder, number
                        )
                    except RuntimeError as error:
                        console.log(f"{workers} workers: {error}", markup=False)
                        failed.append(f"{workers} workers")
                        continue
                    results.scale.append(found)
                    console.log(
                        f"{workers} workers: {found.rate:,.0f}/s, {found.cpu:.0f} CPU s/M ({turn.said()})"
                    )
        if "latency" in options.rows:
            try:
                results.latency = asyncio.run(
                    latency.run(broker, loads, folder, console.log, plan.tree)
                )
            except RuntimeError as error:
                console.log(f"latency: {error}", markup=False)
                failed.append("latency")
    finally:
        broker.stop()
        shutil.rmtree(folder, ignore_errors=True)
    results.about |= {
        "load_after": os.getloadavg(),
        "stolen": machine.stolen(),
        "took_seconds": round(time.monotonic() - started),
    }
    _keep(results, console)
    if options.json:
        print(json.dumps(results.document()))
    if failed:
        sys.exit(f"not measured: {', '.join(failed)}")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round (under two minutes)")
    parser.add_argument(
        "--rows", default=",".join(ROWS), help=f"which of {', '.join(ROWS)}; all by default"
    )
    parser.add_argument(
        "--contenders", help=f"which of {', '.join(CONTENDERS)}; all by default, three with --quick"
    )
    parser.add_argument("--json", action="store_true", help="JSON on stdout, the rest on stderr")
    parser.add_argument("--records", type=int, help="process events for each contender and round")
    parser.add_argument("--rounds", type=int, help="of process events")
    parser.add_argument(
        "--commit-seconds", type=float, default=0.1, help="commit interval of every contender"
    )
    parser.add_argument("--complaints", type=int, help="complaints for each contender and round")
    parser.add_argument(
        "--per-second",
        type=_rates,
        default=(10.0, 50.0, 100.0),
        help="complaints a second, for latency; several with commas (default 10,50,100)",
    )
    parser.add_argument(
        "--tree", type=Path, default=ROOT, help="source tree that Akar is started from"
    )
    options = parser.parse_args(arguments)
    options.rows = options.rows.split(",")
    for row in options.rows:
        if row not in ROWS:
            parser.error(f"no row {row}; there are {', '.join(ROWS)}")
    for name in (options.contenders or "").split(","):
        if name and name not in CONTENDERS:
            parser.error(f"no contender {name}; there are {', '.join(CONTENDERS)}")
    return options


def _contenders(options: argparse.Namespace, console: Console) -> list[str]:
    if options.contenders:
        return list(options.contenders.split(","))
    names = list(QUICK) if options.quick else list(CONTENDERS)
    if not peers_installed():
        console.log("Quix Streams is not installed (make bench does it): left out")
        names = [name for name in names if not name.startswith("quix")]
    return names


def _rates(text: str) -> tuple[float, ...]:
    return tuple(float(each) for each in text.split(","))


def _throughput(
    plan: Plan,
    contenders: Sequence[Contender],
    measured: Callable[[Contender, Plan, Cluster, int, Path, int], Sample],
    broker: EmbeddedKafka,
    folder: Path,
    report: Callable[..., None],
) -> tuple[dict[str, list[Sample]], list[str]]:
    """Measure each contender in each round; returns the samples, and those that failed in one."""
    samples: dict[str, list[Sample]] = {each.name: [] for each in contenders}
    failed = []
    number = 0
    until = time.monotonic() + THROUGHPUT_SECONDS
    with closing(Cluster(broker.bootstrap)) as cluster:
        for turn in range(plan.rounds):
            if time.monotonic() >= until:
                report(f"a busy machine: {turn} of {plan.rounds} rounds")
                break
            # The order turns, so that what the machine does meanwhile meets them alike.
            first = turn % max(1, len(contenders))
            for contender in (*contenders[first:], *contenders[:first]):
                number += 1
                machine = Machine()
                try:
                    sample = measured(contender, plan, cluster, broker.pid or 0, folder, number)
                except RuntimeError as error:
                    report(f"{contender.name}: {error}", markup=False)
                    failed.append(contender.name)
                    continue
                samples[contender.name].append(sample)
                report(
                    f"round {turn + 1} of {plan.rounds}: {contender.name} {sample.rate:,.0f}/s "
                    f"over {sample.seconds:.1f} s ({machine.said()})"
                )
    return samples, failed


def _about(plan: Plan, loads: Sequence[latency.Load]) -> dict[str, object]:
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "machine": platform.platform(),
        "cpus": os.cpu_count(),
        "records": plan.records,
        "rounds": plan.rounds,
        "commit_seconds": plan.commit_seconds,
        "complaints": plan.complaints,
        "per_second": [load.per_second for load in loads],
        "seconds": loads[0].seconds,
        "latency_rounds": loads[0].rounds,
        "load_before": os.getloadavg(),
    }


def _keep(results: Results, console: Console) -> None:
    show(results, console)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "latest.json").write_text(json.dumps(results.document(), indent=1) + "\n")
    (RESULTS / "latest.svg").write_text(picture(results))
    console.print(
        f"{RESULTS / 'latest.json'} · {RESULTS / 'latest.svg'} · {results.about['took_seconds']} s"
    )
