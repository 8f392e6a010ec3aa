"""Checks a webhook's signature as a department's own system would, from the Standard Webhooks description alone.

It stands apart, and repeats on purpose what the notifier does, so that a mistake in the sender is not mirrored in the
receiver.  Source: https://www.standardwebhooks.com (symmetric scheme `v1`).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

PREFIX: Final = "whsec_"
TOLERANCE_SECONDS: Final = 300


def fault_of(secret: str, headers: Mapping[str, str], body: bytes, now: float) -> str | None:
    """Why a delivery must not be believed, or None when it may.

    Args:
        secret: `whsec_` and the key in base64.
        headers: With lower-case names.
        body: The bytes as they came.
        now: Epoch seconds; a signature older or newer than five minutes is refused, or it could be replayed.
    """
    webhook_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    signatures = headers.get("webhook-signature", "")
    if not (webhook_id and timestamp and signatures):
        return "webhook-id, webhook-timestamp or webhook-signature is missing"
    if not timestamp.isdigit() or abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        return "webhook-timestamp is not within five minutes of now"
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        return "the secret is not base64"
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    for entry in signatures.split():
        scheme, _, given = entry.partition(",")
        if scheme == "v1" and hmac.compare_digest(given.encode(), expected.encode()):
            return None
    return "no v1 signature fits"
