"""The departments' own systems: an HTTP server that takes their webhooks and remembers when each one came.

It stands apart because it is the far end of the measured way from POST to webhook.  Hazard: it answers 204 only after
the delivery is noted, so what it has answered can be counted on.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from services.chassis.clock import Clock, SystemClock
from services.simulator.signature import fault_of

PATH: Final = "/hooks/"
LARGEST_BODY: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Delivery:
    """One accepted webhook."""

    department: str
    webhook_id: str
    type: str
    complaint_id: str
    data: dict[str, Any]
    at: float
    """Monotonic seconds of arrival."""
    repeated: bool
    """True when this webhook id had come before."""


class Departments:
    """Every department's webhook on one port: `/hooks/<department>`."""

    def __init__(
        self,
        secret: str,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        clock: Clock | None = None,
        on_delivery: Callable[[Delivery], None] | None = None,
    ) -> None:
        self._secret = secret
        self._clock: Clock = clock or SystemClock()
        self._on_delivery = on_delivery
        self._changed = threading.Condition()
        self._deliveries: list[Delivery] = []
        self._ids: set[str] = set()
        self._refused: list[str] = []
        self._server = _Server((host, port), _handler(self))
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.1},
            name="departments",
            daemon=True,
        )

    @property
    def url(self) -> str:
        """The address under which each department's name is appended."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}{PATH}"

    @property
    def deliveries(self) -> list[Delivery]:
        """What was accepted, in order of arrival."""
        with self._changed:
            return list(self._deliveries)

    @property
    def refused(self) -> list[str]:
        """Why deliveries were refused; empty when all is well."""
        with self._changed:
            return list(self._refused)

    def start(self) -> Departments:
        """Begin to listen."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)

    def wait_for(self, enough: Callable[[list[Delivery]], bool], timeout: float) -> bool:
        """Wait until `enough` holds for what has arrived; False after `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: enough(self._deliveries), timeout)

    def accept(self, department: str, headers: dict[str, str], body: bytes) -> int:
        """Note a delivery; the HTTP status to answer with."""
        arrived = self._clock.monotonic()
        fault = fault_of(self._secret, headers, body, self._clock.now().timestamp())
        if fault is None:
            try:
                payload = json.loads(body)
                data = dict(payload["data"])
                complaint_id = str(data["complaint_id"])
            except (ValueError, KeyError, TypeError):
                fault = "the body is not {type, timestamp, data: {complaint_id, ...}}"
        if fault is not None:
            with self._changed:
                self._refused.append(f"{department}: {fault}")
            return 400
        with self._changed:
            webhook_id = headers["webhook-id"]
            delivery = Delivery(
                department,
                webhook_id,
                str(payload.get("type", "")),
                complaint_id,
                data,
                arrived,
                webhook_id in self._ids,
            )
            self._ids.add(webhook_id)
            self._deliveries.append(delivery)
            self._changed.notify_all()
        if self._on_delivery is not None:
            self._on_delivery(delivery)
        return 204


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # The default of 5 refuses connections when a burst of alerts goes out at once.
    request_queue_size = 128


def _handler(departments: Departments) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30
        # Headers and body leave as two small writes; with Nagle's algorithm the second would wait for an ack.
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            length = self.headers.get("content-length", "")
            if not length.isdigit() or int(length) > LARGEST_BODY or not self.path.startswith(PATH):
                self._answer(400, close=True)
                return
            body = self.rfile.read(int(length))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self._answer(departments.accept(self.path.removeprefix(PATH), headers, body))

        def _answer(self, status: int, *, close: bool = False) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            if close:
                self.send_header("Connection", "close")
                self.close_connection = True
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """The deliveries are the log."""

    return Handler
