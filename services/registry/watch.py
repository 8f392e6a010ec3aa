"""Notices that a company's folder has changed.

It stands apart so that whoever shows names or reads inboxes can follow the folder without knowing the stream: what decides
is activated through the stream by the registrar, and by nobody else.

Hazard: a change counts once two looks in a row find the same, so that a file half written is not taken for a whole one.
"""

from __future__ import annotations

from pathlib import Path

from services.registry.errors import RegistryError
from services.registry.load import load
from services.registry.model import Company

Signature = tuple[tuple[str, int, int], ...]
"""Name, modification time in ns and size of every file that may matter."""


def signature(folder: Path) -> Signature:
    """Return what changes when a file of the folder does."""
    found = []
    for path in sorted([*folder.glob("*.toml"), *folder.glob("*/*.toml")]):
        try:
            status = path.stat()
        except FileNotFoundError:
            continue
        found.append((path.relative_to(folder).as_posix(), status.st_mtime_ns, status.st_size))
    return tuple(found)


class FolderWatch:
    """One folder, as it was when it was last taken up."""

    def __init__(self, folder: Path) -> None:
        """Take the folder as it is for known."""
        self._folder = folder
        self._seen = self._taken = signature(folder)

    def look(self) -> Company | None:
        """Return the company once after each change; None when there is none, or it cannot be used."""
        found = signature(self._folder)
        if found == self._taken:
            return None
        if found != self._seen:
            self._seen = found
            return None
        self._taken = found
        try:
            return load(self._folder)
        except RegistryError:
            return None  # the registrar says so, and a later change is looked at again
