"""What both stages share: decoding a record, putting it aside, sending it on, sending something new.

`handle` awaits nothing: its effects and the record's offset fall into one checkpoint.  A record that breaks its contract goes
to the dead-letter topic in the same transaction; a record in the wrong partition is forwarded to the right one.
"""

from __future__ import annotations

import base64
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, ParamSpec, Protocol, TypeVar

import structlog
from pydantic import ValidationError

from schemas import codec, topics
from schemas.dead_letter import DeadLetterV1
from schemas.envelope import Contract, Envelope
from services.chassis import ids, metrics
from services.chassis.clock import from_microseconds
from services.chassis.dead_letters import HEADERS_LIMIT, keep
from services.chassis.errors import PermanentError
from services.chassis.partitioner import partition_for
from services.router.checkpoint.partition import Partition
from services.router.checkpoint.transactions import Output
from services.router.tracing.company import Rules

log = structlog.get_logger(__name__)
P = ParamSpec("P")
T = TypeVar("T")

SOURCE: Final = "/akar/router"
FORWARDED: Final = "akar_forwarded"
"""Header of a record that was sent on to its own partition; one that still lies wrong then is a dead letter."""
HANDLED: Final = "akar_handled"
"""Header of a record that was handled in the transaction that wrote it (loopback.py): its reader passes over it."""


MOST_BYTES: Final = 512 << 10
"""Of a record from outside, eight times what intake takes over HTTP.  A row is a little larger than its record, and one that
does not fit into the changelog would end every life of the worker."""
_OUTSIDE: Final = frozenset({topics.Party.INTAKE, topics.Party.OPERATIONS})
_OURS: Final = frozenset({topics.Party.ROUTER})
_PLACED: Final = (topics.CLOCK_TICK, topics.REGISTRY_ACTIVATED)
"""One record for each partition, written to it by number: their keys say nothing about where they belong."""


REFUSED: Final = (codec.ContractViolation, PermanentError, ValidationError)
"""What a record can do wrong: it breaks its contract, cannot be handled, or would have us say what breaks ours.  Each would
happen again after every start, so that ending the process would only stop the worker for ever."""


def refusal(error: BaseException) -> tuple[str, str]:
    """The code and the sentence of a dead letter, for one of `REFUSED`."""
    match error:
        case codec.ContractViolation():
            return error.code, str(error)
        case ValidationError():
            where = ", ".join("/".join(map(str, each["loc"])) for each in error.errors()[:5])
            log.error("router.invalid_output", contract=error.title, fields=where)
            return "invalid_output", f"{error.title} would break its contract at {where}"
        case PermanentError():
            return error.code, error.detail
    raise error


