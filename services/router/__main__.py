"""`python -m services.router` runs a worker; `python -m services.router ticker` runs the clock."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, Protocol

import structlog
import uvloop

from services.chassis.clock import SystemClock
from services.chassis.errors import BrokerUnavailable, ConfigurationError
from services.chassis.health import Health, HealthServer, Heartbeat
from services.chassis.logs import configure
from services.chassis.memory import few_arenas
from services.chassis.producer import EventPublisher
from services.chassis.settings import AkarSettings, KafkaSettings
from services.registry import RegistryError, load
from services.router import ticker
from services.router.agents import Carry
from services.router.app import Worker
from services.router.checkpoint.checkpointer import Partition
from services.router.checkpoint.faults import arm
from services.router.checkpoint.versions import refuse_untested
from services.router.library import Library
from services.router.loopback import Loopback
from services.router.registrar import Registrar, Registry
from services.router.settings import RouterSettings
from services.router.stages.base import Company, keyed
from services.router.stages.companies import ActiveCompanies, RegistryStage, company_from
from services.router.stages.customers import CustomerStage
from services.router.stages.evidence import EvidenceStage
from services.router.stages.lifecycle import LifecycleStage
from services.router.stages.retention import Keep, Retention

log = structlog.get_logger(__name__)

EXIT_CONFIGURATION: Final = 2
"""Starting again will not help: the supervisor gives up at once."""
EXIT_LATER: Final = 75
"""`EX_TEMPFAIL`: starting again will help, once the broker is there."""
TICK_SECONDS: Final = 1.0
LIBRARY_SECONDS: Final = 5.0
"""How long a start waits for what was published; a broker that is away is waited for later on."""
PATIENT_SECONDS: Final = 60.0
"""The same while the folder cannot be used: then what was published has to decide."""


def main() -> None:
    """Run what the arguments say."""
    few_arenas()
    akar = AkarSettings()
    configure("router", log_format=akar.log_format, level=akar.log_level)
    try:
        match sys.argv[1:]:
            case ["ticker"]:
                _run_ticker(akar, KafkaSettings())
            case [] | ["worker"]:
                with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                    runner.run(_run_worker(akar, KafkaSettings(), RouterSettings()))
            case other:
                raise ConfigurationError(
                    f"unknown argument {other}; give none, `worker` or `ticker`"
                )
    except (ConfigurationError, RegistryError) as error:
        log.critical("router.refused", reason=str(error))
        raise SystemExit(EXIT_CONFIGURATION) from None
    except BrokerUnavailable as error:
        log.critical("router.stopped", reason=str(error))
        raise SystemExit(EXIT_LATER) from None


def _run_ticker(akar: AkarSettings, kafka: KafkaSettings) -> None:
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda _number, _frame: stop.set())
    failed: list[BaseException] = []

    def watch() -> None:
        publisher = EventPublisher(kafka, name="registrar").start()
        try:
            registry = Registry(kafka, publisher, SystemClock())
            Registrar(kafka.partitions, akar.registry, registry).run(stop)
        except Exception as error:  # noqa: BLE001 - the thread's outermost loop; raised again below
            failed.append(error)
            stop.set()
        finally:
            publisher.close()

    watching = threading.Thread(target=watch, name="registrar", daemon=True)
    watching.start()
    ticker.run(kafka, SystemClock(), seconds=TICK_SECONDS, stopping=stop.is_set)
    watching.join(10.0)
    if failed:
        raise failed[0]


async def _run_worker(akar: AkarSettings, kafka: KafkaSettings, settings: RouterSettings) -> None:
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
    gc.collect()
    gc.freeze()
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


if __name__ == "__main__":
    main()
