"""The long fault suite: what comes in is broken, out of order, or far too much; and who is to be told does not listen."""

from __future__ import annotations

import os
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos import harm
from tests.chaos.journal import Journal
from tests.chaos.knobs import LONGEST, RATE, SEED, seconds, times
from tests.chaos.nemesis import Nemesis
from tests.chaos.pipeline import Pipeline, wait_for
from tests.chaos.scenario import play
from tests.chaos.topics import Cluster
from tests.chaos.writer import Writer

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(LONGEST)]

BACKLOG = int(os.environ.get("AKAR_CHAOS_BACKLOG", str(times(1_000_000))))
EACH = 8
"""Events of a case."""
LAG = "akar_consumer_lag_records"
NEARLY = 1_000
"""Events that are left when the backlog counts as read: the load goes on, and the metric is 5 s old."""
SLOWEST = 1_500.0
"""Events a second that a router may be as slow as, on a machine that does much else."""


def test_broken_records(tmp_path: Path, report: Callable[[str], None]) -> None:
    """Each way to break a contract, in each topic from outside, many times, while workers are killed."""
    planting = harm.poison(times(400), SEED)

    def done(nemesis: Nemesis) -> None:
        planting(nemesis)
        nemesis.kill("router-0")
        nemesis.until_it_flows()

    report(play(tmp_path, done, title="broken records", seed=SEED, rate=RATE, workers=2).report)


def test_evidence_in_any_order_and_twice(tmp_path: Path, report: Callable[[str], None]) -> None:
    """The same causes are found whatever order the events come in, and however often, with a worker killed in between."""

    def done(nemesis: Nemesis) -> None:
        for _ in range(times(6)):
            nemesis.pause(5.0, 10.0)
            nemesis.kill("router-0")
            nemesis.until_it_flows()

    verdict = play(
        tmp_path,
        done,
        title="evidence out of order and twice",
        seed=SEED,
        rate=RATE,
        load_options=["--disorder"],
    )
    report(verdict.report)


def test_deaf_departments(tmp_path: Path, report: Callable[[str], None]) -> None:
    """Slow and dead webhooks for minutes: nobody else waits, and nobody is told twice under another id."""
    done = harm.webhooks(seconds(60), seconds(20))

    report(play(tmp_path, done, title="slow and dead webhooks", seed=SEED, rate=RATE).report)


def test_a_backlog(tmp_path: Path, report: Callable[[str], None]) -> None:
    """A million events that were written while no router ran, complaints among them: all are in its rows, none twice."""
    said: list[str] = []

    def caught_up(pipeline: Pipeline) -> bool:
        """Whether the router has read nearly all process events, by its own word."""
        metrics = pipeline.ready["health"]["router-0"].replace("/readyz", "/metrics")
        topic = f"{pipeline.ready['topic_prefix']}process.observed"
        try:
            with urllib.request.urlopen(metrics, timeout=20) as answer:
                lines = answer.read().decode().splitlines()
        except OSError:
            return False
        lags = [line for line in lines if line.startswith(f'{LAG}{{topic="{topic}"}}')]
        return bool(lags) and float(lags[0].rpartition(" ")[2]) < NEARLY

    def done(nemesis: Nemesis) -> None:
        pipeline = nemesis.pipeline
        cluster = Cluster(pipeline.ready["kafka"], pipeline.ready["topic_prefix"])
        journal = Journal(pipeline.client_log)
        writer = Writer(
            pipeline.ready["kafka"], pipeline.ready["topic_prefix"], cluster.count(), journal
        )
        events = BACKLOG // EACH * EACH
        with pipeline.routers_held():
            before = pipeline.kill("router-0")
            rate = writer.bulk(f"INV-bulk{SEED}-", BACKLOG // EACH, EACH)
            nemesis.note(f"a backlog of {events:,} events")
        said.append(f"{events:,} events written at {rate:,.0f} a second")
        released = time.monotonic()
        pipeline.wait_back("router-0", before)
        began = time.monotonic()
        wait_for("the backlog is read", lambda: caught_up(pipeline), 120 + BACKLOG / SLOWEST)
        rate = events / (time.monotonic() - began)
        said.append(
            f"the router was ready {began - released:.1f} s later, and read {rate:,.0f} a second"
        )
        nemesis.until_it_flows(120)

    verdict = play(
        tmp_path,
        done,
        title="backlog",
        seed=SEED,
        rate=min(RATE, 5.0),
        settle_seconds=120 + BACKLOG / SLOWEST,
    )
    report("\n".join((verdict.report, *said)))
