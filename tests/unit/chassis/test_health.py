"""Health: live, ready, and the difference."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from services.chassis.clock import FixedClock
from services.chassis.health import Health, HealthMiddleware, Heartbeat


def test_broker_away_is_unready_but_live() -> None:
    """Restarting the service would not bring the broker back."""
    health = Health(live={"loop": lambda: None}, ready={"kafka": lambda: "no answer"})
    assert health.livez()[0] == 200
    status, body = health.readyz()
    assert status == 503
    assert json.loads(body)["checks"] == {"loop": "ok", "kafka": "no answer"}


def test_dead_loop_is_neither() -> None:
    """What is not live is not ready."""
    health = Health(live={"loop": lambda: "stands still"})
    assert (health.livez()[0], health.readyz()[0]) == (503, 503)


def test_heartbeat_runs_out() -> None:
    """A loop that has not come round for longer than it may is not live, until it beats again."""
    clock = FixedClock(datetime(2026, 1, 1, tzinfo=UTC))
    beat = Heartbeat("loop", longest_seconds=10, clock=clock)
    clock.advance(10)
    assert beat.check() is None
    clock.advance(1)
    assert beat.check() == "loop has not moved for 11 s"
    beat.beat()
    assert beat.check() is None


async def test_middleware_answers_probes_and_passes_the_rest() -> None:
    """Probes never reach the application; everything else does."""
    passed: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        passed.append(scope["path"])

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("a probe has no body to read")

    middleware = HealthMiddleware(app, Health())
    for path in ("/livez", "/readyz", "/metrics", "/v1/complaints"):
        await middleware({"type": "http", "method": "GET", "path": path}, receive, send)
    assert passed == ["/v1/complaints"]
    assert [m["status"] for m in sent if m["type"] == "http.response.start"] == [200, 200, 200]
    assert b"akar_intake_ack_seconds" in sent[-1]["body"]
