"""The outermost frame of a service: configure the log, build, run, and end with a code that the supervisor understands.

It stands apart because it is the same for every service that has a ledger or a read model, and because it is the one place where
any error may be caught.  Hazard: it ends the process without waiting for threads; whatever has to last must be stored by then.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from typing import Final, NoReturn, TypeVar

from pydantic import ValidationError

from services.chassis import logs
from services.chassis.errors import AkarError
from services.chassis.memory import few_arenas
from services.chassis.settings import AkarSettings

T = TypeVar("T")

EXIT_FAILED: Final = 1
EXIT_CONFIGURATION: Final = 2


def run(
    name: str,
    build: Callable[[AkarSettings], T],
    work: Callable[[T], None],
    *,
    refusals: tuple[type[Exception], ...] = (),
) -> int:
    """Run a service until it is told to stop; returns the exit code.

    Args:
        name: The service, as logs and metrics call it.
        build: Makes it from its settings; an error here is one of the configuration.
        work: Runs it to its end.
        refusals: Further errors of the configuration.
    """
    few_arenas()
    refused: tuple[type[Exception], ...] = (ValidationError, AkarError, *refusals)
    logs.configure(name)
    log = logs.get_logger(__name__)
    try:
        akar = AkarSettings()
        logs.configure(name, log_format=akar.log_format, level=akar.log_level)
        service = build(akar)
    except refused as error:
        log.error("cannot start", error=str(error))
        return EXIT_CONFIGURATION
    try:
        work(service)
    except Exception as error:
        # The process's outermost frame: say why and end; the supervisor starts it again from what is stored.
        log.exception("ending", error=f"{type(error).__name__}: {error}")
        return EXIT_FAILED
    return 0


def leave(code: int) -> NoReturn:
    """End at once: a client of a broker that is away may hold a thread for long, and everything of ours is stored."""
    logging.shutdown()
    sys.stderr.flush()
    os._exit(code)
