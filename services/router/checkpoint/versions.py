"""Refuses libraries whose internals were not tested with these fences.

The fences override private methods of Faust and rely on what aiokafka and librdkafka do between two lines; another version
may look the same and lose records.  The chaos suite is what makes a version tested.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Final

from services.chassis.errors import ConfigurationError

TESTED: Final = {
    "faust-streaming": ("0.15.3",),
    "aiokafka": ("0.14.0",),
    "mode-streaming": ("0.7.1",),
    "confluent-kafka": ("2.16.1",),
    "rocksdict": ("0.3.29",),
}
"""Distribution -> versions that passed tests/chaos."""


def refuse_untested(installed: dict[str, str] | None = None) -> None:
    """Check what is installed.

    Raises:
        ConfigurationError: naming the library, its version and the tested ones.
    """
    for name, tested in TESTED.items():
        found = installed[name] if installed is not None else version(name)
        if found not in tested:
            raise ConfigurationError(
                f"{name} {found} was not tested with the router's fences; install {' or '.join(tested)} "
                "(requirements/runtime.lock has it), or run tests/chaos with it and add it to TESTED"
            )
