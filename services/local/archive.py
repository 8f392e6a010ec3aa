"""A start-up archive of the broker's classes (JEP 483, 514, 515): it halves the time from kill -9 to serving.

It stands apart because it is only a matter of speed: without it, or with one that no longer fits, Java starts as ever.
Measured on two busy cores: 6.5 s and 6 s of CPU to the first answer without it, 2.9 s and 2.8 s with it; made once, in about
as long as the download takes.
"""

from __future__ import annotations

import hashlib
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from services.local.jars import JarCache
from services.local.java import Java
from services.local.ports import HOST, free_port
from services.local.probe import broker_ready
from services.local.properties import LOG4J, server_properties
from services.local.report import Report
from services.local.watchdog import Watchdog

OLDEST = 25
"""Java 25 makes the archive in one step and keeps profiles in it."""
_TRAINING_SECONDS = 120.0


def startup_archive(
    java: Java, cache: JarCache, classpath: Sequence[Path], report: Report
) -> Path | None:
    """The archive for this Java and these jars, made if it is not there; None where there can be none.

    A failure to make it is remembered (an empty file), so that it costs no second start.
    """
    if java.version < OLDEST:
        return None
    # An archive fits one build of Java only; one that does not fit is ignored by Java, with a warning at each start.
    build = java.path.parent.parent / "lib" / "modules"
    stat = build.stat() if build.exists() else java.path.stat()
    identity = f"{java.path}\0{java.version}\0{stat.st_size}\0{stat.st_mtime_ns}"
    path = cache.folder / f"{hashlib.sha256(identity.encode()).hexdigest()[:16]}{cache.DERIVED}"
    if not path.exists():
        with cache.exclusively():
            if not path.exists():  # another process may have made it while this one waited
                report("Making Kafka's start-up archive (once)")
                _make(path, java, classpath)
    return path if path.stat().st_size else None


def _make(path: Path, java: Java, classpath: Sequence[Path]) -> None:
    with tempfile.TemporaryDirectory(prefix=".archive-", dir=path.parent.parent) as scratch:
        made = Path(scratch) / "archive"
        if not _train(made, java, classpath, Path(scratch)) or not made.exists():
            made.write_bytes(b"")
        made.replace(path)


def _train(made: Path, java: Java, classpath: Sequence[Path], scratch: Path) -> bool:
    """Let a broker on a scratch folder start and stop, watched by Java."""
    ports = [free_port(str(scratch))]
    ports.append(free_port(str(scratch), taken=ports))
    properties = scratch / "server.properties"
    properties.write_text(
        server_properties(ports[0], ports[1], scratch / "log", {}), encoding="utf-8"
    )
    log4j = scratch / "log4j2.properties"
    log4j.write_text(LOG4J, encoding="utf-8")
    command = java_command(java, classpath, log4j)
    formatted = subprocess.run(
        [
            *command,
            "kafka.tools.StorageTool",
            "format",
            "--cluster-id=AAAAAAAAAAAAAAAAAAAAAA",
            "-c",
            str(properties),
        ],
        capture_output=True,
        check=False,
    )
    if formatted.returncode != 0:
        return False
    watchdog = Watchdog()
    try:
        broker = watchdog.spawn(
            [
                *command[:1],
                f"-XX:AOTCacheOutput={made}",
                *command[1:],
                "kafka.Kafka",
                str(properties),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + _TRAINING_SECONDS
        while (
            broker.poll() is None and not broker_ready(HOST, ports[0]) and time.monotonic() < until
        ):
            time.sleep(0.1)
        broker.send_signal(signal.SIGTERM)
        try:
            broker.wait(_TRAINING_SECONDS)  # it writes the archive while it ends
        except subprocess.TimeoutExpired:
            broker.kill()
            broker.wait()
        watchdog.forget(broker.pid)
        return True
    finally:
        watchdog.close()


def java_command(java: Java, classpath: Sequence[Path], log4j: Path, *options: str) -> list[str]:
    """Java with the options that an archive and its users must share; a main class and its arguments are to follow."""
    return [
        str(java.path),
        *options,
        # The second compiler costs more in the minutes that a laptop's broker is busy than its faster code brings back.
        "-XX:TieredStopAtLevel=1",
        "-XX:+UseSerialGC",
        "-Djava.awt.headless=true",
        f"-Dlog4j2.configurationFile={log4j}",
        "-cp",
        ":".join(map(str, classpath)),
    ]
