"""One supervised process: started, watched, started again, stopped.

It stands apart from the supervisor, which knows the others: here is the life of one, in one thread, top to bottom.
Hazard: a process that ends at once would be started thousands of times; starts come further and further apart, and one that
has never been ready is given up.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from services.chassis.retry import exponential
from services.local.excerpt import excerpt_of
from services.local.probe import http_ready
from services.local.settings import inherited_environment
from services.local.watchdog import Watchdog

RESTART = exponential(0.1, longest=5.0, attempts=8, jitter=0.0)
"""Least seconds from one start to the next: one that has lived as long is started at once; the last holds from then on."""
AT_ONCE_SECONDS = 0.1
"""From an end to the next start, however long it has lived."""
STEADY_SECONDS = 10.0
"""After so long in readiness, the waits begin from the shortest again."""
GIVE_UP_AFTER = 5
"""Ends without ever having been ready, after which it is not started again."""
FULL_DISK_SECONDS = 1.0
"""Between two starts while there is no room for a pid file or a log."""
USAGE_ERROR = 2
"""Exit code of a program that was asked for something it cannot do: starting it again does not help."""
LOG_LIMIT_BYTES = 20_000_000
"""Above it a log is put aside at the next start."""
HUNG_AFTER = 3
"""Looks in a row to which a process does not answer that it is live, after which it is ended: as in deploy/kubernetes."""
_LOOK_TIMEOUT_SECONDS = 5.0
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """What to run.

    Attributes:
        name: Of the process, its log and its pid file; unique, a plain word.
        command: Program and arguments.
        env: Put over this process's environment.
        ready: A URL that answers 200, or a function, that says when it serves; None: as soon as it runs.
        live: A URL that answers 200 as long as it works; once it has been ready, one that hangs is killed and started again.
        look_seconds: Between two looks whether it is live.
        after: Names of those that must be ready before it starts; by default all that stand before it.  They are stopped in
            the opposite order.
        stop_seconds: From SIGTERM to SIGKILL.
        cwd: Its working folder; by default this process's.
        nice: 0 to 19: how far it gives way to the others where processors are short.
    """

    name: str
    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    ready: str | Callable[[], bool] | None = None
    live: str | None = None
    look_seconds: float = 10.0
    after: tuple[str, ...] | None = None
    stop_seconds: float = 10.0
    cwd: Path | None = None
    nice: int = 0


class EventKind(StrEnum):
    """What happened to a process."""

    STARTED = "started"
    READY = "ready"
    HUNG = "hung"
    EXITED = "exited"
    RESTARTED = "restarted"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to one process.

    Attributes:
        kind: What; RESTARTED comes instead of STARTED from the second start on, HUNG before it is killed for not being live,
            FAILED when it is given up.
        name: Of the process.
        pid: Its number; for EXITED and FAILED the former one.
        code: How it ended (negative: by that signal); None while it runs.
        restarts: How often it has been started again.
    """

    kind: EventKind
    name: str
    pid: int
    code: int | None
    restarts: int


def wait_before_start(ends: int, lived: float) -> float:
    """Seconds until the next start.

    Args:
        ends: How often it has ended since it last served for `STEADY_SECONDS`, at least 1.
        lived: Seconds from its last start to its end.
    """
    apart = RESTART.wait_after(min(ends, RESTART.attempts - 1)) or 0.0
    return max(AT_ONCE_SECONDS, apart - lived)


def open_log(path: Path) -> BinaryIO:
    """A log to append to; a large one is put aside first, in place of the one put aside before."""
    if path.exists() and path.stat().st_size > LOG_LIMIT_BYTES:
        path.replace(path.with_name(path.name + ".1"))
    return path.open("ab")


