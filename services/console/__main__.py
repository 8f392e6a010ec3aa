"""`python -m services.console`: read, and show, until told to stop."""

from __future__ import annotations

import logging
import os
import sys

from pydantic import ValidationError

from services.chassis import logs
from services.chassis.errors import AkarError
from services.chassis.settings import AkarSettings, KafkaSettings
from services.console.app import Console
from services.console.settings import ConsoleSettings
from services.registry import RegistryError


def main() -> int:
    """Run the service; the exit code says whether it was told to stop."""
    logs.configure("console")
    log = logs.get_logger(__name__)
    try:
        akar = AkarSettings()
        logs.configure("console", log_format=akar.log_format, level=akar.log_level)
        console = Console(akar=akar, kafka=KafkaSettings(), settings=ConsoleSettings())
    except (ValidationError, RegistryError, AkarError) as error:
        log.error("cannot start", error=str(error))
        return 2
    try:
        console.run()
    except Exception as error:
        # The process's outermost frame: say why and end; the supervisor starts it again from what is stored.
        log.exception("ending", error=f"{type(error).__name__}: {error}")
        return 1
    return 0


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    sys.stderr.flush()
    # A client of a broker that is away may hold a thread for long; everything of ours is stored.
    os._exit(code)
