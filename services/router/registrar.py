"""Takes the company's folder to the stream: publishes what it says, and activates it in every partition.

It stands apart from the workers because there is one of it and many of them: it runs beside the clock, in the ticker's
process, and as a command.  A folder that cannot be used changes nothing: what is wrong goes to the log, and what was
active stays.

Hazard: contents are published before they are activated, and the inboxes of new departments exist before that; turned
round, a worker would meet a digest or a topic that nobody knows.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import structlog

from schemas import codec, topics
from schemas.envelope import Contract
from schemas.registry import RegistryActivatedV1, RegistryPublishedV1
from services.chassis import ids
from services.chassis.clock import Clock
from services.chassis.errors import AkarError, BrokerUnavailable
from services.chassis.producer import EventPublisher
from services.chassis.provision import provision
from services.chassis.records import Outgoing
from services.chassis.settings import KafkaSettings
from services.registry import Company, Files, RegistryError, contents, load_files
from services.registry.watch import Signature, signature
from services.router.library import activated, read_all

log = structlog.get_logger(__name__)

SOURCE: Final = "/akar/registrar"
LOOK_SECONDS: Final = 1.0
"""Between two looks at the folder.  It is taken up when two looks in a row find the same."""
READ_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class Edition:
    """One company's folder as it was read."""

    company: Company
    files: Files

    @classmethod
    def of(cls, folder: Path) -> Edition:
        """Read a folder.

        Raises:
            RegistryError: it cannot be used.
        """
        files = contents(folder)
        return cls(load_files(files), files)

    @property
    def digest(self) -> str:
        """Under which it is published."""
        return self.company.digest


class Registry:
    """The two topics, for whoever writes them.

    Args:
        kafka: where.
        publisher: started.
        clock: dates what is written.
    """

    def __init__(self, kafka: KafkaSettings, publisher: EventPublisher, clock: Clock) -> None:
        self._kafka = kafka
        self._publisher = publisher
        self._clock = clock

    def publish(self, edition: Edition) -> None:
        """Write the contents; a repeat changes nothing.

        Raises:
            BrokerUnavailable: no acknowledgement.
            PermanentError: the contents are too large for a record.
        """
        now = self._clock.now()
        data = RegistryPublishedV1(
            digest=edition.digest,
            company=edition.company.id,
            departments=edition.company.inboxes(),
            files=dict(edition.files),
            published_at=now,
        )
        record = self._record(data, ids.event_id("registry.published", edition.digest))
        self._publisher.publish_sync(Outgoing.of(topics.REGISTRY_PUBLISHED.name, record))

    def activate(self, digest: str, departments: Iterable[str], *, reason: str) -> None:
        """Make the inboxes that are missing, then write one activation into every partition.

        Raises:
            BrokerUnavailable: not every partition has acknowledged; to be repeated.
            ConfigurationError: a topic is not as declared.
        """
        provision(self._kafka, departments, patience_seconds=READ_SECONDS)
        now = self._clock.now()
        records = [
            Outgoing.of(
                topics.REGISTRY_ACTIVATED.name,
                self._record(
                    RegistryActivatedV1(
                        partition=number, digest=digest, activated_at=now, reason=reason
                    ),
                    ids.event_id("registry.activated", str(number), digest, now.isoformat()),
                ),
                number,
            )
            for number in range(self._kafka.partitions)
        ]
        self._publisher.publish_all_sync(records)
        log.info("registrar.activated", digest=digest[:12], reason=reason)

    def history(self) -> dict[int, list[str]]:
        """Every digest that was activated, by partition, the latest last.

        Raises:
            BrokerUnavailable: the topic cannot be read.
        """
        found: dict[int, list[str]] = defaultdict(list)
        for data in activated(
            read_all(self._kafka, topics.REGISTRY_ACTIVATED, seconds=READ_SECONDS)
        ):
            found[data.partition].append(data.digest)
        return found

    def _record(self, data: Contract, event_id: str) -> codec.EncodedRecord:
        return codec.encode(codec.wrap(data, id=event_id, source=SOURCE, time=self._clock.now()))


class Streams(Protocol):
    """What the registrar needs of `Registry`."""

    def publish(self, edition: Edition) -> None:
        """Write the contents."""
        ...

    def activate(self, digest: str, departments: Iterable[str], *, reason: str) -> None:
        """Activate them in every partition."""
        ...

    def history(self) -> dict[int, list[str]]:
        """Every digest that was activated, by partition, the latest last."""
        ...


class Registrar:
    """Watches one folder.

    At the start it activates the folder only if its contents never were: a person may have gone back to older ones by
    command, and a restart must not undo that.  From then on every change of the folder counts.
    """

    def __init__(self, partitions: int, folder: Path, registry: Streams) -> None:
        self._partitions = partitions
        self._folder = folder
        self._registry = registry
        self._seen: Signature | None = None
        self._handled: Signature | None = None
        self._last: str | None = None

    def run(self, stop: threading.Event) -> None:
        """Look until `stop` is set; a broker that is away is waited for."""
        while not stop.is_set():
            try:
                self.look()
            except BrokerUnavailable as error:
                log.warning("registrar.waiting", reason=str(error))
            stop.wait(LOOK_SECONDS)

    def look(self) -> None:
        """Take the folder up if it changed and has come to rest.

        Raises:
            BrokerUnavailable: to be repeated.
        """
        found = signature(self._folder)
        if found == self._handled:
            return
        if found != self._seen and self._last is not None:
            self._seen = found
            return
        try:
            edition = Edition.of(self._folder)
        except RegistryError as error:
            log.error(
                "registrar.refused",
                folder=str(self._folder),
                problems=[str(problem) for problem in error.problems[:20]],
                remedy=f"akar registry check {self._folder}; until then the company stays as it is",
            )
            self._seen = self._handled = found
            return
        try:
            self._take(edition)
        except BrokerUnavailable:
            raise
        except AkarError as error:
            log.error("registrar.refused", digest=edition.digest[:12], problems=[str(error)])
        self._seen = self._handled = found
        self._last = edition.digest

    def _take(self, edition: Edition) -> None:
        digest = edition.digest
        if digest == self._last:
            return
        if self._last is None:
            history = self._registry.history()
            if all(digest in history.get(number, ()) for number in range(self._partitions)):
                latest = {digests[-1] for digests in history.values()}
                log.info(
                    "registrar.kept", folder=digest[:12], active=sorted(d[:12] for d in latest)
                )
                return
        self._registry.publish(edition)
        self._registry.activate(digest, edition.company.inboxes(), reason="folder")
