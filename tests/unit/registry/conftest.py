"""What tests of the registry share."""

import shutil
from pathlib import Path

import pytest

from services.registry import example_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shop that a test may spoil."""
    copy = tmp_path / "company"
    shutil.copytree(example_folder("shop"), copy, ignore=shutil.ignore_patterns("learned"))
    return copy
