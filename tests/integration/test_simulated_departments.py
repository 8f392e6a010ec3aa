"""The simulated departments' webhook server over real HTTP."""

import base64
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from services.simulator.webhooks import Departments

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()


@pytest.fixture
def departments() -> Iterator[Departments]:
    server = Departments(SECRET).start()
    yield server
    server.stop()


def post(
    server: Departments, department: str, body: bytes, *, secret: str = SECRET, name: str = "msg_1"
) -> int:
    now = datetime.now(UTC)
    headers = {
        "webhook-id": name,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(name, now, body.decode()),
    }
    return httpx.post(
        server.url + department, content=body, headers=headers, trust_env=False
    ).status_code


def message(complaint: str) -> bytes:
    return json.dumps(
        {"type": "assignment.opened", "data": {"complaint_id": complaint, "revision": 1}}
    ).encode()


def test_a_signed_webhook_is_noted_with_its_time_and_a_repeat_is_recognised(
    departments: Departments,
) -> None:
    """204 means that it is in the list."""
    before = time.monotonic()
    assert post(departments, "packing", message("c1")) == 204
    assert post(departments, "packing", message("c1")) == 204
    assert post(departments, "finance", message("c2"), name="msg_2") == 204
    found = departments.deliveries
    assert [(one.department, one.complaint_id, one.repeated) for one in found] == [
        ("packing", "c1", False),
        ("packing", "c1", True),
        ("finance", "c2", False),
    ]
    assert before <= found[0].at <= found[2].at <= time.monotonic()
    assert found[0].data["revision"] == 1


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"type": "x", "data": {}}', b"no json"])
def test_what_is_no_message_is_refused_and_remembered(
    departments: Departments, body: bytes
) -> None:
    """So that a demo cannot end well with unreadable alerts."""
    assert post(departments, "packing", body) == 400
    assert departments.deliveries == []
    assert "complaint_id" in departments.refused[0]


def test_a_forged_webhook_is_refused(departments: Departments) -> None:
    """Another key is another sender."""
    other = "whsec_" + base64.b64encode(b"x" * 32).decode()
    assert post(departments, "packing", message("c1"), secret=other) == 400
    assert departments.refused == ["packing: no v1 signature fits"]


def test_waiting_ends_when_there_is_enough_or_time_is_up(departments: Departments) -> None:
    """Who waits is woken by the delivery itself."""
    assert not departments.wait_for(lambda have: len(have) > 0, 0.05)
    post(departments, "packing", message("c1"))
    assert departments.wait_for(lambda have: len(have) > 0, 5)


def test_another_path_and_a_body_without_length_are_refused(departments: Departments) -> None:
    """Only `/hooks/<department>` is served."""
    root = departments.url.removesuffix("/hooks/")
    assert httpx.post(root + "/other", content=b"{}", trust_env=False).status_code == 400
    chunked = httpx.post(departments.url + "packing", content=iter([b"{}"]), trust_env=False)
    assert chunked.status_code == 400
