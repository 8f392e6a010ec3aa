"""What a request may cost before anyone has read it: size, time, encoding, and how many at once.

It stands apart from the handlers because it has to hold for every path, also for those that are never matched, and it acts
while the body still arrives.  Hazard: whoever reads a body another way than through the wrapped `receive` reads it without
any limit.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from services.chassis import metrics
from services.intake.problems import Problem, Refusal

Message = Any
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Any, Receive, Send], Awaitable[None]]

DRAIN_BYTES: Final = 1 << 20
DRAIN_SECONDS: Final = 1.0


class Limits:
    """ASGI middleware.

    Args:
        app: What is protected.
        max_body: Most bytes of a body.
        max_body_of: Other bounds, by path.
        max_requests: Most requests at work at one time.
        body_seconds: Longest time for a body to arrive.
    """

    def __init__(
        self,
        app: App,
        *,
        max_body: int,
        max_body_of: Mapping[str, int],
        max_requests: int,
        body_seconds: float,
    ) -> None:
        self._app = app
        self._max_body = max_body
        self._max_body_of = dict(max_body_of)
        self._max_requests = max_requests
        self._body_seconds = body_seconds
        self._requests = 0

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        """Refuse at once, or pass on with a `receive` that refuses when a limit is reached."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(reversed(scope["headers"]))
        limit = self._max_body_of.get(scope["path"], self._max_body)
        body = _Body(receive, headers, limit, self._body_seconds)
        answer = _Answer(send, body)
        self._requests += 1
        try:
            problem = self._at_once(headers, limit)
            if problem is None:
                await self._app(scope, body.receive, answer.send)
            else:
                await answer.refuse(problem)
        finally:
            self._requests -= 1
            route = getattr(scope.get("route"), "path", "unmatched")
            metrics.HTTP_REQUESTS.labels(route, str(answer.status)).inc()

    def _at_once(self, headers: Mapping[bytes, bytes], limit: int) -> Problem | None:
        if self._requests > self._max_requests:
            return Problem("overloaded", 503, "too many requests are at work", retry_after=1)
        if headers.get(b"content-encoding", b"identity").strip().lower() not in (b"", b"identity"):
            return Problem(
                "content_encoding",
                415,
                "send the body as it is, without Content-Encoding",
                headers=(("accept-encoding", "identity"),),
            )
        length = headers.get(b"content-length", b"")
        # Nineteen digits are more than any limit; a longer number is not worth reading.
        if length.isdigit() and int(length[:19]) > limit:
            return _too_large(limit)
        return None


class _Body:
    """The request's body, counted and timed."""

    def __init__(
        self, receive: Receive, headers: Mapping[bytes, bytes], limit: int, seconds: float
    ) -> None:
        self._receive = receive
        self._limit = limit
        self._seconds = seconds
        self._ends: float | None = None
        self._size = 0
        self._silent = False
        self.complete = (
            b"transfer-encoding" not in headers and headers.get(b"content-length", b"0") == b"0"
        )

    async def receive(self) -> Message:
        if self.complete and self._ends is not None:
            # The framework now waits for the sender to go away, as long as the work takes.
            return await self._receive()
        if self._ends is None:
            self._ends = asyncio.get_running_loop().time() + self._seconds
        try:
            async with asyncio.timeout_at(self._ends):
                message = await self._receive()
        except TimeoutError:
            self._silent = True
            detail = f"the body was not complete after {self._seconds:g} s; nothing was stored"
            raise Refusal(Problem("body_timeout", 408, detail)) from None
        if message["type"] == "http.request":
            self._size += len(message.get("body", b""))
            if self._size > self._limit:
                raise Refusal(_too_large(self._limit))
            self.complete = not message.get("more_body", False)
        return message

    async def drain(self) -> None:
        """Read on for a moment: a sender that is cut off while it writes does not see the answer."""
        left = 0 if self._silent else DRAIN_BYTES
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                while left > 0:
                    message = await self._receive()
                    if message["type"] != "http.request" or not message.get("more_body", False):
                        return
                    left -= len(message.get("body", b""))
        except TimeoutError:
            return


class _Answer:
    """The response; closes the connection when it is sent before the body was read."""

    def __init__(self, send: Send, body: _Body) -> None:
        self._send = send
        self._body = body
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if not self._body.complete:
                # What is left of the body cannot be told from a next request.
                message = {**message, "headers": [*message["headers"], (b"connection", b"close")]}
            await self._send(message)
            return
        last = message["type"] == "http.response.body" and not message.get("more_body", False)
        if last and not self._body.complete:
            await self._send({**message, "more_body": True})
            await self._body.drain()
            message = {"type": "http.response.body", "body": b""}
        await self._send(message)

    async def refuse(self, problem: Problem) -> None:
        metrics.REQUESTS_REFUSED.labels(problem.code).inc()
        content = problem.body()
        headers = {**problem.response_headers(), "content-length": str(len(content))}
        encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
        start = {"type": "http.response.start", "status": problem.status, "headers": encoded}
        await self.send(start)
        await self.send({"type": "http.response.body", "body": content})


def _too_large(limit: int) -> Problem:
    return Problem(
        "body_too_large", 413, f"at most {limit} bytes are taken here; nothing was stored"
    )
