"""What every test stands on: one real broker, one real PostgreSQL, and no state that leaks from test to test."""

from __future__ import annotations

import faulthandler
import os
import socket
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings

from tests.chaos.report import REPORT, lines, table
from tests.support.postgres import Postgres, start_postgres

IN_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
_told: list[str] = []
FOLDER_MARKERS = ("integration", "e2e")
CORES = frozenset({"unit", "contract", "architecture"})
BESIDE = frozenset(
    {
        "house",
        "test_clients.py",
        "test_console.py",
        "test_jars_download.py",
        "test_registry_commands.py",
        "test_registry_reload.py",
        "test_router_outputs.py",
        "test_secured_cluster.py",
        "test_wheel.py",
    }
)
"""Of `tests/integration`: what waits for conditions alone, however long that takes, so that it may run beside the rest."""

# The machine is shared and slow at times: an example has no deadline of its own, the test has.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "ci",
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ci" if IN_CI else "default")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark tests by the folder they are in, and run the cheap ones first.

    Random order stays inside each kind: a mistake in a core shows in seconds, not after the pipeline has started.  Modules with
    a broker that may be killed come together: even an idle one takes a twentieth of a core.  The slice of the fault suite is last:
    it says how long everybody stood still, and by then nothing runs beside it.
    """
    root = Path(__file__).parent
    killing = {item.path for item in items if "victim" in getattr(item, "fixturenames", ())}
    order = {"unit": 0, "contract": 1, "architecture": 2, "integration": 3, "e2e": 4, "chaos": 5}
    ranks: dict[str, tuple[int, bool]] = {}
    for item in items:
        parts = item.path.relative_to(root).parts
        folder = parts[0]
        if folder in FOLDER_MARKERS:
            item.add_marker(folder)
        item.add_marker(pytest.mark.xdist_group(stream(parts)))
        ranks[item.nodeid] = order[folder], item.path in killing
    items.sort(key=lambda item: ranks[item.nodeid])


def stream(parts: tuple[str, ...]) -> str:
    """Which tests run one after another where `make test` has two processes: the cores first, then what may run beside the rest."""
    if parts[0] in CORES:
        return "cores"
    return "beside" if parts[0] == "integration" and parts[1] in BESIDE else "whole pipelines"


def pytest_unconfigure(config: pytest.Config) -> None:
    """A thread that a test left standing would keep the process from ending: say where, and end with an error.

    A stream of tests that is through waits for the other one; when that is through too, pytest-xdist ends its process.
    """
    if not hasattr(config, "workerinput"):
        faulthandler.dump_traceback_later(60, exit=True, file=sys.__stderr__)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep what a scenario of tests/chaos told, in whatever process it ran."""
    if report.when == "teardown":
        _told.extend(str(text) for name, text in report.user_properties if name == REPORT)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the scenarios' reports."""
    for text in _told:
        terminalreporter.section("chaos")
        terminalreporter.write_line(text)
    if _told:
        terminalreporter.section("chaos: all scenarios, each by its last run")
        terminalreporter.write_line(table(lines()))


def unavailable(what: str) -> None:
    """Skip for want of a part on a laptop; fail in CI, where nothing may be missing."""
    if IN_CI:
        pytest.fail(f"{what} is missing, and CI may not skip", pytrace=False)
    pytest.skip(f"{what} is missing")


@pytest.fixture(autouse=True)
def _fresh_logging() -> Iterator[None]:
    """No test sees another's log configuration or bound context."""
    structlog.reset_defaults()
    # By default a logged exception is drawn with every variable of every frame, which takes seconds.
    renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], renderer])
    structlog.contextvars.clear_contextvars()
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture(autouse=True)
def _no_sockets_in_unit_tests(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A unit test that connects or listens fails: it belongs under tests/integration."""
    if "unit" not in request.path.relative_to(Path(__file__).parent).parts:
        return

    def refuse(self: socket.socket, address: object) -> None:
        raise AssertionError(f"a unit test may not use the network (address {address!r})")

    for name in ("connect", "connect_ex", "bind"):
        monkeypatch.setattr(socket.socket, name, refuse)


@pytest.fixture
def topic_prefix() -> str:
    """A prefix that no other test has: topics, groups and transactional ids of one test are its own."""
    return f"t{uuid.uuid4().hex[:10]}-"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """A real PostgreSQL on a free loopback port, with nothing in it."""
    server = start_postgres()
    if server is None:
        unavailable("PostgreSQL (initdb, postgres)")
        raise AssertionError("unreachable")
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def postgres(postgres_server: Postgres) -> str:
    """SQLAlchemy URL (psycopg 3) of an empty database of this test's own."""
    return postgres_server.create_database()
