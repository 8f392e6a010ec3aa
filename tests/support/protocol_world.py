"""The broker in memory, the workers on it, and the books that have to balance whatever happens to them.

Whoever plays Faust here must do what fences.py does, and no more: a rebalance that was kinder than a real one would let a fence
look needless.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest.mock import patch

from services.router.checkpoint import checkpointer as checkpointers
from services.router.checkpoint import owned, restore, transaction_thread, transactions
from services.router.checkpoint import store as stores
from services.router.checkpoint.transactions import Membership
from tests.support.kafka_model import Broker, Consumer, Producer
from tests.support.protocol_stage import (
    CROSS,
    GROUP,
    HANDLED,
    INPUT,
    LETTERS,
    OUTPUT,
    PARTITIONS,
    POISON,
)
from tests.support.protocol_worker import Worker
from tests.support.rocksdb_model import Batched, Rows


class Died(BaseException):
    """The product ended its process on purpose."""


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
        """End every worker and remove every trace, whatever state the story has left them in."""
        with ExitStack() as stack:
            stack.callback(shutil.rmtree, self.root, ignore_errors=True)
            stack.callback(self.loop.close)
            for worker in self.workers:
                stack.callback(worker.let_go, wait=True)
            for worker in self.workers:
                stack.callback(worker.crash)

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
