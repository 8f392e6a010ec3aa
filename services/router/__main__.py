"""`python -m services.router` runs a worker; `python -m services.router ticker` runs the clock.

The worker's modules are imported when it is one: the clock would spend half its memory, and most of its start, on them.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from typing import Final

import structlog

from services.chassis.clock import SystemClock
from services.chassis.errors import BrokerUnavailable, ConfigurationError
from services.chassis.logs import configure
from services.chassis.memory import few_arenas
from services.chassis.producer import EventPublisher
from services.chassis.settings import AkarSettings, KafkaSettings
from services.registry import RegistryError
from services.router import ticker
from services.router.registrar import Registrar, Registry

log = structlog.get_logger(__name__)

EXIT_CONFIGURATION: Final = 2
"""Starting again will not help: the supervisor gives up at once."""
EXIT_LATER: Final = 75
"""`EX_TEMPFAIL`: starting again will help, once the broker is there."""
TICK_SECONDS: Final = 1.0


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
                _run_worker(akar, KafkaSettings())
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


def _run_worker(akar: AkarSettings, kafka: KafkaSettings) -> None:
    import uvloop

    from services.router.settings import RouterSettings
    from services.router.working import work

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work(akar, kafka, RouterSettings()))


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


if __name__ == "__main__":
    main()
