"""What was ever published of the company, kept at hand for whoever meets its digest.

It stands apart because it is a reader of its own, on a thread of its own: contents are large, are needed at an
activation and after a restart only, and must then be there at once.

Hazard: `texts` blocks.  Within a worker it may be called on the event loop, but only for contents that this process has
not seen yet; it gives up in time for the worker to keep its membership.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Final

import structlog

from schemas import codec, topics
from schemas.registry import RegistryActivatedV1, RegistryPublishedV1
from services.chassis.clock import SystemClock
from services.chassis.consumer import PartitionReader
from services.chassis.errors import BrokerUnavailable
from services.chassis.records import Received
from services.chassis.settings import KafkaSettings
from services.registry import Files

log = structlog.get_logger(__name__)

PATIENCE_SECONDS: Final = 6.0
"""Shorter than a worker's session: it must not be taken for dead while it waits."""
_POLL_SECONDS: Final = 0.5


class Library:
    """Contents by digest, read from the beginning of the topic on.

    Args:
        kafka: where.
        arrived: told of contents that come after everything older has been read, on the library's thread.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        *,
        arrived: Callable[[str], None] | None = None,
    ) -> None:
        self._reader = PartitionReader(
            kafka,
            [topics.REGISTRY_PUBLISHED.name],
            name="library",
        )
        self._arrived = arrived
        self._texts: dict[str, Files] = {}
        self._changed = threading.Condition()
        self._asked = 1
        self._answered = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="library", daemon=True)

    def start(self) -> Library:
        """Begin to read."""
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop reading."""
        self._stop.set()
        self._thread.join(_POLL_SECONDS * 4)

    def texts(self, digest: str, *, seconds: float = PATIENCE_SECONDS) -> Files | None:
        """The contents under a digest; None when the topic, read to its end, does not hold them.

        Raises:
            BrokerUnavailable: it could not be read to its end in time.
        """
        with self._changed:
            if digest in self._texts:
                return self._texts[digest]
            self._asked += 1
            asked = self._asked
            if not self._changed.wait_for(
                lambda: digest in self._texts or self._answered >= asked, seconds
            ):
                raise BrokerUnavailable("what was published of the registry cannot be read")
            return self._texts.get(digest)

    def complete(self, *, seconds: float) -> bool:
        """Wait until everything that was there at the start has been read; False if it has not."""
        with self._changed:
            return self._changed.wait_for(lambda: self._answered > 0, seconds)

    @property
    def empty(self) -> bool:
        """Whether nothing was published as far as has been read."""
        return not self._texts

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._keep(self._reader.poll(_POLL_SECONDS))
                asked = self._asked
                if asked > self._answered and self._reader.lag() == 0 and self._reader.assigned():
                    with self._changed:
                        self._answered = asked
                        self._changed.notify_all()
            except BrokerUnavailable as error:
                log.debug("library.waiting", reason=str(error))
                self._stop.wait(_POLL_SECONDS)
        self._reader.close()

    def _keep(self, records: list[Received]) -> None:
        for data in published(records):
            with self._changed:
                self._texts[data.digest] = data.files
                self._changed.notify_all()
            if self._answered and self._arrived is not None:
                self._arrived(data.digest)


def published(records: list[Received]) -> Iterator[RegistryPublishedV1]:
    """The contents in these records; one that breaks its contract is named in the log and passed over."""
    for record in records:
        if record.value is None:
            continue
        try:
            yield codec.decode(
                (RegistryPublishedV1,), key=record.key, value=record.value, headers=record.headers
            ).data
        except codec.ContractViolation as violation:
            log.error("library.unreadable", offset=record.offset, reason=str(violation))


def activated(records: list[Received]) -> Iterator[RegistryActivatedV1]:
    """The activations in these records, as `published`."""
    for record in records:
        try:
            yield codec.decode(
                (RegistryActivatedV1,), key=record.key, value=record.value, headers=record.headers
            ).data
        except codec.ContractViolation as violation:
            log.error("library.unreadable", offset=record.offset, reason=str(violation))


def read_all(kafka: KafkaSettings, topic: topics.Topic, *, seconds: float) -> list[Received]:
    """Every committed record of a topic; those of one partition in their order.

    Raises:
        BrokerUnavailable: its end was not reached in time.
    """
    clock = SystemClock()
    ends = clock.monotonic() + seconds
    records: list[Received] = []
    with PartitionReader(kafka, [topic.name], name="registry-history") as reader:
        while clock.monotonic() < ends:
            records += reader.poll(0.2)
            if reader.assigned() and reader.lag() == 0:
                return records
    raise BrokerUnavailable(f"{topic.name} cannot be read to its end")
