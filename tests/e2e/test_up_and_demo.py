"""`akar up` and `akar demo` as a person starts them, on a real Kafka; nothing of the product is imported."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

AKAR = [sys.executable, "-m", "services.cli"]
ROOT = Path(__file__).parents[2]
START_SECONDS = 150
STOP_SECONDS = 60


def environment() -> dict[str, str]:
    """This one, without what would send the commands to another pipeline; the package is found from any folder."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AKAR_", "KAFKA_", "INTAKE_", "ROUTER_", "NOTIFIER_", "CONSOLE_"))
        or name == "AKAR_MAVEN_REPOSITORY"
    }
    return {**kept, "PYTHONPATH": str(ROOT)}


def akar(folder: Path, *arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        [*AKAR, *arguments],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


def gone(pids: list[int], seconds: float) -> list[int]:
    """Those of `pids` that still run after `seconds`."""
    until = time.monotonic() + seconds
    while (left := [pid for pid in pids if alive(pid)]) and time.monotonic() < until:
        time.sleep(0.1)
    return left


@dataclass
class Up:
    """A running `akar up`."""

    process: subprocess.Popen[str]
    folder: Path
    ready: dict[str, Any]

    def pids(self) -> list[int]:
        """Every process that it started."""
        return [int(path.read_text()) for path in (self.folder / ".akar" / "run").glob("*.pid")]

    def stop(self, number: int) -> tuple[int, str]:
        """Send a signal; the exit code and what else was printed on stdout."""
        self.process.send_signal(number)
        out, _ = self.process.communicate(timeout=STOP_SECONDS)
        return self.process.returncode, out


@contextmanager
def started(folder: Path) -> Iterator[Up]:
    """`akar up` in a folder, ready; stopped at the end if the test has not done so."""
    with (folder / "up.err").open("w") as errors:
        process = subprocess.Popen(
            [*AKAR, "up", "--ready-json"],
            cwd=folder,
            env=environment(),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert line, (folder / "up.err").read_text()
        yield Up(process, folder, json.loads(line))
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.communicate(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()


@pytest.mark.timeout(2 * START_SECONDS + 5 * STOP_SECONDS)
def test_a_folder_s_pipeline_is_found_used_guarded_stopped_and_goes_on(tmp_path: Path) -> None:
    """One line when ready; then the other commands need no argument; a stop leaves nothing, a start goes on."""
    with started(tmp_path) as up:
        complaint = used(up)
        processes = up.pids()
        assert len(processes) >= 6
        code, rest = up.stop(signal.SIGINT)
        assert code == 0, (tmp_path / "up.err").read_text()
        assert rest == "", "only the one line goes to stdout"
        assert gone(processes, 10) == []
        assert not (tmp_path / ".akar" / "run" / "up.json").exists()
    with started(tmp_path) as again:
        assert again.ready["channel_key"] == up.ready["channel_key"]
        traced = akar(tmp_path, "trace", complaint, "--json")
        assert traced.returncode == 0, traced.stderr
        assert "complaint.traced" in {one["type"] for one in json.loads(traced.stdout)["events"]}
        assert again.stop(signal.SIGTERM)[0] == 0


def settled(folder: Path, complaint: str, department: str, *, seconds: float) -> dict[str, Any]:
    """The newest decision, as soon as its first cause is `department`; fails after `seconds`."""
    until = time.monotonic() + seconds
    while True:
        told = akar(folder, "trace", complaint, "--json")
        assert told.returncode == 0, told.stderr
        traced = [
            one for one in json.loads(told.stdout)["events"] if one["type"] == "complaint.traced"
        ]
        last = max((one["data"] for one in traced), key=lambda data: int(data["revision"]))
        if last["causes"][0]["department"] == department:
            found: dict[str, Any] = last
            return found
        assert time.monotonic() < until, last
        time.sleep(0.5)


def page(url: str, key: str | None = None, **form: str) -> str:
    """A page, or what a form on it answers."""
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    data = urllib.parse.urlencode(form).encode() if form else None
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=10) as answer:
        return str(answer.read().decode())


def asked_and_answered(up: Up) -> int:
    """Nobody recorded when the goods were picked: the warehouse is asked, and one tap decides; how many events there were."""
    now = datetime.now(UTC)
    hours = {
        "order_placed": 200,
        "payment_received": 199,
        "payment_verified": 198,
        "confirmed": 196,
    }
    hours |= {"packed": 80, "handed_over": 74, "delivered": 10}
    events = up.folder / "silent.ndjson"
    events.write_text(
        "\n".join(
            json.dumps(
                {
                    "case_id": "E2E-2",
                    "activity": name,
                    "transition": "complete",
                    "at": (now - timedelta(hours=ago)).isoformat(),
                }
            )
            for name, ago in hours.items()
        )
    )
    replayed = akar(up.folder, "replay", str(events))
    assert replayed.returncode == 0, replayed.stderr
    text = "pesanan saya telat, baru sampai sekarang"
    sent = akar(up.folder, "send", text, "--case-id", "E2E-2", "--wait", "40", "--json")
    assert sent.returncode == 0, sent.stderr
    complaint = json.loads(sent.stdout)["complaint_id"]
    story = f"{up.ready['console']}/complaints/{complaint}"
    until = time.monotonic() + 30
    while not (
        links := re.findall(r'href="([^"]+/answers/[^"]+)"', page(story, up.ready["console_key"]))
    ):
        assert time.monotonic() < until, "nobody was asked"
        time.sleep(0.5)
    (link,) = links
    assert link.startswith(up.ready["intake"])
    assert '<form method="post">' in page(link)
    picked = (now - timedelta(hours=84)).astimezone(ZoneInfo("Asia/Jakarta"))
    for answer in ("finished", "not_done"):
        page(link, answer=answer, at=f"{picked:%Y-%m-%dT%H:%M}")
    assert settled(up.folder, complaint, "warehouse", seconds=30)["outcome"] == "assigned"
    return len(hours) + 1


def used(up: Up) -> str:
    """What a person does with a running pipeline; the id of the complaint sent."""
    assert {"intake", "console", "kafka", "channel_key", "data_dir"} <= up.ready.keys()
    for name in ("intake", "console"):
        with urllib.request.urlopen(up.ready[name] + "/readyz", timeout=5) as answer:
            assert answer.status == 200
    note = up.folder / ".akar" / "run" / "up.json"
    assert stat.S_IMODE(note.stat().st_mode) == 0o600
    assert json.loads(note.read_text()) == up.ready

    second = akar(up.folder, "up")
    assert second.returncode == 2
    assert f"as process {up.process.pid}" in second.stderr

    events = up.folder / "events.ndjson"
    steps = [
        ("order_placed", "2026-02-02T09:00:00+07:00"),
        ("payment_received", "2026-02-02T09:05:00+07:00"),
        ("payment_verified", "2026-02-02T09:10:00+07:00"),
        ("confirmed", "2026-02-02T10:00:00+07:00"),
        ("picked", "2026-02-09T10:00:00+07:00"),
        ("packed", "2026-02-09T11:00:00+07:00"),
        ("handed_over", "2026-02-09T13:00:00+07:00"),
        ("delivered", "2026-02-11T13:00:00+07:00"),
    ]
    events.write_text(
        "\n".join(
            json.dumps({"case_id": "E2E-1", "activity": name, "transition": "complete", "at": at})
            for name, at in steps
        )
    )
    replayed = akar(up.folder, "replay", str(events), "--json")
    assert replayed.returncode == 0, replayed.stderr
    assert json.loads(replayed.stdout)["events"] == len(steps)

    text = "pesanan saya telat, baru sampai sekarang"
    sent = akar(up.folder, "send", text, "--case-id", "E2E-1", "--wait", "40", "--json")
    assert sent.returncode == 0, sent.stderr
    found = json.loads(sent.stdout)
    assert found["decision"] is not None, "not decided in 40 s"
    # Events and complaints travel by different topics: the first decision may come before the last event.
    last = settled(up.folder, found["complaint_id"], "warehouse", seconds=30)
    assert last["outcome"] == "assigned"

    traced = akar(up.folder, "trace", found["complaint_id"])
    assert traced.returncode == 0, traced.stderr
    assert text in " ".join(traced.stdout.split())
    assert "warehouse" in traced.stdout

    answered = asked_and_answered(up)

    listed = json.loads(akar(up.folder, "topics", "--json").stdout)["topics"]
    ends = {topic["name"]: topic["end"] for topic in listed}
    assert ends["process.observed"] == len(steps) + answered
    assert ends["complaint.received"] >= 1

    doctor = akar(up.folder, "doctor", "--json")
    assert doctor.returncode == 0, doctor.stdout
    assert {"intake", "console", "notifier", "router-0"} <= {
        one["name"] for one in json.loads(doctor.stdout)
    }
    return str(found["complaint_id"])


@pytest.mark.timeout(START_SECONDS + 2 * STOP_SECONDS)
def test_the_demo_plays_checks_and_ends_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every complaint is decided, nearly all rightly, every webhook is signed and comes once; nothing is left."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    done = akar(
        tmp_path, "demo", "--fast", "--orders", "60", "--json", timeout=START_SECONDS + STOP_SECONDS
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert found["complaints"] == 27
    assert found["all"]["missing"] == 0
    assert found["all"]["right"] >= 0.85 * found["complaints"], found["misses"]
    assert found["refused_webhooks"] == []
    assert found["repeated_webhooks"] == 0
    assert found["post_to_webhook_ms"]["count"] > 0
    assert list(temporary.glob("akar-demo-*")) == [], "the demo leaves its folder behind"


@pytest.mark.timeout(START_SECONDS + 2 * STOP_SECONDS)
def test_a_demo_that_is_interrupted_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in the middle of the play: exit code 130, no process, no folder."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    demo = subprocess.Popen(
        [*AKAR, "demo", "--orders", "60"],
        cwd=tmp_path,
        env={**environment(), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert demo.stdout is not None
    try:
        for line in demo.stdout:
            if "complaints" in line:
                break
        (folder,) = tmp_path.glob("akar-demo-*")
        processes = [int(path.read_text()) for path in (folder / "run").glob("*.pid")]
        assert len(processes) >= 6
        demo.send_signal(signal.SIGINT)
        rest, _ = demo.communicate(timeout=STOP_SECONDS)
    finally:
        if demo.poll() is None:
            demo.kill()
            demo.communicate()
    assert demo.returncode == 130, rest
    assert "Traceback" not in rest
    assert gone(processes, 10) == []
    assert not folder.exists()


@pytest.mark.timeout(60)
def test_what_cannot_start_says_why_at_once(tmp_path: Path) -> None:
    """A company that is none: exit code 2, a sentence, no process, no folder."""
    (tmp_path / "mine").mkdir()
    done = akar(tmp_path, "up", "--registry", "mine")
    assert done.returncode == 2
    assert "company.toml" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / ".akar").exists()
