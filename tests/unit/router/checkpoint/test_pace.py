"""How checkpoints follow each other: quickly when little happens, and not too often when much does."""

from __future__ import annotations

import asyncio
import time

import pytest

from services.router.checkpoint import pace as paces
from services.router.checkpoint.pace import LONGEST_PAUSE, PAUSE_FOR_EACH, Pace

LONG = 60.0


def pace(least: float = 0.0) -> Pace:
    """Room for 100 records or 1,000 bytes."""
    return Pace(least, most_records=100, most_bytes=1_000)


async def seconds(pacing: Pace, took: float) -> float:
    """How long it pauses."""
    began = time.monotonic()
    await pacing.pause(took)
    return time.monotonic() - began


@pytest.mark.parametrize(("took", "least"), [(0.02, 0.0), (0.001, 0.03), (LONG, 0.0)])
async def test_a_pause_follows_what_the_checkpoint_took(took: float, least: float) -> None:
    """As long, within its bounds."""
    wanted = max(least, min(PAUSE_FOR_EACH * took, LONGEST_PAUSE))
    assert await seconds(pace(least), took) >= wanted * 0.99


async def test_the_longest_pause_is_short() -> None:
    """However long a checkpoint took, the next one is not put off for as long."""
    async with asyncio.timeout(LONG / 2):
        await pace().pause(LONG)


@pytest.mark.parametrize(("records", "size"), [(50, 0), (1, 500)])
async def test_a_pause_ends_when_half_is_full(records: int, size: int) -> None:
    """Records that wait for room would be held up by it."""
    pacing = pace(least=LONG)
    pacing.filled(records, size, changes=True)
    async with asyncio.timeout(LONG / 2):
        await pacing.pause(0.0)
    pacing.emptied()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await pacing.pause(0.0)


async def test_a_checkpoint_that_changes_something_is_due_at_once() -> None:
    """Rows or outputs do not wait for more."""
    pacing = pace()
    pacing.filled(1, 1, changes=True)
    async with asyncio.timeout(LONG / 2):
        await pacing.due()


async def test_offsets_alone_wait_for_what_changes_something(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """For a while; then they are committed by themselves, and nothing at all is never due."""
    pacing = pace()
    monkeypatch.setattr(paces, "OFFSETS_ALONE_SECONDS", 0.05)
    pacing.filled(1, 0, changes=False)
    began = time.monotonic()
    await pacing.due()
    assert time.monotonic() - began >= 0.05 * 0.99

    monkeypatch.setattr(paces, "OFFSETS_ALONE_SECONDS", LONG)
    waiting = asyncio.create_task(pacing.due())
    await asyncio.sleep(0.01)
    assert not waiting.done()
    pacing.filled(2, 1, changes=True)
    async with asyncio.timeout(LONG / 2):
        await waiting

    pacing.emptied()
    monkeypatch.setattr(paces, "OFFSETS_ALONE_SECONDS", 0.0)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await pacing.due()
