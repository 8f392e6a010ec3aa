"""Whoever changes the company while the pipeline runs is told what became of it, in the terminal where it runs."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from services.cli.folder_echo import FolderEcho

ROOT = Path(__file__).parents[3]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The shop, to be changed."""
    return Path(shutil.copytree(ROOT / "examples" / "shop", tmp_path / "shop"))


def change(folder: Path, old: str, new: str) -> None:
    """Edit the company's first file; its time differs even where the clock is coarse."""
    path = folder / "company.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    at = path.stat().st_mtime_ns + 1_000_000_000
    os.utime(path, ns=(at, at))


def test_a_change_is_told_once_it_rests(folder: Path) -> None:
    """Not while it is being written, and only once; what was there before is not told at all."""
    said: list[str] = []
    echo = FolderEcho(folder, said.append)
    echo.look()
    change(folder, 'name = "Toko Akar"', 'name = "Toko Baru"')
    echo.look()
    assert said == []
    echo.look()
    echo.look()

    (line,) = said
    assert "Toko Baru is taken over as " in line


def test_a_folder_that_cannot_be_used_is_told_with_its_remedy(folder: Path) -> None:
    """File, line and field of what is wrong, and that nothing changes; mended, it is told again."""
    said: list[str] = []
    echo = FolderEcho(folder, said.append)
    change(folder, 'timezone = "Asia/Jakarta"', 'timezone = "Asia/Jakart"')
    echo.look()
    echo.look()

    assert "company.toml" in said[0]
    assert "timezone" in said[0]
    assert "stays as it was" in said[-1]

    said.clear()
    change(folder, '"Asia/Jakart"', '"Asia/Jakarta"')
    echo.look()
    echo.look()
    assert "is taken over" in said[-1]
