"""`akar doctor`: what could keep the pipeline from running here, each with a remedy.

It stands apart from the checks' subjects on purpose: it must work when they do not.  Hazard: a check that itself fails
must say so as a failure, never hide the ones after it.
"""

from __future__ import annotations

import json
import shutil
import socket
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import typer

from services.chassis.clock import SystemClock
from services.chassis.errors import AkarError
from services.cli.company import folder_of, load_company
from services.cli.instance import Folder, Running
from services.cli.up import data_folder

ENOUGH_BYTES: Final = 5 << 30
LITTLE_BYTES: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    name: str
    level: str
    """`ok`, `warn` or `fail`."""
    detail: str
    remedy: str = ""


def run(*, registry: str | None, data_dir: Path | None, as_json: bool) -> None:
    """Print every finding; exit code 1 when one is a failure."""
    folder = data_folder(data_dir)
    checks: list[Callable[[], list[Finding]]] = [
        _python,
        _java,
        _jars,
        lambda: _company(registry, folder),
        lambda: _disk(folder),
        lambda: _folder(folder),
        lambda: _pipeline(folder),
        lambda: _broker(folder),
        _ports,
        _clock,
    ]
    found = [finding for check in checks for finding in _guarded(check)]
    if as_json:
        print(json.dumps([asdict(finding) for finding in found]))
    else:
        _show(found)
    if any(finding.level == "fail" for finding in found):
        raise typer.Exit(1)


def _guarded(check: Callable[[], list[Finding]]) -> list[Finding]:
    try:
        return check()
    except (AkarError, OSError, ValueError) as error:
        name = getattr(check, "__name__", "check").strip("_<>")
        detail = error.detail if isinstance(error, AkarError) else str(error)
        return [
            Finding(name, "fail", detail, "Put right what it says, then run akar doctor again.")
        ]


