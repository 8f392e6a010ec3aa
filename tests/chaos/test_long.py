"""The long fault suite (`make chaos`): 200 random kills, every fault point three times, zombies, lost state.

AKAR_CHAOS_KILLS (200), AKAR_CHAOS_SECONDS (1500), AKAR_CHAOS_RATE (10 complaints a second) and AKAR_CHAOS_SEED say how long and
how hard.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos.nemesis import POINTS, SESSION_SECONDS, Nemesis
from tests.chaos.scenario import play

KILLS = int(os.environ.get("AKAR_CHAOS_KILLS", "200"))
SECONDS = float(os.environ.get("AKAR_CHAOS_SECONDS", "1500"))
RATE = float(os.environ.get("AKAR_CHAOS_RATE", "10"))
SEED = int(os.environ.get("AKAR_CHAOS_SEED", "0")) or int(time.time())
ROUNDS = 3

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(int(SECONDS) * 3 + 1200)]


def test_random_kills_of_everything(tmp_path: Path, report: Callable[[str], None]) -> None:
    """Many random kill -9 over all processes under load: 0 lost, 0 repeated."""

    def harm(nemesis: Nemesis) -> None:
        began = time.monotonic()
        for number in range(KILLS):
            nemesis.kill(nemesis.chance.choice(nemesis.pipeline.names))
            # Kills that took long to recover from are made up for by shorter pauses.
            left = SECONDS - (time.monotonic() - began)
            each = max(0.0, left / max(1, KILLS - number - 1))
            nemesis.pause(0.0, min(2 * each, 20.0))

    verdict = play(tmp_path, harm, title=f"{KILLS} random kills", seed=SEED, rate=RATE)

    report(verdict.report)
    assert verdict.fact("complaints answered 202") > KILLS


@pytest.mark.parametrize("point", POINTS)
def test_a_crash_at_a_named_point(
    tmp_path: Path, report: Callable[[str], None], point: str
) -> None:
    """Whatever step of the checkpoint a worker dies at, the next one goes on as if nothing had been."""

    def harm(nemesis: Nemesis) -> None:
        for _ in range(ROUNDS):
            nth = 1 if "." not in point or point == "restore.applied" else None
            nemesis.fault("router-0", point, nth or nemesis.chance.randrange(1, 60))
            nemesis.pause(2.0, 5.0)

    verdict = play(tmp_path, harm, title=f"crash at {point}", seed=SEED, rate=RATE, workers=2)

    report(verdict.report)


def test_a_worker_that_was_thought_dead_wakes(
    tmp_path: Path, report: Callable[[str], None]
) -> None:
    """A worker stopped beyond its session wakes while another has its partitions: it changes nothing any more."""

    def harm(nemesis: Nemesis) -> None:
        for name in ("router-0", "router-1", "router-0"):
            nemesis.zombie(name, SESSION_SECONDS + nemesis.chance.uniform(2, 6))
            nemesis.pause(5.0, 10.0)

    report(play(tmp_path, harm, title="zombies", seed=SEED, rate=RATE, workers=2).report)


def test_a_broker_that_stands_still(tmp_path: Path, report: Callable[[str], None]) -> None:
    """A broker that is stopped for a minute, and wakes, has lost and repeated nothing."""

    def harm(nemesis: Nemesis) -> None:
        nemesis.zombie("kafka", 60)
        nemesis.pause(5.0, 10.0)

    report(play(tmp_path, harm, title="broker stopped for 60 s", seed=SEED, rate=RATE).report)


def test_state_that_is_gone(tmp_path: Path, report: Callable[[str], None]) -> None:
    """A worker without its state folder rebuilds it from the changelog before it handles a record."""

    def harm(nemesis: Nemesis) -> None:
        for _ in range(ROUNDS):
            nemesis.wipe("router-0")
            nemesis.pause(4.0, 8.0)

    report(play(tmp_path, harm, title="state folder deleted", seed=SEED, rate=RATE).report)
