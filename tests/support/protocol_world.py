"""Workers of the real checkpoint classes over the broker in memory, driven step by step.

A worker is what the product runs: `Checkpointer` with all that it stands on, down to `PartitionStore`, `TransactionalProducer`
and `Restorer`, and the agents' `take`.  Only librdkafka and RocksDB are replaced, and Faust's part is played by `World.rebalance`
and `Worker.fetch`, which do what fences.py does with it.

Its stage does what the router's stages do: counts records of their key in the partition's rows, answers each with the count,
and takes a second record straight on to the neighbouring partition where this worker owns that one.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import patch

from services.router import agents
from services.router.checkpoint import checkpointer as checkpointers
from services.router.checkpoint import owned, restore, transaction_thread, transactions
from services.router.checkpoint import store as stores
from services.router.checkpoint.checkpointer import Checkpointer, CheckpointSettings
from services.router.checkpoint.partition import Partition
from services.router.checkpoint.transaction_thread import TransactionLost
from services.router.checkpoint.transactions import Membership, Output
from tests.support.kafka_model import (
    Broker,
    Client,
    Consumer,
    Crash,
    Entry,
    Place,
    Producer,
    Stepper,
)

PARTITIONS = 2
INPUT, CROSS, OUTPUT, LETTERS, CHANGELOG = "in", "cross", "out", "letters", "state"
POISON = b"poison"
HANDLED = "handled"
GROUP = "router"


class Died(BaseException):
    """The product ended its process on purpose."""


class Record:
    """A consumed record, as far as a stage looks at it."""

    def __init__(self, topic: str, partition: int, entry: Entry) -> None:
        self.topic, self.partition, self.offset = topic, partition, entry.offset
        self.key, self.value, self.headers = entry.key, entry.value, entry.headers
        self.timestamp = 0


class FoldStage:
    """Counts, answers, and takes on to the neighbouring partition."""

    topics = (INPUT, CROSS)

    def __init__(self, owned: Mapping[int, Partition]) -> None:
        self._owned = owned

    def look_ahead(self, _partition: Partition, _records: Any) -> None:
        """Nothing here takes less time for many."""

    def handle(self, partition: Partition, record: Any) -> None:
        """Take one record."""
        if record.topic == CROSS:
            if not any(name == HANDLED for name, _value in record.headers):
                _add(partition, b"cross:" + record.key)
            return
        partition.begin()
        count = _add(partition, b"count:" + record.key)
        partition.emit(Output(OUTPUT, record.key, record.value + b" %d" % count, []))
        if record.value.startswith(POISON):
            partition.roll_back()
            partition.emit(Output(LETTERS, record.key, record.value, []))
            return
        neighbour = (partition.number + 1) % PARTITIONS
        headers: list[tuple[str, Any]] = []
        if neighbour in self._owned:
            _add(self._owned[neighbour], b"cross:" + record.key)
            headers.append((HANDLED, b"1"))
        partition.emit(Output(CROSS, record.key, record.value, headers, partition=neighbour))


def _add(partition: Partition, row: bytes) -> int:
    count = int(partition.store.get(row) or b"0") + 1
    partition.store.put(row, b"", b"%d" % count)
    return count


class Worker:
    """One process, until it ends; the folder of its rows outlives it."""

    def __init__(self, world: World, name: str, folder: Path) -> None:
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
        for stepper, _threads in self.given_up:
            stepper.crash()
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
        self.stepper.crashed = True
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


class World:
    """The broker, the workers, and a reader of their outputs who is never to see anything undone."""

    def __init__(self, workers: int = 3) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="akar-protocol-"))
        self.loop = asyncio.new_event_loop()
        self.broker = Broker(PARTITIONS)
        self.workers = [Worker(self, f"w{n}", self.root / f"w{n}") for n in range(workers)]
        self.deaths: list[str] = []
        self.inputs: dict[int, list[tuple[bytes, bytes]]] = defaultdict(list)
        self._seen: dict[int, list[tuple[int, bytes | None]]] = {
            number: [] for number in range(PARTITIONS)
        }
        self._fed = 0

    def close(self) -> None:
        """End every worker and remove every trace."""
        for worker in self.workers:
            worker.crash()
        for worker in self.workers:
            worker.let_go(wait=True)
        self.loop.close()
        shutil.rmtree(self.root, ignore_errors=True)

    # -- what happens to it ---------------------------------------------------------------

    def feed(self, number: int, key: str = "a", *, poison: bool = False) -> None:
        """Write one input."""
        value = b"%s%d" % (POISON if poison else b"v", self._fed)
        self._fed += 1
        key_bytes = f"{key}{number}".encode()
        self.broker.append((INPUT, number), key_bytes, value)
        self.inputs[number].append((key_bytes, value))

    def rebalance(self, owners: Mapping[int, Worker], left_out: tuple[Worker, ...] = ()) -> None:
        """Every living worker gives up, a new generation begins, and owners take over (to be driven on).

        Args:
            owners: partition -> worker.
            left_out: workers that are stopped meanwhile: they lose their membership and do not know it.
        """
        members = [worker for worker in self.workers if worker.alive and worker not in left_out]
        for worker in members:
            self._revoke(worker)
        members = [worker for worker in members if worker.alive]
        self.broker.generation += 1
        self.broker.members = {f"{worker.name}-id" for worker in members}
        for worker in members:
            worker.assigned = sorted(n for n, owner in owners.items() if owner is worker)
            worker.checkpointer.assigned(
                Membership(GROUP, self.broker.generation, f"{worker.name}-id", worker.name)
            )
            worker.taking_over = True
            worker.epoch = worker.checkpointer.epoch
            worker.generation = self.broker.generation
            wanted = [(topic, number) for topic in (INPUT, CROSS) for number in worker.assigned]
            worker.begin(worker.checkpointer.take_over(wanted))

    def _revoke(self, worker: Worker) -> None:
        if not worker.taking_over:
            worker.finish()
            if worker.alive:
                worker.begin(worker.checkpointer.revoke())
                worker.finish()
            return
        # A restore under way notices that its epoch is over; the two run side by side as they do in the product.
        revoking = self.loop.create_task(worker.checkpointer.revoke())
        worker.finish()
        self.loop.run_until_complete(asyncio.wait({revoking}))
        if revoking.exception() is not None:
            worker._end()

    def all_to(self, worker: Worker, left_out: tuple[Worker, ...] = ()) -> None:
        """One worker owns everything, and has taken it over."""
        self.rebalance(dict.fromkeys(range(PARTITIONS), worker), left_out)
        worker.finish()

    def time_passes(self) -> None:
        """Longer than the time-out of transactions: what is open is aborted, what is decided is known everywhere."""
        for transaction in list(self.broker.transactions):
            self.broker.expire(transaction.tid)
            self.broker.land_all(transaction)

    # -- what must be true ---------------------------------------------------------------------

    def look(self) -> None:
        """A `read_committed` reader of the outputs sees what it saw before, and at most more."""
        for number, seen in self._seen.items():
            now = [(entry.offset, entry.value) for entry in self.broker.read((OUTPUT, number))]
            assert now[: len(seen)] == seen, "something was undone that a reader had seen"
            self._seen[number] = now
        for key, values in self._outputs().items():
            counts = [int(value.split()[1]) for value in values]
            assert counts == list(range(1, len(counts) + 1)), f"{key!r} counted {counts}"
            inputs = [value.split()[0] for value in values]
            wanted = [v for n in range(PARTITIONS) for k, v in self._sound(n) if k == key]
            assert inputs == wanted[: len(inputs)], f"{key!r}: lost, repeated or out of order"

    def _outputs(self) -> dict[bytes, list[bytes]]:
        found: dict[bytes, list[bytes]] = defaultdict(list)
        for number in range(PARTITIONS):
            for entry in self.broker.read((OUTPUT, number)):
                assert entry.key is not None
                assert entry.value is not None
                found[entry.key].append(entry.value)
        return found

    def _sound(self, number: int, before: int | None = None) -> list[tuple[bytes, bytes]]:
        """The inputs of a partition that are no poison."""
        return [pair for pair in self.inputs[number][:before] if not pair[1].startswith(POISON)]

    def taken_over(self, worker: Worker) -> None:
        """Whoever has taken a partition over has its rows, and reads on where the last commit ended."""
        if not self._member(worker):
            return
        self.owned_rows(worker)
        for number in worker.assigned:
            for topic in (INPUT, CROSS):
                position = worker.positions[topic, number]
                assert position == self.broker.committed.get((topic, number), 0), "read position"

    def owned_rows(self, worker: Worker) -> None:
        """Whoever owns a partition in the present generation has the rows of its committed inputs, and no others."""
        if self._member(worker) and worker.checkpointer.positioned:
            for number in worker.assigned:
                assert self.rows(worker, number) == self.fold(number), f"rows of {number}"

    def _member(self, worker: Worker) -> bool:
        return worker.generation == self.broker.generation

    def fold(self, number: int) -> dict[bytes, int]:
        """What the committed inputs of a partition add up to."""
        rows: dict[bytes, int] = defaultdict(int)
        done = self.broker.committed.get((INPUT, number), 0)
        for key, _value in self._sound(number, done):
            rows[b"count:" + key] += 1
        done = self.broker.committed.get((CROSS, number), 0)
        for entry in self.broker.log((CROSS, number)):
            transaction = entry.transaction
            if entry.marker or transaction is None or transaction.state != "committing":
                continue
            if any(name == HANDLED for name, _v in entry.headers) or entry.offset < done:
                rows[b"cross:" + (entry.key or b"")] += 1
        return dict(rows)

    def rows(self, worker: Worker, number: int) -> dict[bytes, int]:
        """What the worker's rows of a partition say."""
        store = worker.checkpointer.partitions[number].store
        found = {}
        for key in {key for pairs in self.inputs.values() for key, _value in pairs}:
            for row in (b"count:" + key, b"cross:" + key):
                value = store.get(row)
                if value is not None:
                    found[row] = int(value)
        return found

    def settle(self) -> None:
        """Everybody comes back, everything is read; then the books have to balance."""
        for worker in self.workers:
            worker.crash()
        first = self.workers[0]
        first.boot()
        self.all_to(first)
        for _ in range(2):
            # The second time for what the first wrote to itself.
            first.work(1000)
            first.commit()
            self.time_passes()
        assert first.alive, self.deaths
        self.look()
        came = sum(len(values) for values in self._outputs().values())
        assert came == sum(len(self._sound(number)) for number in range(PARTITIONS)), "lost"
        letters = [e.value for n in range(PARTITIONS) for e in self.broker.read((LETTERS, n))]
        assert len(letters) == self._fed - came, "a poisoned record was put aside twice or never"
        for number in range(PARTITIONS):
            assert self.rows(first, number) == self.fold(number)
            neighbour = (number + 1) % PARTITIONS
            for key, count in self._counts(number).items():
                assert self.rows(first, neighbour).get(b"cross:" + key) == count, "crossing"

    def _counts(self, number: int) -> dict[bytes, int]:
        counts: dict[bytes, int] = defaultdict(int)
        for key, _value in self._sound(number):
            counts[key] += 1
        return counts


