"""Choose ports on 127.0.0.1 that stay free for their server.

It stands apart for one hazard: a port of the ephemeral range must not be used for a server that restarts.  While it is
down, a client that keeps connecting to it can be given that very port as its own, connects to itself, and holds the port.
"""

from __future__ import annotations

import socket
import zlib
from collections.abc import Iterable

HOST = "127.0.0.1"
FIRST, LAST = 20000, 32000
"""Below the ephemeral ranges of Linux (32768 up) and macOS (49152 up)."""


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: connections of a former server in TIME_WAIT are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def free_port(seed: str, taken: Iterable[int] = ()) -> int:
    """A free port; the search begins at a place that follows from `seed`, so that the same seed tends to the same port.

    Raises:
        OSError: None is free.
    """
    span = LAST - FIRST
    start = zlib.crc32(seed.encode()) % span
    refused = set(taken)
    for step in range(span):
        port = FIRST + (start + step) % span
        if port not in refused and is_free(port):
            return port
    raise OSError(f"no free port on {HOST} between {FIRST} and {LAST}")
