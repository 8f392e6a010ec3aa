"""Apache Kafka's jars in the user's cache: exactly those of `jars.lock`, each known by its SHA-256.

It stands apart because this is the only code that Akar downloads after installation.  jgo (the Maven client) fetches the
files; what they must be is decided here.  Hazard: a cache is written by several processes and killed in the middle of it:
one lock, a staging folder, a check of every byte, a rename, and the marker last.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.resources
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from services.chassis.errors import PermanentError, TransientError
from services.chassis.retry import RetryPolicy, exponential
from services.local.report import Report

KAFKA_VERSION = "4.3.0"
RETRY = exponential(0.5, longest=4.0, attempts=4)
_MARKER = "COMPLETE"
_PARALLEL = 6

Fetch = Callable[["Jar", Path], None]
"""Brings one jar to the given path, whatever its bytes are; raises OSError or RuntimeError when it cannot."""


@dataclass(frozen=True, slots=True)
class Jar:
    """One file of the lock: `group:artifact:version`, its size in bytes, its SHA-256 in hex."""

    coordinate: str
    size: int
    sha256: str

    @property
    def filename(self) -> str:
        """Its name in the cache; artifacts of Kafka's closure are distinct without their groups."""
        _, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"


@dataclass(frozen=True, slots=True)
class Lock:
    """What must be in the cache, and a digest that changes with it."""

    jars: tuple[Jar, ...]
    digest: str


def read_lock(text: str | None = None) -> Lock:
    """Parse a lock (the committed one by default): `coordinate size sha256` per line, `#` begins a comment."""
    if text is None:
        text = (
            importlib.resources.files(__package__).joinpath("jars.lock").read_text(encoding="utf-8")
        )
    jars = []
    for line in text.splitlines():
        fields = line.split("#", 1)[0].split()
        if fields:
            coordinate, size, sha256 = fields
            jars.append(Jar(coordinate, int(size), sha256))
    return Lock(tuple(jars), hashlib.sha256(repr(jars).encode()).hexdigest())


class JarCache:
    """The jars of one lock in one folder, complete or not yet used.

    Args:
        folder: Where they lie; its parent holds the lock file and the staging folder, on the same file system.
        lock: What must be there.
        fetch: How to get one.
        report: Takes progress and notices.
    """

    DERIVED = ".derived"
    """Ending of files that others make from the jars and keep beside them; they go when a jar is fetched."""

    def __init__(
        self, folder: Path, lock: Lock, fetch: Fetch, report: Report, retry: RetryPolicy = RETRY
    ) -> None:
        self.folder = folder
        self._lock = lock
        self._fetch = fetch
        self._report = report
        self._retry = retry

    def ensure(self) -> list[Path]:
        """The jars' paths, after fetching what is missing or damaged.

        A complete cache costs one `stat` per jar; contents are hashed only where size or marker is wrong (`verify` hashes
        all).

        Raises:
            TransientError: A jar could not be fetched; nothing is left half-done.
            PermanentError: What was fetched is not what the lock says.
        """
        if not self._complete():
            with self.exclusively():
                if not self._complete():  # another process may have done it while this one waited
                    self._fill()
        return [self.folder / jar.filename for jar in self._lock.jars]

    def verify(self) -> list[str]:
        """Coordinates of the jars that are missing or whose bytes are wrong; the next `ensure` fetches those again."""
        bad = [
            jar.coordinate
            for jar in self._lock.jars
            if not _intact(self.folder / jar.filename, jar)
        ]
        if bad:
            (self.folder / _MARKER).unlink(missing_ok=True)
        return bad

    def _complete(self) -> bool:
        try:
            if (self.folder / _MARKER).read_text(encoding="ascii") != self._lock.digest:
                return False
            return all(
                (self.folder / jar.filename).stat().st_size == jar.size for jar in self._lock.jars
            )
        except (FileNotFoundError, UnicodeDecodeError):
            return False

    def _fill(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / _MARKER).unlink(missing_ok=True)
        for derived in self.folder.glob(f"*{self.DERIVED}"):
            derived.unlink()
        for left in self.folder.parent.glob(f".{self.folder.name}-*"):
            shutil.rmtree(
                left, ignore_errors=True
            )  # of a process that was killed: we hold the lock
        wanted = [jar for jar in self._lock.jars if not _intact(self.folder / jar.filename, jar)]
        staging = Path(tempfile.mkdtemp(prefix=f".{self.folder.name}-", dir=self.folder.parent))
        try:
            self._fetch_all(wanted, staging)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        marker = self.folder / f"{_MARKER}.tmp"
        marker.write_text(self._lock.digest, encoding="ascii")
        marker.replace(self.folder / _MARKER)

    def _fetch_all(self, wanted: Sequence[Jar], staging: Path) -> None:
        total = sum(jar.size for jar in wanted)
        done = 0
        with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="jars") as pool:
            pending = {
                pool.submit(self._fetch_one, jar, staging / str(n)): jar
                for n, jar in enumerate(wanted)
            }
            try:
                for count, future in enumerate(as_completed(pending), 1):
                    future.result()
                    done += pending[future].size
                    self._report(
                        f"Fetching Apache Kafka {KAFKA_VERSION}: {count} of {len(wanted)} jars, "
                        f"{done / 1e6:.0f} of {total / 1e6:.0f} MB",
                        last=count == len(wanted),
                    )
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _fetch_one(self, jar: Jar, staging: Path) -> None:
        for attempt in range(1, self._retry.attempts + 1):
            target = staging / str(attempt) / jar.filename
            target.parent.mkdir(parents=True)
            problem: str
            try:
                self._fetch(jar, target)
            except (OSError, RuntimeError) as error:  # requests' errors are OSErrors
                problem = str(error)
            else:
                if _intact(target, jar):
                    target.replace(self.folder / jar.filename)
                    return
                problem = f"{target.stat().st_size} bytes that are not those of jars.lock"
            wait = self._retry.wait_after(attempt)
            if wait is None:
                break
            time.sleep(wait)
        if target.exists():
            raise PermanentError("jar_refused", f"{jar.coordinate}: {problem}")
        raise TransientError(
            "jar_unavailable",
            f"{jar.coordinate}: {problem}\nApache Kafka's jars are fetched once, which needs the network (or "
            "AKAR_MAVEN_REPOSITORY for a mirror); to go without, set KAFKA_BOOTSTRAP_SERVERS to a Kafka that runs",
        )

    @contextmanager
    def exclusively(self) -> Iterator[None]:
        """Alone among all processes that use this cache; reports once if that means to wait."""
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        with (self.folder.parent / f"{self.folder.name}.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._report("Waiting for another process that prepares Apache Kafka")
                fcntl.flock(file, fcntl.LOCK_EX)
            yield  # closing the file, or dying, releases it


def _intact(path: Path, jar: Jar) -> bool:
    try:
        if path.stat().st_size != jar.size:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == jar.sha256
    except FileNotFoundError:
        return False