def _die(reason: str, error: BaseException | None = None) -> None:
    raise Died(f"{reason}: {error!r}")


class Rows:
    """RocksDB, as far as the store uses it, in memory: what was written outlives the process that wrote it."""

    disk: ClassVar[dict[str, dict[bytes, bytes]]] = {}
    writes_left: ClassVar[int | None] = None
    """The process ends before the write after so many."""

    def __init__(self, path: str, _options: object = None) -> None:
        Path(path).mkdir(exist_ok=True)
        self._rows = self.disk.setdefault(path, {})
        if not (Path(path) / "CURRENT").exists():
            # The folder was removed.
            self._rows.clear()
            (Path(path) / "CURRENT").touch()

    def get(self, key: bytes) -> bytes | None:
        return self._rows.get(key)

    def put(self, key: bytes, value: bytes) -> None:
        self._rows[key] = value

    def write(self, batch: Batched, _how: object = None) -> None:
        if Rows.writes_left is not None:
            Rows.writes_left -= 1
            if Rows.writes_left < 0:
                Rows.writes_left = None
                raise Crash("write")
        for key, value in batch.rows:
            if value is None:
                self._rows.pop(key, None)
            else:
                self._rows[key] = value

    def close(self) -> None:
        """Nothing is lost by it."""


class Batched:
    """A write batch."""

    def __init__(self, *, raw_mode: bool = True) -> None:
        self.rows: list[tuple[bytes, bytes | None]] = []

    def put(self, key: bytes, value: bytes) -> None:
        self.rows.append((key, value))

    def delete(self, key: bytes) -> None:
        self.rows.append((key, None))


