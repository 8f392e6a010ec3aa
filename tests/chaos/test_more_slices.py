"""Short runs of scenarios of `make chaos`, in every `make test`: broken records, workers that come and go, deaf departments."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos import harm
from tests.chaos.knobs import SEED
from tests.chaos.scenario import play

RATE = float(os.environ.get("AKAR_CHAOS_RATE", "15"))

pytestmark = pytest.mark.timeout(900)


def test_broken_records_stop_nobody(tmp_path: Path, report: Callable[[str], None]) -> None:
    """Each way to break a contract, in each topic from outside, ends as one dead letter, and complaints go on being decided."""
    done = harm.poison(40, SEED)
    verdict = play(tmp_path, done, title="broken records, short", seed=SEED, rate=RATE)

    report(verdict.report)
    assert verdict.fact("planted: oversized in process.observed") == 1
    assert verdict.fact("planted: wrong partition") == 10


def test_workers_come_and_go(tmp_path: Path, report: Callable[[str], None]) -> None:
    """A second and a third worker join and leave while the first is restarted: every partition has one owner at any time."""
    done = harm.storm(1, (0,))
    verdict = play(tmp_path, done, title="workers come and go, short", seed=SEED, rate=RATE)

    report(verdict.report)


def test_a_deaf_department_holds_up_nobody_else(
    tmp_path: Path, report: Callable[[str], None]
) -> None:
    """While one department is slow and one hangs up, the others are told; afterwards so are these, once."""
    done = harm.webhooks(6.0, 6.0)
    verdict = play(tmp_path, done, title="slow and dead webhooks, short", seed=SEED, rate=RATE)

    report(verdict.report)
