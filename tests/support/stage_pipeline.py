"""The router's stages, record by record, over real rows but without a broker: what one writes, the next one reads at once.

Its time stands still at `NOW`, and it has one order and one complaint, unless a test says otherwise.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from schemas import codec, topics
from schemas.assignment import AssignmentOpenedV1, AssignmentWithdrawnV1
from schemas.clock import ClockTickedV1
from schemas.complaint import ComplaintMessagedV1, ComplaintReceivedV1, ComplaintStatusV1
from schemas.dead_letter import DeadLetterV1
from schemas.envelope import Contract, Envelope
from schemas.process import ProcessObservedV1
from schemas.tracing import ComplaintTracedV1
from schemas.vocabulary import MessageKind, Transition
from services.chassis.partitioner import partition_for
from services.router.checkpoint.partition import Partition
from services.router.checkpoint.store import PartitionStore, SharedMemory
from services.router.checkpoint.transactions import Output
from services.router.stages.base import keyed
from services.router.stages.customers import CustomerStage
from services.router.stages.evidence import EvidenceStage
from services.router.stages.lifecycle import LifecycleStage
from tests.support import companies

PARTITIONS = 4
NOW = datetime(2026, 3, 20, 5, 0, tzinfo=UTC)
PREFIX = "t-"


@dataclass(frozen=True)
class FakeRecord:
    """What the stages read of a consumed record."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    timestamp: int


SHOP = companies.company("shop")


@dataclass
class Pipeline:
    """The router's stages with a loop back for their own topics: a broker that is always up."""

    folder: Path
    outputs: list[Output] = field(default_factory=list)
    written: dict[str, list[Output]] = field(default_factory=lambda: defaultdict(list))
    partitions: dict[int, Partition] = field(default_factory=dict)
    offsets: Any = field(default_factory=lambda: defaultdict(count))

    def __post_init__(self) -> None:
        memory = SharedMemory(1 << 20, 1 << 20)
        self.stages = keyed(
            stage(SHOP, physical=lambda name: PREFIX + name, partitions=PARTITIONS)
            for stage in (LifecycleStage, EvidenceStage, CustomerStage)
        )
        for number in range(PARTITIONS):
            store = PartitionStore(self.folder / str(number), memory)
            self.partitions[number] = Partition(number, store, self.outputs)

    def close(self) -> None:
        """Close the databases."""
        for partition in self.partitions.values():
            partition.store.close()

    def raw(
        self,
        topic: topics.Topic,
        key: bytes | None,
        value: bytes | None,
        headers: tuple[tuple[str, bytes | None], ...] = (),
        *,
        partition: int | None = None,
        at: datetime = NOW,
    ) -> None:
        """Write any bytes into a topic, and handle what follows from them."""
        self._handle(PREFIX + topic.name, key, value, headers, partition, at)
        while self.outputs:
            output = self.outputs.pop(0)
            self.written[output.topic].append(output)
            if output.topic in self.stages:
                self._handle(
                    output.topic, output.key, output.value, tuple(output.headers), None, at
                )

    def _handle(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: tuple[tuple[str, bytes | None], ...],
        partition: int | None,
        at: datetime,
    ) -> None:
        number = partition if partition is not None else partition_for(key or b"", PARTITIONS)
        record = FakeRecord(
            topic,
            number,
            next(self.offsets[topic, number]),
            key,
            value,
            headers,
            int(at.timestamp() * 1000),
        )
        self.stages[topic].handle(self.partitions[number], record)

    def send(
        self,
        topic: topics.Topic,
        data: Contract,
        event_id: str,
        *,
        partition: int | None = None,
        at: datetime = NOW,
    ) -> None:
        """Write one event."""
        record = codec.encode(codec.wrap(data, id=event_id, source="/test", time=at))
        self.raw(topic, record.key, record.value, record.headers, partition=partition, at=at)

    def says(
        self,
        kind: MessageKind,
        text: str | None = None,
        *,
        complaint_id: str = "C-1",
        message_id: str = "m1",
        channel: str = "web",
        at: datetime = NOW,
    ) -> None:
        """The customer writes again."""
        data = ComplaintMessagedV1(
            complaint_id=complaint_id,
            message_id=message_id,
            channel=channel,
            kind=kind,
            text=text,
            sent_at=at,
        )
        self.send(topics.COMPLAINT_MESSAGED, data, message_id, at=at)

    def happens(self, activity: str, hours_ago: float, **fields: Any) -> None:
        """A process event of the one order."""
        at = NOW - timedelta(hours=hours_ago)
        values: dict[str, Any] = {
            "event_id": f"{activity}-{hours_ago}",
            "case_id": "INV-1",
            "activity": activity,
            "transition": Transition.COMPLETE,
            "at": at,
            "recorded_at": at,
        }
        data = ProcessObservedV1(**(values | fields))
        self.send(topics.PROCESS_OBSERVED, data, data.event_id)

    def complains(self, text: str = "paket saya belum sampai juga, telat!", **fields: Any) -> None:
        """The one complaint."""
        values: dict[str, Any] = {
            "complaint_id": "C-1",
            "channel": "web",
            "text": text,
            "case_id": "INV-1",
            "occurred_at": NOW,
            "received_at": NOW,
            "body_digest": "d1",
        }
        data = ComplaintReceivedV1(**(values | fields))
        self.send(topics.COMPLAINT_RECEIVED, data, "received-1")

    def events(self, topic: topics.Topic) -> list[Envelope[Any]]:
        """What was written to a topic, decoded."""
        return [
            codec.decode(
                topic.contracts, key=output.key, value=output.value, headers=output.headers
            )
            for output in self.written[PREFIX + topic.name]
        ]

    @property
    def decisions(self) -> list[ComplaintTracedV1]:
        """All decisions, in order."""
        return [event.data for event in self.events(topics.COMPLAINT_TRACED)]

    def inbox(self, department: str) -> list[AssignmentOpenedV1 | AssignmentWithdrawnV1]:
        """What a department was told, in order."""
        return [
            event.data for event in self.events(topics.DEPARTMENT_INBOX.for_department(department))
        ]

    @property
    def status(self) -> ComplaintStatusV1:
        """Where the complaint stands."""
        last: ComplaintStatusV1 = self.events(topics.COMPLAINT_STATUS)[-1].data
        return last

    @property
    def dead_letters(self) -> list[DeadLetterV1]:
        """What was put aside."""
        return [event.data for event in self.events(topics.ROUTER_DLQ)]


def late_packing(pipeline: Pipeline) -> None:
    """An order that everybody but packing handled in time."""
    for activity, hours_ago in (
        ("order_placed", 300),
        ("payment_received", 299.5),
        ("payment_verified", 299),
        ("confirmed", 298),
        ("picked", 296),
        ("packed", 150),
        ("handed_over", 149),
        ("delivered", 100),
    ):
        pipeline.happens(activity, hours_ago)


def tick(pipeline: Pipeline, at: datetime) -> None:
    """The clock, in every partition."""
    for number in range(PARTITIONS):
        data = ClockTickedV1(partition=number, at=at)
        record = codec.encode(
            codec.wrap(data, id=f"tick-{number}-{at}", source="/akar/ticker", time=at)
        )
        pipeline.raw(
            topics.CLOCK_TICK, record.key, record.value, record.headers, partition=number, at=at
        )


GOOD = codec.encode(
    codec.wrap(
        ProcessObservedV1(
            event_id="e",
            case_id="INV-1",
            activity="packed",
            transition=Transition.COMPLETE,
            at=NOW,
        ),
        id="e",
        source="/wms",
        time=NOW,
    )
)
