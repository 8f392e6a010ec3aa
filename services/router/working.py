"""A worker's life: its stages and companies put together, its health served, until it is told to stop.

It stands apart from `__main__` because it brings Faust, the tracing core and its models, which the clock needs none of.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Protocol

import structlog

from services.chassis.errors import BrokerUnavailable
from services.chassis.health import Health, HealthServer, Heartbeat
from services.chassis.memory import give_back
from services.chassis.settings import AkarSettings, KafkaSettings
from services.registry import RegistryError, calendars, load
from services.router.agents import Carry
from services.router.app import Worker
from services.router.checkpoint.faults import arm
from services.router.checkpoint.partition import Partition
from services.router.checkpoint.versions import refuse_untested
from services.router.library import Library
from services.router.loopback import Loopback
from services.router.settings import RouterSettings
from services.router.stages.base import Company, keyed
from services.router.stages.companies import ActiveCompanies, RegistryStage, company_from
from services.router.stages.customers import CustomerStage
from services.router.stages.evidence import EvidenceStage
from services.router.stages.lifecycle import LifecycleStage
from services.router.stages.retention import Keep, Retention

log = structlog.get_logger(__name__)

LIBRARY_SECONDS: Final = 5.0
"""How long a start waits for what was published; a broker that is away is waited for later on."""
PATIENT_SECONDS: Final = 60.0
"""The same while the folder cannot be used: then what was published has to decide."""


async def work(akar: AkarSettings, kafka: KafkaSettings, settings: RouterSettings) -> None:
    """Work until SIGTERM or Ctrl-C, which end the process."""
    refuse_untested()
    arm(settings.fault)
    companies = _companies(akar, kafka)
    stages = tuple(
        stage(companies, physical=kafka.topic, partitions=kafka.partitions)
        for stage in (LifecycleStage, EvidenceStage, CustomerStage, RegistryStage)
    )
    keep = Keep(settings.case_retention_days, settings.complaint_retention_days)
    for stage in stages:
        if isinstance(stage, LifecycleStage):
            stage.retention = Retention(keep)
    # The company's rules and the libraries live as long as the process: no collection need look at them again.
    calendars.forget()
    gc.collect()
    gc.freeze()
    give_back()
    state_dir = settings.state_dir or akar.data_dir / "router" / settings.instance

    def loopback(partitions: Mapping[int, Partition], behind: Callable[[int, int], bool]) -> Carry:
        return Loopback(
            keyed(stages),
            partitions,
            count=kafka.partitions,
            physical=kafka.topic,
            behind=behind,
        ).carry

    worker = Worker(kafka, settings, stages, state_dir=state_dir, loopback=loopback)
    loop_turns = Heartbeat("the event loop")
    health = Health(live={"loop": loop_turns.check}, ready={"position": worker.unready})
    server = HealthServer(health, port=settings.health_port, host=settings.health_host).start()
    log.info(
        "router.started",
        instance=settings.instance,
        health_port=server.port,
    )
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    await worker.run(stop, loop_turns)
    # Faust's own shutdown waits for what is not there, acknowledges and may hang; everything of ours is committed.
    log.info("router.stopped")
    logging.shutdown()
    os._exit(0)


def _companies(akar: AkarSettings, kafka: KafkaSettings) -> ActiveCompanies:
    """The folder's company until another is activated, and all that were published."""
    prepare: list[Callable[[str], None]] = []
    library = Library(kafka, arrived=lambda digest: prepare[0](digest) if prepare else None).start()
    companies = ActiveCompanies(default_company(akar.registry, library), library)
    prepare.append(companies.prepare)
    return companies


class Published(Protocol):
    """What a start needs to know of the library."""

    @property
    def empty(self) -> bool:
        """Whether nothing was published as far as has been read."""
        ...

    def complete(self, *, seconds: float) -> bool:
        """Wait until everything that was there at the start has been read."""
        ...


def default_company(folder: Path, library: Published) -> Company | None:
    """The folder's company; None while it cannot be used, and what was activated has to decide.

    Raises:
        RegistryError: the folder cannot be used, and nothing was ever published.
        BrokerUnavailable: the folder cannot be used, and whether anything was published cannot be told.
    """
    known = library.complete(seconds=LIBRARY_SECONDS)
    try:
        return company_from(load(folder))
    except RegistryError as error:
        log.error(
            "registry.refused",
            folder=str(folder),
            problems=[str(problem) for problem in error.problems[:20]],
            remedy=f"what was activated stays; akar registry check {folder}",
        )
        if not known and not library.complete(seconds=PATIENT_SECONDS):
            raise BrokerUnavailable(
                f"{folder} cannot be used, and what was activated before cannot be read"
            ) from error
        if library.empty:
            raise
        return None
