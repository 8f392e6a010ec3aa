"""One webhook attempt against real sockets: receivers that redirect, stall, flood, lie and close."""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from services.chassis.clock import SystemClock
from services.notifier.delivery import Answer
from services.notifier.integrations.webhook import LARGEST_ANSWER, Webhooks
from services.notifier.receivers import Receiver
from services.notifier.signing import Secret
from tests.support.webhook_receiver import Call, Reply, WebhookReceiver

pytestmark = pytest.mark.timeout(60)
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class RawServer:
    """Speaks whatever bytes it likes, and counts connections."""

    def __init__(self, serve: Serve) -> None:
        self.connections = 0
        self.sent = 0
        self.port = 0
        self._serve = serve
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()
        assert self._ready.wait(10)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/hook"

    def close(self) -> None:
        """Stop."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._handle, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            # The notifier closed first, as it should.
            return
        finally:
            writer.close()


@contextmanager
def raw(serve: Serve) -> Iterator[RawServer]:
    """A raw server for one test."""
    server = RawServer(serve)
    try:
        yield server
    finally:
        server.close()


def attempt(
    url: str, *, total: float = 3.0, allow_private: bool = True, times: int = 1
) -> list[Answer]:
    """So many attempts, one after another."""

    async def run() -> list[Answer]:
        webhooks = Webhooks(
            allow_private=allow_private,
            connect_seconds=1.0,
            total_seconds=total,
            clock=SystemClock(),
        )
        receiver = Receiver("packing", url, (Secret(b"k" * 32),))
        try:
            return [
                await webhooks.post(receiver, id=f"n{n}", body=b'{"type":"x"}')
                for n in range(times)
            ]
        finally:
            await webhooks.close()

    return asyncio.run(run())


async def ignore(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Close at once."""


async def _request(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1])
        for line in head.lower().split(b"\r\n")
        if line.startswith(b"content-length")
    )
    await reader.readexactly(length)


def test_it_posts_json_under_the_urls_own_host() -> None:
    """Method, body, host and content type; nothing that tells who the customer is."""
    with WebhookReceiver() as receiver:
        assert attempt(receiver.url) == [Answer(204)]
        (call,) = receiver.calls
    assert (call.path, call.body) == ("/hook", b'{"type":"x"}')
    assert call.headers["host"] == receiver.url.removeprefix("http://").removesuffix("/hook")
    assert call.headers["content-type"] == "application/json"
    assert "cookie" not in call.headers


def test_connections_are_used_again_and_cookies_are_not_kept() -> None:
    """Many attempts go through one connection; what a receiver wants remembered is forgotten."""
    with WebhookReceiver(lambda _c, _n: Reply(200, {"set-cookie": "a=b"})) as receiver:
        assert attempt(receiver.url, times=5) == [Answer(200)] * 5
        assert all("cookie" not in call.headers for call in receiver.calls)


def test_a_redirect_is_not_followed() -> None:
    """3xx is an answer like any other, and the place it names is never called."""
    with WebhookReceiver() as other:
        with WebhookReceiver(lambda _c, _n: Reply(307, {"location": other.url})) as receiver:
            assert attempt(receiver.url)[0].status == 307
        assert other.calls == []


def test_retry_after_is_handed_on() -> None:
    """As it came: the core reads it."""
    with WebhookReceiver(lambda _c, _n: Reply(429, {"retry-after": "17"})) as receiver:
        assert attempt(receiver.url) == [Answer(429, None, "17")]


def test_silence_ends_at_the_total_time() -> None:
    """A receiver that takes the request and never answers costs the total time, not more."""

    async def serve(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    with raw(serve) as server:
        began = time.monotonic()
        assert attempt(server.url, total=1.0) == [Answer(None, "timeout")]
        assert time.monotonic() - began < 3.0


def test_an_endless_answer_is_cut_off_and_counts_by_its_status() -> None:
    """At most 64 KiB are read of a body without end."""
    sent = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await _request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()
            sent += 65536

    with raw(serve) as server:
        began = time.monotonic()
        assert attempt(server.url)[0].status == 200
        assert time.monotonic() - began < 2.0
    # What lies in the sockets' own buffers was never read by us.
    assert sent < LARGEST_ANSWER + (16 << 20)


def test_a_body_that_trickles_does_not_take_the_status_back() -> None:
    """The status is the answer; a body of one byte a second is not waited for."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(1)

    with raw(serve) as server:
        assert attempt(server.url, total=10.0)[0].status == 200


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 2", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n"],
)
def test_what_is_no_answer_is_a_failure(answer: bytes) -> None:
    """A connection that ends early or speaks something else: a failure with a word, never a defect."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _request(reader)
        writer.write(answer)
        await writer.drain()

    with raw(serve) as server:
        assert attempt(server.url) == [Answer(None, "protocol")]


@pytest.mark.parametrize(
    ("certified", "answer"),
    [("localhost", Answer(204)), ("another.example", Answer(None, "connect"))],
)
def test_tls_verifies_the_host_of_the_url_not_the_address(
    certified: str, answer: Answer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection goes to a checked address, and the certificate has to be for the URL's host."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(certified).configure_cert(context)
    with WebhookReceiver(tls=context) as receiver:
        url = receiver.url.replace("http://127.0.0.1", "https://localhost")
        assert attempt(url) == [answer]
        assert len(receiver.calls) == (answer.status == 204)


def test_nobody_listens() -> None:
    """A refused connection is a failure with a word."""
    with raw(ignore) as server:
        url = server.url
    assert attempt(url) == [Answer(None, "connect")]


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://169.254.169.254/latest/meta-data", "address_forbidden"),
        ("http://0.0.0.0:{port}/", "address_forbidden"),
        ("https://[::ffff:169.254.169.254]/", "address_forbidden"),
        ("https://[64:ff9b::7f00:1]/", "address_forbidden"),
        ("http://93.184.216.34/", "plain_http"),
        ("https://no-such-host.invalid/", "dns"),
    ],
)
def test_forbidden_places_are_never_connected_to(url: str, reason: str) -> None:
    """The address that a name stands for decides, before any connection."""
    with raw(ignore) as server:
        assert attempt(url.format(port=server.port)) == [Answer(None, reason)]
        assert server.connections == 0


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "0x7f000001", "2130706433", "[::ffff:127.0.0.1]"]
)
def test_loopback_in_any_spelling_needs_the_setting(host: str) -> None:
    """However it is written, it is this machine."""

    def answer(_call: Call, _nth: int) -> Reply:
        return Reply()

    with WebhookReceiver(answer) as receiver:
        url = receiver.url.replace("127.0.0.1", host)
        assert attempt(url, allow_private=False) == [Answer(None, "address_private")]
        assert receiver.calls == []
