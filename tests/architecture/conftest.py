"""The checks of the whole tree begin with the session, beside the other tests: each is a process of its own, and takes a while."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
_FIRST: Final = "gw0"
"""It gets the largest of the streams of tests/conftest.py, whose tests include these."""
_begun: dict[tuple[str, ...], subprocess.Popen[str]] = {}


def begin(command: tuple[str, ...]) -> subprocess.Popen[str]:
    """The check's process; one that has begun already is that one."""
    if command not in _begun:
        program = Path(sys.executable).parent / command[0]
        _begun[command] = subprocess.Popen(
            [program, *command[1:]],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    return _begun[command]


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin those that were selected, in the one process (of several) that will run them."""
    if session.config.option.collectonly or os.environ.get("PYTEST_XDIST_WORKER", _FIRST) != _FIRST:
        return
    for item in session.items:
        if isinstance(item, pytest.Function) and item.path.name == "test_checks.py":
            begin(item.callspec.params["command"])


def pytest_sessionfinish() -> None:
    """A run that was cut short leaves none behind."""
    for process in _begun.values():
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


@pytest.fixture
def check(command: tuple[str, ...]) -> subprocess.Popen[str]:
    """The process of the check that the test is about."""
    return begin(command)
