"""The wheel that images install holds everything that the services read, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def tracked(*folders: str) -> set[str]:
    """The files of the repository below `folders`, without the caches of Python."""
    return {
        str(path.relative_to(ROOT))
        for folder in folders
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.name != ".keep"
    }


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built as deploy/Dockerfile builds it."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps",
         "--no-build-isolation", "--no-index", "-w", folder, ROOT],
        check=True,
        timeout=120,
    )  # fmt: skip
    (built,) = folder.glob("akar-*.whl")
    return built


def test_the_wheel_holds_code_data_and_examples(wheel: Path) -> None:
    """Modules, packs of languages, templates, locks of jars, schemas and the example companies are all in it."""
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if ".dist-info/" not in name}

    examples = {f"services/registry/{name}" for name in tracked("examples")}
    missing = (tracked("services", "schemas") | examples) - inside
    assert missing == set()


def test_the_wheel_holds_nothing_else(wheel: Path) -> None:
    """Neither tests nor anything from beside the packages."""
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}

    assert {top for top in tops if not top.endswith(".dist-info")} == {"schemas", "services"}


def test_a_service_starts_from_the_wheel_alone(wheel: Path, tmp_path: Path) -> None:
    """Unpacked elsewhere, the command line finds the example company and accepts it."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r});"
        "import services.registry as registry;"
        f"assert registry.__file__.startswith({str(tmp_path)!r}), registry.__file__;"
        "print(registry.load_example('shop').digest)"
    )

    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert len(done.stdout.strip()) == 64
