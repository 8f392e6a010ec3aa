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
from http.cookiejar import DefaultCookiePolicy
from typing import Final

import httpx

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
        self._clients: dict[tuple[str, str], httpx.AsyncClient] = {}

    async def post(self, receiver: Receiver, *, id: str, body: bytes) -> Answer:
        """Make one attempt; every way in which it can fail is an answer, too."""
        try:
            async with asyncio.timeout(self._total):
                return await self._post(receiver, id, body)
        except Refused as refused:
            return Answer(None, str(refused))
        except TimeoutError:
            return Answer(None, "timeout")
        except httpx.HTTPError as error:
            return Answer(None, _word(error))

    async def close(self) -> None:
        """Close all connections."""
        clients = list(self._clients.values())
        self._clients.clear()
        for client in clients:
            await client.aclose()

    async def _post(self, receiver: Receiver, id_: str, body: bytes) -> Answer:
        url = httpx.URL(receiver.url)
        addresses = await self._resolve(url)
        client = self._client(receiver)
        failure: httpx.HTTPError | None = None
        for address in addresses:
            request = client.build_request(
                "POST",
                url.copy_with(host=address),
                content=body,
                headers={
                    **headers_for(receiver.secrets, id=id_, at=self._clock.now(), body=body),
                    "host": url.netloc.decode("ascii"),
                    "content-type": "application/json",
                    "accept-encoding": "identity",
                    "user-agent": "akar-notifier",
                },
                # TLS names and verifies the host of the URL, whatever address is connected to.
                extensions={"sni_hostname": url.host},
            )
            try:
                response = await client.send(request, stream=True)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failure = error
                continue
            answer = Answer(response.status_code, None, response.headers.get("retry-after"))
            await _read(response)
            return answer
        raise failure or Refused("dns")

    async def _resolve(self, url: httpx.URL) -> Sequence[str]:
        port = url.port or (443 if url.scheme == "https" else 80)
        try:
            async with asyncio.timeout(self._connect):
                found = await asyncio.get_running_loop().getaddrinfo(
                    url.host, port, type=socket.SOCK_STREAM
                )
        except (socket.gaierror, UnicodeError, TimeoutError):
            raise Refused("dns") from None
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
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

    def _client(self, receiver: Receiver) -> httpx.AsyncClient:
        # One for each receiver: connections are pooled by address, and two receivers behind one address must not
        # share one that was verified for the other's name.
        key = (receiver.name, receiver.url)
        client = self._clients.get(key)
        if client is None:
            client = httpx.AsyncClient(
                verify=self._tls,
                trust_env=False,
                follow_redirects=False,
                timeout=httpx.Timeout(self._total, connect=self._connect),
                limits=httpx.Limits(
                    max_connections=None,
                    max_keepalive_connections=16,
                    keepalive_expiry=KEEP_ALIVE_SECONDS,
                ),
            )
            client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=()))
            self._clients[key] = client
        return client


async def _read(response: httpx.Response) -> None:
    """Take in the rest of an answer, so that its connection can serve again, or close it."""
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in response.aiter_raw():
                size += len(part)
                if size > LARGEST_ANSWER:
                    break
    except (httpx.HTTPError, TimeoutError):
        # The status was there: that is the answer; a body that breaks off does not take it back.
        pass
    finally:
        await response.aclose()


def _word(error: httpx.HTTPError) -> str:
    if isinstance(error, httpx.ConnectTimeout):
        return "connect_timeout"
    if isinstance(error, httpx.TimeoutException):
        return "timeout"
    if isinstance(error, httpx.ConnectError):
        return "connect"
    if isinstance(error, httpx.ProtocolError):
        return "protocol"
    return "network"
