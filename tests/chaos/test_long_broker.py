"""The long fault suite: the broker and its disk.

Hazard: a disk of its own needs root and a loop device; without them these are skipped, and the report lacks their lines.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos.knobs import LONGEST, RATE, ROUNDS, SEED, seconds, times
from tests.chaos.nemesis import PROMISE_SECONDS, Nemesis
from tests.chaos.scenario import play
from tests.support.disk import make_disk, mounted, photograph

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(LONGEST)]

DISK_BYTES = 3_000_000_000
KEPT_FREE = 4_000_000
"""What a full disk still has: nobody fills one to the last byte at once."""


def test_a_broker_that_is_killed_and_restarted(
    tmp_path: Path, report: Callable[[str], None]
) -> None:
    """kill -9 and SIGTERM of the broker, in turn: what it had acknowledged is there, and all go on by themselves."""

    def harm(nemesis: Nemesis) -> None:
        for _ in range(ROUNDS):
            for strike in (nemesis.kill, nemesis.terminate):
                strike("kafka")
                nemesis.until_it_flows()
                nemesis.pause(2.0, 6.0)

    report(play(tmp_path, harm, title="broker killed, restarted", seed=SEED, rate=RATE).report)


def test_a_broker_that_stands_still(tmp_path: Path, report: Callable[[str], None]) -> None:
    """A broker that is stopped for a minute, and wakes, has lost and repeated nothing."""

    def harm(nemesis: Nemesis) -> None:
        nemesis.zombie("kafka", seconds(60))
        nemesis.until_it_flows()
        nemesis.pause(5.0, 10.0)

    report(play(tmp_path, harm, title="broker stopped", seed=SEED, rate=RATE).report)


def test_a_broker_that_is_away(tmp_path: Path, report: Callable[[str], None]) -> None:
    """Without a broker for minutes nothing is accepted, and once it is back all goes on by itself."""

    def harm(nemesis: Nemesis) -> None:
        nemesis.keep_away(seconds(300))
        nemesis.until_it_flows()
        nemesis.pause(5.0, 10.0)

    report(play(tmp_path, harm, title="broker away", seed=SEED, rate=RATE).report)


def test_a_full_disk(tmp_path: Path, report: Callable[[str], None]) -> None:
    """With a disk that is full nothing more is promised; with room again all that was promised is kept."""

    def harm(nemesis: Nemesis) -> None:
        filler = nemesis.pipeline.data / "filler"
        for _ in range(times(2)):
            free = shutil.disk_usage(nemesis.pipeline.data).free
            nemesis.note("disk full", seconds(30) + 4 * PROMISE_SECONDS)
            subprocess.run(["fallocate", "-l", str(free - KEPT_FREE), str(filler)], check=True)
            # The last bytes go by writing: fallocate would refuse as a whole.
            with filler.open("ab", buffering=0) as file:
                until = time.monotonic() + seconds(30)
                while time.monotonic() < until:
                    try:
                        file.write(b"\0" * 65536)
                    except OSError:
                        time.sleep(0.05)
            filler.unlink()
            nemesis.until_it_flows(300)

    data = tmp_path / "mounted" / "data"
    with mounted(make_disk(tmp_path / "disk", DISK_BYTES), tmp_path / "mounted"):
        verdict = play(tmp_path / "run", harm, title="full disk", seed=SEED, rate=RATE, data=data)
    report(verdict.report)


def test_a_power_cut(tmp_path: Path, report: Callable[[str], None]) -> None:
    """Everything on what the disk held at one moment: all that was answered 202 before is there and is decided, once.

    The disk is a file.  All processes are stopped, the file is copied, they are killed, and the copy is mounted: what was not
    flushed is lost, as it would be.
    """
    at, cut = tmp_path / "mounted", tmp_path / "cut"
    image = make_disk(tmp_path / "disk", DISK_BYTES)

    def harm(nemesis: Nemesis) -> None:
        pipeline = nemesis.pipeline
        nemesis.pause(seconds(20), seconds(30))
        pids = [*pipeline.pids(), nemesis.load.pid]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        nemesis.note("power cut")
        photograph(image, cut)
        pipeline.cut()
        subprocess.run(["umount", str(at)], check=True)
        subprocess.run(["mount", "-o", "loop", str(cut), str(at)], check=True)
        os.kill(nemesis.load.pid, signal.SIGCONT)
        pipeline.up()
        nemesis.until_it_flows()

    with mounted(image, at):
        verdict = play(
            tmp_path / "run",
            harm,
            title="power cut",
            seed=SEED,
            rate=RATE,
            data=at / "data",
            forgetful=frozenset({"clock.tick"}),
        )
    report(verdict.report)
