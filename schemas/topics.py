"""Every topic of the pipeline, declared once, in the order in which one complaint travels.

Nothing else may spell a topic name.  From this declaration come creation on the broker, the router's bindings, AsyncAPI,
the topic table and its diagram, and the tests that hold the code to it.  The hazard: a name, key or partition count here is
an address that stored state depends on; changing one is a migration, not an edit (docs/operations.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum, unique
from typing import Final

from schemas.assignment import AssignmentOpenedV1, AssignmentWithdrawnV1
from schemas.case import CaseFoundV1, CaseOpenedV1, CaseSearchedV1, CaseWeighedV1
from schemas.clock import ClockTickedV1
from schemas.complaint import ComplaintMessagedV1, ComplaintReceivedV1, ComplaintStatusV1
from schemas.dead_letter import DeadLetterV1
from schemas.envelope import Contract
from schemas.notification import NotificationRecordedV1
from schemas.process import ProcessObservedV1
from schemas.registry import RegistryActivatedV1, RegistryPublishedV1
from schemas.tracing import ComplaintTracedV1, TraceAnsweredV1, TraceRequestedV1

DEFAULT_PARTITIONS: Final = 4
"""For every topic that a stage joins alike: the router's stages find each other by partition number."""
DEFAULT_LEAF_PARTITIONS: Final = 1
"""For each topic that only leads out of the pipeline.

A checkpoint is one transaction over all partitions that it touches, each flushed and marked by itself: four partitions for
each inbox, decision and status made it twice as long (docs/performance.md).
"""


@unique
class Party(StrEnum):
    """Who may write or read a topic."""

    INTAKE = "intake"
    ROUTER = "router"
    TICKER = "ticker"
    REGISTRAR = "registrar"
    """Watches the company's folder, within the ticker's process or as a command."""
    NOTIFIER = "notifier"
    CONSOLE = "console"
    OPERATIONS = "operational-systems"
    """The company's own systems: order, warehouse, courier, billing."""
    DEPARTMENTS = "department-systems"
    OPERATORS = "operators"
    """People and tools that look after the streams: redrive, audit."""


@unique
class Cleanup(StrEnum):
    """Kafka's `cleanup.policy`."""

    DELETE = "delete"
    COMPACT = "compact"


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One Kafka topic, or one for each department, and the promises made about it."""

    name: str
    """A `{department}` in it stands for each department of the registry."""
    key: str
    """The field of the contract that is the record key, and decides the partition."""
    contracts: tuple[type[Contract], ...]
    """What may lie in it, told apart by `ce_type`; empty for the router's own changelog."""
    purpose: str
    writers: frozenset[Party]
    readers: frozenset[Party]
    retention: timedelta | None
    """None: kept for ever, which only a compacted topic may be."""
    cleanup: Cleanup = Cleanup.DELETE
    whole_for: timedelta | None = None
    """Of a compacted topic: records younger than this are all kept, not only the last of each key."""
    dead_letter: str | None = None
    """Where a reader of ours puts a record that it cannot process."""
    leaf: bool = False
    """Leads out of the pipeline only: no stage of ours joins it by partition number, so that it has a count of its own."""
    durable: bool = True
    """Flushed to disk for each write where there is one disk only; false where a loss is made good in a second."""
    shared_writers: str | None = None
    """Why more than one party writes it, if so."""

    @property
    def per_department(self) -> bool:
        """Whether it stands for one topic per department."""
        return "{department}" in self.name

    @property
    def default_partitions(self) -> int:
        """How many there are if the settings say nothing."""
        return DEFAULT_LEAF_PARTITIONS if self.leaf else DEFAULT_PARTITIONS

    def for_department(self, department: str) -> Topic:
        """The topic of one department."""
        return replace(self, name=self.name.format(department=department))

    def configs(self, *, one_disk: bool) -> dict[str, str]:
        """Topic configuration for the broker; `one_disk` adds the flush that makes an ack survive a power cut."""
        configs = {"cleanup.policy": self.cleanup.value}
        if self.retention is not None:
            configs["retention.ms"] = str(int(self.retention.total_seconds() * 1000))
        else:
            configs["retention.ms"] = "-1"
        if self.cleanup is Cleanup.COMPACT:
            configs["delete.retention.ms"] = str(int(TOMBSTONE_RETENTION.total_seconds() * 1000))
            whole = self.whole_for or timedelta()
            configs["min.compaction.lag.ms"] = str(int(whole.total_seconds() * 1000))
            lag = whole + COMPACTION_LAG
            configs["max.compaction.lag.ms"] = str(int(lag.total_seconds() * 1000))
            configs["segment.bytes"] = str(64 << 20)
        if one_disk:
            # Said for both kinds: the broker's own default may be either.
            configs["flush.messages"] = "1" if self.durable else NEVER
        return configs


