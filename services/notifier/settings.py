"""What the environment may say to the notifier."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from services.chassis.settings import Settings
from services.notifier.delivery import JITTER, WAITS


class NotifierSettings(Settings):
    """Delivery, its ledger, and where to say how it goes."""

    model_config = SettingsConfigDict(env_prefix="NOTIFIER_")

    database_url: SecretStr | None = None
    """SQLite or PostgreSQL; a SQLite file in the data folder if not set."""
    health_host: str = "127.0.0.1"
    health_port: int = Field(default=8083, ge=0, le=65535)
    receivers_file: Path | None = None
    """TOML; without it every alert is recorded as suppressed."""
    allow_private: bool = False
    """Whether receivers may live on loopback and private networks, and be reached without TLS there."""
    connect_seconds: float = Field(default=5.0, gt=0)
    total_seconds: float = Field(default=15.0, gt=0)
    parallel_per_receiver: int = Field(default=8, ge=1, le=256)
    retry_waits: tuple[float, ...] = WAITS
    """Seconds between the attempts, as a JSON list."""
    retry_jitter: float = Field(default=JITTER, ge=0, lt=1)
    console_url: str | None = None
    """Where people read a complaint's story; put into messages."""
    intake_url: str | None = None
    """Where departments post their answers to questions; put into those messages."""
