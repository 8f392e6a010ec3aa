"""The long fault suite: workers that are thought dead, and ones that come and go."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos import harm
from tests.chaos.knobs import LONGEST, RATE, SEED, times
from tests.chaos.nemesis import SESSION_SECONDS, Nemesis
from tests.chaos.scenario import play

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(LONGEST)]


def test_a_worker_that_was_thought_dead_wakes(
    tmp_path: Path, report: Callable[[str], None]
) -> None:
    """A worker stopped beyond its session wakes while another has its partitions: it changes nothing any more."""

    def stop(nemesis: Nemesis) -> None:
        for name in ("router-0", "router-1", "router-0")[: times(3)]:
            nemesis.zombie(name, SESSION_SECONDS + nemesis.chance.uniform(2, 6))
            nemesis.until_it_flows()
            nemesis.pause(5.0, 10.0)

    report(play(tmp_path, stop, title="zombies", seed=SEED, rate=RATE, workers=2).report)


@pytest.mark.parametrize("workers", [2, 4])
def test_a_storm_of_workers(tmp_path: Path, report: Callable[[str], None], workers: int) -> None:
    """Others join and leave while every worker is restarted in turn: each partition has one owner at any time."""
    done = harm.storm(times(3), range(workers // 2))
    title = f"{workers} workers, join and leave storm"

    report(play(tmp_path, done, title=title, seed=SEED, rate=RATE, workers=workers).report)