class SupervisedProcess:
    """Runs one `ProcessSpec` until told to stop.

    Args:
        spec: What to run.
        log: Where its output goes, appended.
        pid_file: Holds its number while it runs.
        watchdog: Ends it if this process dies.
        gate: Returns once it may start; False when it never may.
        emit: Takes its events, in order, in its own thread.
    """

    def __init__(
        self,
        spec: ProcessSpec,
        log: Path,
        pid_file: Path,
        watchdog: Watchdog,
        gate: Callable[[], bool],
        emit: Callable[[Event], None],
    ) -> None:
        self.spec = spec
        self.log = log
        self.restarts = 0
        self.ready = threading.Event()
        self.failed = threading.Event()
        self._pid_file = pid_file
        self._watchdog = watchdog
        self._gate = gate
        self._emit_to = emit
        self._child: subprocess.Popen[bytes] | None = None
        self._log_from = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"supervise-{spec.name}", daemon=True
        )

    @property
    def pid(self) -> int | None:
        """Its number while it runs."""
        child = self._child
        return child.pid if child is not None and child.returncode is None else None

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def terminate(self) -> None:
        """Ask it to stop (SIGTERM) and do not start it again; returns at once."""
        self._stopping.set()
        child = self._child
        if child is not None:
            child.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it and what it has started."""
        self._stopping.set()
        child = self._child
        if child is not None and child.returncode is None:
            _kill_group(child.pid)

    def join(self, timeout: float) -> bool:
        """Wait until it has ended and was reaped; False when it has not in `timeout` seconds."""
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def log_tail(self, limit: int = 2000) -> str:
        """What it has written since its last start: the first complaint and the end."""
        return excerpt_of(self.log, self._log_from, limit)

    def _run(self) -> None:
        try:
            self._live()
        except BaseException:
            # A defect in `ready` or in a listener: unsupervised it must not run on.
            self.failed.set()
            self.kill()
            raise

    def _live(self) -> None:
        if not self._gate():
            return
        failures = 0
        ever_ready = False
        while not self._stopping.is_set():
            began = time.monotonic()
            child = self._next_life(ever_ready=ever_ready)
            if child is None:
                self._stopping.wait(FULL_DISK_SECONDS)
                continue
            since = self._until_ready(child)
            self._until_ended(child)
            code = self._reap(child)
            if since is not None:
                ever_ready = True
                if time.monotonic() - since >= STEADY_SECONDS:
                    failures = 0
            self._emit(EventKind.EXITED, child.pid, code)
            failures += 1
            if self._stopping.is_set():
                return
            if not ever_ready and (failures >= GIVE_UP_AFTER or code == USAGE_ERROR):
                self.failed.set()
                self._emit(EventKind.FAILED, child.pid, code)
                return
            self._stopping.wait(wait_before_start(failures, time.monotonic() - began))
            self.restarts += 1

    def _next_life(self, *, ever_ready: bool) -> subprocess.Popen[bytes] | None:
        """Started; None when the disk is full, which somebody may mend: what ran before is not given up for that."""
        try:
            return self._spawn()
        except OSError as error:
            if not ever_ready or error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            return None

    def _spawn(self) -> subprocess.Popen[bytes]:
        with open_log(self.log) as output:
            self._log_from = output.tell()
            child = self._watchdog.spawn(
                self.spec.command,
                env=inherited_environment(self.spec.env),
                cwd=self.spec.cwd,
                stdout=output,
                stderr=output,
                nice=self.spec.nice,
            )
        self._child = child
        if (
            self._stopping.is_set()
        ):  # told to stop between the check and the start: nobody else would signal it
            child.send_signal(signal.SIGTERM)
        try:
            self._pid_file.write_text(f"{child.pid}\n", encoding="ascii")
        except OSError:
            child.kill()
            self._reap(child)
            raise
        self._emit(EventKind.RESTARTED if self.restarts else EventKind.STARTED, child.pid, None)
        return child

    def _until_ready(self, child: subprocess.Popen[bytes]) -> float | None:
        """Wait for readiness; the moment of it on the monotonic clock, or None when the process ended before."""
        while child.poll() is None:
            if self._answers():
                self.ready.set()
                self._emit(EventKind.READY, child.pid, None)
                return time.monotonic()
            time.sleep(_POLL_SECONDS)
        return None

    def _until_ended(self, child: subprocess.Popen[bytes]) -> None:
        """Wait for its end; one that can say whether it is live, and does not say so any more, is ended."""
        live, unanswered = self.spec.live, 0
        while live is not None and unanswered < HUNG_AFTER:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(self.spec.look_seconds)
                return
            unanswered = 0 if http_ready(live, _LOOK_TIMEOUT_SECONDS) else unanswered + 1
        if live is not None and not self._stopping.is_set():
            self._emit(EventKind.HUNG, child.pid, None)
            _kill_group(child.pid)

    def _answers(self) -> bool:
        ready = self.spec.ready
        if ready is None:
            return True
        return http_ready(ready) if isinstance(ready, str) else ready()

    def _reap(self, child: subprocess.Popen[bytes]) -> int:
        code = child.wait()
        self.ready.clear()
        self._watchdog.forget(child.pid)
        self._pid_file.unlink(missing_ok=True)
        # What it has started itself and left behind would hold its ports.
        _kill_group(child.pid)
        return code

    def _emit(self, kind: EventKind, pid: int, code: int | None) -> None:
        self._emit_to(Event(kind, self.spec.name, pid, code, self.restarts))


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
