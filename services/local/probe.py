"""Ask a broker, or a service, over its own protocol whether it serves: no client library, one small request.

It stands apart because readiness must not depend on what the product's clients do: an open port is too early (a broker
that is still fenced accepts connections), a client's retries are too late.
"""

from __future__ import annotations

import http.client
import socket
import struct
from urllib.parse import urlsplit

_METADATA, _VERSION = 3, 1
_CLIENT = b"akar-probe"


def broker_ready(host: str, port: int, timeout: float = 1.0) -> bool:
    """Whether the broker at that address answers and counts itself among the live ones of its cluster.

    Never raises: no answer, a wrong one and a late one are all "not yet".
    """
    try:
        with socket.create_connection((host, port), timeout) as connection:
            connection.settimeout(timeout)
            connection.sendall(metadata_request(correlation=1))
            (length,) = struct.unpack(">i", _exactly(connection, 4))
            if not 8 <= length <= 1 << 20:
                return False
            return live_brokers(_exactly(connection, length), correlation=1) > 0
    except (OSError, struct.error, ValueError):
        return False


def http_ready(url: str, timeout: float = 1.0) -> bool:
    """Whether `url` (plain http) answers 200; never raises, and no proxy of the environment is asked."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)
    try:
        connection.request("GET", parts.path or "/")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def metadata_request(correlation: int) -> bytes:
    """A Metadata v1 request for no topic: the answer begins with the brokers that are not fenced."""
    header = struct.pack(">hhih", _METADATA, _VERSION, correlation, len(_CLIENT)) + _CLIENT
    body = struct.pack(">i", 0)
    return struct.pack(">i", len(header) + len(body)) + header + body


def live_brokers(response: bytes, correlation: int) -> int:
    """How many live brokers a Metadata v1 response names.

    Raises:
        ValueError: It answers another request.
    """
    answered, brokers = struct.unpack_from(">ii", response)
    if answered != correlation:
        raise ValueError(f"answer to request {answered}, not {correlation}")
    return int(brokers)


def _exactly(connection: socket.socket, count: int) -> bytes:
    received = b""
    while len(received) < count:
        part = connection.recv(count - len(received))
        if not part:
            raise ConnectionError("closed by the other side")
        received += part
    return received
