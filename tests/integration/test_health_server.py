"""The health server as probes meet it."""

from __future__ import annotations

import socket
import struct
import time

import pytest
import structlog

from services.chassis.health import Health, HealthServer

DEADLINE_SECONDS = 10.0


def test_a_probe_that_hangs_up_leaves_no_stack(capfd: pytest.CaptureFixture[str]) -> None:
    """A connection that is reset before its answer is told in one line, for whoever looks for it."""
    server = HealthServer(Health(live={}, ready={}), port=0).start()
    try:
        with structlog.testing.capture_logs() as lines:
            probe = socket.create_connection(("127.0.0.1", server.port))
            # A reset instead of an end, as from a probe whose time is up.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            probe.close()
            until = time.monotonic() + DEADLINE_SECONDS
            while not lines and time.monotonic() < until:
                time.sleep(0.02)
    finally:
        server.stop()
    assert [(line["event"], line["log_level"]) for line in lines] == [("a probe hung up", "debug")]
    assert "Traceback" not in "".join(capfd.readouterr())
