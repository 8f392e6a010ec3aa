"""Our signatures against the reference implementation, and what a receiver must refuse."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from services.notifier.signing import (
    HEADER_SIGNATURE,
    HEADER_TIMESTAMP,
    InvalidSignature,
    Secret,
    headers_for,
    verify,
)

NOW = datetime.now(UTC)  # the reference implementation reads the machine's clock


def text_of(key: bytes) -> str:
    """As an operator writes it."""
    return "whsec_" + base64.b64encode(key).decode()


keys = st.binary(min_size=24, max_size=64)


@given(
    key=keys,
    id_=st.from_regex(r"[a-z0-9-]{1,40}", fullmatch=True),
    body=st.text().map(json.dumps),
)
def test_the_reference_implementation_believes_us(key: bytes, id_: str, body: str) -> None:
    """Whatever we sign, `standardwebhooks` verifies (and reads as JSON)."""
    headers = headers_for(
        [Secret.parse(text_of(key))], id=id_, at=datetime.now(UTC), body=body.encode()
    )

    assert Webhook(text_of(key)).verify(body, headers) == json.loads(body)


@given(key=keys, body=st.text(alphabet="abc ", max_size=50))
def test_we_believe_the_reference_implementation(key: bytes, body: str) -> None:
    """What `standardwebhooks` signs, we verify."""
    at = datetime.now(UTC)
    signature = Webhook(text_of(key)).sign("m1", at, body)
    headers = {
        "Webhook-Id": "m1",
        "Webhook-Timestamp": str(int(at.timestamp())),
        "Webhook-Signature": signature,
    }
    verify([Secret.parse(text_of(key))], headers=headers, body=body.encode(), now=at)


def test_a_time_in_another_zone_is_signed_as_the_same_instant() -> None:
    """Jakarta's noon is not UTC's noon."""
    jakarta = NOW.astimezone(timezone(timedelta(hours=7)))
    headers = headers_for([Secret(b"k" * 32)], id="m", at=jakarta, body=b"")
    assert headers[HEADER_TIMESTAMP] == str(int(NOW.timestamp()))


def test_a_time_without_zone_is_not_signed() -> None:
    """A local time would be off by hours, and every receiver would refuse it."""
    with pytest.raises(ValueError, match="offset"):
        headers_for([Secret(b"k" * 32)], id="m", at=NOW.replace(tzinfo=None), body=b"")


def test_two_secrets_sign_side_by_side() -> None:
    """While a secret is replaced, receivers with the old and with the new one both verify."""
    old, new = Secret(b"o" * 32), Secret(b"n" * 32)
    headers = headers_for([new, old], id="m", at=NOW, body=b"x")
    for secret in (old, new):
        verify([secret], headers=headers, body=b"x", now=NOW)
    with pytest.raises(InvalidSignature):
        verify([Secret(b"z" * 32)], headers=headers, body=b"x", now=NOW)


@pytest.mark.parametrize(
    "change",
    [
        {HEADER_TIMESTAMP: "abc"},
        {HEADER_TIMESTAMP: "-5"},
        {HEADER_TIMESTAMP: "１２３"},
        {HEADER_TIMESTAMP: str(int(NOW.timestamp()) - 301)},
        {HEADER_TIMESTAMP: str(int(NOW.timestamp()) + 301)},
        {HEADER_TIMESTAMP: "9" * 400},
        {HEADER_SIGNATURE: ""},
        {HEADER_SIGNATURE: "v1"},
        {HEADER_SIGNATURE: "v1,\udcff"},
        {HEADER_SIGNATURE: "v2," + "A" * 44},
        {"webhook-id": "another"},
    ],
    ids=(
        "no number",
        "negative",
        "other digits",
        "too old",
        "too new",
        "too long a number",
        "no signature",
        "no signature behind its version",
        "a signature that is no text",
        "another version",
        "another id",
    ),
)
def test_what_is_wrong_is_refused_and_nothing_else_is_raised(change: dict[str, str]) -> None:
    """Every malformed or foreign header ends in the one exception that a handler expects."""
    secret = Secret(b"k" * 32)
    headers = headers_for([secret], id="m", at=NOW, body=b"x")
    with pytest.raises(InvalidSignature):
        verify([secret], headers=headers | change, body=b"x", now=NOW)


@pytest.mark.parametrize(
    "text", ["", "abc", "whsec_", "whsec_!!!", text_of(b"short"), text_of(b"l" * 65)]
)
def test_a_weak_or_malformed_secret_is_refused(text: str) -> None:
    """A secret has its prefix, base64 and 24 to 64 bytes."""
    with pytest.raises(ValueError, match="secret"):
        Secret.parse(text)


def test_a_secret_shows_nothing() -> None:
    """Neither `repr` nor `str` gives the key away."""
    assert "kkk" not in f"{Secret(b'k' * 32)!r}{Secret(b'k' * 32)}"
