"""kafka-python's clients: what a failed or abandoned one leaves behind."""

from __future__ import annotations

import gc
import logging
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kafka.errors import KafkaError

from services.chassis.clients import make_admin, make_consumer, make_producer
from services.chassis.settings import KafkaSettings


@pytest.fixture
def nobody() -> KafkaSettings:
    """An address that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return KafkaSettings(bootstrap_servers=f"127.0.0.1:{found.getsockname()[1]}")


@pytest.mark.parametrize("make", [make_admin, make_consumer, make_producer])
def test_failed_client_leaves_nothing_behind(
    make: Callable[..., Any], nobody: KafkaSettings, caplog: pytest.LogCaptureFixture
) -> None:
    """A broker that stays away for hours may not cost a service its threads and descriptors."""
    # Records that pytest keeps hold the frames of the failed connections, and these their sockets.
    caplog.set_level(logging.CRITICAL + 1, "kafka")

    def open_now() -> tuple[int, int]:
        gc.collect()
        return sum(1 for _ in Path("/proc/self/fd").iterdir()), threading.active_count()

    before = open_now()
    for _ in range(3):
        with pytest.raises(KafkaError):
            make(nobody, name="test", seconds=0.3)
    assert open_now() == before


@pytest.mark.parametrize("make", [make_admin, make_consumer, make_producer])
def test_server_that_says_nothing_is_an_error_in_time(make: Callable[..., Any]) -> None:
    """A connection that is taken and never answered ends, too, and leaves no thread."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(5)
        settings = KafkaSettings(bootstrap_servers=f"127.0.0.1:{listening.getsockname()[1]}")
        before = set(threading.enumerate())
        with pytest.raises(KafkaError):
            make(settings, name="test", seconds=0.5)
        assert set(threading.enumerate()) == before
