"""`python -m services.console`: read, and show, until told to stop."""

from __future__ import annotations

from services.chassis import process
from services.chassis.settings import AkarSettings, KafkaSettings
from services.console.app import Console
from services.console.settings import ConsoleSettings
from services.registry import RegistryError


def main() -> int:
    """Run the service; the exit code says whether it was told to stop."""
    return process.run("console", _build, Console.run, refusals=(RegistryError,))


def _build(akar: AkarSettings) -> Console:
    return Console(akar=akar, kafka=KafkaSettings(), settings=ConsoleSettings())


if __name__ == "__main__":
    process.leave(main())
