"""Limits: size, time, encoding and number, before anyone reads a body."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from services.intake.limits import Limits
from services.intake.problems import Refusal

Messages = list[dict[str, Any]]


class Exchange:
    """One request against the middleware: what it is fed, what the application reads, what comes back."""

    def __init__(self, chunks: list[bytes], *, then_silence: bool = False) -> None:
        self.chunks = chunks
        self.then_silence = then_silence
        self.fed = 0
        self.read = b""
        self.sent: Messages = []

    async def receive(self) -> dict[str, Any]:
        if self.fed == len(self.chunks):
            if self.then_silence:
                await asyncio.Event().wait()
            return {"type": "http.disconnect"}
        self.fed += 1
        more = self.fed < len(self.chunks) or self.then_silence
        return {"type": "http.request", "body": self.chunks[self.fed - 1], "more_body": more}

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        more = True
        while more:
            message = await receive()
            self.read += message["body"]
            more = message["more_body"]
        await send({"type": "http.response.start", "status": 202, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    async def refusing(self, scope: Any, receive: Any, send: Any) -> None:
        """As the framework does it: a refusal becomes a response in here."""
        try:
            await self.app(scope, receive, send)
        except Refusal as refusal:
            problem = refusal.problem
            await send({"type": "http.response.start", "status": problem.status, "headers": []})
            await send({"type": "http.response.body", "body": problem.body()})

    async def run(self, headers: dict[str, str] | None = None, **limits: Any) -> None:
        middleware = Limits(
            limits.pop("app", self.refusing),
            **{
                "max_body": 10,
                "max_body_of": {"/batch": 100},
                "max_requests": 2,
                "body_seconds": 0.05,
                **limits,
            },
        )
        scope = {
            "type": "http",
            "method": "POST",
            "path": limits.get("path", "/one"),
            "headers": [(k.encode(), v.encode()) for k, v in (headers or {}).items()],
        }
        await middleware(scope, self.receive, self.send)

    @property
    def status(self) -> int:
        return int(next(m["status"] for m in self.sent if m["type"] == "http.response.start"))

    @property
    def closes(self) -> bool:
        start = next(m for m in self.sent if m["type"] == "http.response.start")
        return (b"connection", b"close") in start["headers"]


CHUNKED = {"transfer-encoding": "chunked"}


async def test_body_within_the_limit_passes() -> None:
    """Every chunk reaches the application, and the connection is kept."""
    exchange = Exchange([b"12345", b"67890"])
    await exchange.run(CHUNKED)
    assert (exchange.status, exchange.read, exchange.closes) == (202, b"1234567890", False)


async def test_declared_size_is_refused_unread() -> None:
    """A Content-Length beyond the limit gets 413 before the application is asked."""
    exchange = Exchange([b"12345678901"])
    await exchange.run({"content-length": "11"})
    assert (exchange.status, exchange.read, exchange.closes) == (413, b"", True)


async def test_absurd_declared_size_is_refused() -> None:
    """A number with thousands of digits is refused without being read as one."""
    exchange = Exchange([b""])
    await exchange.run({"content-length": "9" * 5000})
    assert exchange.status == 413


async def test_chunked_body_is_refused_when_it_passes_the_limit() -> None:
    """Without a declared size the count decides, and reading stops there."""
    exchange = Exchange([b"12345", b"678901", b"x"])
    await exchange.run(CHUNKED)
    assert (exchange.status, exchange.read, exchange.closes) == (413, b"12345", True)


async def test_lie_about_the_size_does_not_help() -> None:
    """A small Content-Length with a larger body is counted all the same."""
    exchange = Exchange([b"12345678901", b""])
    await exchange.run({"content-length": "5"})
    assert exchange.status == 413


async def test_slow_body_is_given_up() -> None:
    """A body that stops half-way gets 408 and the connection is closed."""
    exchange = Exchange([b"123"], then_silence=True)
    async with asyncio.timeout(5):
        await exchange.run({"content-length": "9"})
    assert (exchange.status, exchange.closes) == (408, True)
    assert json.loads(exchange.sent[1]["body"])["type"] == "urn:akar:problem:body-timeout"


async def test_trickled_body_has_one_deadline() -> None:
    """A byte now and then does not buy more time: the deadline is for the whole body."""

    class Trickle(Exchange):
        async def receive(self) -> dict[str, Any]:
            await asyncio.sleep(0.01)
            return {"type": "http.request", "body": b"", "more_body": True}

    exchange = Trickle([])
    async with asyncio.timeout(5):
        await exchange.run(CHUNKED)
    assert exchange.status == 408


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, gzip"])
async def test_compressed_body_is_refused(encoding: str) -> None:
    """Nothing is unpacked here, so that nothing can unfold."""
    exchange = Exchange([b"\x1f\x8b"])
    await exchange.run({"content-encoding": encoding, "content-length": "2"})
    assert (exchange.status, exchange.read) == (415, b"")


async def test_identity_encoding_passes() -> None:
    """`identity` is no encoding."""
    exchange = Exchange([b"12"])
    await exchange.run({"content-encoding": "identity", "content-length": "2"})
    assert exchange.status == 202


async def test_more_requests_than_may_be_at_work_are_refused() -> None:
    """The third of two gets 503 with Retry-After at once; a place that falls free is used again."""
    release = asyncio.Event()
    entered = asyncio.Semaphore(0)

    async def waiting(scope: Any, receive: Any, send: Any) -> None:
        entered.release()
        await release.wait()
        await send({"type": "http.response.start", "status": 202, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    limits = Limits(waiting, max_body=10, max_body_of={}, max_requests=2, body_seconds=1)
    scope: Any = {"type": "http", "method": "POST", "path": "/", "headers": []}
    first, second, third, fourth = (Exchange([b""]) for _ in range(4))
    tasks = [asyncio.create_task(limits(scope, e.receive, e.send)) for e in (first, second)]
    for _ in tasks:
        await entered.acquire()
    await limits(scope, third.receive, third.send)
    assert third.status == 503
    assert (b"retry-after", b"1") in third.sent[0]["headers"]
    release.set()
    await asyncio.gather(*tasks)
    await limits(scope, fourth.receive, fourth.send)
    assert [e.status for e in (first, second, fourth)] == [202, 202, 202]


async def test_answer_before_the_body_is_read_closes_and_drains() -> None:
    """A 401 needs no body: the sender still gets to write a little, so that it sees the answer."""

    async def at_once(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 401, "headers": []})
        await send({"type": "http.response.body", "body": b"no"})

    exchange = Exchange([b"1", b"2", b"3"])
    await exchange.run(CHUNKED, app=at_once)
    assert (exchange.status, exchange.closes, exchange.fed) == (401, True, 3)
    assert exchange.sent[-1] == {"type": "http.response.body", "body": b""}
