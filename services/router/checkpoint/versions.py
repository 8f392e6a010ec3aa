"""What the router refuses at start: libraries and settings that these fences were not tested with.

The fences override private methods of Faust and rely on what aiokafka and librdkafka do between two lines; another version
may look the same and lose records.  The chaos suite is what makes a version tested.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, Final

from confluent_kafka import libversion
from faust import streams

from services.chassis.errors import ConfigurationError

LIBRDKAFKA: Final = "librdkafka"

TESTED: Final = {
    "faust-streaming": ("0.15.3",),
    "aiokafka": ("0.14.0",),
    "mode-streaming": ("0.7.1",),
    "confluent-kafka": ("2.16.1",),
    # Not what confluent-kafka was built with but what is loaded: a system's own takes the place of the bundled one.
    LIBRDKAFKA: ("2.16.0",),
    "rocksdict": ("0.3.29",),
}
"""Library -> versions that passed tests/chaos."""

SETTINGS: Final[Mapping[str, Any]] = {
    "producer_threaded": False,
    "stream_publish_on_commit": False,
    "stream_wait_empty": False,
    "table_standby_replicas": 0,
    "topic_allow_declare": False,
    "topic_disable_leader": True,
    "web_enabled": False,
}
"""Faust's settings that decide about records, and web pages that would show state to anyone."""
GUARANTEE: Final = "at_least_once"
STORE: Final = "memory"


def refuse_untested(installed: Mapping[str, str] | None = None) -> None:
    """Check what is installed.

    Raises:
        ConfigurationError: naming the library, its version and the tested ones.
    """
    for name, tested in TESTED.items():
        found = _installed(name) if installed is None else installed[name]
        if found not in tested:
            raise ConfigurationError(
                f"{name} {found} was not tested with the router's fences; install {' or '.join(tested)} "
                "(requirements/runtime.lock has it), or run tests/chaos with it and add it to TESTED"
            )


def _installed(name: str) -> str:
    if name == LIBRDKAFKA:
        return str(libversion()[0])
    return version(name)


def refuse_uncompiled() -> None:
    """Check that Faust has its compiled stream iterator: the one in Python acknowledges what it skipped (trap L14).

    Raises:
        ConfigurationError: it has not, or NO_CYTHON is set.
    """
    if getattr(streams, "_CStreamIterator", None) is None:
        raise ConfigurationError(
            "this faust-streaming has no compiled extensions; install a wheel (unset NO_CYTHON) for this platform"
        )


def refuse_settings(settings: Any) -> None:
    """Check that Faust's settings are the tested ones: it lets environment variables overrule what the code says.

    Args:
        settings: `app.conf`.

    Raises:
        ConfigurationError: naming the setting and the variable to unset.
    """
    found = {name: getattr(settings, name) for name in SETTINGS}
    found["processing_guarantee"] = settings.processing_guarantee.value
    found["store"] = settings.store.scheme
    wanted = {**SETTINGS, "processing_guarantee": GUARANTEE, "store": STORE}
    for name, value in wanted.items():
        if found[name] != value:
            variable = settings.SETTINGS[name].env_name
            raise ConfigurationError(
                f"Faust's setting {name} is {found[name]!r} and has to be {value!r}; unset {variable}"
            )
