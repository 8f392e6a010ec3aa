"""Ends children when the process that started them dies, however it dies.

It stands apart, and imports nothing but the standard library, because it runs in a process of its own
(`python -I -S watchdog.py watch`), which holds the reading end of a pipe.  The writing ends are the parent's and, until it
runs its program, each child's: end of file therefore means that all are gone, also after kill -9, on Linux and macOS alike.
A child says its own number before it runs its program, so none can start unknown to the watchdog.

Hazard: it signals process groups by number.  The parent says when it has reaped a child, so a number is only ever
stale when the parent was killed at the very moment its child ended.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

GRACE_SECONDS = 10.0
"""What children get between SIGTERM and SIGKILL once their parent is gone."""

_PYTHON = (sys.executable, "-I", "-S", str(Path(__file__).resolve()))


class Watchdog:
    """The parent's end: starts children that do not outlive this process."""

    def __init__(self, grace: float = GRACE_SECONDS) -> None:
        self._grace = grace
        self._lock = threading.Lock()
        self._children: set[int] = set()
        self._pipe = -1
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The watching process, once there is one."""
        return self._process.pid if self._process else None

    def spawn(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stdout: int | IO[bytes] | None = None,
        stderr: int | IO[bytes] | None = None,
        nice: int = 0,
    ) -> subprocess.Popen[bytes]:
        """Start `command` in a session of its own, under watch.

        Its own session keeps Ctrl-C at the terminal for the parent, which stops its children in order.

        Args:
            command: Program and arguments.
            env: Its environment; by default this process's.
            cwd: Its working folder; by default this process's.
            stdout: Where its output goes.
            stderr: Where its complaints go.
            nice: 0 to 19: how far it gives way where processors are short.
        """
        with self._lock:
            self._ensure_alive()
            child = subprocess.Popen(
                [*_PYTHON, "exec", str(self._pipe), str(nice), *command],
                env=None if env is None else dict(env),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
                pass_fds=(self._pipe,),
            )
            self._children.add(child.pid)
            return child

    def forget(self, pid: int) -> None:
        """Say that `pid` has ended and was waited for: its number may soon be another's."""
        with self._lock:
            self._children.discard(pid)
            if self._pipe >= 0:
                with contextlib.suppress(
                    BrokenPipeError
                ):  # a new watching process is told what is left
                    os.write(self._pipe, f"-{pid}\n".encode())

    def ensure_alive(self) -> None:
        """Start the watching process, again if something has ended it."""
        with self._lock:
            self._ensure_alive()

    def _ensure_alive(self) -> None:
        if self._process is not None and self._process.poll() is None:
            return
        self._close_pipe()
        reading, self._pipe = os.pipe()
        try:
            self._process = subprocess.Popen(
                # Those it must know are told at once: this process may be killed before it could write them.
                [*_PYTHON, "watch", str(self._grace), *map(str, sorted(self._children))],
                stdin=reading,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        finally:
            os.close(reading)

    def close(self) -> None:
        """Let go: whatever still runs is ended, and so is the watching process."""
        with self._lock:
            self._close_pipe()
            if self._process is not None:
                self._process.wait(self._grace + 5)
                self._process = None

    def _close_pipe(self) -> None:
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1


def _watch(grace: float, children: set[int]) -> None:
    """Keep the set of children, process groups by number; at the end of the pipe, end them."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # only the end of the pipe ends this process
    with os.fdopen(0, "rb") as pipe:
        for line in pipe:
            pid = int(line[1:])
            if line.startswith(b"+"):
                children.add(pid)
            else:
                children.discard(pid)
    children = {pid for pid in children if _signal_group(pid, signal.SIGTERM)}
    deadline = time.monotonic() + grace
    while children and time.monotonic() < deadline:
        time.sleep(0.05)
        children = {pid for pid in children if _signal_group(pid, 0)}
    for pid in children:
        _signal_group(pid, signal.SIGKILL)


def _signal_group(pid: int, number: int) -> bool:
    try:
        os.killpg(pid, number)
    except (
        ProcessLookupError,
        PermissionError,
    ):  # macOS says "not permitted" of a group of zombies
        return False
    return True


def _give_way(nice: int) -> None:
    os.nice(nice)
    # Where Linux shares processors among sessions first, a process's own number counts within its session alone.
    with contextlib.suppress(OSError):  # elsewhere, or switched off
        Path("/proc/self/autogroup").write_text(str(nice), encoding="ascii")


def _exec(pipe: int, nice: int, command: Sequence[str]) -> None:
    os.write(pipe, f"+{os.getpid()}\n".encode())
    os.set_inheritable(pipe, False)
    if nice:
        _give_way(nice)
    try:
        os.execvp(command[0], list(command))  # noqa: S606 - no shell is wanted
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        sys.stderr.flush()
        os._exit(127)


if __name__ == "__main__":
    if sys.argv[1] == "watch":
        _watch(float(sys.argv[2]), set(map(int, sys.argv[3:])))
    else:
        _exec(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
