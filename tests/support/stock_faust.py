"""Stock Faust over the same records: its traps at work, with nothing of ours in between.

What the router would be without its fences.  One process runs an app for each trap, each with topics and a group of its own; it
is as careful as stock Faust allows: an output is awaited where the trap does not forbid that, and no app ends in the middle.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import aiokafka
import faust
from aiokafka.errors import CommitFailedError
from faust.transport import consumer as stock

BOOM: Final = b"boom"
"""The record that fails, or is in hand for ever."""
COMMIT_SECONDS: Final = 0.3
TRAPS: Final = ("L3", "L4", "L5", "L6", "L7", "L11", "L12")


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
        # What was handled is forgotten at a rebalance: seen where no commit came before it.
        broker_commit_interval=600.0 if trap == "L11" else COMMIT_SECONDS,
        # Seven in one process on a busy machine: none may lose its partitions by that.
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


def _commit_that_fails_once(group_id: str, folder: Path) -> Any:
    """A commit of one group, refused the first time as after a rebalance."""
    real = aiokafka.AIOKafkaConsumer.commit

    async def commit(self: Any, offsets: Any = None) -> None:
        if self._group_id == group_id and not (folder / "refused").exists():
            (folder / "refused").touch()
            raise CommitFailedError
        await real(self, offsets)

    return patch.object(aiokafka.AIOKafkaConsumer, "commit", commit)


def _rounds_counted(group_id: str, folder: Path) -> Any:
    """Faust's attempts to commit after the one that was refused."""
    real = stock.Consumer.force_commit

    async def force_commit(self: Any, *args: Any, **more: Any) -> Any:
        if self.app.conf.id == group_id and (folder / "refused").exists():
            with (folder / "rounds").open("a") as file:
                file.write(".")
        return await real(self, *args, **more)

    return patch.object(stock.Consumer, "force_commit", force_commit)


async def main(broker: str, prefix: str, folder: Path) -> None:
    """Run every app until the process is killed; a second worker of L11's joins when there is a file `join`."""
    apps = [_app(broker, prefix, trap, folder) for trap in TRAPS]
    # Side by side: each start waits for its group.
    await asyncio.gather(*(app.start() for app in apps))
    while not (folder / "join").exists():  # noqa: ASYNC110 - told by another process
        await asyncio.sleep(0.1)
    await _app(broker, prefix, "L11", folder / "second").start()
    await asyncio.Event().wait()


def run(broker: str, prefix: str, folder: Path, log: Path, environment: Mapping[str, str]) -> None:
    """Be that process."""
    os.environ.update(environment)
    with log.open("ab") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    last = group(prefix, "L12")
    with _commit_that_fails_once(last, folder), _rounds_counted(last, folder):
        asyncio.run(main(broker, prefix, folder))
