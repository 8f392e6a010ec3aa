"""The long fault suite: what comes in is broken, out of order, or far too much; and who is to be told does not listen."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos import harm
from tests.chaos.journal import Journal
from tests.chaos.knobs import LONGEST, RATE, SEED, seconds, times
from tests.chaos.nemesis import Nemesis
from tests.chaos.scenario import play
from tests.chaos.topics import Cluster
from tests.chaos.writer import Writer

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(LONGEST)]

BACKLOG = int(os.environ.get("AKAR_CHAOS_BACKLOG", str(times(1_000_000))))
EACH = 8
"""Events of a case."""
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

    def done(nemesis: Nemesis) -> None:
        pipeline = nemesis.pipeline
        cluster = Cluster(pipeline.ready["kafka"], pipeline.ready["topic_prefix"])
        journal = Journal(pipeline.client_log)
        writer = Writer(
            pipeline.ready["kafka"], pipeline.ready["topic_prefix"], cluster.count(), journal
        )
        with pipeline.routers_held():
            before = pipeline.kill("router-0")
            writer.bulk(f"INV-bulk{SEED}-", BACKLOG // EACH, EACH)
            nemesis.note(f"a backlog of {BACKLOG // EACH * EACH:,} events")
        pipeline.wait_back("router-0", before)
        nemesis.until_it_flows(120 + BACKLOG / SLOWEST)

    verdict = play(
        tmp_path,
        done,
        title="backlog",
        seed=SEED,
        rate=min(RATE, 5.0),
        settle_seconds=120 + BACKLOG / SLOWEST,
    )
    report(verdict.report)
