"""Kafka Streams and a compiler for its program, from Maven: pinned like Kafka's own jars, in a cache folder beside them.

The JRE that runs Kafka has no `javac`; Eclipse's compiler is a jar that needs only a JRE.  Both are fetched when this
contender is first measured, and never by the product.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Final

from services.local.jars import KAFKA_VERSION, JarCache, read_lock
from services.local.java import find_java
from services.local.maven import maven_fetch, resolve_lock
from services.local.report import Progress
from services.local.settings import LocalSettings

HERE: Final = Path(__file__).parent
SOURCE: Final = HERE / "PassThrough.java"
LOCK: Final = HERE / "jars.lock"
ROOTS: Final = (
    f"org.apache.kafka:kafka-streams:jar:{KAFKA_VERSION}:compile!",
    "org.slf4j:slf4j-simple:jar:1.7.36:compile!",
    "org.eclipse.jdt:ecj:jar:3.43.0:compile!",
)


def command() -> list[str]:
    """What runs the program; fetches and compiles first where that was not done yet.

    Raises:
        RuntimeError: It does not compile.
        ConfigurationError: There is no Java.
        TransientError: The jars cannot be fetched.
    """
    settings = LocalSettings()
    java = str(find_java(settings).path)
    cache = JarCache(
        settings.cache_dir / f"kafka-streams-{KAFKA_VERSION}",
        read_lock(LOCK.read_text(encoding="utf-8")),
        maven_fetch(settings),
        Progress(),
    )
    jars = [str(path) for path in cache.ensure()]
    classpath = ":".join(jars)
    digest = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]
    classes = cache.folder / f"classes-{digest}{JarCache.DERIVED}"
    if not (classes / "PassThrough.class").exists():
        compiler = next(jar for jar in jars if Path(jar).name.startswith("ecj-"))
        options = ["-17", "-nowarn", "-classpath", classpath, "-d", str(classes), str(SOURCE)]
        done = subprocess.run(
            [java, "-jar", compiler, *options], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{SOURCE.name} does not compile:\n{done.stdout}{done.stderr}")
    quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
    return [java, "-Xmx1g", quiet, "-cp", f"{classpath}:{classes}", "PassThrough"]


if __name__ == "__main__":
    # For maintainers: a fresh lock on stdout.
    sys.stdout.write(resolve_lock(ROOTS, "python -m bench.streams.jars > bench/streams/jars.lock"))
