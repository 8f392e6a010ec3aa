"""The supervisor with real processes: order, restarts, ends, and what is left when it is killed."""

from __future__ import annotations

import errno
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from services.chassis.errors import ConfigurationError, TransientError
from services.local.ports import free_port
from services.local.process import HUNG_AFTER, LOG_LIMIT_BYTES
from services.local.supervisor import Event, EventKind, ProcessSpec, Supervisor

DEADLINE = 20.0

# Writes "NAME up", becomes ready by making its file, and writes "NAME down" when it is told to stop.
WORKER = """
import pathlib, signal, sys, time
name, folder = sys.argv[1], pathlib.Path(sys.argv[2])
def down(number, frame):
    with (folder / "story").open("a") as story:
        story.write(name + " down\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, down)
print("hello from", name, flush=True)
with (folder / "story").open("a") as story:
    story.write(name + " up\\n")
(folder / (name + ".ready")).touch()
while True:
    time.sleep(60)
"""
# Says that it is live until the file "ill" is there; what starts anew is well.
PATIENT = """
import http.server, pathlib, sys
ill = pathlib.Path(sys.argv[1]) / "ill"
ill.unlink(missing_ok=True)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(503 if ill.exists() else 200)
        self.end_headers()
    def log_message(self, *_): ...
http.server.HTTPServer(("127.0.0.1", int(sys.argv[2])), Handler).serve_forever()
"""
# A parent of WORKER, standing alone so that it can be killed: prints its pids when all are ready.
PARENT = """
import sys, pathlib
from services.local.ports import free_port
from services.local.process import LOG_LIMIT_BYTES
from services.local.supervisor import ProcessSpec, Supervisor
folder = pathlib.Path(sys.argv[1])
specs = [
    ProcessSpec(n, [sys.executable, "-c", sys.argv[2], n, str(folder)], ready=(folder / (n + ".ready")).exists, after=())
    for n in ("a", "b")
]
supervisor = Supervisor(specs, folder)
supervisor.catch_signals()
supervisor.start()
supervisor.wait_ready(20)
print(supervisor._watchdog.pid, *supervisor.pids.values(), flush=True)
supervisor.run_until_signal()
supervisor.stop()
"""


def until(condition: Callable[[], bool], what: str, deadline: float = DEADLINE) -> float:
    """Wait for `condition`; how long it took."""
    begin = time.monotonic()
    while not condition():
        if time.monotonic() - begin > deadline:
            pytest.fail(f"not within {deadline} s: {what}")
        time.sleep(0.02)
    return time.monotonic() - begin


def worker(name: str, folder: Path, **more: object) -> ProcessSpec:
    """A well-behaved process."""
    command = [sys.executable, "-c", WORKER, name, str(folder)]
    return ProcessSpec(name, command, ready=(folder / f"{name}.ready").exists, **more)  # type: ignore[arg-type]


def story(folder: Path) -> list[str]:
    """What the workers wrote, in order."""
    return (folder / "story").read_text().splitlines()


def gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody has waited for yet has."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
def parent(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int, list[int]]]:
    """A supervisor in a process of its own: it, its watchdog's pid and its two children's."""
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path), WORKER], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    watchdog, *children = map(int, process.stdout.readline().split())
    try:
        yield process, watchdog, children
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        until(lambda: all(map(gone, children)), "children end with the test")


def test_a_full_disk_is_waited_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no room for a pid file a process that ran before is started again later, and nothing of it is left over."""
    refused: list[Path] = []
    write = Path.write_text

    def full(path: Path, *args: object, **more: object) -> int:
        if path.suffix == ".pid" and len(refused) < 2:
            refused.append(path)
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, *args, **more)  # type: ignore[arg-type]

    with Supervisor([worker("one", tmp_path)], tmp_path) as supervisor:
        supervisor.wait_ready(DEADLINE)
        monkeypatch.setattr(Path, "write_text", full)
        os.kill(supervisor.pids["one"], signal.SIGKILL)
        until(lambda: len(refused) == 2, "two starts fail")
        until(lambda: story(tmp_path).count("one up") == 2, "the third succeeds")
        supervisor.wait_ready(DEADLINE)


def test_starts_in_order_and_stops_in_the_opposite_one(tmp_path: Path) -> None:
    """Each process starts when those before it are ready, and stops before those it needs."""
    events: list[Event] = []
    specs = [worker("one", tmp_path), worker("two", tmp_path), worker("three", tmp_path)]
    with Supervisor(specs, tmp_path, on_event=events.append) as supervisor:
        supervisor.wait_ready(DEADLINE)
        pids = supervisor.pids
        assert {n: int((tmp_path / "run" / f"{n}.pid").read_text()) for n in pids} == pids
    assert story(tmp_path) == ["one up", "two up", "three up", "three down", "two down", "one down"]
    assert [(e.kind, e.name) for e in events[:4]] == [
        (EventKind.STARTED, "one"),
        (EventKind.READY, "one"),
        (EventKind.STARTED, "two"),
        (EventKind.READY, "two"),
    ]
    assert [(e.name, e.code) for e in events if e.kind is EventKind.EXITED] == [
        ("three", 0),
        ("two", 0),
        ("one", 0),
    ]
    assert not list((tmp_path / "run").iterdir())
    assert all(not psutil.pid_exists(pid) for pid in pids.values()), (
        "stopped and waited for, no zombie"
    )
    assert "hello from two" in (tmp_path / "logs" / "two.log").read_text()


def test_one_may_give_way_to_the_others(tmp_path: Path) -> None:
    """Its niceness is its own and, where Linux shares processors among sessions first, its session's."""
    specs = [worker("a", tmp_path, after=()), worker("b", tmp_path, after=(), nice=10)]
    supervisor = Supervisor(specs, tmp_path)
    supervisor.start()
    try:
        supervisor.wait_ready(DEADLINE)
        ours = psutil.Process().nice()
        nice = {name: psutil.Process(pid).nice() for name, pid in supervisor.pids.items()}
        assert nice == {"a": ours, "b": min(19, ours + 10)}
        session = Path(f"/proc/{supervisor.pids['b']}/autogroup")
        if session.exists():
            assert session.read_text().split()[-2:] == ["nice", "10"]
    finally:
        supervisor.stop()


