"""The long scenarios run on request only; every scenario's report is shown at the end of the run."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.chaos.report import lines, table

REPORTS = pytest.StashKey[list[str]]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked `chaos` unless a marker expression asks for it: `make chaos` does."""
    if "chaos" in config.option.markexpr:
        return
    long = [item for item in items if item.get_closest_marker("chaos")]
    items[:] = [item for item in items if item not in long]
    if long:
        config.hook.pytest_deselected(items=long)


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Takes a scenario's report, to be shown whether it passes or not."""
    return request.config.stash.setdefault(REPORTS, []).append


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the reports."""
    for text in terminalreporter.config.stash.get(REPORTS, []):
        terminalreporter.section("chaos")
        terminalreporter.write_line(text)
    if terminalreporter.config.stash.get(REPORTS, []):
        terminalreporter.section("chaos: all scenarios, each by its last run")
        terminalreporter.write_line(table(lines()))
