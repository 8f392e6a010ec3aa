"""`python -m services.notifier`: deliver until told to stop."""

from __future__ import annotations

import asyncio
import logging
import os
import sys

import uvloop
from pydantic import ValidationError

from services.chassis import logs
from services.chassis.errors import AkarError
from services.chassis.settings import AkarSettings, KafkaSettings
from services.notifier.app import Notifier
from services.notifier.settings import NotifierSettings
from services.registry import RegistryError


def main() -> int:
    """Run the service; the exit code says whether it was told to stop."""
    logs.configure("notifier")
    log = logs.get_logger(__name__)
    try:
        akar = AkarSettings()
        logs.configure("notifier", log_format=akar.log_format, level=akar.log_level)
        notifier = Notifier(akar=akar, kafka=KafkaSettings(), settings=NotifierSettings())
    except (ValidationError, RegistryError, AkarError) as error:
        log.error("cannot start", error=str(error))
        return 2
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(notifier.run())
    except Exception as error:
        # The process's outermost frame: say why and end; the supervisor starts it again from what is stored.
        log.exception("ending", error=f"{type(error).__name__}: {error}")
        return 1
    return 0


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    # A client of a broker that is away may hold a thread for long; everything of ours is stored.
    sys.stderr.flush()
    os._exit(code)
