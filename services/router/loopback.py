"""Takes what the stages write for each other straight on, when this worker owns both partitions.

A complaint needs a question to the evidence stage and its answer.  Over Kafka each is a transaction and a fetch of its own; here
both are handled within the transaction of the complaint itself, and not written: nobody else reads them, what they led to
is in the rows and in the decision, and on one disk every partition that a transaction touches is flushed twice.  What they led to
names as its cause what led to them, so that causes are always in the log.  A question that did go over Kafka gets its answer there
too, marked as handled; the reader passes over it.

It is still exactly-once: rows of both partitions, outputs and the offset of the complaint are one transaction, fenced by one
generation; the checkpoint stages an offset of every partition whose rows it changes, so that whoever takes one over waits for
it.  Hazard: only what the core takes without fault is handled here; anything else goes the long way, where a dead
letter can name its place.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from schemas import topics
from services.chassis.errors import PermanentError
from services.chassis.partitioner import partition_for
from services.router.checkpoint.partition import Partition
from services.router.stages.base import HANDLED, Handover, Record, Stage, encoded

_LOOPED: Final = (
    topics.CASE_OPENED.name,
    topics.CASE_SEARCHED.name,
    topics.CASE_FOUND.name,
    topics.TRACE_REQUESTED.name,
    topics.TRACE_ANSWERED.name,
)
"""Topics that only the router writes, and only the router reads."""


@dataclass(slots=True)
class LocalRecord:
    """What the stages see of a record that was not read but made a moment ago; dated like the record that led to it.

    What it says is in its envelope alone.
    """

    topic: str
    partition: int
    timestamp: int
    key: bytes | None = None
    value: bytes | None = None
    headers: Iterable[tuple[str, bytes | None]] = ()
    offset: int = -1


class Loopback:
    """Handles events that are for a stage of this worker; the stages hand these over from now on.

    Args:
        stages: physical topic -> the stage that reads it.
        partitions: those that this worker owns now, by number; looked at anew each time.
        count: how many partitions each keyed topic has.
        physical: gives the name on the cluster of a topic of `schemas.topics`.
        behind: whether a partition has events yet to be read that are older than a time (epoch milliseconds); its questions go
            the long way and wait there.
    """

    def __init__(
        self,
        stages: Mapping[str, Stage],
        partitions: Mapping[int, Partition],
        *,
        count: int,
        physical: Callable[[str], str],
        behind: Callable[[int, int], bool] = lambda _number, _asked: False,
    ) -> None:
        self._stages = {topic: stages[topic] for topic in map(physical, _LOOPED) if topic in stages}
        for stage in stages.values():
            stage.handed_over = frozenset(self._stages)
        self._partitions = partitions
        self._count = count
        self._behind = behind
        self._question = physical(topics.TRACE_REQUESTED.name)
        self._search = physical(topics.CASE_SEARCHED.name)

    def carry(self, partition: Partition, record: Record) -> None:
        """Handle what was handed over, and what that hands over, as far as it is ours; write the rest.

        Args:
            partition: of the record in hand.
            record: which; it was read from Kafka.
        """
        # A question that is in the log has its answer there too.
        in_the_log = record.topic == self._question
        waiting = deque(_drained(partition))
        while waiting:
            handover = waiting.popleft()
            target = self._target(handover, record.timestamp)
            # In the log, causes stand before what they led to.
            place = partition.emitted
            if target is None or not self._taken(target, handover, record, written=in_the_log):
                self._write(partition, record, handover, place)
                continue
            waiting.extend(_drained(target))
            if in_the_log:
                self._write(partition, record, handover, place, (HANDLED, b"1"))

    def _target(self, handover: Handover, timestamp: int) -> Partition | None:
        """Where it belongs, if that is ours and need not wait."""
        number = partition_for(handover.envelope.subject.encode(), self._count)
        target = self._partitions.get(number)
        if target is None or self._waits(handover.topic, number, timestamp):
            return None
        return target

    def _waits(self, topic: str, number: int, asked: int) -> bool:
        if topic == self._question:
            return self._behind(number, asked)
        # A customer's cases may lie in any partition.
        return topic == self._search and any(self._behind(each, asked) for each in self._partitions)

    def _taken(
        self, target: Partition, handover: Handover, record: Record, *, written: bool
    ) -> bool:
        made = LocalRecord(handover.topic, target.number, record.timestamp)
        return self._stages[handover.topic].take_on(
            target, made, handover.envelope, written=written
        )

    def _write(
        self,
        partition: Partition,
        record: Record,
        handover: Handover,
        place: int,
        *marks: tuple[str, bytes],
    ) -> None:
        try:
            partition.emit(encoded(handover, *marks), at=place)
        except PermanentError as error:
            # What led to it is done already; this letter is all that tells of what it would have led to.
            self._stages[handover.topic].dead_letter(
                partition, record, error.code, error.detail, about=handover.envelope.id
            )


def _drained(partition: Partition) -> list[Handover]:
    found = partition.handovers
    partition.handovers = []
    return found
