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

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from schemas import codec, topics
from services.chassis.partitioner import partition_for
from services.router.checkpoint.checkpointer import Partition
from services.router.checkpoint.transactions import Output
from services.router.stages.base import HANDLED, Record, Stage

_LOOPED = (
    topics.CASE_OPENED.name,
    topics.CASE_SEARCHED.name,
    topics.CASE_FOUND.name,
    topics.TRACE_REQUESTED.name,
    topics.TRACE_ANSWERED.name,
)
"""Topics that only the router writes, and only the router reads."""


@dataclass(slots=True)
class LocalRecord:
    """A record that was not read but made a moment ago; dated like the record that led to it."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Iterable[tuple[str, bytes | None]]
    timestamp: int
    offset: int = -1


class Loopback:
    """Handles outputs that are for a stage of this worker.

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
        looped = {physical(name) for name in _LOOPED}
        self._stages = {topic: stage for topic, stage in stages.items() if topic in looped}
        self._partitions = partitions
        self._count = count
        self._behind = behind
        self._question = physical(topics.TRACE_REQUESTED.name)
        self._search = physical(topics.CASE_SEARCHED.name)

    def carry(self, outputs: list[Output], start: int, record: Record) -> None:
        """Handle what was emitted since `start`, and what that emits, as far as it is ours.

        Args:
            outputs: of the open checkpoint; handled ones are taken out, or marked where the log has their question.
            start: index of the first one to look at.
            record: that led to them.
        """
        # A question that is in the log has its answer there too.
        asked_in_the_log = record.topic == self._question
        index = start
        while index < len(outputs):
            output = outputs[index]
            stage = self._stages.get(output.topic)
            emitted = len(outputs)
            if stage is None or not self._handled(stage, output, record.timestamp):
                index += 1
            elif asked_in_the_log:
                outputs[index] = replace(output, headers=[*output.headers, (HANDLED, b"1")])
                index += 1
            else:
                for later in range(emitted, len(outputs)):
                    outputs[later] = _caused_likewise(outputs[later], output)
                del outputs[index]

    def _handled(self, stage: Stage, output: Output, timestamp: int) -> bool:
        if output.key is None:
            return False
        number = partition_for(output.key, self._count)
        partition = self._partitions.get(number)
        if partition is None or self._waits(output.topic, number, timestamp):
            return False
        headers = [
            (name, value.encode() if isinstance(value, str) else value)
            for name, value in output.headers
        ]
        record = LocalRecord(output.topic, number, output.key, output.value, headers, timestamp)
        return stage.handle_here(partition, record)

    def _waits(self, topic: str, number: int, asked: int) -> bool:
        if topic == self._question:
            return self._behind(number, asked)
        # A customer's cases may lie in any partition.
        return topic == self._search and any(self._behind(each, asked) for each in self._partitions)


def _caused_likewise(effect: Output, handled: Output) -> Output:
    """The effect of a record that is not written, with that record's own cause."""
    cause = dict(handled.headers)[codec.CAUSATION]
    headers = [
        (name, cause if name == codec.CAUSATION else value) for name, value in effect.headers
    ]
    return replace(effect, headers=headers)
