"""Which company decides, partition by partition; and the stage that changes it.

It stands apart from the other stages because it is the only one that knows there may be several companies at once: one
that was activated while another partition has not read so far, and old ones after a restart.

The digest is a row of the partition, so that it is part of its state: in the changelog, restored with it, changed in the
transaction that commits the activation's offset.  What was decided before that point is not looked at again.

Hazard: compiling takes a quarter of a second.  It is done ahead, on the library's thread, when contents are published;
only after a restart it falls into the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Protocol

import structlog

from schemas import topics
from schemas.envelope import Envelope
from schemas.registry import RegistryActivatedV1
from services.chassis.errors import BrokerUnavailable, PermanentError
from services.registry import Company as Registry
from services.registry import Files, RegistryError, load_files
from services.router.checkpoint.partition import Partition
from services.router.rules import rules_from
from services.router.stages import rows
from services.router.stages.base import Company, Record, Stage

log = structlog.get_logger(__name__)

ROW: Final = rows.REGISTRY
"""The partition's row with the digest of the contents that decide."""
_MEMORY: Final = "company"


class Shelf(Protocol):
    """Where published contents are found (library.py)."""

    def texts(self, digest: str) -> Files | None:
        """The contents, None when they were never published."""
        ...


def company_from(registry: Registry, digest: str | None = None) -> Company:
    """What the stages need of a registry; decisions name `digest`, or the registry's own."""
    rules = rules_from(registry, digest)
    inside = frozenset(
        name for name, rule in rules.departments.items() if not rule.outside and not rule.customer
    )
    return Company(rules, inside, rules.policy.floor_parts)


class NoCompany(RuntimeError):
    """Nothing can decide in a partition; the process ends, and nothing is committed meanwhile."""

    def __init__(self, partition: int) -> None:
        super().__init__(
            f"no company decides in partition {partition}: none that was activated there can be used, nor can "
            "the folder. Mend it (akar registry check); the worker is started again and goes on where it was."
        )


class ActiveCompanies:
    """The company of each partition.

    Args:
        default: decides where nothing has been activated; None when the folder cannot be used.
        shelf: for all others.
    """

    def __init__(self, default: Company | None, shelf: Shelf) -> None:
        self._default = default
        self._shelf = shelf
        self._compiled: dict[str, Company] = {}
        if default is not None:
            self._compiled[default.rules.digest] = default

    def active(self, partition: Partition) -> Company:
        """The one whose activation was the last to be read in that partition.

        Raises:
            BrokerUnavailable: its contents cannot be had now.
        """
        found: Company | None = partition.memory.get(_MEMORY)
        if found is None:
            found = partition.memory[_MEMORY] = self._of_row(partition)
        return found

    def activate(self, partition: Partition, digest: str) -> None:
        """Let these contents decide in that partition from the record in hand on.

        Raises:
            PermanentError: they were never published, or this version cannot use them.
            BrokerUnavailable: they cannot be had now.
        """
        company = self.of(digest)
        partition.store.put(ROW, b"", digest.encode())
        partition.memory[_MEMORY] = company

    def of(self, digest: str) -> Company:
        """The compiled contents under a digest; raises as `activate`."""
        found = self._compiled.get(digest)
        if found is None:
            files = self._shelf.texts(digest)
            if files is None:
                raise PermanentError("unknown_registry", f"nothing is published under {digest}")
            try:
                found = company_from(load_files(files), digest)
            except RegistryError as error:
                raise PermanentError("unusable_registry", str(error)) from error
            self._compiled[digest] = found
        return found

    def prepare(self, digest: str) -> None:
        """Compile ahead; what cannot be used is said now and refused when it is activated."""
        try:
            self.of(digest)
        except PermanentError as error:
            log.error("registry.refused", digest=digest[:12], reason=error.detail)

    def _of_row(self, partition: Partition) -> Company:
        row = partition.store.get(ROW)
        if row is not None:
            try:
                return self.of(row.decode())
            except PermanentError as error:
                # Standing still would lose more: decisions name what they were really made with.
                log.error(
                    "registry.fallback",
                    partition=partition.number,
                    digest=row.decode()[:12],
                    reason=error.detail,
                    goes_on_with=None if self._default is None else self._default.rules.digest[:12],
                )
            except BrokerUnavailable as error:
                # The process ends and is started again; the record in hand was not committed.
                log.error(
                    "registry.unreadable",
                    partition=partition.number,
                    digest=row.decode()[:12],
                    reason=str(error),
                )
                raise
        if self._default is None:
            raise NoCompany(partition.number)
        return self._default


class RegistryStage(Stage):
    """Takes activations; keyed by nothing: each partition has its own."""

    def __init__(
        self, companies: ActiveCompanies, *, physical: Callable[[str], str], partitions: int
    ) -> None:
        super().__init__(companies, physical=physical, partitions=partitions)
        self._registry = companies

    def bindings(self) -> Iterable[tuple[topics.Topic, Callable[..., None]]]:
        """Activations."""
        return ((topics.REGISTRY_ACTIVATED, self._activated),)

    def _activated(
        self, partition: Partition, record: Record, envelope: Envelope[RegistryActivatedV1]
    ) -> None:
        data = envelope.data
        if data.partition != record.partition:
            raise PermanentError("wrong_partition", f"it is about partition {data.partition}")
        self._registry.activate(partition, data.digest)
        log.info(
            "registry.activated",
            partition=record.partition,
            offset=record.offset,
            digest=data.digest[:12],
            reason=data.reason,
        )
