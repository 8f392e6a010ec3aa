"""The intake application around a publisher that keeps what it is given."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from services.chassis.clock import FixedClock
from services.chassis.errors import BrokerUnavailable, PermanentError
from services.chassis.health import Health
from services.chassis.records import Ack, Outgoing
from services.chassis.sender import Result
from services.intake.app import assemble
from services.intake.channels import ChannelKeys, key_digest
from services.intake.handlers import Intake
from services.intake.settings import IntakeSettings

KEY = "ck_live_abcdefgh_one"
OTHER_KEY = "ck_live_abcdefgh_two"
NOW = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)


@dataclass
class KeepingPublisher:
    """Acknowledges what it is given, unless told to fail."""

    stored: list[Outgoing] = field(default_factory=list)
    failure: BrokerUnavailable | PermanentError | None = None
    gate: asyncio.Event | None = None

    async def publish(
        self,
        topic: str,
        key: bytes,
        value: bytes | None,
        headers: tuple[tuple[str, bytes], ...] = (),
    ) -> Ack:
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        self.stored.append(Outgoing(topic, key, value, headers))
        return Ack(topic, 0, len(self.stored) - 1)

    async def publish_many(self, records: Sequence[Outgoing]) -> list[Result]:
        if self.failure is not None:
            return [self.failure for _ in records]
        self.stored.extend(records)
        return [Ack(record.topic, 0, 0) for record in records]


@pytest.fixture
def publisher() -> KeepingPublisher:
    return KeepingPublisher()


@pytest.fixture
def channels_file(tmp_path: Path) -> Path:
    path = tmp_path / "channels.toml"
    path.write_text(
        f'[channels.web]\nkey_sha256 = "{key_digest(KEY)}"\nprocess_events = true\n'
        f'[channels.chat]\nkey_sha256 = "{key_digest(OTHER_KEY)}"\n'
    )
    return path


@pytest.fixture
def settings(channels_file: Path) -> IntakeSettings:
    return IntakeSettings(
        channels_file=channels_file,
        max_body_bytes=8192,
        max_batch_bytes=262_144,
        max_batch_lines=600,
        max_requests=8,
        max_batches=1,
        body_timeout_seconds=0.2,
    )


@pytest.fixture
def intake(settings: IntakeSettings, publisher: KeepingPublisher) -> Intake:
    return Intake(
        settings,
        salt=b"sixteen bytes of salt",
        keys=ChannelKeys(settings.channels_file),
        publisher=publisher,
        clock=FixedClock(NOW),
    )


@pytest.fixture
async def client(intake: Intake) -> AsyncIterator[httpx.AsyncClient]:
    """Speaks to the whole application, middleware included, as channel `web`."""
    transport = httpx.ASGITransport(assemble(intake, Health()))
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://intake", headers=headers
    ) as client:
        yield client
