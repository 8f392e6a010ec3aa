"""Faust agents: each takes batches of its stage's topics and hands the records over, one after the other.

Nothing escapes an agent: what a record can do wrong is the stage's to dead-letter, and anything else ends the process before
its offset could be committed (traps L1, L2, L10).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Protocol

import faust

from services.chassis import metrics
from services.router.checkpoint.checkpointer import Checkpointer
from services.router.checkpoint.fatal import die
from services.router.checkpoint.partition import Partition
from services.router.checkpoint.reader import Batch

CHUNK: Final = 100
"""Most records that are handled between two chances for the loop to do something else,"""
CHUNK_SECONDS: Final = 0.1
"""and for how long: an event takes 30 µs, a complaint a hundred times as much.  After 0.02 s each, the commits between them
cost a quarter of the throughput."""
AHEAD: Final = 16
"""Records that a stage hears of at once before it is handed the first of them."""
QUEUED_BATCHES: Final = 4
"""Per stage; fetching waits beyond that."""


class Stage(Protocol):
    """What an agent hands records to."""

    @property
    def topics(self) -> tuple[str, ...]:
        """Physical names of the topics that it reads."""
        ...

    def look_ahead(self, partition: Partition, records: Sequence[Any]) -> None:
        """Hear which records come next; nothing depends on it but speed."""
        ...

    def handle(self, partition: Partition, record: Any) -> None:
        """Take one record, without awaiting anything; raising ends the process."""
        ...


Carry = Callable[[Partition, Any], None]
"""Takes a record in hand and its partition: carries on what the stage has handed over there."""


Handled = Callable[[Batch], None]


def bind(
    app: faust.App,
    checkpointer: Checkpointer,
    stages: Sequence[Stage],
    carry: Carry | None = None,
    handled: Handled | None = None,
) -> Callable[[Batch], Awaitable[None]]:
    """Give each stage an agent.

    Args:
        app: to which the agents belong.
        checkpointer: of this worker.
        stages: each with its topics.
        carry: takes on what a record has led to, within its step.
        handled: told of each batch once it is handled.

    Returns:
        What the consumer calls with each fetched batch.
    """
    channels: dict[str, Any] = {}
    for stage in stages:
        channel = app.channel(maxsize=QUEUED_BATCHES)
        for name in stage.topics:
            channels[name] = channel
            # Subscribed like any Faust topic; its records come through the fenced consumer as batches.
            app.topics.add(app.topic(name, key_type=bytes, value_type=bytes))
        _agent(app, channel, stage, checkpointer, carry, handled)

    async def deliver(batch: Batch) -> None:
        await channels[batch.topic].put(batch)

    return deliver


def _agent(
    app: faust.App,
    channel: Any,
    stage: Stage,
    checkpointer: Checkpointer,
    carry: Carry | None,
    handled: Handled | None,
) -> None:
    async def run(stream: Any) -> None:
        async for batch in stream:
            try:
                await take(batch, stage, checkpointer, carry)
                if handled is not None and batch.epoch == checkpointer.epoch:
                    handled(batch)
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - outermost loop: Faust would acknowledge and go on
                die(f"{type(stage).__name__} failed", error)

    run.__name__ = type(stage).__name__
    app.agent(channel, name=f"router.{type(stage).__name__}")(run)


async def take(
    batch: Batch, stage: Stage, checkpointer: Checkpointer, carry: Carry | None = None
) -> None:
    """Hand the records of one batch to the stage, as long as their epoch lasts."""
    records = batch.records
    done = 0
    while done < len(records):
        await checkpointer.room()
        # From here to `consumed` nothing is awaited: effects and offset fall into one checkpoint.
        if batch.epoch != checkpointer.epoch:
            return
        partition = checkpointer.partitions[batch.partition]
        until = time.monotonic() + CHUNK_SECONDS
        first = done
        for record in records[first : first + CHUNK]:
            if (done - first) % AHEAD == 0:
                stage.look_ahead(partition, records[done : done + AHEAD])
            stage.handle(partition, record)
            if carry is not None and partition.handovers:
                carry(partition, record)
            done += 1
            if time.monotonic() >= until:
                break
        checkpointer.consumed(
            batch.topic, batch.partition, records[done - 1].offset + 1, done - first
        )
        metrics.ROUTER_EVENTS.labels(batch.topic).inc(done - first)
        await asyncio.sleep(0)
