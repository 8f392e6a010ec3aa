"""Every department's webhook, as a process of its own: writes down each call before it answers, and answers 2xx.

`python -m tests.chaos.receiver --log FILE --port-file FILE [--refuse 0.02] [--seed 1]`; it stands apart so that nothing that is
killed takes it along.  With `--refuse`, that part of the first calls is answered 503, so that retries happen too.
"""

from __future__ import annotations

import argparse
import json
import random
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.chaos.journal import Journal


class Rules:
    """How departments behave at the moment: a JSON file, `{path: {"seconds": 0.5, "status": 503, "dead": true}}`."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._rules: dict[str, dict[str, Any]] = {}
        self._stamp = 0

    def of(self, path: str) -> dict[str, Any]:
        """For one department; empty where nothing is said."""
        if self._path is None:
            return {}
        try:
            stamp = self._path.stat().st_mtime_ns
            if stamp != self._stamp:
                self._rules = json.loads(self._path.read_text(encoding="utf-8"))
                self._stamp = stamp
        except FileNotFoundError:
            return {}
        return self._rules.get(path, {})


def serve(
    journal: Journal, *, port: int, refuse: float, seed: int, rules: Rules
) -> ThreadingHTTPServer:
    """A server on a loopback port; 0 picks a free one."""
    chance = random.Random(seed)
    called: set[str] = set()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            length = int(self.headers.get("content-length", "0"))
            body = self.rfile.read(length)
            if len(body) < length:
                self.close_connection = (
                    True  # the sender was killed in the middle: nothing was said
                )
                return
            rule = rules.of(self.path)
            time.sleep(rule.get("seconds", 0.0))
            if rule.get("dead"):
                self.close_connection = True  # hung up without a word
                return
            identity = self.headers.get("webhook-id", "")
            with lock:
                first = identity not in called
                called.add(identity)
                status = 503 if first and chance.random() < refuse else 204
            status = rule.get("status", status)
            # Before the answer: what the sender may count on has been written down.
            journal.write(
                webhook_id=identity,
                at=time.time(),
                path=self.path,
                status=status,
                body=body.decode("utf-8", "replace"),
            )
            try:
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()
            except OSError:
                self.close_connection = True  # the sender was killed meanwhile

        def log_message(self, format: str, *args: object) -> None:
            """The journal has everything."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, request: object, client_address: object) -> None:
            """A sender that was killed is no news."""

    return Server(("127.0.0.1", port), Handler)


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.receiver")
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--port-file", type=Path, required=True, help="where to say the port")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--refuse", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rules", type=Path, help="how departments behave: see Rules")
    options = parser.parse_args()
    journal = Journal(options.log)
    server = serve(
        journal,
        port=options.port,
        refuse=options.refuse,
        seed=options.seed,
        rules=Rules(options.rules),
    )
    new = options.port_file.with_suffix(".new")
    new.write_text(str(server.server_address[1]))
    new.replace(options.port_file)
    server.serve_forever()


if __name__ == "__main__":
    main()
