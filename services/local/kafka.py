"""Apache Kafka, the real one, as a process of this machine: format once, start, wait, stop.

`python -m services.local.kafka --data-dir DIR` prepares the folder and then becomes the broker (exec), so that the process
that is supervised, signalled and killed is Kafka itself.  `EmbeddedKafka` runs that command as a child of this process.
It stands apart because everything else only needs an address.

Hazard: whoever holds an `EmbeddedKafka` is the broker's parent; the watchdog ends the broker with it.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from services.chassis.errors import AkarError, ConfigurationError, TransientError
from services.local.excerpt import excerpt_of
from services.local.folder import (
    Layout,
    obtain,
    prepare,
    read_address,
    serves,
    settle_ports,
    take_lock,
)
from services.local.ports import HOST
from services.local.process import ProcessSpec, open_log
from services.local.report import Progress, Report
from services.local.watchdog import Watchdog

EXIT_CANNOT = 2
"""Exit code of the command when a person has to change something first."""
HEAP_MB = 512
PATIENCE_SECONDS = 20.0
"""How long to wait for a broker on the same folder that is just ending."""
_POLL_SECONDS = 0.05


class EmbeddedKafka:
    """A broker that lives no longer than this process.

    Args:
        data_dir: Its folder; kept, and used again by the next one.
        port: The port for clients; by default the one used before, else a free one.
        overrides: Broker settings besides `properties.BROKER_OPTIONS`.
        heap_mb: Java's heap.
        watchdog: Shared with other children of this process, if there are any.
    """

    def __init__(
        self,
        data_dir: Path,
        port: int | None = None,
        *,
        overrides: Mapping[str, str] | None = None,
        heap_mb: int = HEAP_MB,
        watchdog: Watchdog | None = None,
    ) -> None:
        self.data_dir = data_dir.absolute()
        self._wanted = port
        self._overrides = dict(overrides or {})
        self._heap_mb = heap_mb
        self._watchdog = watchdog or Watchdog()
        self._owns_watchdog = watchdog is None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def port(self) -> int:
        """The port for clients, once started."""
        address = read_address(self.data_dir)
        if address is None:
            raise RuntimeError("the broker has not been started")
        return address[0]

    @property
    def bootstrap(self) -> str:
        """`host:port` for clients, once started."""
        return f"{HOST}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The broker's process, while it runs."""
        return (
            self._process.pid
            if self._process is not None and self._process.poll() is None
            else None
        )

    def command(self) -> list[str]:
        """What to run in a process of its own, such as the supervisor's, to have this broker there."""
        command = [sys.executable, "-m", "services.local.kafka", "--data-dir", str(self.data_dir)]
        if self._wanted is not None:
            command += ["--port", str(self._wanted)]
        for key, value in self._overrides.items():
            command += ["--set", f"{key}={value}"]
        return [*command, "--heap-mb", str(self._heap_mb)]

    def prepare(self, report: Report | None = None) -> str:
        """Fetch what is missing and settle the port, without starting: then others can be told the address.

        Returns:
            `host:port` for clients, which every later start keeps.

        Raises:
            ConfigurationError: The folder or the port is in use, or there is no Java.
            TransientError: The jars cannot be fetched.
        """
        report = report or Progress()
        obtain(report)
        handle = take_lock(self.data_dir, PATIENCE_SECONDS)
        try:
            self._wanted = settle_ports(self.data_dir, self._wanted, report)[0]
        finally:
            os.close(handle)
        return self.bootstrap

    def spec(self, name: str = "kafka") -> ProcessSpec:
        """This broker as a process of a supervisor, after `prepare`."""
        return ProcessSpec(name, self.command(), ready=self.ready, stop_seconds=30.0)

    def ready(self) -> bool:
        """Whether it serves now."""
        return serves(self.data_dir)

    def start(self, deadline: float = 90.0, report: Report | None = None) -> Self:
        """Start and wait until it serves; fetching the jars, the first time, is not counted.

        Raises:
            ConfigurationError: It cannot run as things are (folder or port in use, no Java).
            TransientError: The jars cannot be fetched, or it did not serve in `deadline` seconds.
        """
        if self.pid is not None:
            raise RuntimeError(f"already running as process {self.pid}")
        # Here, not only in the child: this is where a person sees the progress.
        obtain(report or Progress())
        layout = Layout(self.data_dir)
        layout.root.mkdir(parents=True, exist_ok=True)
        with open_log(layout.output) as output:
            begin = output.tell()
            self._process = self._watchdog.spawn(self.command(), stdout=output, stderr=output)
        until = time.monotonic() + deadline
        # Ready only if our own child answers: the address may be another broker's until the child has written its own.
        while not (self._holds_lock() and self.ready()):
            code = self._process.poll()
            if code is not None:
                self._reaped()
                said = excerpt_of(layout.output, begin)
                if code == EXIT_CANNOT:
                    raise ConfigurationError(said)
                raise TransientError(
                    "broker_ended", f"Kafka ended with {code} while starting: {said}"
                )
            if time.monotonic() >= until:
                self.kill()
                raise TransientError(
                    "broker_late",
                    f"Kafka did not serve in {deadline:.0f} s: {excerpt_of(layout.output, begin)}",
                )
            time.sleep(_POLL_SECONDS)
        return self

    def stop(self, timeout: float = 30.0) -> None:
        """Stop cleanly (SIGTERM), and by force after `timeout` seconds; nothing when it does not run."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(timeout)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._reaped()

    def kill(self) -> None:
        """Kill it with -9, as a crash would; `start` begins again on the same folder and port."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._reaped()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _holds_lock(self) -> bool:
        with suppress(FileNotFoundError, ValueError):
            return (
                self._process is not None
                and int(Layout(self.data_dir).lock.read_text()) == self._process.pid
            )
        return False

    def _reaped(self) -> None:
        if self._process is not None:
            self._watchdog.forget(self._process.pid)
            self._process = None
            if self._owns_watchdog:
                self._watchdog.close()


def main(arguments: Sequence[str] | None = None) -> None:
    """Prepare the folder, then become the broker."""
    parser = argparse.ArgumentParser(
        prog="python -m services.local.kafka", description=main.__doc__
    )
    parser.add_argument("--data-dir", type=Path, required=True, help="the broker's own folder")
    parser.add_argument(
        "--port", type=int, help="for clients; by default the one used before, else a free one"
    )
    parser.add_argument("--heap-mb", type=int, default=HEAP_MB)
    parser.add_argument(
        "--patience",
        type=float,
        default=PATIENCE_SECONDS,
        help="seconds to wait for a broker that is just ending",
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a broker setting"
    )
    options = parser.parse_args(arguments)

    report = Progress()
    try:
        overrides = dict(pair.split("=", 1) for pair in options.set)
        handle = take_lock(options.data_dir, options.patience)
        command, port = prepare(options.data_dir, options.port, overrides, options.heap_mb, report)
    except AkarError as error:
        report(error.detail)
        sys.exit(EXIT_CANNOT if isinstance(error, ConfigurationError) else 1)
    report(f"Kafka starts on {HOST}:{port}, data in {options.data_dir.absolute()}")
    os.set_inheritable(handle, True)  # the lock goes on with the broker
    os.execv(command[0], command)  # noqa: S606 - a fixed program, and no shell is wanted


if __name__ == "__main__":
    main()
