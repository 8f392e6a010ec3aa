"""A folder that changes is noticed once, when it has come to rest and can be used."""

import shutil
from pathlib import Path

import pytest

from services.registry import example_folder
from services.registry.watch import FolderWatch


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "company"
    shutil.copytree(example_folder("shop"), copy, ignore=shutil.ignore_patterns("learned"))
    return copy


def rename(folder: Path, old: str, new: str) -> None:
    path = folder / "company.toml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_change_is_told_once(folder: Path) -> None:
    """Not before the second look, and not again after it."""
    watch = FolderWatch(folder)
    assert watch.look() is None
    rename(folder, "Toko Akar", "Toko Lain")
    assert watch.look() is None
    company = watch.look()
    assert company is not None
    assert company.company.name == "Toko Lain"
    assert watch.look() is None


def test_a_broken_folder_is_no_company(folder: Path) -> None:
    """Until it is mended."""
    watch = FolderWatch(folder)
    rename(folder, 'triage = "customer-care"', 'triage = "customer-car"')
    assert [watch.look() for _ in range(3)] == [None] * 3
    rename(folder, 'triage = "customer-car"', 'triage = "customer-care"')
    assert watch.look() is None
    assert watch.look() is not None


def test_a_new_file_is_a_change(folder: Path) -> None:
    """Learned priors, a second process."""
    watch = FolderWatch(folder)
    (folder / "learned").mkdir()
    (folder / "learned/verdicts.toml").write_text('version = "1"\n', encoding="utf-8")
    watch.look()
    company = watch.look()
    assert company is not None
    assert company.learned["verdicts"].version == "1"
