"""A running pipeline as its operator sees it: `akar up`, the folder it writes, processes that can be killed.

It stands apart so that a scenario reads as a story.  Everything is found the way a person would: the line that `--ready-json`
prints, the pid files, `/readyz`.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

ROOT = Path(__file__).parents[2]
ARM = Path(__file__).parent / "arm"
START_SECONDS = 240.0
"""The first start on a machine fetches Kafka."""
T = TypeVar("T")


def wait_for(what: str, probe: Callable[[], T | None], seconds: float, *, pause: float = 0.05) -> T:
    """The first value of `probe` that is true.

    Raises:
        AssertionError: there is none within `seconds`.
    """
    until = time.monotonic() + seconds
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() >= until:
            raise AssertionError(f"{what}: not within {seconds:g} s")
        time.sleep(pause)


class Pipeline:
    """`akar up` on a folder of its own, with a receiver for every department.

    Args:
        folder: Empty; gets the pipeline's data, the journals and everything's output.
        workers: Router processes.
        refuse: The part of first webhook calls that is answered 503.
        seed: Of the receiver's refusals.
        data: The data folder, if it is to be elsewhere.
        env: More for the pipeline's processes.
    """

    def __init__(
        self,
        folder: Path,
        *,
        workers: int = 1,
        refuse: float = 0.02,
        seed: int = 1,
        data: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.data = folder / "data" if data is None else data
        self.rules = folder / "rules.json"
        self._env = dict(env or {})
        self.webhook_log = folder / "webhooks.ndjson"
        self.client_log = folder / "client.ndjson"
        self._workers = workers
        self._refuse = refuse
        self._seed = seed
        self._order = folder / "arm.json"
        self._ended = Path(f"{self._order}.ended")
        self._children: list[subprocess.Popen[bytes]] = []
        self.ready: dict[str, Any] = {}

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        if kind is None:
            # What a broker leaves is large; the journals and logs stay.
            shutil.rmtree(self.data / "kafka", ignore_errors=True)

    def _start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        port_file = self.folder / "receiver.port"
        command = [
            sys.executable,
            *("-m", "tests.chaos.receiver", "--log", str(self.webhook_log)),
            *("--port-file", str(port_file), "--refuse", str(self._refuse)),
            *("--seed", str(self._seed), "--rules", str(self.rules)),
        ]
        self.spawn("receiver", command)
        wait_for("the receiver's port", port_file.exists, 30)
        self._webhooks = f"http://127.0.0.1:{port_file.read_text()}"
        self.up()

    def up(self) -> None:
        """`akar up`, and wait until it is."""
        akar = Path(sys.executable).parent / "akar"
        up = self.spawn(
            "up",
            [
                str(akar),
                *("up", "--ready-json", "--data-dir", str(self.data)),
                *("--workers", str(self._workers)),
                *("--webhooks", self._webhooks),
            ],
            PYTHONPATH=os.pathsep.join(filter(None, (str(ARM), os.environ.get("PYTHONPATH")))),
            AKAR_CHAOS_ARM=f"{self._order}",
            NOTIFIER_RETRY_WAITS="[0.5, 1, 2, 4, 8, 8, 8, 8, 16, 16]",
            **self._env,
        )
        self._up = up

        def line() -> str | None:
            if up.poll() is not None:
                raise AssertionError(f"akar up ended with {up.returncode}: {self.said('up')}")
            text = (self.folder / "up.out").read_text(encoding="utf-8")
            return text if text.endswith("\n") else None

        self.ready = json.loads(wait_for("akar up", line, START_SECONDS, pause=0.1))

    def down(self) -> None:
        """End `akar up` as a person would, and wait until nothing of it runs.

        Raises:
            AssertionError: it did not end well.
        """
        self._up.send_signal(signal.SIGTERM)
        assert self._up.wait(120) == 0, f"akar up ended badly: {self.said('up')}"
        self._children.remove(self._up)

    def cut(self) -> None:
        """Everything that belongs to the pipeline is gone from one moment to the next."""
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._up.wait(10)
        self._children.remove(self._up)
        wait_for("all of it is gone", lambda: not any(self.pid(n) for n in self.names), 30)

    def pids(self) -> list[int]:
        """`akar up`, and all that it runs."""
        return [self._up.pid, *filter(None, (self.pid(name) for name in self.names))]

    def environment(self, name: str) -> dict[str, str]:
        """What a process was started with."""
        pid = wait_for(f"{name} runs", lambda: self.pid(name), 60)
        pairs = Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
        return dict(pair.split("=", 1) for pair in pairs if "=" in pair)

    def join(self, number: int) -> subprocess.Popen[bytes]:
        """One more router worker, which nobody starts again."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        env = {
            **self.environment("router-0"),
            "ROUTER_INSTANCE": f"joined-{number}",
            "ROUTER_STATE_DIR": str(self.data / "router" / f"joined-{number}"),
            "ROUTER_HEALTH_PORT": str(port),
        }
        name = f"joined-{number}-{time.monotonic_ns()}"
        process = self.spawn(
            name, [sys.executable, "-m", "services.router"], replace_env=True, **env
        )

        def serves() -> bool:
            assert process.poll() is None, f"{name} ended: {self.said(name)}"
            return _ready(f"http://127.0.0.1:{port}/readyz")

        wait_for(f"{name} serves", serves, 180)
        return process

    @contextmanager
    def broker_locked_out(self) -> Iterator[None]:
        """Nothing can start a broker on the data folder meanwhile: Kafka's own lock file is taken."""
        with (self.data / "kafka" / "log" / ".lock").open("r+b") as file:

            def taken() -> bool:
                try:
                    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    return False
                return True

            stop = threading.Event()

            def take() -> None:
                while not taken() and not stop.wait(0.002):
                    pass

            thread = threading.Thread(target=take, daemon=True)
            thread.start()
            try:
                yield
            finally:
                stop.set()
                thread.join()

    def spawn(
        self, name: str, command: list[str], *, replace_env: bool = False, **env: str
    ) -> subprocess.Popen[bytes]:
        """Start a process of the test's own; its output goes to `NAME.out` and `NAME.err`."""
        inherited = {} if replace_env else os.environ
        clean = {k: v for k, v in inherited.items() if not k.startswith(("AKAR_", "KAFKA_"))}
        with (
            (self.folder / f"{name}.out").open("wb") as out,
            (self.folder / f"{name}.err").open("wb") as err,
        ):
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**clean, **env},
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        self._children.append(process)
        return process

    def said(self, name: str) -> str:
        """The end of a process's error output."""
        return (self.folder / f"{name}.err").read_text(encoding="utf-8", errors="replace")[-3000:]

    def stop(self) -> None:
        """End everything, in the opposite order; idempotent."""
        for process in reversed(self._children):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(60)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait(10)
        self._children.clear()

    # -- the processes ---------------------------------------------------------------------------

    @property
    def names(self) -> list[str]:
        """What runs, by the names of its pid files."""
        return sorted(path.stem for path in (self.data / "run").glob("*.pid"))

    def pid(self, name: str) -> int | None:
        """The number of a process that runs now."""
        try:
            pid = int((self.data / "run" / f"{name}.pid").read_text())
            os.kill(pid, 0)
        except (FileNotFoundError, ValueError, ProcessLookupError):
            return None
        return pid

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal to a process once it runs; its number."""
        pid = wait_for(f"{name} runs", lambda: self.pid(name), 120, pause=0.01)
        os.kill(pid, number)
        return pid

    def serves(self, name: str) -> bool:
        """Whether a process says that it is ready."""
        if name == "kafka":
            host, _, port = self.ready["kafka"].rpartition(":")
            try:
                with socket.create_connection((host, int(port)), timeout=1):
                    return True
            except OSError:
                return False
        url = self.ready["health"].get(name)
        if url is None:
            return self.pid(name) is not None
        return _ready(url)

    def wait_back(self, name: str, before: int, seconds: float = 600.0) -> None:
        """Return once another process than `before` serves under that name.

        No promise: a console that has been away for minutes on a machine with 15 processes per core took three to catch up.
        """

        def back() -> bool:
            pid = self.pid(name)
            return pid is not None and pid != before and self.serves(name)

        wait_for(f"{name} is back", back, seconds)

    @contextmanager
    def routers_held(self) -> Iterator[None]:
        """Routers that are started meanwhile begin nothing until it is over."""
        hold = Path(f"{self._order}.hold")
        hold.touch()
        try:
            yield
        finally:
            hold.unlink()

    # -- fault points ------------------------------------------------------------------------------

    def arm(self, name: str, fault: str | None, *, wipe: bool = False) -> None:
        """Let the next life of a router worker end at `fault`, or begin without its state folder."""
        number = name.removeprefix("router-")
        self._ended.unlink(missing_ok=True)
        new = self._order.with_suffix(".new")
        new.write_text(
            json.dumps({"instance": f"local-{number}", "fault": fault, "wipe": wipe}),
            encoding="utf-8",
        )
        new.replace(self._order)

    def taken(self) -> int | None:
        """Process number of the life that took the order; None as long as none has."""
        if self._order.exists():
            return None
        return int(Path(f"{self._order}.taken").read_text(encoding="utf-8"))

    def ended(self) -> tuple[int, int] | None:
        """Process number and exit code of the armed life, once it has ended itself."""
        try:
            pid, code = self._ended.read_text(encoding="utf-8").split()
        except (FileNotFoundError, ValueError):
            return None
        return int(pid), int(code)


def _ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
