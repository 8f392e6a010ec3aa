"""All processes of a pipeline on one machine: in order, restarted when they end, gone when this one is.

It stands apart from what it runs: it knows commands, readiness and signals, no service.
Hazard: it is the parent of everything.  Should it die, however it dies, its watchdog ends the rest.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self, TextIO

from services.chassis.errors import ConfigurationError, TransientError
from services.local.process import Event, EventKind, ProcessSpec, SupervisedProcess
from services.local.watchdog import Watchdog

_POLL_SECONDS = 0.05
_KILLED_SECONDS = 5.0


class Interrupted(Exception):
    """A signal asked to stop while waiting."""


class Supervisor:
    """Runs `specs` until stopped.

    `data_dir/logs/NAME.log` has what a process wrote, `data_dir/run/NAME.pid` its number while it runs.

    Args:
        specs: What to run; see `ProcessSpec.after` for the order.
        data_dir: Where logs and pid files go.
        on_event: Takes what happens, one at a time, from the processes' threads; must not block for long.
        console: Where to show all output as well, each line with its process's name before it.

    Raises:
        ConfigurationError: Two have one name, or one waits for another that is not there or not before it.
    """

    def __init__(
        self,
        specs: Sequence[ProcessSpec],
        data_dir: Path,
        *,
        on_event: Callable[[Event], None] | None = None,
        console: TextIO | None = None,
    ) -> None:
        self._after = _order(specs)
        self._logs = data_dir / "logs"
        self._run = data_dir / "run"
        self._on_event = on_event
        self._console = console
        self._emitting = threading.Lock()
        self._watchdog = Watchdog()
        self._stop_asked = threading.Event()
        self._stopping = threading.Event()
        self._stopped = False
        self._signals = 0
        self._last_signal = 0
        self._processes = {
            spec.name: SupervisedProcess(
                spec,
                self._logs / f"{spec.name}.log",
                self._run / f"{spec.name}.pid",
                self._watchdog,
                lambda name=spec.name: self._may_start(name),  # type: ignore[misc]
                self._emit,
            )
            for spec in specs
        }

    @property
    def pids(self) -> dict[str, int]:
        """The numbers of those that run."""
        return {name: one.pid for name, one in self._processes.items() if one.pid is not None}

    @property
    def restarts(self) -> dict[str, int]:
        """How often each was started again."""
        return {name: one.restarts for name, one in self._processes.items()}

    def start(self) -> Self:
        """Begin starting; returns at once."""
        for folder in (self._logs, self._run):
            folder.mkdir(parents=True, exist_ok=True)
        for stale in self._run.glob(
            "*.pid"
        ):  # of a supervisor that was killed; its processes are gone too
            stale.unlink()
        self._watchdog.ensure_alive()
        for process in self._processes.values():
            process.start()
        if self._console is not None:
            threading.Thread(target=self._follow_logs, name="console", daemon=True).start()
        return self

    def wait_ready(self, deadline: float) -> None:
        """Return once all are ready at the same time.

        Raises:
            TransientError: One was given up, or `deadline` seconds passed; the detail has the end of its log.
            Interrupted: A signal came (only after `catch_signals`).
        """
        until = time.monotonic() + deadline
        while True:
            waiting = [one for one in self._processes.values() if not one.ready.is_set()]
            if not waiting:
                return
            for one in waiting:
                if one.failed.is_set():
                    raise TransientError(
                        "process_failed", f"{one.spec.name} cannot run:\n{one.log_tail()}"
                    )
            if time.monotonic() >= until:
                first = waiting[0]
                names = ", ".join(one.spec.name for one in waiting)
                raise TransientError(
                    "process_late",
                    f"not ready in {deadline:.0f} s: {names}; {first.spec.name} says:\n{first.log_tail()}",
                )
            if self._stop_asked.wait(_POLL_SECONDS):
                raise Interrupted

    def catch_signals(self) -> None:
        """Let SIGINT and SIGTERM end `wait_ready` and `run_until_signal`; a second one ends everything at once.

        To be called in the main thread.
        """
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)

    def run_until_signal(self) -> int:
        """Wait for SIGINT or SIGTERM, in the main thread; the caller then stops.

        Returns:
            The signal's number, or 0 when a process was given up.
        """
        self.catch_signals()
        while not self._stop_asked.wait(0.5):
            self._watchdog.ensure_alive()
            if any(one.failed.is_set() for one in self._processes.values()):
                return 0
        return self._last_signal

    def stop(self) -> None:
        """Stop all, those that others wait for after those others; by force where SIGTERM is not enough.  Idempotent."""
        if self._stopped:
            return
        self._stopping.set()
        left = dict(self._processes)
        while left:
            needed = {name for other in left for name in self._after[other]}
            leaving = [one for name, one in left.items() if name not in needed]
            for one in leaving:
                one.terminate()
            for one in leaving:
                self._await_end(one)
                del left[one.spec.name]
        self._watchdog.close()
        self._stopped = True

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _await_end(self, one: SupervisedProcess) -> None:
        until = time.monotonic() + one.spec.stop_seconds
        while not one.join(_POLL_SECONDS):
            if time.monotonic() >= until or self._signals > 1:
                one.kill()
                one.join(_KILLED_SECONDS)
                return

    def _may_start(self, name: str) -> bool:
        for other in self._after[name]:
            while not self._processes[other].ready.wait(_POLL_SECONDS):
                if self._stopping.is_set():
                    return False
        return not self._stopping.is_set()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._signals += 1
        self._last_signal = number
        self._stop_asked.set()

    def _emit(self, event: Event) -> None:
        if self._on_event is not None:
            with self._emitting:
                self._on_event(event)

    def _follow_logs(self) -> None:
        """Copy whole new lines of all logs to the console."""
        width = max(map(len, self._processes))
        offsets = {name: _size(one.log) for name, one in self._processes.items()}
        console = self._console or sys.stderr
        while True:
            ending = self._stopped  # read before the logs: one more round after the end
            for name, one in self._processes.items():
                size = _size(one.log)
                if size < offsets[name]:
                    offsets[name] = 0  # a new file
                if size == offsets[name]:
                    continue
                with one.log.open("rb") as file:
                    file.seek(offsets[name])
                    data = file.read()
                whole = data[: data.rfind(b"\n") + 1]
                offsets[name] += len(whole)
                for line in whole.decode("utf-8", "replace").splitlines():
                    console.write(f"{name:<{width}} | {line}\n")
            console.flush()
            if ending:
                return
            time.sleep(0.1)


def _order(specs: Sequence[ProcessSpec]) -> dict[str, tuple[str, ...]]:
    order: dict[str, tuple[str, ...]] = {}
    for spec in specs:
        after = tuple(order) if spec.after is None else spec.after
        unknown = [name for name in after if name not in order]
        if spec.name in order or unknown:
            raise ConfigurationError(
                f"process {spec.name!r}: its name is taken"
                if spec.name in order
                else f"process {spec.name!r} waits for {unknown[0]!r}, which is not listed before it"
            )
        order[spec.name] = after
    return order


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


__all__ = ["Event", "EventKind", "Interrupted", "ProcessSpec", "Supervisor"]
