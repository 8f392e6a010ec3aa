"""A service starts with the company as it last was sound while somebody is editing the folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from services.registry import RegistryError, example_folder, load
from services.registry.kept import load_kept


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shop that a test may break."""
    copy = tmp_path / "company"
    shutil.copytree(example_folder("shop"), copy)
    return copy


def test_a_broken_folder_gives_the_company_as_it_was(folder: Path, tmp_path: Path) -> None:
    """The copy is taken at each success, has the same digest, and gives way once the folder is mended."""
    copy = tmp_path / "data" / "kept.json"
    first = load_kept(folder, copy)
    assert first.digest == load(folder).digest

    sound = (folder / "company.toml").read_text(encoding="utf-8")
    (folder / "company.toml").write_text("schema = ", encoding="utf-8")
    assert load_kept(folder, copy).digest == first.digest

    (folder / "company.toml").write_text(sound.replace("Toko", "Warung"), encoding="utf-8")
    assert load_kept(folder, copy).company.name == "Warung Akar"


@pytest.mark.parametrize("copy", [None, "{", "{}", "[]"])
def test_without_a_copy_of_use_the_folder_s_problems_are_raised(
    folder: Path, tmp_path: Path, copy: str | None
) -> None:
    """None was ever made, half of one, an older release's."""
    path = tmp_path / "kept.json"
    if copy is not None:
        path.write_text(copy, encoding="utf-8")
    (folder / "company.toml").write_text("schema = ", encoding="utf-8")
    with pytest.raises(RegistryError, match=r"company\.toml"):
        load_kept(folder, path)
