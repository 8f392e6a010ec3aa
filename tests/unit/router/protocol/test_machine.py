"""The state machine of tests/support/protocol_machine.py: it finds nothing in the protocol, and each planted mistake."""

from __future__ import annotations

import os
import random
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

import pytest
from hypothesis.stateful import run_state_machine_as_test

from tests.support.protocol_machine import ProtocolMachine, bounded, play
from tests.support.removals import without

STORIES = 5_000
EACH = 500
"""Stories of one process; the next ones are played by another."""
STEPS = 30
LARGEST_MB = 500


def test_any_order_of_crashes_and_recoveries_balances() -> None:
    """Over some hundred stories of crashes, zombies, power cuts and rebalances, nothing is lost, repeated or undone."""
    run_state_machine_as_test(ProtocolMachine, settings=bounded(60, 20))


@pytest.mark.chaos
@pytest.mark.timeout(3600)
def test_many_more_stories_balance() -> None:
    """The same over thousands, other ones each time (`AKAR_SEED` repeats them); no process grows beyond half a gigabyte."""
    first = int(os.environ.get("AKAR_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
    print(f"AKAR_SEED={first}")
    began = time.monotonic()
    sizes: list[int] = []
    with ProcessPoolExecutor(
        os.cpu_count(), mp_context=get_context("spawn"), max_tasks_per_child=1
    ) as pool:
        parts = [pool.submit(play, first + part, EACH, STEPS) for part in range(STORIES // EACH)]
        try:
            sizes += (done.result() for done in as_completed(parts))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    took = time.monotonic() - began
    print(f"{STORIES} stories of {STEPS} steps: {took:.0f} s, {max(sizes)} MB at most")
    assert max(sizes) < LARGEST_MB


MISTAKES = (
    "one transaction",
    "generation of the assignment",
    "stable offsets",
    "up to the high watermark",
    "committed rows only",
    "rows after the commit",
    "batches have an epoch",
    "what is given up ends its epoch",
    "undo of a record",
    "the end after an error",
)


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_machine_finds_a_planted_mistake(mistake: str) -> None:
    """With a fence taken out, the machine reports a story in which something is lost, repeated or undone."""
    with without(mistake), pytest.raises((AssertionError, ExceptionGroup)):
        # It stops at the first that it finds.  Which stories there are depends on the modules that are loaded, and of a hundred
        # and fifty half the time none showed it.
        run_state_machine_as_test(ProtocolMachine, settings=bounded(4_000, 15))
