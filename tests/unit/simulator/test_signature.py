"""A department's own check of a webhook's signature, against the reference implementation."""

import base64
from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook

from services.simulator.signature import fault_of

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
BODY = b'{"type":"assignment.opened","data":{"complaint_id":"c"}}'


def headers(secret: str = SECRET, at: datetime = NOW) -> dict[str, str]:
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_1", at, BODY.decode()),
    }


def test_what_the_reference_implementation_signs_is_believed() -> None:
    """Also when an older key's signature stands before it."""
    signed = headers()
    assert fault_of(SECRET, signed, BODY, NOW.timestamp()) is None
    signed["webhook-signature"] = "v1,AAAA v2,whatever " + signed["webhook-signature"]
    assert fault_of(SECRET, signed, BODY, NOW.timestamp()) is None


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_header_that_is_missing_is_named(missing: str) -> None:
    """Without one of the three nothing is believed."""
    signed = headers()
    del signed[missing]
    assert "missing" in (fault_of(SECRET, signed, BODY, NOW.timestamp()) or "")


def test_another_key_another_body_and_another_time_are_refused() -> None:
    """Neither forged, nor altered, nor replayed."""
    other = "whsec_" + base64.b64encode(b"x" * 32).decode()
    assert fault_of(SECRET, headers(other), BODY, NOW.timestamp()) == "no v1 signature fits"
    assert fault_of(SECRET, headers(), BODY + b" ", NOW.timestamp()) == "no v1 signature fits"
    assert "five minutes" in (fault_of(SECRET, headers(), BODY, NOW.timestamp() + 301) or "")
    assert "base64" in (fault_of("whsec_%%%", headers(), BODY, NOW.timestamp()) or "")