class Record(Protocol):
    """What a stage reads of a consumed record (aiokafka's `ConsumerRecord`)."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Iterable[tuple[str, bytes | None]]
    timestamp: int
    """Milliseconds: when the record was written."""


@dataclass(frozen=True, slots=True)
class Company:
    """What the stages need of the registry, compiled once."""

    rules: Rules
    departments: frozenset[str]
    floor_parts: int

    def active(self, partition: Partition) -> Company:  # noqa: ARG002 - the same for all of them
        """Itself: a company that never changes is active everywhere."""
        return self


class Companies(Protocol):
    """Tells which company decides in a partition (companies.py)."""

    def active(self, partition: Partition) -> Company:
        """The one whose activation was the last to be read in that partition."""
        ...


@dataclass(frozen=True, slots=True)
class Handover:
    """An event for a stage of this same worker, as it was made: encoded only if it has to be written."""

    topic: str
    envelope: Envelope[Any]


def encoded(event: Handover, *marks: tuple[str, bytes]) -> Output:
    """As a record, with further headers."""
    record = codec.encode(event.envelope)
    return Output(event.topic, record.key, record.value, [*record.headers, *marks])


class Stage(ABC):
    """What both stages share: decoding, dead letters, forwarding, sending.

    Args:
        companies: the active registry, by partition.
        physical: gives the name on the cluster of a topic of `schemas.topics`.
        partitions: how many each keyed topic has.

    Attributes:
        handed_over: physical topics of which events are handed over to whoever carries them on, instead of being written.
    """

    def __init__(
        self, companies: Companies, *, physical: Callable[[str], str], partitions: int
    ) -> None:
        self._companies = companies
        self._physical = physical
        self._partitions = partitions
        self._dlq = physical(topics.ROUTER_DLQ.name)
        self._unwritten: str | None = None
        self.handed_over: frozenset[str] = frozenset()
        self._handlers: dict[str, tuple[topics.Topic, Callable[..., None]]] = {}
        for topic, handler in self.bindings():
            self._handlers[physical(topic.name)] = (topic, handler)

    @abstractmethod
    def bindings(self) -> Iterable[tuple[topics.Topic, Callable[..., None]]]:
        """The topics that this stage reads, each with its handler."""

    @property
    def topics(self) -> tuple[str, ...]:
        """Physical names of the topics that this stage reads."""
        return tuple(self._handlers)

    def look_ahead(self, partition: Partition, records: Sequence[Record]) -> None:  # noqa: B027 - few have a use for it
        """Hear which records of a topic come next: what takes less time for many at once may be done now.

        Nothing depends on it but speed.
        """

    def take_on(
        self, partition: Partition, record: Record, envelope: Envelope[Any], *, written: bool
    ) -> bool:
        """Take an event that a stage of this worker has just handed over (loopback.py).

        Args:
            partition: to which it belongs.
            record: its place, as far as it has one.
            envelope: what it says; never encoded.
            written: whether it gets into the log all the same; if not, what it leads to names its own cause.

        Returns:
            False when it cannot be handled here; then nothing has changed.
        """
        _topic, handler = self._handlers[record.topic]
        partition.begin()
        self._unwritten = None if written else envelope.id
        try:
            handler(partition, record, envelope)
        except REFUSED:
            partition.roll_back()
            return False
        finally:
            self._unwritten = None
        return True

    def handle(self, partition: Partition, record: Record) -> None:
        """Take one record; never raises for what is in it."""
        topic, handler = self._handlers[record.topic]
        if topic.writers == _OURS and any(name == HANDLED for name, _value in record.headers):
            return
        key = record.key
        value = record.value
        if value is not None and len(value) > MOST_BYTES and topic.writers & _OUTSIDE:
            detail = f"{len(value)} bytes; a record from outside may have {MOST_BYTES}"
            self.dead_letter(partition, record, "too_large", detail)
            return
        if (
            key is not None
            and topic not in _PLACED
            and partition_for(key, self._partitions) != record.partition
        ):
            try:
                self._forward(partition, record)
            except PermanentError as error:
                self.dead_letter(partition, record, error.code, error.detail)
            return
        partition.begin()
        try:
            envelope: Envelope[Any] = codec.decode(
                topic.contracts, key=key, value=record.value, headers=record.headers
            )
            handler(partition, record, envelope)
        except REFUSED as error:
            partition.roll_back()
            self.dead_letter(partition, record, *refusal(error))

    def _forward(self, partition: Partition, record: Record) -> None:
        headers = list(record.headers)
        if any(name == FORWARDED for name, _value in headers):
            self.dead_letter(partition, record, "wrong_partition", "was forwarded once already")
            return
        size = sum(len(name.encode()) + len(value or b"") for name, value in headers)
        if size > HEADERS_LIMIT:
            detail = f"{size} bytes of headers; what is sent on may have {HEADERS_LIMIT}"
            raise PermanentError("too_large", detail)
        metrics.ROUTER_FORWARDED.labels(record.topic).inc()
        headers.append((FORWARDED, f"{record.partition}:{record.offset}".encode()))
        partition.emit(Output(record.topic, record.key, record.value, [*headers]))

    def dead_letter(
        self, partition: Partition, record: Record, reason: str, detail: str, *, about: str = ""
    ) -> None:
        """Keep a record that cannot be processed, whole unless it is larger than `VALUE_LIMIT`.

        Args:
            partition: whose transaction.
            record: which.
            reason: a code.
            detail: a sentence.
            about: tells letters of one record apart, when it set off several things.

        Raises:
            PermanentError: the record has no place in the log, where an auditor would look for it.
        """
        if record.offset < 0:
            raise PermanentError(
                reason, f"{detail}; it is written first, so that its letter can name its place"
            )
        origin = f"{record.topic}:{record.partition}:{record.offset}"
        failed_at = recorded_time(record)
        # Whole it might not fit into a record: no checkpoint could be made with it, in any life of this worker.
        kept = keep(
            origin, key=record.key, value=record.value, headers=record.headers, detail=detail
        )
        letter = DeadLetterV1(
            origin=origin,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            key=_base64(kept.key),
            value=_base64(kept.value),
            headers=tuple((name, _base64(value)) for name, value in kept.headers),
            service=topics.Party.ROUTER.value,
            reason=reason,
            detail=kept.detail[:500],
            failed_at=failed_at,
        )
        metrics.DEAD_LETTERS.labels(topics.Party.ROUTER.value, reason).inc()
        event_id = ids.event_id("dead-letter", f"{origin}#{about}" if about else origin)
        self.send(partition, self._dlq, letter, event_id=event_id, at=failed_at)

    def send(
        self,
        partition: Partition,
        topic: str,
        data: Contract,
        *,
        event_id: str,
        at: datetime,
        complaint: str | None = None,
        cause: Envelope[Any] | None = None,
    ) -> None:
        """Write one event into the record's transaction, or hand it over within it."""
        event = Handover(
            topic,
            codec.wrap(
                data,
                id=event_id,
                source=SOURCE,
                time=at,
                correlationid=complaint,
                causationid=None if cause is None else self._in_the_log(cause),
                traceparent=None if cause is None else cause.traceparent,
            ),
        )
        if topic in self.handed_over:
            partition.handovers.append(event)
        else:
            partition.emit(encoded(event))

    def _in_the_log(self, cause: Envelope[Any]) -> str | None:
        """The nearest cause that an auditor finds."""
        return cause.causationid if cause.id == self._unwritten else cause.id


def settled(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a pure core.

    Raises:
        PermanentError: the core failed.  It reads nothing but its arguments, so it would fail again; ending the process
            would only make the worker meet the same record after every start.
    """
    try:
        return function(*args, **kwargs)
    except Exception as error:
        log.exception("router.core_failed", function=function.__qualname__)
        raise PermanentError("core_failed", f"{function.__qualname__}: {error!r}") from error


def recorded_time(record: Record) -> datetime:
    """When the record was written to Kafka."""
    return from_microseconds(record.timestamp * 1000)


def keyed(stages: Iterable[Stage]) -> Mapping[str, Stage]:
    """Physical topic -> the stage that reads it."""
    return {topic: stage for stage in stages for topic in stage.topics}


def _base64(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode()
