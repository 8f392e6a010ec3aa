"""The counting worker, with a fence taken out or stopped at a point, as a process that a test starts.

`AKAR_TEST_WITHOUT` names the fence (tests/support/removals.py), `AKAR_TEST_STOP` a fault point at which the process stops itself
once, as by SIGSTOP, until somebody wakes it; with `AKAR_TEST_REFUSED` its first commit offers a generation that the coordinator
refuses; with `AKAR_TEST_HOLD` batches wait for their agent until there is a file `released`; with `AKAR_TEST_LATE` the records
of a transaction leave the process with its commit, behind its offsets.  A record whose value is `boom` fails the first time it is
met, one whose value is `hang` is in hand until the worker ends, one whose value is `for:` and a key counts for that key too, in
whichever partition of the worker's that belongs.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import uvloop

from services.chassis.health import Heartbeat
from services.chassis.logs import configure
from services.chassis.partitioner import partition_for
from services.chassis.settings import KafkaSettings
from services.router import agents
from services.router.app import Worker
from services.router.checkpoint import transaction_thread, transactions
from services.router.checkpoint.faults import arm
from services.router.checkpoint.partition import Partition
from services.router.checkpoint.restore import Restorer
from services.router.checkpoint.transactions import Membership, Output, TransactionalProducer
from services.router.settings import RouterSettings
from tests.support.removals import without

BOOM = b"boom"
HANG = b"hang"
FOR = b"for:"


class Counting:
    """Counts by key over two topics, and answers each record with the count."""

    def __init__(self, kafka: KafkaSettings, folder: Path) -> None:
        self.topics = (kafka.topic("process.observed"), kafka.topic("complaint.received"))
        self._output = kafka.topic("complaint.traced")
        self._count = kafka.partitions
        self._failed = folder / "failed"
        self._hung = folder / "hung"
        self.partitions: Mapping[int, Partition] = {}
        """Those of the worker."""

    def look_ahead(self, _partition: Partition, _records: Any) -> None:
        """Nothing here takes less time for many."""

    def handle(self, partition: Partition, record: Any) -> None:
        """One more of this key."""
        if record.value == BOOM and not self._failed.exists():
            self._failed.touch()
            raise RuntimeError("boom")
        if record.value == HANG and not self._hung.exists():
            self._hung.touch()
            signal.pause()
        key, value = record.key or b"", record.value or b""
        count = one_more(partition, key)
        if value.startswith(FOR):
            other = value.removeprefix(FOR)
            one_more(self.partitions[partition_for(other, self._count)], other)
        partition.emit(Output(self._output, key, value + b" %d" % count, []))


def one_more(partition: Partition, key: bytes) -> int:
    """Count for a key; how many there are now."""
    count = int(partition.store.get(b"n:" + key) or b"0") + 1
    partition.store.put(b"n:" + key, b"", str(count).encode())
    return count


def stop_at(point: str, folder: Path) -> Callable[[str], None]:
    """A `fault_point` that stops the process at this one, the first time."""
    real = transactions.fault_point

    def fault_point(passed: Any) -> None:
        if passed == point and not (folder / "stopped").exists():
            (folder / "stopped").touch()
            os.kill(os.getpid(), signal.SIGSTOP)
            # Another thread may take the signal: this one would go on for a moment, which is enough to send a commit.
            time.sleep(0.2)
        real(passed)

    return fault_point


def asks(folder: Path) -> Any:
    """`Restorer.positions` that leaves a file when it begins, and one when it ends."""
    real = Restorer.positions

    def positions(self: Restorer, partitions: Any) -> Any:
        (folder / "asked").touch()
        found = real(self, partitions)
        (folder / "answered").touch()
        return found

    return positions


def refused_once(folder: Path) -> Callable[[Membership], bytes]:
    """`Membership.metadata` of a generation that never was, the first time."""
    real = Membership.metadata

    def metadata(self: Membership) -> bytes:
        if (folder / "refused").exists():
            return real(self)
        (folder / "refused").touch()
        return real(replace(self, generation=self.generation + 1_000))

    return metadata


@contextmanager
def holding(folder: Path) -> Iterator[None]:
    """Agents wait for a file with each batch; the worker goes on with everything else."""
    real = agents.take

    async def take(*what: Any) -> None:
        while not (folder / "released").exists():
            (folder / "held").touch()
            await asyncio.sleep(0.05)
        await real(*what)

    with patch.object(agents, "take", take):
        yield


def produced_and_sent() -> Any:
    """`TransactionalProducer._produce` that waits until the broker has the records: librdkafka sends when it likes."""
    real = TransactionalProducer._produce

    def produce(self: TransactionalProducer, work: Any) -> None:
        real(self, work)
        assert self._producer.flush(30) == 0

    return produce


def sent_with_the_commit() -> Any:
    """A producer that keeps its records until they are flushed, as one does whose connection is slow."""
    real = transactions.Producer

    def make(settings: dict[str, Any]) -> Any:
        return real({**settings, "linger.ms": 30_000})

    return make


async def main(folder: Path) -> None:
    """Work until SIGTERM."""
    kafka, settings = KafkaSettings(), RouterSettings()
    arm(settings.fault)
    counting = Counting(kafka, folder)
    worker = Worker(kafka, settings, [counting], state_dir=folder / "state")
    counting.partitions = worker.checkpointer.partitions
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await worker.run(stop, Heartbeat("loop"))
    os._exit(0)


def run(folder: Path, environment: Mapping[str, str], log: Path) -> None:
    """Be a worker until its end; the body of a process."""
    os.environ.update(environment)
    with log.open("ab") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())
    configure("router", level="info")
    folder.mkdir(parents=True, exist_ok=True)
    point = environment.get("AKAR_TEST_STOP", "")
    deadline = float(environment.get("AKAR_TEST_COMMIT_SECONDS", "60"))
    refused = environment.get("AKAR_TEST_REFUSED")
    missing = environment.get("AKAR_TEST_WITHOUT") or None
    hold = environment.get("AKAR_TEST_HOLD")
    # Whoever ends inside a transaction leaves its records on the broker, unless that is what it is about.
    sending = (
        patch.object(transactions, "Producer", sent_with_the_commit())
        if environment.get("AKAR_TEST_LATE")
        else patch.object(TransactionalProducer, "_produce", produced_and_sent())
    )
    with (
        patch.object(transactions, "fault_point", stop_at(point, folder)),
        patch.object(Restorer, "positions", asks(folder)),
        sending,
        patch.object(Membership, "metadata", refused_once(folder)) if refused else nullcontext(),
        # Whoever is stopped here is stopped for longer than any commit may take, on a busy machine for much longer.
        patch.object(transaction_thread, "LONGEST_COMMIT_SECONDS", deadline),
        patch.object(transactions, "TRANSACTION_TIMEOUT_MS", 60_000 if point else 10_000),
        # Behind the others: one of the fences is that deadline.
        without(missing),
        # What a fence looks at is looked at when it is let go.
        holding(folder) if hold else nullcontext(),
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(main(folder))
