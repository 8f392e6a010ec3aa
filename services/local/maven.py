"""Where Kafka's jars come from: a Maven repository, through jgo.

It stands apart because nothing is believed that comes from there: `jars` decides by size and SHA-256.
Hazard: what Maven resolves may change with a repository; so it is resolved once, by a maintainer, into `jars.lock`
(`python -m services.local.maven lock`), and never on a user's machine.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from services.local.jars import KAFKA_VERSION, Fetch, Jar, JarCache, read_lock
from services.local.report import Progress, Report
from services.local.settings import LocalSettings


def kafka_cache(settings: LocalSettings, report: Report | None = None) -> JarCache:
    """The cache of the committed lock in the user's cache folder."""
    return JarCache(
        settings.cache_dir / f"kafka-{KAFKA_VERSION}",
        read_lock(),
        maven_fetch(settings),
        report or Progress(),
    )


def maven_fetch(settings: LocalSettings) -> Fetch:
    """Fetch through jgo: the user's local Maven repository first, then jgo's configured repositories or Maven Central."""

    def fetch(jar: Jar, target: Path) -> None:
        # jgo costs 0.3 s to import, and a complete cache needs none of it.
        from jgo.config import GlobalSettings
        from jgo.constants import MAVEN_CENTRAL_URL
        from jgo.maven import MavenContext

        config = GlobalSettings.load()
        # A second try does not believe the local repository again: it may hold the damaged file.
        local = [config.repo_cache] if target.parent.name == "1" else []
        remote = {"central": MAVEN_CENTRAL_URL, **config.repositories}
        if settings.akar_maven_repository:
            remote = {"mirror": settings.akar_maven_repository.rstrip("/")}
        context = MavenContext(
            repo_cache=target.parent / "repository",
            local_repos=local,
            remote_repos=remote,
            timeout=30,
        )
        group, artifact, version = jar.coordinate.split(":")
        found = context.project(group, artifact).at_version(version).artifact().resolve()
        shutil.copyfile(found, target)

    return fetch


ROOTS: Final = (
    f"org.apache.kafka:kafka_2.13:jar:{KAFKA_VERSION}:compile!",
    "org.apache.logging.log4j:log4j-slf4j-impl:jar:2.25.2:compile!",
)
"""Kafka and its log backend.

"!" keeps one root's dependencyManagement off the others, as Maven does: without it log4j's own test dependency on
kafka-clients 3.9.1 replaces 4.3.0.
"""


def resolve_lock(
    roots: Sequence[str] = ROOTS,
    written_by: str = "python -m services.local.maven lock > services/local/jars.lock",
) -> str:
    """The text of a fresh lock: what Maven resolves for the roots, downloaded and hashed.

    For maintainers, when a version changes; nothing at run time resolves anything.
    """
    from jgo.maven import MavenContext

    with tempfile.TemporaryDirectory() as scratch:
        context = MavenContext(repo_cache=Path(scratch))
        inputs, transitive = context.resolver.resolve(
            [context.create_dependency(root) for root in roots]
        )
        needed = [*inputs, *(d for d in transitive if d.scope in ("compile", "runtime"))]
        lines = []
        for dependency in needed:
            path = dependency.artifact.resolve()
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            coordinate = f"{dependency.groupId}:{dependency.artifactId}:{dependency.version}"
            lines.append(f"{coordinate} {path.stat().st_size} {digest}")
    head = f"# coordinate, bytes, SHA-256.  Written by: {written_by}\n"
    return head + "\n".join(sorted(lines)) + "\n"


def main(arguments: Sequence[str]) -> None:
    """`lock` prints a fresh lock; without it the cache is filled and its jars are listed."""
    if arguments == ["lock"]:
        sys.stdout.write(resolve_lock())
    else:
        paths = kafka_cache(LocalSettings()).ensure()
        sys.stdout.write("".join(f"{path}\n" for path in paths))


if __name__ == "__main__":
    main(sys.argv[1:])
