"""What the environment may say to the intake service."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.chassis.settings import Settings


class IntakeSettings(Settings):
    """Address, keys and limits."""

    model_config = SettingsConfigDict(env_prefix="INTAKE_")

    host: str = "127.0.0.1"
    """Address to listen on; `0.0.0.0` in a container."""
    port: int = Field(default=8080, ge=0, le=65535)
    """Port to listen on."""
    channels_file: Path = Path("channels.toml")
    """`[channels.NAME]` with `key_sha256` and `process_events`; read again when it changes."""
    ack_deadline_seconds: float = Field(default=5.0, gt=0, le=60)
    """Longest wait for the broker before a 503."""
    max_body_bytes: int = Field(default=64 << 10, ge=1024)
    """Of one complaint, message or process event; and of one line of a batch."""
    max_batch_bytes: int = Field(default=8 << 20, ge=1024)
    """Of one NDJSON body."""
    max_batch_lines: int = Field(default=10_000, ge=1)
    """Of one NDJSON body."""
    max_requests: int = Field(default=256, ge=1)
    """Requests at work at one time; one more gets a 503."""
    max_batches: int = Field(default=4, ge=1)
    """Of these, batches: each may hold `max_batch_bytes` in memory."""
    max_connections: int = Field(default=2048, ge=1)
    """Open at one time; one more is closed at once."""
    max_in_flight: int = Field(default=2000, ge=1)
    """Records without acknowledgement; batches use half of it."""
    body_timeout_seconds: float = Field(default=10.0, gt=0)
    """For a whole request body."""
    header_timeout_seconds: float = Field(default=10.0, gt=0)
    """For a whole request head, and for a connection that says nothing."""
    future_tolerance_seconds: float = Field(default=86_400.0, ge=0)
    """How far ahead of our clock a channel's `occurred_at` may be."""
    phone_country: str = Field(default="62", pattern=r"^[1-9]\d{0,2}$")
    """Country code that a national phone number (with one leading 0) is taken to have."""
    status_url_template: str = "/v1/complaints/{complaint_id}"
    """Where the console shows a complaint."""
