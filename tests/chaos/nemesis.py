"""What goes wrong, when, and how long everybody stood still for it.

It stands apart from the scenarios so that each is a list of steps.  Moments are random from a seed that is printed; which
process is in the middle of what at that moment is not repeatable, which is why there are many.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

from tests.chaos.journal import Call, ClientLog, Stood
from tests.chaos.pipeline import Pipeline, wait_for
from tests.chaos.progress import PROGRESS

POINTS = (
    "transaction.begun",
    "transaction.produced",
    "transaction.offsets_sent",
    "transaction.committed",
    "store.applied",
    "restore.applied",
    "assigned",
    "revoked",
)
"""Of services/router/checkpoint/faults.py; a test holds the two lists together."""
SESSION_SECONDS = 10.0
"""After which the broker gives a silent worker's partitions to others (ROUTER_SESSION_TIMEOUT_SECONDS)."""
KILLED = 137
PROMISE_SECONDS = 10.0
"""From kill -9 of anything until complaints and alerts flow again, on a machine that has nothing else to do."""


@dataclass(frozen=True, slots=True)
class Blow:
    """Something that was done to the pipeline."""

    name: str
    at: float
    """Epoch seconds."""
    promise: float | None = None
    """Within how many seconds complaints and alerts flow again on a quiet machine; None: standing still was asked for."""
    until: float | None = None
    """When they were seen to flow again; None: nobody waited, so that silences of several blows may run together."""
    load: float = 0.0
    """The load average per core meanwhile."""


def load_per_core() -> float:
    """Runnable processes per core, over the last minute."""
    return os.getloadavg()[0] / (os.cpu_count() or 1)


@dataclass(slots=True)
class Nemesis:
    """Does harm, and notes when."""

    pipeline: Pipeline
    chance: random.Random
    load: subprocess.Popen[bytes]
    blows: list[Blow] = field(default_factory=list)

    def kill(self, name: str) -> None:
        """kill -9, and wait until it serves again."""
        before = self.pipeline.kill(name)
        self._note(f"kill -9 {name}", PROMISE_SECONDS)
        self.pipeline.wait_back(name, before)

    def kill_all(self, names: Sequence[str]) -> None:
        """kill -9 of several at one moment; returns once each has another life, which need not serve yet."""
        pipeline = self.pipeline
        before = {name: pipeline.kill(name) for name in names}
        for name in names:
            self._note(f"kill -9 {name}", PROMISE_SECONDS)
        for name, pid in before.items():
            wait_for(
                f"{name} lives",
                lambda name=name, pid=pid: pipeline.pid(name) not in (None, pid),
                120,
            )  # type: ignore[misc]

    def terminate(self, name: str) -> None:
        """SIGTERM, and wait until its next life serves."""
        before = self.pipeline.kill(name, signal.SIGTERM)
        self._note(f"SIGTERM {name}", PROMISE_SECONDS)
        self.pipeline.wait_back(name, before)

    def keep_away(self, seconds: float) -> None:
        """kill -9 the broker, and let nothing start it for a while: its data folder is locked by somebody else."""
        with self.pipeline.broker_locked_out():
            before = self.pipeline.kill("kafka")
            self._note(f"broker away for {seconds:.0f} s", seconds + 30.0)
            time.sleep(seconds)
        self.pipeline.wait_back("kafka", before)

    def fault(self, name: str, point: str, nth: int) -> None:
        """One life of a worker ends at a named point, passed for the `nth` time."""
        pipeline = self.pipeline
        ended = None
        while ended is None:
            # A worker may also end for another reason just now: then the armed life was not our one, and it is done again.
            wait_for(f"{name} serves", lambda: pipeline.serves(name), 180)
            pipeline.arm(name, f"{point}:{nth}", wipe=point == "restore.applied")
            killed = pipeline.kill(name)
            armed = wait_for(f"{name} takes {point}", pipeline.taken, 60, pause=0.01)
            if armed == killed:
                continue
            if point == "revoked":
                pipeline.wait_back(name, killed)
                self._disturb(name)
            self._until_gone(name, armed, f"at {point}:{nth}")
            ended = pipeline.ended()
        pid, code = ended
        assert code == KILLED, f"{name} ended with {code} instead of at {point}"
        self._note(f"{name} at {point}", PROMISE_SECONDS if point != "revoked" else None)
        pipeline.wait_back(name, pid)

    def zombie(self, name: str, seconds: float) -> None:
        """Stop a process for so long that others think it dead, and wake it."""
        self.pipeline.kill(name, signal.SIGSTOP)
        self._note(f"{name} stopped for {seconds:.0f} s and woken", seconds + PROMISE_SECONDS)
        try:
            time.sleep(seconds)
        finally:
            self.pipeline.kill(name, signal.SIGCONT)
        # It may end itself, having been fenced, or serve on.
        wait_for(f"{name} serves", lambda: self.pipeline.serves(name), 180)

    def wipe(self, name: str) -> None:
        """kill -9 a worker, and take its state folder away before it comes back."""
        self.pipeline.arm(name, None, wipe=True)
        self.kill(name)
        self.blows[-1] = replace(self.blows[-1], name=f"{name} loses its state folder")

    def until_it_flows(self, longest: float = 180.0) -> None:
        """Wait until complaints are accepted and departments are called again, so that each blow's standstill is its own."""
        pipeline = self.pipeline
        marks = {path: path.stat().st_size for path in (pipeline.client_log, pipeline.webhook_log)}

        def flows() -> bool:
            return all(b'"status":20' in _since(path, mark) for path, mark in marks.items())

        wait_for("complaints and webhooks flow again", flows, longest)
        if self.blows and self.blows[-1].until is None:
            load = max(self.blows[-1].load, load_per_core())
            self.blows[-1] = replace(self.blows[-1], until=time.time(), load=load)

    def pause(self, shortest: float, longest: float) -> None:
        """Let things run for a random time."""
        time.sleep(self.chance.uniform(shortest, longest))

    def _until_gone(self, name: str, pid: int, where: str) -> None:
        wait_for(f"{name} ends {where}", lambda: self.pipeline.pid(name) != pid, 180)

    def _disturb(self, name: str) -> None:
        """Make the group rebalance: another worker falls silent beyond its session, and wakes."""
        other = next(
            each for each in self.pipeline.names if each.startswith("router-") and each != name
        )
        self.zombie(other, SESSION_SECONDS + 3)

    def _note(self, name: str, promise: float | None = None) -> None:
        self.blows.append(Blow(name, time.time(), promise, load=load_per_core()))
        PROGRESS.tell(f"blow {len(self.blows)}, {name}; {load_per_core():.1f} processes per core")

    def note(self, name: str, promise: float | None = None) -> None:
        """Something was done that this class has no word for."""
        self._note(name, promise)


