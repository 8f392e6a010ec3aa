"""Spoils a company's folder in one place, and tells what is said of it."""

import re
from pathlib import Path

import pytest

from services.registry import RegistryError, load


def change(folder: Path, file: str, old: str, new: str) -> None:
    """Replace the first `old` in a file by `new`."""
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def refused(folder: Path) -> str:
    """What is said, without the line numbers: those have their own tests."""
    with pytest.raises(RegistryError) as caught:
        load(folder)
    return re.sub(r"\.toml:\d+: ", ".toml: ", str(caught.value))
