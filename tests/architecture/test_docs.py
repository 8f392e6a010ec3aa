"""Documentation names only what exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path
    for pattern in (
        "*.md",
        "docs/**/*.md",
        "deploy/*.md",
        "schemas/*.md",
        "tests/*.md",
        "examples/**/*.md",
    )
    for path in ROOT.glob(pattern)
)
FOLDERS = ("schemas", "services", "tests", "deploy", "docs", "examples", "bench", "requirements")
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def names(page: Path) -> list[str]:
    """What a page sets in code type, without fenced blocks."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return CODE.findall(text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_paths_exist(page: Path) -> None:
    """A path in code type is a file or folder of this repository."""
    for name in names(page):
        path = name.rstrip("/")
        if path.split("/")[0] in FOLDERS and re.fullmatch(r"[\w./-]+", path) and "/" in path:
            assert (ROOT / path).exists(), f"{page.name} names `{name}`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_modules_exist(page: Path) -> None:
    """A dotted name of ours in code type is a module, or something in one."""
    for name in names(page):
        dotted = name.removeprefix("python -m ").split(" ")[0]
        if not re.fullmatch(r"(schemas|services)(\.\w+)+", dotted):
            continue
        parts = dotted.split(".")
        candidates = ["/".join(parts[:length]) for length in (len(parts), len(parts) - 1)]
        assert any(
            (ROOT / f"{candidate}.py").exists() or (ROOT / candidate / "__init__.py").exists()
            for candidate in candidates
        ), f"{page.name} names `{name}`"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_make_targets_exist(page: Path) -> None:
    """`make something` is a target."""
    for name in names(page):
        if match := re.fullmatch(r"make ([a-z]+)\b.*", name):
            assert re.search(rf"^{match[1]}:", MAKEFILE, re.MULTILINE), (
                f"{page.name} names `{name}`"
            )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """A relative link leads to a file of this repository."""
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_code_refers_to_pages_that_exist() -> None:
    """A page that a docstring or a message names is there."""
    sources = [
        *ROOT.glob("services/**/*.py"),
        *ROOT.glob("schemas/*.py"),
        *ROOT.glob("tests/**/*.py"),
    ]
    for source in sources:
        for name in re.findall(r"docs/[a-z/]+\.md", source.read_text(encoding="utf-8")):
            assert (ROOT / name).exists(), f"{source.relative_to(ROOT)} names {name}"
