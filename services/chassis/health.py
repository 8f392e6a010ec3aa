"""`/livez`, `/readyz` and `/metrics`, for services with an HTTP port of their own and for those without.

Live means that the loop turns: a supervisor restarts what is not.  Ready means that work can be done now, so a broker
that is away makes a service unready and must never make it not live: restarting would not bring the broker back.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from services.chassis import metrics
from services.chassis.clock import Clock, SystemClock
from services.chassis.logs import get_logger

Check = Callable[[], str | None]
"""Tells why something is not well, or None."""

JSON = "application/json"

log = get_logger(__name__)


class Heartbeat:
    """Proof that a loop turns: the loop beats, `check` says when it has stopped doing so."""

    def __init__(
        self, name: str, *, longest_seconds: float = 30.0, clock: Clock | None = None
    ) -> None:
        self._name = name
        self._longest = longest_seconds
        self._clock: Clock = clock or SystemClock()
        self._last = self._clock.monotonic()

    def beat(self) -> None:
        """Say that the loop has come round."""
        self._last = self._clock.monotonic()

    @property
    def age(self) -> float:
        """Seconds since the last beat."""
        return self._clock.monotonic() - self._last

    def check(self) -> str | None:
        """None while the last beat is recent."""
        age = self.age
        return None if age <= self._longest else f"{self._name} has not moved for {age:.0f} s"


class Health:
    """What a service says about itself: named checks for live and for ready."""

    def __init__(
        self, *, live: Mapping[str, Check] | None = None, ready: Mapping[str, Check] | None = None
    ) -> None:
        self._live = dict(live or {})
        self._ready = dict(ready or {})

    def livez(self) -> tuple[int, bytes]:
        """Status and JSON body."""
        return _report(self._live)

    def readyz(self) -> tuple[int, bytes]:
        """Status and JSON body; what is not live is not ready."""
        return _report({**self._live, **self._ready})

    def answer(self, path: str) -> tuple[int, str, bytes] | None:
        """Status, content type and body for one of the three paths; None for any other."""
        if path == "/livez":
            return (*_typed(self.livez()),)
        if path == "/readyz":
            return (*_typed(self.readyz()),)
        if path == "/metrics":
            return 200, metrics.CONTENT_TYPE, metrics.exposition()
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - socketserver calls it so
        """Probes give up when a busy process answers late: that is theirs to tell, and no stack in our log."""
        error = sys.exc_info()[1]
        if isinstance(error, ConnectionError):
            log.debug("a probe hung up", peer=str(client_address), error=type(error).__name__)
        else:
            log.error("a probe was not answered", peer=str(client_address), exc_info=error)


class HealthServer:
    """A small HTTP server on a thread of its own, so that it answers while the service is busy."""

    def __init__(self, health: Health, *, port: int, host: str = "127.0.0.1") -> None:
        self._server = _Server((host, port), _handler(health))
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.2},
            name="health",
            daemon=True,
        )

    @property
    def port(self) -> int:
        """The port it listens on; of use when it was asked for 0."""
        return int(self._server.server_address[1])

    def start(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop answering and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)


Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]


class HealthMiddleware:
    """Answers the three paths before any other part of an ASGI application sees them.

    It sits outside limits and keys: a probe must be answered when the service is overloaded.
    """

    def __init__(self, app: ASGIApp, health: Health) -> None:
        self._app = app
        self._health = health

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a probe or pass the request on."""
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD"):
            answer = self._health.answer(scope["path"])
            if answer is not None:
                status, content_type, body = answer
                headers = [
                    (b"content-type", content_type.encode()),
                    (b"content-length", str(len(body)).encode()),
                    (b"cache-control", b"no-store"),
                ]
                await send({"type": "http.response.start", "status": status, "headers": headers})
                shown = b"" if scope["method"] == "HEAD" else body
                await send({"type": "http.response.body", "body": shown})
                return
        await self._app(scope, receive, send)


def _report(checks: Mapping[str, Check]) -> tuple[int, bytes]:
    found = {name: check() for name, check in checks.items()}
    failed = any(reason is not None for reason in found.values())
    body = {
        "status": "failing" if failed else "ok",
        "checks": {name: reason or "ok" for name, reason in found.items()},
    }
    return (503 if failed else 200), json.dumps(body).encode()


def _typed(report: tuple[int, bytes]) -> tuple[int, str, bytes]:
    return report[0], JSON, report[1]


def _handler(health: Health) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 5
        protocol_version = "HTTP/1.1"
        server_version = "akar"
        sys_version = ""

        def do_GET(self) -> None:
            answer = health.answer(self.path.partition("?")[0])
            status, content_type, body = answer or (404, JSON, b'{"status": "not found"}')
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Probes are not news."""

    return Handler
