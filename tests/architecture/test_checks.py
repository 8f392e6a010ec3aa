"""Style, format and types: the same checks as `make check`, so that `make test` is the whole judgement."""

from __future__ import annotations

import subprocess

import pytest


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "command",
    [("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",)],
    ids=" ".join,
)
def test_check_passes(command: tuple[str, ...], check: subprocess.Popen[str]) -> None:
    """The tree has no finding; the check has run beside the tests before this one."""
    out, _ = check.communicate()

    assert check.returncode == 0, out[-4000:]
