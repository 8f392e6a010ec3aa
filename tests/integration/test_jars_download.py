"""Fetching the jars through jgo from a repository on this machine: killed half-way, two at once, nothing there."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from services.local.jars import read_lock
from services.local.ports import HOST, free_port
from services.local.settings import inherited_environment

JARS = {f"/org/example/part{n}/1.0/part{n}-1.0.jar": b"%d" % n * 200_000 for n in range(4)}
STALLED = "/org/example/part2/1.0/part2-1.0.jar"
LOCK = "".join(
    f"org.example:part{n}:1.0 {len(data)} {hashlib.sha256(data).hexdigest()}\n"
    for n, data in enumerate(JARS.values())
)
FETCH = """
import sys
from pathlib import Path
from services.local.jars import JarCache, read_lock
from services.local.maven import maven_fetch
from services.local.report import Progress
from services.local.settings import LocalSettings
JarCache(Path(sys.argv[1]), read_lock(sys.argv[2]), maven_fetch(LocalSettings()), Progress()).ensure()
"""
DEADLINE = 60.0


class Repository(ThreadingHTTPServer):
    """Serves `JARS`; while `stall` is set, one of them stops half-way."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__((HOST, 0), Handler)
        self.served: Counter[str] = Counter()
        self.stall = threading.Event()
        self.half_sent = threading.Event()
        self.go_on = threading.Event()

    @property
    def url(self) -> str:
        """Its base address."""
        return f"http://{HOST}:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Repository

    def do_GET(self) -> None:
        """A jar, or 404 (checksum files, which jgo asks for, are optional)."""
        data = JARS.get(self.path)
        if data is None:
            self.send_error(404)
            return
        self.server.served[self.path] += 1
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.path == STALLED and self.server.stall.is_set():
            self.wfile.write(data[: len(data) // 2])
            self.wfile.flush()
            self.server.half_sent.set()
            self.server.go_on.wait(DEADLINE)
            return
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@pytest.fixture
def repository() -> Iterator[Repository]:
    """A Maven repository on this machine."""
    with Repository() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.go_on.set()
        server.shutdown()
        thread.join()


def fetch(folder: Path, url: str) -> subprocess.Popen[str]:
    """A process that fills the cache, with no Maven settings of the user's."""
    environment = inherited_environment({"AKAR_MAVEN_REPOSITORY": url, "HOME": str(folder.parent)})
    command = [sys.executable, "-c", FETCH, str(folder), LOCK]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def intact(folder: Path) -> bool:
    """Whether every jar is there, byte for byte."""
    return all(
        (folder / jar.filename).read_bytes() == JARS[_path(jar.coordinate)]
        for jar in read_lock(LOCK).jars
    )


def _path(coordinate: str) -> str:
    group, artifact, version = coordinate.split(":")
    return f"/{group.replace('.', '/')}/{artifact}/{version}/{artifact}-{version}.jar"


def test_killed_half_way_and_started_again(tmp_path: Path, repository: Repository) -> None:
    """After kill -9 in the middle of a jar the next start fetches what is missing, and the cache is whole."""
    folder = tmp_path / "kafka"
    repository.stall.set()
    with fetch(folder, repository.url) as first:
        assert repository.half_sent.wait(DEADLINE)
        first.kill()
    assert not (folder / "COMPLETE").exists()
    repository.stall.clear()
    with fetch(folder, repository.url) as second:
        _, said = second.communicate(timeout=DEADLINE)
    assert second.returncode == 0, said
    assert intact(folder)
    assert (folder / "COMPLETE").exists()
    assert repository.served[STALLED] == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kafka", "kafka.lock"], (
        "nothing half-done is left"
    )


def test_two_at_once_fetch_once(tmp_path: Path, repository: Repository) -> None:
    """Of two processes that start together one fetches, and the other waits and says so."""
    folder = tmp_path / "kafka"
    repository.stall.set()
    with fetch(folder, repository.url) as first:
        assert repository.half_sent.wait(DEADLINE)
        with fetch(folder, repository.url) as second:
            assert second.stderr is not None
            assert "Waiting for another process" in second.stderr.readline()
            repository.stall.clear()
            repository.go_on.set()  # the first one's connection breaks off; it tries again
            assert second.wait(DEADLINE) == 0
        assert first.wait(DEADLINE) == 0
    assert intact(folder)
    assert repository.served == {path: 2 if path == STALLED else 1 for path in JARS}


def test_without_a_repository_it_says_what_to_do(tmp_path: Path) -> None:
    """With nothing to connect to, the error names the jar and the ways out, in a few seconds."""
    with fetch(tmp_path / "kafka", f"http://{HOST}:{free_port('no repository')}") as process:
        _, said = process.communicate(timeout=DEADLINE)
    assert process.returncode != 0
    assert "AKAR_MAVEN_REPOSITORY" in said
    assert "KAFKA_BOOTSTRAP_SERVERS" in said
