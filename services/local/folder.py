"""A broker's folder: who holds it, which ports it uses, and its storage, formatted once.

It stands apart because it must hold whatever moment a process is killed at: each file is written aside and renamed.
Hazard: two brokers on one folder destroy it.  The folder's lock is held by an open file that survives the exec and ends
with the process, so it can be neither stale nor forgotten.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from services.chassis.errors import ConfigurationError
from services.chassis.ids import random_id
from services.local.archive import java_command, startup_archive
from services.local.fencing import fence, was_killed
from services.local.java import Java, find_java
from services.local.maven import kafka_cache
from services.local.ports import HOST, free_port, is_free
from services.local.probe import broker_ready
from services.local.properties import LOG4J, server_properties
from services.local.repair import mend
from services.local.report import Report
from services.local.settings import LocalSettings

_POLL_SECONDS = 0.1
_SERVING_SECONDS = 3.0
"""A broker that was told to end has stopped serving by then, also on a busy machine."""


class Layout:
    """Where things lie below one data folder."""

    def __init__(self, data_dir: Path) -> None:
        self.root = data_dir.absolute()
        self.logs = self.root / "log"
        self.lock = self.root / "lock"
        self.address = self.root / "address.json"
        self.properties = self.root / "server.properties"
        self.log4j = self.root / "log4j2.properties"
        self.output = self.root / "kafka.out"
        self.scratch = self.root / "tmp"


@dataclass(frozen=True, slots=True)
class Runtime:
    """What a broker runs on: a Java, Kafka's jars, and the start-up archive if this Java can use one."""

    java: Java
    classpath: list[Path]
    archive: Path | None


def obtain(report: Report) -> Runtime:
    """Find Java, and fetch and make what is missing in the user's cache; that is done once per machine.

    Raises:
        ConfigurationError: There is no Java.
        TransientError: The jars cannot be fetched.
    """
    settings = LocalSettings()
    java = find_java(settings)
    cache = kafka_cache(settings, report)
    classpath = cache.ensure()
    return Runtime(java, classpath, startup_archive(java, cache, classpath, report))


