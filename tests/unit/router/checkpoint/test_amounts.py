"""How much one checkpoint takes in: what would make a transaction long, or memory large, waits."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from services.chassis.memory import few_arenas
from services.router import agents
from services.router.checkpoint.checkpointer import Checkpointer, CheckpointSettings
from services.router.checkpoint.reader import Batch
from services.router.checkpoint.store import PartitionStore, SharedMemory
from services.router.checkpoint.transactions import Output

MOST = 10_000


@pytest.fixture
def checkpointer(tmp_path: Path) -> Checkpointer:
    """One that never meets a broker."""
    return Checkpointer(
        CheckpointSettings(
            state_dir=tmp_path,
            group="router",
            instance_id="host-0",
            transactional_id="router-host-0",
            changelog_topic="router.state",
            most_records=50,
            most_bytes=MOST,
        ),
        {"bootstrap.servers": "127.0.0.1:1"},
        wall_seconds=lambda: 0,
    )


async def has_room(checkpointer: Checkpointer) -> bool:
    """Whether a stage may go on at once."""
    try:
        await asyncio.wait_for(checkpointer.room(), 0.01)
    except TimeoutError:
        return False
    return True


async def test_stages_wait_when_outputs_are_many_bytes(checkpointer: Checkpointer) -> None:
    """Few records that lead to much fill a checkpoint as well as many that lead to little."""
    for number in range(4):
        checkpointer._buffer._outputs.append(Output("t", b"k", b"x" * (MOST // 4), []))
        checkpointer.consumed("t", 0, number + 1, 1)
        assert await has_room(checkpointer) == (number < 3)


async def test_stages_wait_when_records_are_many(checkpointer: Checkpointer) -> None:
    """The count limits a checkpoint too."""
    checkpointer.consumed("t", 0, 49, 49)
    assert await has_room(checkpointer)
    checkpointer.consumed("t", 0, 50, 1)
    assert not await has_room(checkpointer)


def test_a_store_counts_what_is_written_until_it_is_frozen(tmp_path: Path) -> None:
    """Bytes of rows count from the first `put` to the next `freeze`."""
    store = PartitionStore(tmp_path / "rows", SharedMemory())
    try:
        store.put(b"group", b"item", b"x" * 100)
        store.put(b"group", b"item", b"y" * 100)
        assert store.written == 2 * (len(b"groupitem") + 100)
        store.freeze()
        assert store.written == 0
    finally:
        store.close()


async def test_slow_records_let_the_loop_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch of complaints is handled in steps of a bounded time, each with its own offset."""
    monkeypatch.setattr(agents, "CHUNK_SECONDS", 0.005)
    steps: list[tuple[int, int]] = []

    class Slow:
        def look_ahead(self, _partition: Any, _records: Any) -> None:
            """Nothing here takes less time for many."""

        def handle(self, _partition: Any, _record: Any) -> None:
            time.sleep(0.003)  # not a wait: the work of a record

    async def room() -> None: ...

    keeper = SimpleNamespace(
        room=room,
        epoch=1,
        partitions={0: None},
        outputs=[],
        consumed=lambda _topic, _partition, offset, records: steps.append((offset, records)),
    )
    records = [SimpleNamespace(offset=offset) for offset in range(10)]
    await agents.take(Batch("t", 0, records, 1), Slow(), keeper)  # type: ignore[arg-type]
    assert sum(taken for _, taken in steps) == len(records)
    assert steps[-1][0] == len(records)
    assert max(taken for _, taken in steps) <= 2


def test_arenas_can_be_limited() -> None:
    """Where the C library has arenas, the limit is taken."""
    import ctypes

    assert few_arenas() == hasattr(ctypes.CDLL(None), "mallopt")
