"""One worker of the real checkpoint classes over the broker in memory, driven step by step.

It is what the product runs: `Checkpointer` with all that it stands on, down to `PartitionStore`, `TransactionalProducer` and
`Restorer`, and the agents' `take`.  Only librdkafka and RocksDB are replaced, and Faust's part is played by `World.rebalance` and
`Worker.fetch`, which do what fences.py does with it.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

from services.router import agents
from services.router.checkpoint.checkpointer import Checkpointer, CheckpointSettings
from services.router.checkpoint.transaction_thread import TransactionLost
from tests.support.kafka_model import Broker, Client, Place, Stepper
from tests.support.protocol_stage import (
    CHANGELOG,
    CROSS,
    GROUP,
    INPUT,
    PARTITIONS,
    FoldStage,
    Record,
)


class Surroundings(Protocol):
    """What a worker knows of its world."""

    broker: Broker
    loop: asyncio.AbstractEventLoop
    deaths: list[str]

    def taken_over(self, worker: Worker) -> None:
        """It has its partitions, and reads on."""
        ...

    def time_passes(self) -> None:
        """Longer than the time-out of transactions."""
        ...


class Worker:
    """One process, until it ends; the folder of its rows outlives it."""

    def __init__(self, world: Surroundings, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder
        self.world = world
        self.alive = False
        self.assigned: list[int] = []
        self.generation = -1
        self.task: asyncio.Task[Any] | None = None
        self.taking_over = False
        self.given_up: list[tuple[Stepper, ThreadPoolExecutor]] = []

    def boot(self) -> None:
        """Start the process up to its first rebalance."""
        self.let_go()
        self.stepper = Stepper()
        self.client = Client(self.world.broker, self.stepper)
        self.checkpointer = Checkpointer(
            CheckpointSettings(
                state_dir=self.folder,
                group=GROUP,
                instance_id=self.name,
                transactional_id=self.name,
                changelog_topic=CHANGELOG,
                interval_seconds=0,
            ),
            self.client.connection(),
            wall_seconds=lambda: 1,
        )
        self.stage = FoldStage(self.checkpointer.partitions)
        self.queue: list[agents.Batch] = []
        self.positions: dict[Place, int] = {}
        self.alive = True
        self.generation = -1
        self.epoch = -1
        self.assigned = []
        self.task = None
        self.begin(self.checkpointer.start([INPUT, CROSS], PARTITIONS))
        self.finish()

    def let_go(self, *, wait: bool = False) -> None:
        """End the threads of the life before; each story has dozens of lives."""
        if hasattr(self, "checkpointer"):
            self.checkpointer._transactions._thread.shutdown(wait)
            self.checkpointer._owned._thread.shutdown(wait)
        for _stepper, threads in self.given_up:
            threads.shutdown(wait)
        self.given_up.clear()

    # -- stepping ----------------------------------------------------------------------

    def begin(self, work: Any) -> None:
        """Begin something that calls the broker; `until`, `step` and `finish` drive it."""
        assert self.task is None
        self.task = self.world.loop.create_task(work)

    def until(self, name: str) -> bool:
        """Go on to just before the broker call of this name; whether it got there."""
        self.stepper.running_free = False
        while self._drive():
            if self.stepper.at == name:
                return True
            self.stepper.release()
        return False

    def step(self) -> None:
        """Make one call to the broker, if something is under way."""
        if self.task is not None:
            self.stepper.running_free = False
            if self.stepper.parked.is_set():
                self.stepper.release()
            self._drive()

    def finish(self) -> None:
        """Let what is under way come to its end; open transactions time out if it waits for them."""
        self.stepper.running_free = True
        while self.task is not None:
            if self.stepper.parked.is_set():
                if self.stepper.at.startswith("waits"):
                    self.world.time_passes()
                self.stepper.release()
            self._drive()

    def _drive(self) -> bool:
        """Run the loop until the task has ended or stands before a call; whether it stands."""
        if self.task is None:
            return False
        loop, task, stepper = self.world.loop, self.task, self.stepper
        if not stepper.parked.is_set():
            arrived = asyncio.Event()
            stepper.on_parked = lambda: loop.call_soon_threadsafe(arrived.set)
            if not stepper.parked.is_set():

                async def wait() -> None:
                    parked = loop.create_task(arrived.wait())
                    await asyncio.wait({task, parked}, return_when=asyncio.FIRST_COMPLETED)
                    parked.cancel()

                loop.run_until_complete(wait())
            stepper.on_parked = lambda: None
        if task.done():
            self.task = None
            self._ended(task)
            return False
        return stepper.parked.is_set()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.world.deaths.append(repr(error))
            # Whatever it was: `Checkpointer.run` and its like end the process.
            self._end()
            return
        if self.taking_over:
            self.taking_over = False
            self.positions = task.result()
            # As the fence does: what was found in an epoch that is over is not gone on from.
            if self.epoch == self.checkpointer.epoch and (self.positions or not self.assigned):
                self.checkpointer.resumed()
                self.world.taken_over(self)

    def lose_broker(self) -> None:
        """In the middle of a checkpoint: the broker ends and comes back, and the worker begins to start over.

        What it gave up stands where it stood, and may go on at any time (`late`).
        """
        task, self.task = self.task, None
        assert task is not None
        self.given_up.append((self.stepper, self.checkpointer._transactions._thread))
        self.stepper = self.client.stepper = Stepper()
        self.world.broker.away = True
        self.world.loop.run_until_complete(asyncio.wait({task}))
        self.world.broker.away = False
        assert isinstance(task.exception(), TransactionLost)
        self.epoch = self.checkpointer.epoch
        self.taking_over = True
        self.stepper.running_free = False
        self.begin(self._start_over())

    async def _start_over(self) -> dict[Place, int]:
        """What the consumer does (services/router/checkpoint/fences.py)."""
        epoch = self.checkpointer.epoch
        await self.checkpointer.settle()
        if epoch != self.checkpointer.epoch:
            return {}
        wanted = [(topic, number) for topic in (INPUT, CROSS) for number in self.assigned]
        return await self.checkpointer.take_over(wanted)

    def late(self) -> None:
        """What was given up makes one more call."""
        for stepper, _threads in self.given_up:
            if stepper.parked.is_set():
                stepper.release()
                stepper.parked.wait(0.05)

    def crash(self) -> None:
        """kill -9, wherever it is."""
        if not self.alive:
            return
        self.stepper.crash()
        task, self.task = self.task, None
        if task is not None:
            self.world.loop.run_until_complete(asyncio.wait({task}))
            if not task.cancelled():
                task.exception()
        self._end()

    def _end(self) -> None:
        self.alive = False
        self.taking_over = False
        # Nothing of it goes on, wherever it stands.
        for stepper in (self.stepper, *(given_up for given_up, _threads in self.given_up)):
            stepper.crash()
        for partition in list(self.checkpointer.partitions.values()):
            partition.store.close()

    # -- reading ---------------------------------------------------------------------------

    def fetch(self, most: int) -> None:
        """Queue what is to be read, as the consumer does."""
        if not self.checkpointer.positioned:
            return
        for (topic, number), position in sorted(self.positions.items()):
            entries = self.world.broker.read((topic, number), position, most=most)
            if entries:
                self.positions[topic, number] = entries[-1].offset + 1
                records = [Record(topic, number, entry) for entry in entries]
                self.queue.append(agents.Batch(topic, number, records, self.checkpointer.epoch))

    def handle(self) -> None:
        """Hand the queued batches to the stage."""
        batches, self.queue = self.queue, []
        for batch in batches:
            try:
                self.world.loop.run_until_complete(
                    agents.take(batch, self.stage, self.checkpointer)
                )
            except Exception as error:  # noqa: BLE001 - the agents' outermost loop ends the process
                self.world.deaths.append(repr(error))
                self._end()
                return

    def work(self, most: int = 10) -> None:
        """Fetch and handle."""
        self.fetch(most)
        self.handle()

    def commit(self) -> None:
        """A whole checkpoint."""
        self.begin(self.checkpointer.checkpoint())
        self.finish()
