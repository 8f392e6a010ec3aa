"""The locks: every package pinned and hashed, from no particular index, and in step with pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "requirements"
LOCKS = sorted(FOLDER.glob("*.lock"))
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

each_lock = pytest.mark.parametrize("path", LOCKS, ids=lambda path: path.name)


def entries(path: Path) -> list[str]:
    """Each requirement with its hashes, on one line."""
    joined = path.read_text(encoding="utf-8").replace("\\\n", " ")
    return [
        line for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")
    ]


def pinned(path: Path) -> dict[str, set[Version]]:
    """Package -> version; two where markers tell them apart."""
    found: dict[str, set[Version]] = {}
    for line in entries(path):
        name, version = re.match(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;]+)", line).groups()  # type: ignore[union-attr]
        found.setdefault(canonicalize_name(name), set()).add(Version(version))
    return found


@each_lock
def test_every_package_is_pinned_and_hashed(path: Path) -> None:
    """pip refuses any file whose SHA-256 is not listed."""
    for line in entries(path):
        assert re.match(r"[A-Za-z0-9._-]+(\[[^\]]*\])?==\S+", line), line[:80]
        assert "--hash=sha256:" in line, line[:80]


@each_lock
def test_no_lock_names_an_index(path: Path) -> None:
    """A lock made behind a mirror works everywhere."""
    text = path.read_text(encoding="utf-8")

    assert "://" not in text
    assert "--index-url" not in text
    assert "--find-links" not in text


@pytest.mark.parametrize("name", ["runtime.lock", "dev.lock"])
def test_the_locks_hold_what_pyproject_asks_for(name: str) -> None:
    """Every dependency is there, in a version that pyproject allows."""
    have = pinned(FOLDER / name)
    wanted = [*PROJECT["project"]["dependencies"]]
    for extra in PROJECT["project"]["optional-dependencies"].values():
        wanted += extra
    if name == "dev.lock":
        wanted += PROJECT["dependency-groups"]["dev"]
    for text in wanted:
        requirement = Requirement(text)
        if requirement.name == "akar":
            continue
        versions = have.get(canonicalize_name(requirement.name), set())
        assert versions, f"{name} lacks {requirement.name}: make lock"
        assert all(requirement.specifier.contains(version) for version in versions), text


def test_tests_run_against_what_is_shipped() -> None:
    """The development lock has the same versions as the one that images are built from."""
    runtime, dev = pinned(FOLDER / "runtime.lock"), pinned(FOLDER / "dev.lock")

    assert {name: dev.get(name) for name in runtime} == runtime
