"""Who is let in, on bare ASGI."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Message

from services.chassis.errors import ConfigurationError
from services.console.access import Access
from services.console.settings import ConsoleSettings

KEY = "k" * 20


def ask(keys: tuple[str, ...], **headers: str) -> tuple[int, dict[str, str]]:
    """Status and headers of one request."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
    }
    asyncio.run(Access(PlainTextResponse("in"), keys=keys)(scope, receive, send))
    return sent[0]["status"], {name.decode(): value.decode() for name, value in sent[0]["headers"]}


def basic(text: str) -> str:
    """As a browser sends it."""
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (f"Bearer {KEY}", 200),
        (f"bearer {KEY}", 200),
        (basic(f"anyone:{KEY}"), 200),
        (basic(KEY), 401),
        ("", 401),
        ("Bearer", 401),
        ("Bearer " + KEY[:-1], 401),
        (f"Token {KEY}", 401),
        ("Basic !!!", 401),
        ("Basic " + base64.b64encode(b"\xff:\xff").decode(), 401),
        (KEY, 401),
    ],
)
def test_with_keys_a_key_is_needed(authorization: str, status: int) -> None:
    """A bearer key, or a password; malformed headers are simply no key."""
    assert ask((KEY, "o" * 20), authorization=authorization, host="any.example")[0] == status


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8082", 200),
        ("localhost", 200),
        ("LOCALHOST:1", 200),
        ("[::1]:8082", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("", 421),
    ],
)
def test_without_keys_only_our_own_names(host: str, status: int) -> None:
    """A page whose name was pointed at this machine does not read complaints."""
    assert ask((), host=host)[0] == status


def test_every_answer_forbids_scripts() -> None:
    """Refusals, too."""
    for answer in (ask((), host="localhost"), ask((KEY,), host="localhost")):
        assert "default-src 'none'" in answer[1]["content-security-policy"]
        assert answer[1]["x-content-type-options"] == "nosniff"


def test_open_to_the_network_needs_a_key(tmp_path: Path) -> None:
    """Without one the console does not start there; short keys are refused anywhere."""
    with pytest.raises(ConfigurationError, match="CONSOLE_KEY"):
        ConsoleSettings(host="0.0.0.0").keys()
    assert ConsoleSettings(host="0.0.0.0", key=KEY).keys() == (KEY,)
    assert ConsoleSettings(host="localhost").keys() == ()
    with pytest.raises(ConfigurationError, match="16 characters"):
        ConsoleSettings(key="short").keys()
    file = tmp_path / "keys"
    file.write_text(f"# two people\n{KEY}\n\n{KEY[:-1]}x\n")
    assert ConsoleSettings(keys_file=file).keys() == (KEY, KEY[:-1] + "x")
