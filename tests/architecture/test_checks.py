"""Style, format and types: the same checks as `make check`, so that `make test` is the whole judgement."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "command",
    [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]],
    ids=" ".join,
)
def test_check_passes(command: list[str]) -> None:
    """The tree has no finding."""
    program = Path(sys.executable).parent / command[0]
    run = subprocess.run(
        [program, *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert run.returncode == 0, (run.stdout + run.stderr)[-4000:]
