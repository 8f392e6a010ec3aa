"""A department's system as a test sees it: a real HTTP server that writes down what it gets and answers as it is told."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass(frozen=True)
class Call:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """The `webhook-id`."""
        return self.headers["webhook-id"]

    @property
    def message(self) -> dict[str, Any]:
        """The body as JSON."""
        content: dict[str, Any] = json.loads(self.body)
        return content


@dataclass(frozen=True)
class Reply:
    """What to answer with."""

    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)


class WebhookReceiver:
    """Listens on a free loopback port; `answer` decides, and may block or kill, before anything is sent back."""

    def __init__(
        self,
        answer: Callable[[Call, int], Reply] = lambda _call, _nth: Reply(),
        *,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.calls: list[Call] = []
        self._answer = answer
        self._arrived = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                length = int(self.headers.get("content-length", "0"))
                body = self.rfile.read(length)
                if len(body) < length:
                    # The sender died halfway: a server sees no request in that.
                    self.close_connection = True
                    return
                call = Call(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
                reply = receiver._take(call)
                try:
                    self.send_response(reply.status)
                    for name, value in reply.headers.items():
                        self.send_header(name, value)
                    self.send_header("content-length", "0")
                    self.end_headers()
                except OSError:
                    # Whoever asked is gone: some tests kill it.
                    self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:
                """Tests look at `calls`."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A client that was killed is no news."""

        self._server = Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/hook"

    def wait(self, enough: Callable[[list[Call]], bool], timeout: float = 20.0) -> list[Call]:
        """The calls, once there are enough of them; raises AssertionError after `timeout` seconds."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: enough(self.calls), timeout):
                raise AssertionError(f"not enough within {timeout:g} s: {len(self.calls)} calls")
            return list(self.calls)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take(self, call: Call) -> Reply:
        with self._arrived:
            self.calls.append(call)
            nth = sum(
                1
                for one in self.calls
                if one.headers.get("webhook-id") == call.headers.get("webhook-id")
            )
            self._arrived.notify_all()
        return self._answer(call, nth)
