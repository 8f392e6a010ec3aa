"""What goes wrong, when, and how long everybody stood still for it.

It stands apart from the scenarios so that each is a list of steps.  Moments are random from a seed that is printed; which
process is in the middle of what at that moment is not repeatable, which is why there are many.
"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from tests.chaos.journal import Call, ClientLog
from tests.chaos.pipeline import Pipeline, wait_for

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


@dataclass(frozen=True, slots=True)
class Blow:
    """Something that was done to the pipeline."""

    name: str
    at: float
    """Epoch seconds."""


@dataclass(slots=True)
class Nemesis:
    """Does harm, and notes when."""

    pipeline: Pipeline
    chance: random.Random
    blows: list[Blow] = field(default_factory=list)

    def kill(self, name: str) -> None:
        """kill -9, and wait until it serves again."""
        before = self.pipeline.kill(name)
        self._note(f"kill -9 {name}")
        self.pipeline.wait_back(name, before)

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
        self._note(f"{name} at {point}:{nth}")
        pipeline.wait_back(name, pid)

    def zombie(self, name: str, seconds: float) -> None:
        """Stop a process for so long that others think it dead, and wake it."""
        self.pipeline.kill(name, signal.SIGSTOP)
        self._note(f"{name} stopped for {seconds:.0f} s and woken")
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
        self.blows[-1] = Blow(f"{name} loses its state folder", self.blows[-1].at)

    def until_it_flows(self) -> None:
        """Wait until complaints are accepted and departments are called again, so that each blow's standstill is its own."""
        pipeline = self.pipeline
        marks = {path: path.stat().st_size for path in (pipeline.client_log, pipeline.webhook_log)}

        def flows() -> bool:
            return all(b'"status":20' in _since(path, mark) for path, mark in marks.items())

        wait_for("complaints and webhooks flow again", flows, 180)

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

    def _note(self, name: str) -> None:
        self.blows.append(Blow(name, time.time()))


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
        found.append(
            Standstill(
                blow, _longest(accepted, blow.at, until), _longest(delivered, blow.at, until)
            )
        )
    return found


def _since(path: Path, mark: int) -> bytes:
    with path.open("rb") as file:
        file.seek(mark)
        return file.read()


def _longest(times: Sequence[float], begin: float, end: float) -> float:
    longest = 0.0
    # Where nothing was before the blow, its own time is where the silence begins.
    times = times if times and times[0] <= begin else [begin, *times]
    for before, after in pairwise(times):
        if after > begin and before < end:
            longest = max(longest, after - before)
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
