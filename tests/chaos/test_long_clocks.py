"""The long fault suite: the clock of one service after another jumps by an hour, forwards and back (libfaketime).

What is judged by the writers' times allows for the jump; everything else is judged as ever.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos.knobs import LONGEST, RATE, SCALE, SEED
from tests.chaos.nemesis import Nemesis
from tests.chaos.scenario import play

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(LONGEST)]

SERVICES = ("router", "intake", "notifier", "router-ticker")
JUMPS = ("+3540", "-3600")
"""Seconds.  A broker refuses records that are more than an hour ahead of it."""


def library() -> Path:
    """Where the distribution has libfaketime."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not found:
        pytest.skip("needs libfaketime (apt-get install faketime)")
    return found[0]


def test_clocks_that_jump(tmp_path: Path, report: Callable[[str], None]) -> None:
    """A service whose clock jumps loses and repeats nothing, and needs nobody to set it right again."""
    clocks = tmp_path / "clocks"
    clocks.mkdir()
    for service in SERVICES:
        (clocks / service).write_text("+0\n")

    def harm(nemesis: Nemesis) -> None:
        for service in SERVICES:
            for jump in JUMPS if SCALE >= 0.5 else JUMPS[:1]:
                (clocks / service).write_text(f"{jump}\n")
                nemesis.note(f"clock of {service} {jump} s")
                nemesis.pause(6.0, 10.0)
                (clocks / service).write_text("+0\n")
                nemesis.pause(4.0, 8.0)
                nemesis.until_it_flows()

    verdict = play(
        tmp_path / "run",
        harm,
        title="clocks that jump",
        seed=SEED,
        rate=RATE,
        env={"AKAR_CHAOS_CLOCKS": str(clocks), "AKAR_CHAOS_FAKETIME": str(library())},
        clocks_jump=True,
    )
    report(verdict.report)
