"""The long fault suite (`make chaos`): crashes.  200 random kills, every fault point three times, lost state, clean ends.

`knobs.py` says how long and how hard; the other `test_long_*` modules have workers, broker and disk, inputs, clocks.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos.knobs import AT_ONCE, KILLS, LONGEST, RATE, ROUNDS, SECONDS, SEED, times
from tests.chaos.nemesis import POINTS, PROMISE_SECONDS, Nemesis
from tests.chaos.scenario import play

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(LONGEST)]


def test_random_kills_of_everything(tmp_path: Path, report: Callable[[str], None]) -> None:
    """Many random kill -9 over all processes under load: 0 lost, 0 repeated."""

    def harm(nemesis: Nemesis) -> None:
        began = time.monotonic()
        left = KILLS
        while left > 0:
            names = nemesis.pipeline.names
            many = min(AT_ONCE, left, len(names))
            nemesis.kill_all(nemesis.chance.sample(names, many))
            # Not until all serve: a console that has much to catch up with is killed again before it has.
            nemesis.until_it_flows(600)
            left -= many
            # Kills that took long to recover from are made up for by shorter pauses.
            each = max(0.0, SECONDS - (time.monotonic() - began)) * many / max(1, left)
            nemesis.pause(0.0, min(2 * each, 20.0))

    verdict = play(tmp_path, harm, title=f"{KILLS} random kills", seed=SEED, rate=RATE)

    report(verdict.report)
    assert verdict.fact("complaints answered 202") > KILLS


def test_a_crash_at_every_named_point(tmp_path: Path, report: Callable[[str], None]) -> None:
    """Whatever step of the checkpoint a worker dies at, the next one goes on as if nothing had been."""

    def harm(nemesis: Nemesis) -> None:
        points = [point for point in POINTS for _ in range(ROUNDS)]
        nemesis.chance.shuffle(points)
        for point in points:
            nth = 1 if "." not in point or point == "restore.applied" else None
            nemesis.fault("router-0", point, nth or nemesis.chance.randrange(1, 60))
            nemesis.until_it_flows()
            nemesis.pause(1.0, 4.0)

    title = f"{len(POINTS)} named points, {ROUNDS} crashes at each"

    report(play(tmp_path, harm, title=title, seed=SEED, rate=RATE, workers=2).report)


def test_state_that_is_gone(tmp_path: Path, report: Callable[[str], None]) -> None:
    """A worker without its state folder rebuilds it from the changelog before it handles a record."""

    def harm(nemesis: Nemesis) -> None:
        for _ in range(ROUNDS):
            nemesis.wipe("router-0")
            nemesis.until_it_flows()
            nemesis.pause(4.0, 8.0)

    report(play(tmp_path, harm, title="state folder deleted", seed=SEED, rate=RATE).report)


def test_clean_ends_under_load(tmp_path: Path, report: Callable[[str], None]) -> None:
    """SIGTERM of each process in turn, and of the whole pipeline, which is then started again on its folder."""

    def harm(nemesis: Nemesis) -> None:
        pipeline = nemesis.pipeline
        for _ in range(times(2)):
            for name in pipeline.names:
                nemesis.terminate(name)
                nemesis.until_it_flows()
                nemesis.pause(0.5, 2.0)
        before = pipeline.ready
        for _ in range(times(2)):
            nemesis.note("SIGTERM of akar up, and its next start", 4 * PROMISE_SECONDS)
            pipeline.down()
            pipeline.up()
            assert pipeline.ready["intake"] == before["intake"]
            nemesis.until_it_flows()

    report(play(tmp_path, harm, title="SIGTERM", seed=SEED, rate=RATE, workers=2).report)