def read_address(data_dir: Path) -> tuple[int, int] | None:
    """The ports for clients and for the controller that this folder last used."""
    try:
        value = json.loads(Layout(data_dir).address.read_text(encoding="utf-8"))
        return int(value["port"]), int(value["controller_port"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None  # none yet, or cut off by a crash: chosen anew


def choose_ports(data_dir: Path, wanted: int | None, report: Report) -> tuple[int, int]:
    """The port for clients and the controller's: as wanted, else as before, else any free ones.

    Raises:
        ConfigurationError: The wanted port is in use.
    """
    before = read_address(data_dir)
    seed = str(data_dir.absolute())
    if wanted is not None:
        if not is_free(wanted):
            raise ConfigurationError(
                f"port {wanted} on {HOST} is in use by another program: stop it, or choose another port"
            )
        port = wanted
    elif before is not None and is_free(before[0]):
        port = before[0]
    else:
        port = free_port(seed)
        if before is not None:
            report(
                f"Port {before[0]} is in use by another program; Kafka now listens on {HOST}:{port}"
            )
    if before is not None and before[1] != port and is_free(before[1]):
        return port, before[1]
    return port, free_port(seed + "/controller", taken=(port,))


def take_lock(data_dir: Path, patience: float) -> int:
    """Hold the folder until the returned file descriptor is closed, also over an exec.

    Args:
        data_dir: The folder.
        patience: Seconds to wait for a holder that is just ending; one that goes on serving is not waited for so long.

    Raises:
        ConfigurationError: Another broker holds it; the detail names its process.
    """
    layout = Layout(data_dir)
    layout.root.mkdir(parents=True, exist_ok=True)
    handle = os.open(layout.lock, os.O_RDWR | os.O_CREAT, 0o600)
    begin = time.monotonic()
    silent_since = begin
    while not _try_lock(handle):
        now = time.monotonic()
        if not serves(data_dir):
            silent_since = now
        if now - begin >= patience or now - silent_since >= min(patience, _SERVING_SECONDS):
            holder = os.pread(handle, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(handle)
            raise ConfigurationError(
                f"{layout.root} is in use by a Kafka that runs as process {holder}: use it, stop it "
                f"(kill {holder}), or choose another data folder"
            )
        time.sleep(_POLL_SECONDS)
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    return handle


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def serves(data_dir: Path) -> bool:
    """Whether a broker answers at the address that this folder last used."""
    address = read_address(data_dir)
    return address is not None and broker_ready(HOST, address[0])


def prepare(
    data_dir: Path, port: int | None, overrides: Mapping[str, str], heap_mb: int, report: Report
) -> tuple[list[str], int]:
    """Make the folder ready to start on, formatted once and mended after a power cut; the caller holds its lock.

    Returns:
        The command that is the broker, and its port for clients.

    Raises:
        ConfigurationError: The port is in use, or the storage cannot be used.
        TransientError: What a killed broker left could not be put in order; another start may.
    """
    runtime = obtain(report)
    layout = Layout(data_dir)
    port, controller_port = settle_ports(data_dir, port, report)
    _write(layout.properties, server_properties(port, controller_port, layout.logs, overrides))
    _write(layout.log4j, LOG4J)
    if not (layout.logs / "meta.properties").exists():
        _refuse_storage_without_its_name(layout)
        _format(layout, runtime)
    for line in mend(layout.logs):
        report(f"After an unclean end: {line}")
    scratch = _empty(layout.scratch)
    if was_killed(layout.logs):
        options = ["-Xmx128m", scratch, *_archived(runtime)]
        java = java_command(runtime.java, runtime.classpath, layout.log4j, *options)
        fence(java, layout.root, layout.logs, controller_port)
    options = [f"-Xmx{heap_mb}m", "-XX:+ExitOnOutOfMemoryError", scratch, *_archived(runtime)]
    command = java_command(runtime.java, runtime.classpath, layout.log4j, *options)
    return [*command, "kafka.Kafka", str(layout.properties)], port


def _empty(scratch: Path) -> str:
    """An empty folder for what Java unpacks: one that is killed leaves its libraries behind."""
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    return f"-Djava.io.tmpdir={scratch}"


def _archived(runtime: Runtime) -> list[str]:
    if runtime.archive is None:
        return []
    # Its warnings are about parts of the archive that Java then makes anew, as it does without one.
    return [f"-XX:AOTCache={runtime.archive}", "-Xlog:aot*=error"]


def settle_ports(data_dir: Path, wanted: int | None, report: Report) -> tuple[int, int]:
    """Choose the ports and remember them; the caller holds the lock.  Raises as `choose_ports`."""
    port, controller_port = choose_ports(data_dir, wanted, report)
    _write(Layout(data_dir).address, json.dumps({"port": port, "controller_port": controller_port}))
    return port, controller_port


def _refuse_storage_without_its_name(layout: Layout) -> None:
    # Nothing else knows the ids of cluster and directory, and a new format would orphan every record.
    if layout.logs.is_dir() and any(layout.logs.iterdir()):
        raise ConfigurationError(
            f"{layout.logs} holds data but no meta.properties: bring that file back from a backup, or choose another data folder"
        )


def _format(layout: Layout, runtime: Runtime) -> None:
    # Formatted aside and renamed: a process killed in between leaves no half of a storage.
    aside = layout.root / "log.new"
    shutil.rmtree(aside, ignore_errors=True)
    settings = layout.root / "format.properties"
    _write(settings, server_properties(1, 2, aside, {}))
    cluster = base64.urlsafe_b64encode(uuid.UUID(random_id()).bytes).decode().rstrip("=")
    java = java_command(runtime.java, runtime.classpath, layout.log4j)
    done = subprocess.run(
        [
            *java,
            "kafka.tools.StorageTool",
            "format",
            f"--cluster-id={cluster}",
            "-c",
            str(settings),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise ConfigurationError(
            f"cannot format {layout.logs}: {(done.stderr or done.stdout).strip()[-600:]}"
        )
    settings.unlink()
    # Kafka's tool flushes nothing, and a power cut soon after would leave empty files that no broker starts on.
    for path in [*aside.rglob("*"), aside]:
        _flush(path)
    aside.rename(layout.logs)
    _flush(layout.root)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write(path: Path, text: str) -> None:
    new = path.with_name(path.name + ".new")
    new.write_text(text, encoding="utf-8")
    _flush(new)
    new.replace(path)
