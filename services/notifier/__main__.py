"""`python -m services.notifier`: deliver until told to stop."""

from __future__ import annotations

import asyncio

import uvloop

from services.chassis import process
from services.chassis.settings import AkarSettings, KafkaSettings
from services.notifier.app import Notifier
from services.notifier.settings import NotifierSettings
from services.registry import RegistryError


def main() -> int:
    """Run the service; the exit code says whether it was told to stop."""
    return process.run("notifier", _build, _run, refusals=(RegistryError,))


def _build(akar: AkarSettings) -> Notifier:
    return Notifier(akar=akar, kafka=KafkaSettings(), settings=NotifierSettings())


def _run(notifier: Notifier) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(notifier.run())


if __name__ == "__main__":
    process.leave(main())
