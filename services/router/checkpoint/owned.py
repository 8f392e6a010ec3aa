"""The partitions of this worker: where their rows lie, how they are brought up, and how they are let go.

It stands apart because restoring blocks, for as long as the changelog is long: it runs on a thread of its own, while the event
loop goes on and may learn that the partitions have gone elsewhere meanwhile.

Hazard: while that thread restores, nobody may handle a record or make a checkpoint; the checkpointer holds its lock, and no batch
of the new epoch is read before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import structlog

from services.chassis.memory import give_back
from services.router.checkpoint.partition import Partition
from services.router.checkpoint.restore import Restorer
from services.router.checkpoint.store import PartitionStore, SharedMemory
from services.router.checkpoint.transactions import Output, Place

log = structlog.get_logger(__name__)


class OwnedPartitions:
    """Opened, brought up and closed.

    Args:
        restorer: reads committed offsets and changelogs.
        state_dir: a folder for each partition's rows is made in it.
        outputs: where partitions put what they emit.

    Attributes:
        partitions: those that are open, by number.
    """

    def __init__(self, restorer: Restorer, state_dir: Path, outputs: list[Output]) -> None:
        self.partitions: dict[int, Partition] = {}
        self._restorer = restorer
        self._state_dir = state_dir
        self._outputs = outputs
        self._memory = SharedMemory()
        self._thread = ThreadPoolExecutor(1, "restore")

    async def refuse_other_counts(self, topics: Iterable[str], partitions: int) -> None:
        """Check that every topic has that number of partitions.

        Raises:
            ConfigurationError: one is missing or has another.
            KafkaException: the broker does not answer.
        """
        await asyncio.get_running_loop().run_in_executor(
            self._thread, self._restorer.refuse_other_counts, topics, partitions
        )

    async def take_over(self, wanted: list[Place], still: Callable[[], bool]) -> dict[Place, int]:
        """Let go of all other partitions and bring up the state of these.

        Args:
            wanted: each (topic, partition) that is assigned.
            still: tells whether it is; asked from the thread.

        Returns:
            The next offset for each of them.

        Raises:
            RestoreAbandoned: they are not assigned any more.
            KafkaException: the broker does not answer, or the changelog cannot be read.
        """
        numbers = {number for _topic, number in wanted}
        self._close(set(self.partitions) - numbers)
        return await asyncio.get_running_loop().run_in_executor(
            self._thread, self._restore, wanted, numbers, still
        )

    def _restore(
        self, wanted: list[Place], numbers: set[int], still: Callable[[], bool]
    ) -> dict[Place, int]:
        # Offsets first: they wait for transactions that are still open (restore.py says why).
        positions = self._restorer.positions(wanted) if wanted else {}
        for number in sorted(numbers):
            done = self._restorer.restore(number, self._store(number), wanted=still)
            log.info(
                "router.restored",
                partition=number,
                records=done.records,
                seconds=round(done.seconds, 3),
                started_over=done.started_over,
            )
        give_back()
        return positions

    def _store(self, number: int) -> PartitionStore:
        if number not in self.partitions:
            store = PartitionStore(self._state_dir / f"partition-{number}", self._memory)
            self.partitions[number] = Partition(number, store, self._outputs)
        return self.partitions[number].store

    def close(self) -> None:
        """Let go of all of them."""
        self._close(set(self.partitions))

    def _close(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self.partitions.pop(number).store.close()
