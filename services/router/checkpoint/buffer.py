"""What the stages did since the last checkpoint: the offsets of what they handled, and what it led to.

It stands apart because it is memory alone: nothing here waits, reads a clock or knows a broker, and whatever it holds may be
forgotten, since its records are read again.

Hazard: rows, outputs and offset of a record have to come in one step of the event loop.  `freeze` takes what is there, and half
of a record in one transaction would be half of it for ever.
"""

from __future__ import annotations

from collections.abc import Mapping

from services.router.checkpoint.partition import Partition
from services.router.checkpoint.transactions import Output, Place, Work


class Buffer:
    """Of one worker's open checkpoint.

    Args:
        partitions: of this worker; the rows that they changed are part of what is buffered.
        outputs: where they put what they emit.
        compacted: topics of which only the last record of each key goes into a transaction.

    Attributes:
        records: how many were handled.
    """

    def __init__(
        self,
        partitions: Mapping[int, Partition],
        outputs: list[Output],
        *,
        compacted: frozenset[str],
    ) -> None:
        self.records = 0
        self._partitions = partitions
        self._outputs = outputs
        self._compacted = compacted
        self._offsets: dict[Place, int] = {}
        self._weighed, self._weight = 0, 0
        # Where each assigned (topic, partition) stands, committed or about to be.
        self._known: dict[Place, int] = {}

    def read_from(self, positions: Mapping[Place, int]) -> None:
        """Remember where reading begins in each assigned (topic, partition)."""
        self._known = dict(positions)

    def consumed(self, topic: str, partition: int, next_offset: int, records: int) -> None:
        """Note that the records before `next_offset` are handled; to be called in the same step as their effects."""
        self._offsets[topic, partition] = next_offset
        self.records += records

    @property
    def empty(self) -> bool:
        """Whether nothing was handled."""
        return not self._offsets

    @property
    def changes(self) -> bool:
        """Whether there is more than offsets."""
        return bool(self._outputs) or any(each.store.dirty for each in self._partitions.values())

    @property
    def size(self) -> int:
        """Bytes of rows and outputs, about."""
        self._weight += sum(output.size for output in self._outputs[self._weighed :])
        self._weighed = len(self._outputs)
        return self._weight + sum(each.store.written for each in self._partitions.values())

    def freeze(self) -> Work:
        """Hand everything over to a transaction; what comes from here on belongs to the next one."""
        work = Work(offsets=self._offsets, outputs=_latest(self._outputs, self._compacted))
        for number, partition in self._partitions.items():
            if partition.store.dirty:
                work.changelog[number] = partition.store.freeze()
        self._known.update(self._offsets)
        self._stage_touched(work)
        self._empty()
        return work

    def _stage_touched(self, work: Work) -> None:
        """Stage an offset of every partition whose rows change, its own position if nothing of it was read.

        Whoever takes a partition over asks for its offsets first and is answered only when no transaction that staged
        one is open.  Without it, rows written by the way of another partition could come after the new owner had restored.
        """
        read = {number for _topic, number in work.offsets}
        for number in work.changelog.keys() - read:
            place = min(place for place in self._known if place[1] == number)
            work.offsets[place] = self._known[place]

    def forget(self) -> None:
        """Drop everything that is not committed, frozen or not, and what stages keep in memory because of it."""
        for partition in self._partitions.values():
            partition.store.discard()
            partition.memory.clear()
        self._empty()

    def _empty(self) -> None:
        self._outputs.clear()
        self._offsets = {}
        self.records = 0
        self._weighed, self._weight = 0, 0


def _latest(outputs: list[Output], compacted: frozenset[str]) -> list[Output]:
    """All outputs, in order, without those of a compacted topic that a later one of the same key replaces."""
    last = {
        (output.topic, output.key): index
        for index, output in enumerate(outputs)
        if output.topic in compacted
    }
    return [
        output
        for index, output in enumerate(outputs)
        if output.topic not in compacted or last[output.topic, output.key] == index
    ]
