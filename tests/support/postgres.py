"""A real PostgreSQL for one test session, from the binaries that the operating system has."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

import psycopg

from services.local.ports import free_port

START_SECONDS = 60


@dataclass(frozen=True)
class Postgres:
    """A running server."""

    process: subprocess.Popen[bytes]
    folder: Path
    port: int

    def create_database(self) -> str:
        """The SQLAlchemy URL of a new, empty database."""
        name = f"t{uuid.uuid4().hex[:12]}"
        with _connect(self.port) as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        return f"postgresql+psycopg://akar@127.0.0.1:{self.port}/{name}"

    def stop(self) -> None:
        """End it at once, and leave nothing on the disk."""
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(15)
        shutil.rmtree(self.folder, ignore_errors=True)


def start_postgres() -> Postgres | None:
    """Start one; None when the machine has no PostgreSQL.

    Raises:
        RuntimeError: it is there, and does not start; with the end of its log.
    """
    binaries = find_binaries()
    if binaries is None:
        return None
    folder = Path(tempfile.mkdtemp(prefix="akar-postgres-"))
    user = _unprivileged()
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)
    identity = (
        {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    )
    data, log = folder / "data", folder / "log"
    environment = {**os.environ, "HOME": str(folder), "TZ": "UTC"}
    subprocess.run(
        [
            str(binaries / "initdb"),
            "-D",
            str(data),
            "-U",
            "akar",
            "--auth=trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        ],
        check=True,
        cwd=folder,
        env=environment,
        capture_output=True,
        timeout=START_SECONDS,
        **identity,
    )
    port = free_port(str(folder))
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                str(binaries / "postgres"),
                "-D",
                str(data),
                "-p",
                str(port),
                "-k",
                str(folder),
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                "fsync=off",
                "-c",
                "max_connections=60",
            ],
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=output,
            **identity,
        )
    server = Postgres(process, folder, port)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            _connect(port).close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return server
    tail = log.read_text(errors="replace")[-2000:]
    server.stop()
    raise RuntimeError(f"PostgreSQL from {binaries} did not start:\n{tail}")


def find_binaries() -> Path | None:
    """The folder of the newest `initdb` and `postgres`: Debian keeps them off the PATH."""
    installed = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    by_version = sorted(installed, key=lambda path: float(path.parts[-3]), reverse=True)
    on_path = [Path(found).resolve()] if (found := shutil.which("initdb")) else []
    for initdb in (*by_version, *on_path):
        if (initdb.parent / "postgres").exists():
            return initdb.parent
    return None


def _connect(port: int) -> psycopg.Connection:
    return psycopg.connect(
        f"host=127.0.0.1 port={port} user=akar dbname=postgres", autocommit=True, connect_timeout=5
    )


def _unprivileged() -> pwd.struct_passwd | None:
    """Whom to run it as when we are root, which PostgreSQL refuses."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("PostgreSQL does not run as root, and there is no user postgres or nobody")