class Silence:
    """A log that nobody reads: thousands of stories would write a hundred lines each."""

    def __getattr__(self, _level: str) -> Callable[..., None]:
        return _said


def _said(*_words: object, **_more: object) -> None:
    """And that is all."""


@contextmanager
def in_memory() -> Iterator[None]:
    """The product's classes with librdkafka and RocksDB replaced, and with an end of the process that a test survives."""
    Rows.disk.clear()
    Rows.writes_left = None
    with (
        patch.object(stores, "Rdict", Rows),
        patch.object(stores, "WriteBatch", Batched),
        patch.object(transactions, "Producer", Producer),
        patch.object(restore, "Consumer", Consumer),
        patch.object(checkpointers, "die", _die),
        patch.object(transaction_thread, "die", _die),
        patch.object(checkpointers, "log", Silence()),
        patch.object(owned, "log", Silence()),
        patch.object(transaction_thread, "log", Silence()),
        patch.object(transaction_thread, "LONGEST_COMMIT_SECONDS", 3600.0),
        patch.object(transaction_thread, "LOOK_SECONDS", 0.01),
        patch.object(transaction_thread, "LONGEST_WITHOUT_BROKER_SECONDS", 0.01),
        patch.object(restore, "_TIMEOUT", 3600.0),
    ):
        yield


__all__ = ["PARTITIONS", "Crash", "Died", "Worker", "World", "in_memory"]
