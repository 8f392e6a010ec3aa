"""What the environment may say to the router."""

from __future__ import annotations

import platform
from pathlib import Path

from pydantic import Field
from pydantic_settings import SettingsConfigDict

from services.chassis.settings import Settings


class RouterSettings(Settings):
    """Settings of one router worker."""

    model_config = SettingsConfigDict(env_prefix="ROUTER_")

    instance: str = Field(
        default_factory=lambda: f"{platform.node() or 'router'}-0", min_length=1, max_length=200
    )
    """Static membership and transactional id: unique among the workers that run at the same time, the same after a restart."""
    state_dir: Path | None = None
    """RocksDB, one folder per partition; default: `router/<instance>` in AKAR_DATA_DIR.  Two workers need two."""
    health_port: int = Field(default=0, ge=0, le=65535)
    """Of /livez, /readyz and /metrics; 0 picks a free one."""
    health_host: str = "127.0.0.1"
    checkpoint_seconds: float = Field(default=0.01, ge=0.0, le=5.0)
    """The least time between two checkpoints of a busy worker."""
    session_timeout_seconds: float = Field(default=10.0, ge=1.0, le=300.0)
    """How long the partitions of a dead worker stand still before others take them over."""
    case_retention_days: int = Field(default=400, ge=0, le=36_500)
    """The rows of a case are deleted so long after its last event or the last complaint about it; 0 keeps them for ever."""
    complaint_retention_days: int = Field(default=400, ge=0, le=36_500)
    """The rows of a closed complaint are deleted so long after its end; 0 keeps them for ever."""
    fault: str | None = None
    """`point:n` ends the process at a named point; for tests."""
