"""Stock Faust over the same records: its traps at work, with nothing of ours in between.

What the router would be without its fences.  One process runs an app for each trap, each with topics and a group of its own; it
is as careful as stock Faust allows: an output is awaited where the trap does not forbid that, and no app ends in the middle.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import faust
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import IllegalGenerationError

BOOM: Final = b"boom"
"""The record that fails, or is in hand for ever."""
REFUSED: Final = "refused"
"""A file that is there once the broker has refused the commit of L12's app."""
BETWEEN_COMMITS: Final = {"L5": 0.6, "L11": 3600.0}
"""Seconds, where 0.3 will not do: L5 has to be seen creeping, and the commit that L11 is about is the one at a revocation."""
TRAPS: Final = ("L3", "L4", "L5", "L6", "L7", "L11", "L12")
HANDLED_BEFORE: Final = 10
"""Records that the app of L11 has handled when a second one of its group starts."""


def topic_in(prefix: str, trap: str) -> str:
    """The input topic of a trap's app."""
    return f"{prefix}{trap}.in"


def topic_out(prefix: str, trap: str) -> str:
    """Its output topic."""
    return f"{prefix}{trap}.out"


def group(prefix: str, trap: str) -> str:
    """Its consumer group, which is the name of the app."""
    return f"{prefix}{trap}"


def _app(broker: str, prefix: str, trap: str, folder: Path, handled: asyncio.Event) -> faust.App:
    app = faust.App(
        group(prefix, trap),
        broker=f"kafka://{broker}",
        store="memory://",
        datadir=str(folder / trap),
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        autodiscover=False,
        key_serializer="raw",
        value_serializer="raw",
        consumer_auto_offset_reset="earliest",
        broker_commit_interval=BETWEEN_COMMITS.get(trap, 0.3),
        # Seven in one process on a busy machine: none may lose its partitions by that.  Who was refused joins anew, and the
        # group waits for what it was before.
        broker_session_timeout=3.0 if trap == "L12" else 60.0,
        broker_heartbeat_interval=1.0,
        broker_request_timeout=90.0,
        stream_wait_empty=trap == "L11",
        table_standby_replicas=0,
        worker_redirect_stdouts=False,
    )
    source = app.topic(topic_in(prefix, trap), key_type=bytes, value_type=bytes)
    output = app.topic(topic_out(prefix, trap), key_type=bytes, value_type=bytes)

    async def send(value: bytes) -> None:
        await (await output.send(key=b"k", value=value))

    async def without_acknowledging(stream: Any) -> None:
        async for event in stream.noack().events():
            if event.value != BOOM:
                await send(event.value)
                event.ack()

    async def side_by_side(stream: Any) -> None:
        async for value in stream:
            if value == BOOM:
                await asyncio.Event().wait()
            await send(value)

    async def soon(stream: Any) -> None:
        async for value in stream:
            output.send_soon(key=b"k", value=value)

    async def without_awaiting(stream: Any) -> None:
        async for value in stream:
            await output.send(key=b"k", value=value)

    async def plainly(stream: Any) -> None:
        count = 0
        async for value in stream:
            await send(value)
            count += 1
            if count == HANDLED_BEFORE:
                handled.set()

    stages = {
        "L3": without_acknowledging,
        "L4": side_by_side,
        "L6": soon,
        "L7": without_awaiting,
    }
    app.agent(source, concurrency=2 if trap == "L4" else 1, name=trap)(stages.get(trap, plainly))
    return app


def _refused_once(refused: str, marker: Path) -> Any:
    """`GroupCoordinator._do_commit_offsets` of a generation that never was, the first time in this group; leaves a file."""
    real = GroupCoordinator._do_commit_offsets
    done: list[int] = []

    async def commit(self: Any, assignment: Any, offsets: Any) -> Any:
        if self.group_id != refused or done:
            return await real(self, assignment, offsets)
        done.append(self.generation)
        self.generation += 1_000
        try:
            return await real(self, assignment, offsets)
        except IllegalGenerationError:
            marker.touch()
            raise
        finally:
            # The refusal has made it forget its generation, as any would.
            if self.generation == done[0] + 1_000:
                self.generation = done[0]

    return commit


async def main(broker: str, prefix: str, traps: tuple[str, ...], folder: Path) -> None:
    """Run these apps until the process is killed."""
    handled = {trap: asyncio.Event() for trap in traps}
    apps = [_app(broker, prefix, trap, folder, handled[trap]) for trap in traps]
    # Side by side: each start waits for its group.
    await asyncio.gather(*(app.start() for app in apps))
    if "L11" in traps:
        await handled["L11"].wait()
        (folder / "second").mkdir()
        second = _app(broker, prefix, "L11", folder / "second", asyncio.Event())
        await second.start()
    await asyncio.Event().wait()


def run(broker: str, prefix: str, traps: tuple[str, ...], folder: Path, log: Path) -> None:
    """Be that process."""
    with log.open("ab") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    commit = _refused_once(group(prefix, "L12"), folder / REFUSED)
    with patch.object(GroupCoordinator, "_do_commit_offsets", commit):
        asyncio.run(main(broker, prefix, traps, folder))