NEVER: Final = str(2**63 - 1)
"""Kafka's own default of `flush.messages`: leave it to the operating system."""
TOMBSTONE_RETENTION: Final = timedelta(days=7)
"""A state folder that stood still for longer is rebuilt from nothing: it may have missed a deletion."""
COMPACTION_LAG: Final = timedelta(hours=6)

YEAR: Final = timedelta(days=366)
MONTH: Final = timedelta(days=31)

COMPLAINT_RECEIVED: Final = Topic(
    name="complaint.received",
    key="complaint_id",
    contracts=(ComplaintReceivedV1,),
    purpose="Every complaint that was answered with 202, exactly as it was accepted.",
    writers=frozenset({Party.INTAKE}),
    readers=frozenset({Party.ROUTER, Party.CONSOLE}),
    retention=YEAR,
    dead_letter="router.dlq",
)
COMPLAINT_MESSAGED: Final = Topic(
    name="complaint.messaged",
    key="complaint_id",
    contracts=(ComplaintMessagedV1,),
    purpose="What the customer said later: follow-ups, answers, satisfied, withdrawn.",
    writers=frozenset({Party.INTAKE}),
    readers=frozenset({Party.ROUTER, Party.CONSOLE}),
    retention=YEAR,
    dead_letter="router.dlq",
)
PROCESS_OBSERVED: Final = Topic(
    name="process.observed",
    key="case_id",
    contracts=(ProcessObservedV1,),
    purpose="What really happened in each order, payment, shipment or ticket.",
    writers=frozenset({Party.INTAKE, Party.OPERATIONS}),
    readers=frozenset({Party.ROUTER}),
    retention=YEAR,
    dead_letter="router.dlq",
    shared_writers="operational systems may write it directly, with their own credentials",
)
CASE_OPENED: Final = Topic(
    name="case.opened",
    key="customer",
    contracts=(CaseOpenedV1,),
    purpose="Which cases a customer has: the evidence stage says so when an event names the customer.",
    writers=frozenset({Party.ROUTER}),
    readers=frozenset({Party.ROUTER}),
    retention=MONTH,
    dead_letter="router.dlq",
)
CASE_SEARCHED: Final = Topic(
    name="case.searched",
    key="customer",
    contracts=(CaseSearchedV1,),
    purpose="The lifecycle stage asks for the cases of a customer whose complaint names none.",
    writers=frozenset({Party.ROUTER}),
    readers=frozenset({Party.ROUTER}),
    retention=MONTH,
    dead_letter="router.dlq",
)
CASE_FOUND: Final = Topic(
    name="case.found",
    key="complaint_id",
    contracts=(CaseFoundV1, CaseWeighedV1),
    purpose="A customer's cases, and how well each of them explains the complaint.",
    writers=frozenset({Party.ROUTER}),
    readers=frozenset({Party.ROUTER}),
    retention=MONTH,
    dead_letter="router.dlq",
)
TRACE_REQUESTED: Final = Topic(
    name="trace.requested",
    key="case_id",
    contracts=(TraceRequestedV1,),
    purpose="The lifecycle stage asks the evidence stage about one complaint and its case.",
    writers=frozenset({Party.ROUTER}),
    readers=frozenset({Party.ROUTER}),
    retention=MONTH,
    dead_letter="router.dlq",
)
TRACE_ANSWERED: Final = Topic(
    name="trace.answered",
    key="complaint_id",
    contracts=(TraceAnsweredV1,),
    purpose="The evidence stage's answer, and later ones when new events change it materially.",
    writers=frozenset({Party.ROUTER}),
    readers=frozenset({Party.ROUTER}),
    retention=MONTH,
    dead_letter="router.dlq",
)
COMPLAINT_TRACED: Final = Topic(
    name="complaint.traced",
    leaf=True,
    key="complaint_id",
    contracts=(ComplaintTracedV1,),
    purpose="Every decision, one per revision: causes with shares, recovery, confidence, evidence, explanation.",
    writers=frozenset({Party.ROUTER}),
    readers=frozenset({Party.CONSOLE, Party.OPERATORS}),
    retention=YEAR,
    dead_letter="console.dlq",
)
COMPLAINT_STATUS: Final = Topic(
    name="complaint.status",
    leaf=True,
    key="complaint_id",
    contracts=(ComplaintStatusV1,),
    purpose="Where each complaint stands now, and what the customer may be told.",
    writers=frozenset({Party.ROUTER}),
    readers=frozenset({Party.CONSOLE, Party.OPERATORS}),
    retention=None,
    cleanup=Cleanup.COMPACT,
    # A console that is built anew tells the whole story of as long as the other topics of a complaint reach back.
    whole_for=YEAR,
    dead_letter="console.dlq",
)
DEPARTMENT_INBOX: Final = Topic(
    name="department.{department}.inbox",
    leaf=True,
    key="complaint_id",
    contracts=(AssignmentOpenedV1, AssignmentWithdrawnV1),
    purpose="What one department is asked to do, with the evidence; and what is taken back.",
    writers=frozenset({Party.ROUTER}),
    readers=frozenset({Party.NOTIFIER, Party.CONSOLE, Party.DEPARTMENTS}),
    retention=YEAR,
    dead_letter="notifier.dlq",
)
NOTIFICATION_RECORDED: Final = Topic(
    name="notification.recorded",
    key="complaint_id",
    contracts=(NotificationRecordedV1,),
    purpose="Every attempt to reach a department, and how it ended.",
    writers=frozenset({Party.NOTIFIER}),
    readers=frozenset({Party.ROUTER, Party.CONSOLE, Party.NOTIFIER}),
    retention=YEAR,
    dead_letter="router.dlq",
)
CLOCK_TICK: Final = Topic(
    name="clock.tick",
    key="clock",
    contracts=(ClockTickedV1,),
    purpose="One record a second in every partition: what is due is decided by the stream.",
    writers=frozenset({Party.TICKER}),
    readers=frozenset({Party.ROUTER}),
    retention=timedelta(hours=6),
    dead_letter="router.dlq",
    durable=False,
)
REGISTRY_PUBLISHED: Final = Topic(
    name="registry.published",
    key="digest",
    contracts=(RegistryPublishedV1,),
    purpose="What a company's folder said, under its digest, so that any decision can be derived again.",
    writers=frozenset({Party.REGISTRAR}),
    readers=frozenset({Party.ROUTER, Party.REGISTRAR, Party.OPERATORS}),
    retention=None,
    cleanup=Cleanup.COMPACT,
    dead_letter="router.dlq",
)
REGISTRY_ACTIVATED: Final = Topic(
    name="registry.activated",
    key="registry",
    contracts=(RegistryActivatedV1,),
    purpose="From which point of each partition on which contents decide.",
    writers=frozenset({Party.REGISTRAR}),
    readers=frozenset({Party.ROUTER, Party.REGISTRAR, Party.OPERATORS}),
    retention=YEAR,
    dead_letter="router.dlq",
)
ROUTER_STATE: Final = Topic(
    name="router.state",
    key="(stage, id)",
    contracts=(),
    purpose="Changelog of the router's state, from which any worker rebuilds a partition.",
    writers=frozenset({Party.ROUTER}),
    readers=frozenset({Party.ROUTER}),
    retention=None,
    cleanup=Cleanup.COMPACT,
)


