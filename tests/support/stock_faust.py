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

import faust

BOOM: Final = b"boom"
"""The record that fails, or is in hand for ever."""
COMMIT_SECONDS: Final = 0.3
TRAPS: Final = ("L3", "L4", "L5", "L6", "L7")
"""Those that show on a broker at will; L11 and L12 need a rebalance and a commit that fails at the right moment."""


def topic_in(prefix: str, trap: str) -> str:
    """The input topic of a trap's app."""
    return f"{prefix}{trap}.in"


def topic_out(prefix: str, trap: str) -> str:
    """Its output topic."""
    return f"{prefix}{trap}.out"


def group(prefix: str, trap: str) -> str:
    """Its consumer group, which is the name of the app."""
    return f"{prefix}{trap}"


def _app(broker: str, prefix: str, trap: str, folder: Path) -> faust.App:
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
        broker_commit_interval=COMMIT_SECONDS,
        # Five in one process on a busy machine: none may lose its partitions by that.
        broker_session_timeout=60.0,
        broker_heartbeat_interval=1.0,
        broker_request_timeout=90.0,
        stream_wait_empty=False,
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
        async for value in stream:
            await send(value)

    stages = {
        "L3": without_acknowledging,
        "L4": side_by_side,
        "L6": soon,
        "L7": without_awaiting,
    }
    app.agent(source, concurrency=2 if trap == "L4" else 1, name=trap)(stages.get(trap, plainly))
    return app


async def main(broker: str, prefix: str, folder: Path) -> None:
    """Run every app until the process is killed."""
    apps = [_app(broker, prefix, trap, folder) for trap in TRAPS]
    # Side by side: each start waits for its group.
    await asyncio.gather(*(app.start() for app in apps))
    await asyncio.Event().wait()


def run(broker: str, prefix: str, folder: Path, log: Path) -> None:
    """Be that process."""
    with log.open("ab") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    asyncio.run(main(broker, prefix, folder))
