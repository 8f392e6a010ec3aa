"""The long scenarios run on request only, telling how far they are; every scenario's report is shown at the end of the run."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.chaos.progress import PROGRESS
from tests.chaos.report import REPORT


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is marked `chaos` unless a marker expression asks for it: `make chaos` does."""
    if "chaos" in config.option.markexpr:
        return
    long = [item for item in items if item.get_closest_marker("chaos")]
    items[:] = [item for item in items if item not in long]
    if long:
        config.hook.pytest_deselected(items=long)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Where the long scenarios were asked for, tell how far they are: past pytest's capture, a line at a time."""
    config = session.config
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    capture = config.pluginmanager.get_plugin("capturemanager")
    if "chaos" not in config.option.markexpr or reporter is None or capture is None:
        return
    PROGRESS.scenarios = sum(
        "report" in getattr(item, "fixturenames", ()) for item in session.items
    )

    def write(line: str) -> None:
        with capture.global_and_fixture_disabled():
            reporter.ensure_newline()
            reporter.write_line(line)
            reporter.flush()

    PROGRESS.write = write


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Takes a scenario's report, to be shown whether it passes or not, in whatever process it ran."""
    return lambda text: request.node.user_properties.append((REPORT, text))
