"""When the next checkpoint is due: how much waits for it, and how long the last one took.

It stands apart because it is a matter of speed alone: whatever is said here, a checkpoint holds what was handled before it.
A transaction costs the broker the same two dozen requests whether it holds one complaint or a hundred.  So a worker that is idle
makes one at once, unless it would change nothing but offsets, and one that is busy spends at most half of its time in them, unless
much is waiting.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

OFFSETS_ALONE_SECONDS: Final = 1.0
"""How long a checkpoint that would change nothing but offsets waits for one that does: ticks, repeats."""
PAUSE_FOR_EACH: Final = 1.0
"""Seconds of a pause for each second that the checkpoint before it took,"""
LONGEST_PAUSE: Final = 0.1
"""and no longer than that."""


class Pace:
    """Of one worker's checkpoints; belongs to its event loop.

    Args:
        least_seconds: of a pause between two checkpoints.
        most_records: stages wait when so many records are buffered,
        most_bytes: or so much in rows and outputs.
    """

    def __init__(self, least_seconds: float, *, most_records: int, most_bytes: int) -> None:
        self._least = least_seconds
        self._most_records = most_records
        self._most_bytes = most_bytes
        self._read = asyncio.Event()
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._half = asyncio.Event()

    def filled(self, records: int, size: int, *, changes: bool) -> None:
        """Tell how many records are buffered, how many bytes they led to, and whether there is more than their offsets."""
        self._read.set()
        if changes:
            self._changed.set()
        if 2 * records >= self._most_records or 2 * size >= self._most_bytes:
            self._half.set()
        if records >= self._most_records or size >= self._most_bytes:
            self._room.clear()

    def emptied(self) -> None:
        """Nothing is buffered any more: it is in a transaction, or forgotten."""
        self._read.clear()
        self._changed.clear()
        self._room.set()
        self._half.clear()

    async def room(self) -> None:
        """Wait until another batch may be buffered."""
        await self._room.wait()

    async def due(self) -> None:
        """Wait until rows or outputs are to be committed, or offsets alone for long enough."""
        await self._read.wait()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), OFFSETS_ALONE_SECONDS)

    async def pause(self, took: float) -> None:
        """Let records gather that share the next transaction, until half of what may be buffered is there.

        Args:
            took: seconds, of the checkpoint that has just ended.
        """
        seconds = max(self._least, min(PAUSE_FOR_EACH * took, LONGEST_PAUSE))
        with suppress(TimeoutError):
            await asyncio.wait_for(self._half.wait(), seconds)