@dataclass(frozen=True, slots=True)
class Standstill:
    """The longest silence that a blow fell into, or that followed it before the next one."""

    blow: Blow
    accepted: float
    """Seconds between two complaints answered 202."""
    delivered: float
    """Seconds between two webhook calls that were answered 2xx."""


def standstills(
    blows: Sequence[Blow], client: ClientLog, calls: Iterable[Call]
) -> list[Standstill]:
    """For every blow, how long nothing came in and nothing went out."""
    accepted = sorted(a.at for r in client.of("complaint") for a in r.accepted)
    delivered = sorted(call.at for call in calls if call.accepted)
    found = []
    for index, blow in enumerate(blows):
        until = blows[index + 1].at if index + 1 < len(blows) else float("inf")
        # After a blow that was waited out, what goes beyond the next one is the next one's.
        most = until if blow.until is not None else float("inf")
        found.append(
            Standstill(
                blow,
                _longest(accepted, blow.at, until, most),
                _longest(delivered, blow.at, until, most),
            )
        )
    return found


def stood(found: Sequence[Standstill]) -> list[Stood]:
    """With what is allowed: the promise, longer by as much as the machine was overloaded.

    A blow that came before the one ahead of it was over is allowed anything: their silences cannot be told apart.
    """
    known = []
    over = True
    for each in found:
        alone = over and each.blow.until is not None
        bound = None
        if alone and each.blow.promise is not None:
            bound = each.blow.promise * max(1.0, each.blow.load)
        known.append(Stood(each.blow.name, each.accepted, each.delivered, bound))
        over = each.blow.until is not None
    return known


def _since(path: Path, mark: int) -> bytes:
    with path.open("rb") as file:
        file.seek(mark)
        return file.read()


def _longest(times: Sequence[float], begin: float, end: float, most: float) -> float:
    """The longest silence that reaches into the time from `begin` to `end`, counted up to `most`."""
    longest = 0.0
    # Where nothing was before the blow, its own time is where the silence begins.
    times = times if times and times[0] <= begin else [begin, *times]
    for before, after in pairwise(times):
        if after > begin and before < end:
            longest = max(longest, min(after, most) - before)
    return longest


def summary(found: Sequence[Standstill]) -> str:
    """The longest standstill for each kind of blow."""
    worst: dict[str, list[Standstill]] = {}
    for each in found:
        worst.setdefault(each.blow.name, []).append(each)
    width = max((len(name) for name in worst), default=4)
    lines = [f"{'longest standstill':<{width}}  times  between 202s  between webhooks"]
    for name, group in sorted(worst.items()):
        lines.append(
            f"{name:<{width}}  {len(group):>5}  {max(each.accepted for each in group):>10.1f} s"
            f"  {max(each.delivered for each in group):>14.1f} s"
        )
    return "\n".join(lines)