def test_a_killed_process_comes_back(tmp_path: Path) -> None:
    """After kill -9 a process runs again under a new number, and the others are left alone."""
    events: list[Event] = []
    with Supervisor(
        [worker("one", tmp_path), worker("two", tmp_path)], tmp_path, on_event=events.append
    ) as supervisor:
        supervisor.wait_ready(DEADLINE)
        before = supervisor.pids
        (tmp_path / "two.ready").unlink()
        os.kill(before["two"], signal.SIGKILL)
        until(lambda: supervisor.restarts["two"] == 1, "restart")
        supervisor.wait_ready(DEADLINE)
        after = supervisor.pids
        assert after["one"] == before["one"]
        assert after["two"] != before["two"]
        assert int((tmp_path / "run" / "two.pid").read_text()) == after["two"]
        assert not psutil.pid_exists(before["two"])
    kinds = [e.kind for e in events if e.name == "two"]
    assert kinds[:5] == ["started", "ready", "exited", "restarted", "ready"]
    assert next(e.code for e in events if e.kind is EventKind.EXITED) == -signal.SIGKILL


def test_one_that_hangs_is_killed_and_started_again(tmp_path: Path) -> None:
    """A process that runs and is not live any more is started again; one that is live, and not ready, is left alone."""
    events: list[Event] = []
    port = free_port(str(tmp_path))
    url = f"http://127.0.0.1:{port}/livez"
    spec = ProcessSpec(
        "patient",
        [sys.executable, "-c", PATIENT, str(tmp_path), str(port)],
        ready=url,
        live=url,
        look_seconds=0.1,
    )
    with Supervisor([spec], tmp_path, on_event=events.append) as supervisor:
        supervisor.wait_ready(DEADLINE)
        before = supervisor.pids["patient"]
        (tmp_path / "ill").touch()
        until(lambda: supervisor.restarts["patient"] == 1, "it is started again")
        supervisor.wait_ready(DEADLINE)
        assert supervisor.pids["patient"] != before
        assert gone(before)
        # Well again: nothing more happens to it.
        pid = supervisor.pids["patient"]
        for _ in range(2 * HUNG_AFTER):
            time.sleep(spec.look_seconds)
        assert supervisor.pids["patient"] == pid
    kinds = [e.kind for e in events]
    assert kinds == ["started", "ready", "hung", "exited", "restarted", "ready", "exited"]


def test_one_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    """`stop` waits for its deadline and no longer."""
    deaf = "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
    spec = ProcessSpec(
        "deaf",
        [sys.executable, "-c", deaf],
        ready=lambda: "up" in (tmp_path / "logs/deaf.log").read_text(),
        stop_seconds=0.5,
    )
    supervisor = Supervisor([spec], tmp_path).start()
    supervisor.wait_ready(DEADLINE)
    pid = supervisor.pids["deaf"]
    begin = time.monotonic()
    supervisor.stop()
    assert 0.4 < time.monotonic() - begin < 5
    assert gone(pid)


def test_one_that_cannot_run_is_given_up_with_its_last_words(tmp_path: Path) -> None:
    """A process that never became ready is not started for ever, and the error carries what it wrote."""
    spec = ProcessSpec(
        "bad", [sys.executable, "-c", "raise SystemExit('no registry at x')"], ready=lambda: False
    )
    with Supervisor([spec], tmp_path) as supervisor:
        with pytest.raises(TransientError, match="no registry at x"):
            supervisor.wait_ready(DEADLINE)
        assert supervisor.restarts["bad"] == 4


