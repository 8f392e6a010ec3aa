"""Standard Webhooks 1.0.0 signatures (`v1`, HMAC-SHA256), for messages that go out.

It stands apart so that it can be held against the reference implementation, which the tests do, and because a receiver's
trust hangs on these few lines.  Hazard: the time that is signed is the time of the attempt, an epoch second; a local
time signed as if it were UTC is refused by every receiver.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

PREFIX: Final = "whsec_"
SHORTEST_KEY: Final = 24
LONGEST_KEY: Final = 64
TOLERANCE: Final = timedelta(minutes=5)
"""How far a receiver lets the signed time be from its own clock (Standard Webhooks, "Verifying")."""

HEADER_ID: Final = "webhook-id"
HEADER_TIMESTAMP: Final = "webhook-timestamp"
HEADER_SIGNATURE: Final = "webhook-signature"


class InvalidSignature(ValueError):
    """A message was not signed with one of our secrets, or not now."""


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A shared key; shown nowhere."""

    key: bytes

    @classmethod
    def parse(cls, text: str) -> Secret:
        """Read `whsec_` and base64.

        Raises:
            ValueError: It is not written so, or the key is not of 24 to 64 bytes.
        """
        if not text.startswith(PREFIX):
            raise ValueError(f"a webhook secret starts with {PREFIX}")
        try:
            key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
        except binascii.Error:
            raise ValueError("a webhook secret is base64 after its prefix") from None
        if not SHORTEST_KEY <= len(key) <= LONGEST_KEY:
            raise ValueError(
                f"a webhook secret has {SHORTEST_KEY} to {LONGEST_KEY} bytes, this one {len(key)}"
            )
        return cls(key)

    def __repr__(self) -> str:
        return "Secret(********)"


def headers_for(secrets: Sequence[Secret], *, id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The three headers of one attempt; several secrets sign side by side while one replaces another.

    Args:
        secrets: at least one; the newest first.
        id: the same over all attempts of one message.
        at: the time of this attempt, aware.
        body: exactly the bytes that are sent.
    """
    if not secrets:
        raise ValueError("a message is signed with at least one secret")
    if at.tzinfo is None:
        raise ValueError("a signed time needs an offset")
    stamp = str(int(at.timestamp()))
    return {
        HEADER_ID: id,
        HEADER_TIMESTAMP: stamp,
        HEADER_SIGNATURE: " ".join(_signature(secret, id, stamp, body) for secret in secrets),
    }


def verify(
    secrets: Sequence[Secret], *, headers: Mapping[str, str], body: bytes, now: datetime
) -> None:
    """What a receiver does before it believes a message.

    Raises:
        InvalidSignature: A header is missing or malformed, the time is off, or no signature fits.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    try:
        id_, stamp, signatures = lower[HEADER_ID], lower[HEADER_TIMESTAMP], lower[HEADER_SIGNATURE]
    except KeyError as error:
        raise InvalidSignature(f"{error.args[0]} is missing") from None
    if not (id_.isascii() and signatures.isascii()):
        raise InvalidSignature("a header is not ASCII")
    if not (stamp.isascii() and stamp.isdecimal() and len(stamp) <= 12):
        raise InvalidSignature(f"{HEADER_TIMESTAMP} is no epoch second")
    if abs(now.timestamp() - int(stamp)) > TOLERANCE.total_seconds():
        raise InvalidSignature(f"{HEADER_TIMESTAMP} is too far from now")
    given = [part.encode() for part in signatures.split(" ")]
    for secret in secrets:
        expected = _signature(secret, id_, stamp, body).encode()
        if any(hmac.compare_digest(expected, one) for one in given):
            return
    raise InvalidSignature("no signature fits")


def _signature(secret: Secret, id_: str, stamp: str, body: bytes) -> str:
    digest = hmac.new(secret.key, b".".join((id_.encode(), stamp.encode(), body)), sha256).digest()
    return "v1," + base64.b64encode(digest).decode()