def _python() -> list[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    return [Finding("python", "ok", f"{version} at {sys.executable}")]


def _java() -> list[Finding]:
    from services.local.java import find_java
    from services.local.settings import LocalSettings

    try:
        java = find_java(LocalSettings())
    except AkarError as error:
        return [
            Finding("java", "fail", error.detail, "Install Java 17 or newer and set JAVA_HOME.")
        ]
    return [Finding("java", "ok", str(java.path))]


def _jars() -> list[Finding]:
    from services.local.maven import kafka_cache
    from services.local.settings import LocalSettings

    cache = kafka_cache(LocalSettings())
    broken = cache.verify()
    if not broken:
        return [Finding("kafka jars", "ok", f"complete and unchanged in {cache.folder}")]
    return [
        Finding(
            "kafka jars",
            "warn",
            broken[0],
            "akar up fetches them again; it needs the network once.",
        )
    ]


def _company(registry: str | None, folder: Folder) -> list[Finding]:
    running = folder.running()
    try:
        path = folder_of(registry or (running.registry if running is not None else None))
        company = load_company(path)
    except AkarError as error:
        remedy = "Run akar registry check."
        if running is not None:
            remedy += " The running pipeline goes on with the company that was active before."
        return [Finding("company", "fail", error.detail, remedy)]
    detail = f"{company.company.name}, {path}, digest {company.digest[:12]}"
    return [
        Finding("company", "ok", detail),
        *(_active(company.digest, path, folder) if running is not None else ()),
    ]


def _active(digest: str, path: Path, folder: Folder) -> list[Finding]:
    """Whether the running pipeline decides by what the folder says."""
    from services.cli.company_stream import cluster, past

    active = set(past(cluster(folder.root)).active.values())
    if active == {digest}:
        return [Finding("active company", "ok", f"{digest[:12]} in every partition")]
    shown = ", ".join(sorted(one[:12] for one in active)) or "what the workers started with"
    return [
        Finding(
            "active company",
            "warn",
            f"decisions are made with {shown}, the folder says {digest[:12]}",
            f"A change is taken up within seconds; else: akar registry activate {path}",
        )
    ]


def _disk(folder: Folder) -> list[Finding]:
    place = folder.root
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    detail = f"{free / (1 << 30):.1f} GB free at {place}"
    if free < LITTLE_BYTES:
        return [Finding("disk", "fail", detail, "Free some space, or choose another --data-dir.")]
    if free < ENOUGH_BYTES:
        return [Finding("disk", "warn", detail, "A year of events may need more: watch it.")]
    return [Finding("disk", "ok", detail)]


def _folder(folder: Folder) -> list[Finding]:
    if not folder.root.exists():
        return [Finding("data folder", "ok", f"{folder.root} will be made by akar up")]
    found = []
    for path in sorted(folder.secrets.glob("*")):
        mode = path.stat().st_mode & 0o777
        if mode & 0o077:
            found.append(
                Finding(
                    "secrets",
                    "warn",
                    f"{path} can be read by others ({mode:o})",
                    f"chmod 600 {path}",
                )
            )
    probe = folder.root / ".doctor"
    try:
        probe.write_text("", encoding="utf-8")
        probe.unlink()
    except OSError as error:
        found.append(
            Finding(
                "data folder",
                "fail",
                f"{folder.root}: {error}",
                "Give this user the right to write there.",
            )
        )
    return found or [Finding("data folder", "ok", str(folder.root))]


def _pipeline(folder: Folder) -> list[Finding]:
    running = folder.running()
    if running is None:
        return [Finding("pipeline", "ok", "not running on this folder; start it with akar up")]
    return [*_services(running)]


def _services(running: Running) -> list[Finding]:
    import httpx

    found = []
    for name, url in running.health.items():
        try:
            answer = httpx.get(url, timeout=3.0, trust_env=False)
        except httpx.HTTPError as error:
            found.append(
                Finding(name, "fail", f"{url}: {error}", f"See {running.data_dir}/logs/{name}.log.")
            )
            continue
        if answer.is_success:
            found.append(Finding(name, "ok", "ready"))
        else:
            found.append(
                Finding(name, "fail", answer.text[:200], f"See {running.data_dir}/logs/{name}.log.")
            )
    return found


def _broker(folder: Folder) -> list[Finding]:
    from services.chassis.settings import KafkaSettings
    from services.local.probe import broker_ready

    settings = KafkaSettings()
    running = folder.running()
    if "bootstrap_servers" in settings.model_fields_set:
        first = settings.bootstrap_servers.split(",")[0]
    elif running is not None:
        first = running.kafka.split(",")[0]
    else:
        return [Finding("kafka", "ok", "akar up starts one: KAFKA_BOOTSTRAP_SERVERS is not set")]
    host, _, port = first.rpartition(":")
    if settings.security_protocol != "PLAINTEXT":
        with socket.create_connection((host, int(port)), timeout=3.0):
            return [
                Finding(
                    "kafka", "ok", f"{first} accepts connections ({settings.security_protocol})"
                )
            ]
    if broker_ready(host, int(port), timeout=3.0):
        return [Finding("kafka", "ok", f"{first} serves")]
    return [
        Finding(
            "kafka",
            "fail",
            f"{first} does not answer",
            "Start it, or correct KAFKA_BOOTSTRAP_SERVERS; of akar up, see logs/kafka.log.",
        )
    ]


def _ports() -> list[Finding]:
    from services.local.ports import HOST, free_port

    try:
        port = free_port("doctor")
    except OSError as error:
        return [
            Finding("ports", "fail", str(error), "Stop what holds them, or choose --port-base.")
        ]
    return [Finding("ports", "ok", f"{HOST} can be listened on (tried {port})")]


def _clock() -> list[Finding]:
    now = SystemClock().now()
    if not 2025 <= now.year <= 2100:
        return [
            Finding(
                "clock",
                "fail",
                now.isoformat(),
                "Set the machine's clock: decisions rest on times.",
            )
        ]
    return [Finding("clock", "ok", now.isoformat(timespec="seconds"))]


def _show(found: list[Finding]) -> None:
    from rich.console import Console
    from rich.markup import escape

    screen = Console(highlight=False)
    colours = {"ok": "green", "warn": "yellow", "fail": "red"}
    width = max(len(finding.name) for finding in found)
    for finding in found:
        colour = colours[finding.level]
        line = f"[{colour}]{finding.level:<4}[/]  {finding.name:<{width}}  {escape(finding.detail)}"
        screen.print(line, soft_wrap=True)
        if finding.remedy and finding.level != "ok":
            screen.print(f"      {'':<{width}}  → {escape(finding.remedy)}", soft_wrap=True)
