"""Who may read, and what a browser may do with it: the outer layer of the application.

It stands apart so that no route can forget it.  Without a key only this machine may ask, and only by one of its own names:
a page elsewhere that points its host name at this machine would otherwise read complaints through its visitor's browser.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.console.problems import problem

_OWN_NAMES: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
SECURITY_HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class Access:
    """Lets in who has a key, and puts security headers on every answer.

    Args:
        app: What is inside.
        keys: Accepted keys; none for a console that listens on loopback only.
    """

    def __init__(self, app: ASGIApp, *, keys: Iterable[str]) -> None:
        self._app = app
        self._keys = [sha256(key.encode()).digest() for key in keys]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or pass on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message.get("headers", []),
                    *((name.encode(), value.encode()) for name, value in SECURITY_HEADERS.items()),
                ]
            await send(message)

        headers = Headers(scope=scope)
        if self._keys and not self._has_key(headers.get("authorization", "")):
            refusal = problem(
                401,
                "unauthorized",
                "A valid key is needed",
                "Send `Authorization: Bearer KEY`, or give the key as the password.",
                headers={"www-authenticate": 'Basic realm="akar", charset="UTF-8"'},
            )
            await refusal(scope, receive, secured)
            return
        if not self._keys and _host(headers.get("host", "")) not in _OWN_NAMES:
            refusal = problem(
                421, "misdirected", "Not this host", "Without a key, ask by 127.0.0.1 or localhost."
            )
            await refusal(scope, receive, secured)
            return
        await self._app(scope, receive, secured)

    def _has_key(self, authorization: str) -> bool:
        scheme, _, given = authorization.partition(" ")
        if scheme.lower() == "basic":
            try:
                given = base64.b64decode(given, validate=True).decode().partition(":")[2]
            except (binascii.Error, UnicodeDecodeError):
                return False
        elif scheme.lower() != "bearer":
            return False
        digest = sha256(given.encode()).digest()
        # Compared with every key, so that the time taken tells nothing about which one was close.
        return True in [hmac.compare_digest(digest, key) for key in self._keys]


def _host(header: str) -> str:
    if header.startswith("["):
        return header.partition("]")[0] + "]"
    return header.partition(":")[0].lower()
