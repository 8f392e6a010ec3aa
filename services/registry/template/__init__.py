"""A small company to start from, as files with comments.

It stands apart as data: the files beside this module are copied as they are.

Hazard: the schema lines at their top expect the schemas in `.schema`, which whoever copies them writes too.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
ORDER: Final = (
    "company.toml",
    "departments.toml",
    "sources.toml",
    "processes/request.toml",
    "symptoms.toml",
)
"""The files in the order of their steps."""


def write(folder: Path) -> list[Path]:
    """Copy the files; returns them in the order of their steps. Nothing may be there already."""
    written = []
    for name in ORDER:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(HERE / name, target)
        written.append(target)
    return written
