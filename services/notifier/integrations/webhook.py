"""Standard Webhooks over HTTP: one POST, one answer, nothing believed.

It stands apart because it is the only code that opens a connection to a place that a configuration names.  It connects to
the very address that was checked, follows no redirect, takes no proxy from the environment, keeps no cookie, unpacks
nothing and reads 64 KiB of an answer at most.

Hazard: an error here does not tell whether the receiver has the message; the caller sends it again under the same id.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

import aiohttp
from yarl import URL

from services.chassis.clock import Clock
from services.notifier.delivery import Answer
from services.notifier.integrations.addresses import is_private, refusal
from services.notifier.receivers import Receiver
from services.notifier.signing import headers_for

LARGEST_ANSWER: Final = 64 * 1024
BODY_SECONDS: Final = 2.0
# Shorter than the five seconds after which common servers close an idle connection: a request that meets the closing
# would count as a failure.
KEEP_ALIVE_SECONDS: Final = 4.0
_PART: Final = 16 * 1024


class Refused(Exception):
    """Nothing was sent, and why not as a word to count by."""


class Webhooks:
    """Posts messages to receivers.

    Args:
        allow_private: Whether loopback and private networks may be reached, and without TLS there.
        connect_seconds: Longest wait for a name and a connection.
        total_seconds: Longest whole attempt.
        clock: Time that is signed.
    """

    def __init__(
        self, *, allow_private: bool, connect_seconds: float, total_seconds: float, clock: Clock
    ) -> None:
        self._allow_private = allow_private
        self._connect = connect_seconds
        self._total = total_seconds
        self._clock = clock
        self._tls = ssl.create_default_context()
        self._sessions: dict[tuple[str, str], aiohttp.ClientSession] = {}

    async def post(self, receiver: Receiver, *, id: str, body: bytes) -> Answer:
        """Make one attempt; every way in which it can fail is an answer, too."""
        try:
            async with asyncio.timeout(self._total):
                return await self._post(receiver, id, body)
        except Refused as refused:
            return Answer(None, str(refused))
        except TimeoutError:
            return Answer(None, "timeout")
        except (aiohttp.ClientError, OSError) as error:
            return Answer(None, _word(error))

    async def close(self) -> None:
        """Close all connections."""
        sessions = list(self._sessions.values())
        self._sessions.clear()
        for session in sessions:
            await session.close()

    async def _post(self, receiver: Receiver, id_: str, body: bytes) -> Answer:
        url = _parsed(receiver.url)
        addresses = await self._resolve(url)
        session = self._session(receiver)
        headers = {
            **headers_for(receiver.secrets, id=id_, at=self._clock.now(), body=body),
            "host": url.host_port_subcomponent or "",
            "content-type": "application/json",
            "accept-encoding": "identity",
            "user-agent": "akar-notifier",
        }
        failure: aiohttp.ClientError | None = None
        for address in addresses:
            try:
                response = await session.post(
                    _at(url, address),
                    data=body,
                    headers=headers,
                    allow_redirects=False,
                    # TLS names and verifies the host of the URL, whatever address is connected to.
                    server_hostname=url.raw_host if url.scheme == "https" else None,
                )
            except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
                failure = error
                continue
            answer = Answer(response.status, None, response.headers.get("retry-after"))
            await _read(response)
            return answer
        raise failure or Refused("dns")

    async def _resolve(self, url: URL) -> Sequence[str]:
        host = url.raw_host or ""
        if _is_address(host):
            return self._allowed(url, [host])
        try:
            async with asyncio.timeout(self._connect):
                found = await asyncio.get_running_loop().getaddrinfo(
                    host, url.port, type=socket.SOCK_STREAM
                )
        except (socket.gaierror, UnicodeError, TimeoutError):
            raise Refused("dns") from None
        return self._allowed(url, list(dict.fromkeys(str(entry[4][0]) for entry in found)))

    def _allowed(self, url: URL, addresses: Sequence[str]) -> Sequence[str]:
        reasons = {address: self._refusal(url.scheme, address) for address in addresses}
        allowed = [address for address in addresses if reasons[address] is None]
        if not allowed:
            raise Refused(next((reason for reason in reasons.values() if reason), "dns"))
        return allowed

    def _refusal(self, scheme: str, address: str) -> str | None:
        reason = refusal(address, allow_private=self._allow_private)
        if reason is None and scheme != "https" and not is_private(address):
            return "plain_http"
        return reason

    def _session(self, receiver: Receiver) -> aiohttp.ClientSession:
        # One for each receiver: connections are pooled by address, and two receivers behind one address must not
        # share one that was verified for the other's name.
        key = (receiver.name, receiver.url)
        session = self._sessions.get(key)
        if session is None:
            # No limit: the lanes have one.
            connector = aiohttp.TCPConnector(
                ssl=self._tls, limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS
            )
            session = self._sessions[key] = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
                # The whole attempt has a time limit already.
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._connect),
            )
        return session


async def _read(response: aiohttp.ClientResponse) -> None:
    """Take in the rest of an answer, so that its connection can serve again, or close it."""
    size = 0
    if response.content.at_eof():
        response.release()
        return
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in response.content.iter_chunked(_PART):
                size += len(part)
                if size > LARGEST_ANSWER:
                    break
    except (aiohttp.ClientError, TimeoutError):
        # The status was there: that is the answer; a body that breaks off does not take it back.
        pass
    finally:
        # Gives the connection back when the answer was read to its end, else closes it.
        response.close() if not response.content.at_eof() else response.release()


# A receiver's URL comes with every message to it.
@lru_cache(maxsize=1024)
def _parsed(url: str) -> URL:
    return URL(url)


@lru_cache(maxsize=1024)
def _at(url: URL, address: str) -> URL:
    return url.with_host(address)


@lru_cache(maxsize=1024)
def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _word(error: aiohttp.ClientError | OSError) -> str:
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return "connect_timeout"
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "connect"
    if isinstance(error, aiohttp.ClientResponseError | aiohttp.ServerDisconnectedError):
        return "protocol"
    return "network"