def test_a_usage_error_is_not_repeated(tmp_path: Path) -> None:
    """Exit code 2 before readiness ends the waiting at once; so does a program that is not there, after its tries."""
    spec = ProcessSpec("bad", [sys.executable, "--no-such-option"], ready=lambda: False)
    with Supervisor([spec], tmp_path) as supervisor:
        with pytest.raises(TransientError, match="no-such-option"):
            supervisor.wait_ready(DEADLINE)
        assert supervisor.restarts["bad"] == 0
    absent = ProcessSpec("absent", ["/no/such/program"], ready=lambda: False)
    with (
        Supervisor([absent], tmp_path) as supervisor,
        pytest.raises(TransientError, match="No such file"),
    ):
        supervisor.wait_ready(DEADLINE)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_defect_in_a_readiness_check_is_not_silent(tmp_path: Path) -> None:
    """A check that raises ends the waiting and the process: nothing runs on unsupervised."""

    def defective() -> bool:
        raise RuntimeError("a mistake of ours")

    spec = ProcessSpec("one", worker("one", tmp_path).command, ready=defective)
    with Supervisor([spec], tmp_path) as supervisor:
        with pytest.raises(TransientError, match="one cannot run"):
            supervisor.wait_ready(DEADLINE)
        until(lambda: not supervisor.pids or all(map(gone, supervisor.pids.values())), "its end")


def test_a_large_log_is_put_aside(tmp_path: Path) -> None:
    """A log over the limit begins anew at the next start, and the old one is kept once."""
    (tmp_path / "logs").mkdir()
    with (tmp_path / "logs" / "one.log").open("wb") as file:
        file.truncate(LOG_LIMIT_BYTES + 1)
    with Supervisor([worker("one", tmp_path)], tmp_path) as supervisor:
        supervisor.wait_ready(DEADLINE)
    assert (tmp_path / "logs" / "one.log").read_text() == "hello from one\n"
    assert (tmp_path / "logs" / "one.log.1").stat().st_size == LOG_LIMIT_BYTES + 1


def test_what_a_process_left_behind_ends_with_it(tmp_path: Path) -> None:
    """A grandchild does not outlive the process that started it."""
    code = "import subprocess,sys; p=subprocess.Popen(['sleep','600']); print(p.pid, flush=True)"
    spec = ProcessSpec("mother", [sys.executable, "-c", code])
    log = tmp_path / "logs" / "mother.log"
    with Supervisor([spec], tmp_path):
        until(lambda: log.exists() and b"\n" in log.read_bytes(), "the grandchild's number")
        grandchild = int(log.read_text().splitlines()[0])
        until(lambda: gone(grandchild), "the grandchild's end")


def test_kill_minus_nine_of_the_supervisor_leaves_nothing(
    parent: tuple[subprocess.Popen[str], int, list[int]], tmp_path: Path
) -> None:
    """Its children end, in their own good order of SIGTERM, and so does the watchdog."""
    process, watchdog, children = parent
    process.kill()
    process.wait()
    until(lambda: all(map(gone, [*children, watchdog])), "the end of all")
    assert {"a down", "b down"} <= set(story(tmp_path)), (
        "SIGTERM first: services finish what they do"
    )


def test_a_killed_watchdog_is_replaced(
    parent: tuple[subprocess.Popen[str], int, list[int]],
) -> None:
    """The children live on without it, and still end with their parent."""
    process, watchdog, children = parent
    os.kill(watchdog, signal.SIGKILL)

    def watched_again() -> bool:
        others = {
            p.pid
            for p in psutil.Process(process.pid).children()
            if p.status() != psutil.STATUS_ZOMBIE
        }
        return bool(others - set(children) - {watchdog})

    until(watched_again, "a new watchdog")
    assert not any(map(gone, children))
    process.kill()
    process.wait()
    until(lambda: all(map(gone, children)), "the end of all")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_all_cleanly(
    parent: tuple[subprocess.Popen[str], int, list[int]], tmp_path: Path, number: signal.Signals
) -> None:
    """SIGTERM and Ctrl-C end `run_until_signal`, and `stop` leaves no process."""
    process, watchdog, children = parent
    process.send_signal(number)
    assert process.wait(DEADLINE) == 0
    assert all(map(gone, [*children, watchdog]))
    assert sorted(story(tmp_path)) == ["a down", "a up", "b down", "b up"]


def test_output_is_shown_with_its_process_name(tmp_path: Path) -> None:
    """With a console, each line carries the name of who wrote it, and the log has it too."""
    console = io.StringIO()
    with Supervisor(
        [worker("one", tmp_path), worker("three", tmp_path)], tmp_path, console=console
    ) as supervisor:
        supervisor.wait_ready(DEADLINE)
        until(lambda: len(console.getvalue().splitlines()) == 2, "two lines")
    assert sorted(console.getvalue().splitlines()) == [
        "one   | hello from one",
        "three | hello from three",
    ]


def test_an_order_that_cannot_be_is_refused(tmp_path: Path) -> None:
    """A process may only wait for one that is listed before it, and names are unique."""
    with pytest.raises(ConfigurationError, match="'b' waits for 'c'"):
        Supervisor([worker("a", tmp_path), worker("b", tmp_path, after=("c",))], tmp_path)
    with pytest.raises(ConfigurationError, match="taken"):
        Supervisor([worker("a", tmp_path), worker("a", tmp_path)], tmp_path)
