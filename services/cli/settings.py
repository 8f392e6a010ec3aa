"""What the environment may say to the commands: which running pipeline to talk to, and with which keys."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from services.chassis.settings import Settings


class CliSettings(Settings):
    """All optional: without them the commands look for the pipeline that `akar up` runs in this folder."""

    model_config = SettingsConfigDict(env_prefix="AKAR_")

    url: str | None = None
    """Intake of a pipeline elsewhere."""
    console_url: str | None = None
    key: SecretStr | None = None
    """A channel's key."""
    console_key: SecretStr | None = None
    data_dir: Path = Path(".akar")
    registry: str | None = None
    """An example's name (`shop`) or a folder."""
