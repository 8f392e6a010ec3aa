"""The jars' cache: complete and byte for byte what the lock says, or not used."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from services.chassis.errors import PermanentError, TransientError
from services.chassis.retry import RetryPolicy
from services.local.jars import KAFKA_VERSION, Fetch, Jar, JarCache, Lock, read_lock

CONTENT = {f"org.example:part{n}:1.{n}": b"bytes of part %d" % n for n in range(5)}
AT_ONCE = RetryPolicy((0.0, 0.0))


def lock_of(content: dict[str, bytes]) -> Lock:
    """The lock that names exactly these."""
    lines = [
        f"{name} {len(data)} {hashlib.sha256(data).hexdigest()}" for name, data in content.items()
    ]
    return read_lock("# a comment\n\n" + "\n".join(lines))


class Repository:
    """Serves `CONTENT`, counts, and misbehaves as told."""

    def __init__(self) -> None:
        self.served: list[str] = []
        self.content = dict(CONTENT)
        self.fail_first: dict[str, int] = {}
        self.die_at: str | None = None

    def __call__(self, jar: Jar, target: Path) -> None:
        """Write the file, or half of it and fail."""
        self.served.append(jar.coordinate)
        data = self.content[jar.coordinate]
        if self.die_at == jar.coordinate:
            target.write_bytes(data[: len(data) // 2])
            raise KeyboardInterrupt
        if self.fail_first.get(jar.coordinate, 0) > 0:
            self.fail_first[jar.coordinate] -= 1
            raise ConnectionError("reset by peer")
        target.write_bytes(data)


def silent(line: str, *, last: bool = True) -> None:
    """No progress."""


def cache(folder: Path, fetch: Fetch) -> JarCache:
    """A cache of `CONTENT`."""
    return JarCache(folder / "kafka", lock_of(CONTENT), fetch, silent, AT_ONCE)


@pytest.fixture
def repository() -> Repository:
    """A repository that serves."""
    return Repository()


def test_fetches_all_once(tmp_path: Path, repository: Repository) -> None:
    """The first start fetches every jar, the second none."""
    paths = cache(tmp_path, repository).ensure()
    assert [path.read_bytes() for path in paths] == list(CONTENT.values())
    assert cache(tmp_path, repository).ensure() == paths
    assert sorted(repository.served) == sorted(CONTENT)
    assert not list(tmp_path.glob(".*")), "no staging folder is left"


def test_a_failing_download_is_tried_again(tmp_path: Path, repository: Repository) -> None:
    """A connection that breaks twice does not fail the start."""
    repository.fail_first = {"org.example:part2:1.2": 2}
    cache(tmp_path, repository).ensure()
    assert repository.served.count("org.example:part2:1.2") == 3


def test_offline_says_what_to_do(tmp_path: Path, repository: Repository) -> None:
    """Without the network the error names the jar and the ways out, and the jars that came are kept."""
    repository.fail_first = {"org.example:part4:1.4": 99}
    with pytest.raises(TransientError, match="part4") as caught:
        cache(tmp_path, repository).ensure()
    assert "KAFKA_BOOTSTRAP_SERVERS" in caught.value.detail
    repository.served.clear()
    repository.fail_first.clear()
    cache(tmp_path, repository).ensure()
    assert "org.example:part4:1.4" in repository.served


def test_other_bytes_are_refused(tmp_path: Path, repository: Repository) -> None:
    """A jar with another SHA-256 never reaches the cache, however often it is served."""
    bad = "org.example:part1:1.1"
    repository.content[bad] = bytes(len(CONTENT[bad]))
    with pytest.raises(PermanentError, match="part1"):
        cache(tmp_path, repository).ensure()
    assert not (tmp_path / "kafka" / "part1-1.1.jar").exists()
    assert not (tmp_path / "kafka" / "COMPLETE").exists()


def test_an_interrupted_download_is_continued(tmp_path: Path, repository: Repository) -> None:
    """Half a file is thrown away, whole ones are kept, and the cache is not taken for complete in between."""
    repository.die_at = "org.example:part3:1.3"
    with pytest.raises(KeyboardInterrupt):
        cache(tmp_path, repository).ensure()
    leftover = tmp_path / ".kafka-killed"
    leftover.mkdir()
    (leftover / "part3-1.3.jar").write_bytes(b"half")
    assert not (tmp_path / "kafka" / "COMPLETE").exists()
    repository.die_at = None
    paths = cache(tmp_path, repository).ensure()
    assert [path.read_bytes() for path in paths] == list(CONTENT.values())
    assert not leftover.exists()


@pytest.mark.parametrize("damage", ["shorter", "gone", "marker"])
def test_a_damaged_cache_is_repaired(tmp_path: Path, repository: Repository, damage: str) -> None:
    """A jar that is cut off or gone is fetched again, the others are not; without the marker all are hashed."""
    paths = cache(tmp_path, repository).ensure()
    repository.served.clear()
    match damage:
        case "shorter":
            paths[2].write_bytes(b"cut")
        case "gone":
            paths[2].unlink()
        case "marker":
            (tmp_path / "kafka" / "COMPLETE").unlink()
            paths[2].write_bytes(bytes(len(paths[2].read_bytes())))
    cache(tmp_path, repository).ensure()
    assert repository.served == ["org.example:part2:1.2"]
    assert paths[2].read_bytes() == CONTENT["org.example:part2:1.2"]


def test_verify_finds_a_changed_byte(tmp_path: Path, repository: Repository) -> None:
    """What `stat` cannot see, `verify` finds, and the next start repairs."""
    paths = cache(tmp_path, repository).ensure()
    assert cache(tmp_path, repository).verify() == []
    paths[0].write_bytes(b"X" + paths[0].read_bytes()[1:])
    assert cache(tmp_path, repository).verify() == ["org.example:part0:1.0"]
    cache(tmp_path, repository).ensure()
    assert cache(tmp_path, repository).verify() == []


def test_another_lock_is_another_cache(tmp_path: Path, repository: Repository) -> None:
    """A new version of the lock fetches what changed, though every file of the old one is there."""
    cache(tmp_path, repository).ensure()
    changed = {**CONTENT, "org.example:part0:1.0": b"fixed in the same version"}
    repository.content = changed
    repository.served.clear()
    paths = JarCache(tmp_path / "kafka", lock_of(changed), repository, silent, AT_ONCE).ensure()
    assert repository.served == ["org.example:part0:1.0"]
    assert paths[0].read_bytes() == b"fixed in the same version"


def test_progress_is_told_up_to_the_end(tmp_path: Path, repository: Repository) -> None:
    """The last line says that all is there, and only it is marked as last."""
    told: list[tuple[str, bool]] = []

    def report(line: str, *, last: bool = True) -> None:
        told.append((line, last))

    JarCache(tmp_path / "kafka", lock_of(CONTENT), repository, report, AT_ONCE).ensure()
    assert [last for _, last in told] == [False] * 4 + [True]
    assert told[-1][0].startswith(f"Fetching Apache Kafka {KAFKA_VERSION}: 5 of 5 jars")


def test_the_committed_lock_is_of_one_kafka() -> None:
    """Every Kafka jar in the lock has the version that is named, and no file name occurs twice."""
    jars = read_lock().jars
    kafka = [jar.coordinate for jar in jars if jar.coordinate.startswith("org.apache.kafka:")]
    assert f"org.apache.kafka:kafka-clients:{KAFKA_VERSION}" in kafka
    assert all(name.endswith(f":{KAFKA_VERSION}") for name in kafka)
    assert len({jar.filename for jar in jars}) == len(jars)
    assert all(len(jar.sha256) == 64 and jar.size > 0 for jar in jars)