def _dead_letters(service: Party) -> Topic:
    return Topic(
        name=f"{service.value}.dlq",
        leaf=True,
        key="origin",
        contracts=(DeadLetterV1,),
        purpose=f"Records that the {service.value} could not process, whole, with the reason.",
        writers=frozenset({service}),
        readers=frozenset({Party.OPERATORS}),
        retention=YEAR,
    )


ROUTER_DLQ: Final = _dead_letters(Party.ROUTER)
NOTIFIER_DLQ: Final = _dead_letters(Party.NOTIFIER)
CONSOLE_DLQ: Final = _dead_letters(Party.CONSOLE)

PIPELINE: Final = (
    COMPLAINT_RECEIVED,
    COMPLAINT_MESSAGED,
    PROCESS_OBSERVED,
    CASE_OPENED,
    CASE_SEARCHED,
    CASE_FOUND,
    TRACE_REQUESTED,
    TRACE_ANSWERED,
    COMPLAINT_TRACED,
    COMPLAINT_STATUS,
    DEPARTMENT_INBOX,
    NOTIFICATION_RECORDED,
    CLOCK_TICK,
    REGISTRY_PUBLISHED,
    REGISTRY_ACTIVATED,
    ROUTER_STATE,
    ROUTER_DLQ,
    NOTIFIER_DLQ,
    CONSOLE_DLQ,
)
"""All of them."""


def topics_for(departments: Iterable[str]) -> Iterator[Topic]:
    """Every concrete topic of a company with these departments, in pipeline order."""
    names = sorted(set(departments))
    for topic in PIPELINE:
        if topic.per_department:
            yield from (topic.for_department(name) for name in names)
        else:
            yield topic
