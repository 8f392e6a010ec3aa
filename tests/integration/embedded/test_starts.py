"""A start of the embedded broker: twice, with its port taken, killed in the middle, with rests of earlier ones, its parent gone."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from services.chassis.errors import ConfigurationError
from services.local.folder import Layout, obtain, read_address
from services.local.kafka import EmbeddedKafka
from services.local.ports import HOST
from services.local.report import Progress
from tests.support.broker import RunningBroker
from tests.support.embedded import DEADLINE, command, ended

PARENT = """
import sys, time
from pathlib import Path
from services.local.kafka import EmbeddedKafka
kafka = EmbeddedKafka(Path(sys.argv[1])).start()
print(kafka.pid, flush=True)
time.sleep(600)
"""


def test_a_second_start_on_the_same_folder_is_refused(own: RunningBroker) -> None:
    """While one runs, another is told the process that has the folder, and the first one is not disturbed."""
    second = subprocess.run(
        command(own.kafka.data_dir, "--patience", "0.2"),
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE,
    )
    assert second.returncode == 2
    assert f"in use by a Kafka that runs as process {own.kafka.pid}" in second.stderr
    assert own.kafka.ready()
    with pytest.raises(ConfigurationError, match=f"process {own.kafka.pid}"):
        EmbeddedKafka(own.kafka.data_dir).start()


def test_a_port_in_use_is_an_error_only_if_it_was_asked_for(own: RunningBroker) -> None:
    """With `--port` a used port is refused by number; a remembered one is replaced, with a notice."""
    own.kafka.stop()
    remembered = own.kafka.port
    notices: list[str] = []

    def report(line: str, *, last: bool = True) -> None:
        notices.append(line)

    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind((HOST, remembered))
        squatter.listen()
        with pytest.raises(ConfigurationError, match=f"port {remembered} on {HOST} is in use"):
            EmbeddedKafka(own.kafka.data_dir, port=remembered).start()
        elsewhere = EmbeddedKafka(own.kafka.data_dir)
        assert elsewhere.prepare(report) != own.bootstrap
        assert notices == [
            f"Port {remembered} is in use by another program; Kafka now listens on {elsewhere.bootstrap}"
        ]
        elsewhere.start()
        assert elsewhere.ready()
        elsewhere.stop()
    EmbeddedKafka(own.kafka.data_dir, port=remembered).prepare()
    own.kafka.start()
    assert own.kafka.bootstrap == own.bootstrap


def test_no_orphan_when_its_parent_is_killed(tmp_path: Path) -> None:
    """After kill -9 of the parent the broker stops cleanly, and the folder serves the next one."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    with parent.stdout:
        broker = int(parent.stdout.readline())
    assert not ended(broker)
    parent.kill()
    parent.wait()
    begin = time.monotonic()
    with EmbeddedKafka(tmp_path) as next_one:  # at once: it waits for the one that is just ending
        assert ended(broker)
        assert next_one.ready()
        assert time.monotonic() - begin < DEADLINE


def test_killed_while_it_prepares(tmp_path: Path) -> None:
    """A start that is killed at any early moment, formatting included, leaves a folder that the next start can use."""
    for tenths in range(0, 16, 3):
        first = subprocess.Popen(
            command(tmp_path),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(tenths / 10)  # not a wait for a condition: the moment of the kill
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    with EmbeddedKafka(tmp_path) as kafka:
        assert kafka.ready()


def test_stale_files_do_not_matter(tmp_path: Path) -> None:
    """A lock file that names a living process but is not held, and half an address, are no obstacle."""
    layout = Layout(tmp_path)
    layout.lock.write_text(f"{os.getpid()}\n")
    layout.address.write_text('{"port": 29')
    assert read_address(tmp_path) is None
    with EmbeddedKafka(tmp_path) as kafka:
        assert kafka.ready()
        assert read_address(tmp_path) is not None


def test_a_broken_start_up_archive_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An archive that Java cannot use, or that could not be made, costs time and nothing else."""
    runtime = obtain(Progress())
    copy = tmp_path / "cache" / "akar" / runtime.classpath[0].parent.name
    copy.mkdir(parents=True)
    for path in runtime.classpath[0].parent.iterdir():
        if path != runtime.archive:
            os.link(path, copy / path.name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    if runtime.archive is not None:
        (copy / runtime.archive.name).write_bytes(runtime.archive.read_bytes()[:100_000])
    with EmbeddedKafka(tmp_path / "one") as kafka:
        assert kafka.ready()
    if runtime.archive is not None:
        (copy / runtime.archive.name).write_bytes(b"")
        assert obtain(Progress()).archive is None
