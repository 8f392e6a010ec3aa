"""A scenario from beginning to verdict: pipeline up, load on, harm done, all settled, everything counted.

It stands apart because every scenario is judged in the same way, from outside, and by the same report.
"""

from __future__ import annotations

import json
import random
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.chaos.checker import gather, table, violations
from tests.chaos.invariants import Result, judge
from tests.chaos.journal import Evidence, Journal, read_client_log, read_webhook_log
from tests.chaos.nemesis import (
    Blow,
    Nemesis,
    Standstill,
    load_per_core,
    standstills,
    stood,
    summary,
)
from tests.chaos.pipeline import Pipeline, wait_for
from tests.chaos.progress import PROGRESS
from tests.chaos.report import LOST, REPEATED, UNDONE, Line, note
from tests.chaos.topics import Cluster, Follower

QUIET_SECONDS = 2.0
SETTLE_SECONDS = 120.0
"""For everything that was accepted to be decided and delivered, once the load has ended."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came out."""

    results: list[Result]
    report: str

    @property
    def broken(self) -> int:
        """How many promises were broken, in all."""
        return len(violations(self.results))

    def fact(self, name: str) -> int:
        """One of the report's counts."""
        return sum(result.facts.get(name, 0) for result in self.results)


def play(
    folder: Path,
    harm: Callable[[Nemesis], None],
    *,
    title: str,
    seed: int,
    rate: float,
    workers: int = 1,
    afterwards: Callable[[Pipeline], None] = lambda _: None,
    data: Path | None = None,
    env: Mapping[str, str] | None = None,
    load_options: Sequence[str] = (),
    settle_seconds: float = SETTLE_SECONDS,
    clocks_jump: bool = False,
    forgetful: frozenset[str] = frozenset(),
) -> Verdict:
    """Run one scenario; the load lasts as long as `harm` does; `afterwards` is called while the pipeline still runs.

    Args:
        folder: For everything; empty.
        harm: What is done.
        title: Of the report.
        seed: Of what is random.
        rate: Complaints a second.
        workers: Router processes.
        afterwards: See above.
        data: The pipeline's data folder, where it is to be on a file system of its own.
        env: More for the pipeline's processes.
        load_options: More for `tests.chaos.load`.
        settle_seconds: For everything to be decided and delivered.
        forgetful: Topics that may lose records.
        clocks_jump: Whether processes' clocks are set wrong on purpose.

    Raises:
        AssertionError: something did not come back, or a promise was broken; the report is in it.
    """
    chance = random.Random(seed)
    started = time.monotonic()
    PROGRESS.begin(title)
    with Pipeline(folder, workers=workers, seed=seed, data=data, env=env) as pipeline:
        cluster = Cluster(pipeline.ready["kafka"], pipeline.ready["topic_prefix"])
        follower = Follower(cluster, Journal(folder / "seen.ndjson")).start()
        load = pipeline.spawn(
            "load",
            [
                sys.executable,
                *("-m", "tests.chaos.load", "--intake", pipeline.ready["intake"]),
                *("--key-file", str(pipeline.data / "secrets" / "channel_key")),
                *("--log", str(pipeline.client_log), "--rate", str(rate)),
                *("--seconds", "86400", "--seed", str(seed), "--run", f"s{seed}"),
                *load_options,
            ],
        )
        nemesis = Nemesis(pipeline, chance, load)
        began = time.monotonic()
        wait_for("the load's first words", pipeline.client_log.exists, 60)
        wait_for("the first webhook", pipeline.webhook_log.exists, 60)
        nemesis.until_it_flows()
        try:
            harm(nemesis)
            nemesis.until_it_flows()
        finally:
            _tell_blows(folder / "blows.json", nemesis.blows)
        load.send_signal(signal.SIGTERM)
        assert load.wait(180) == 0, f"the load failed: {pipeline.said('load')}"
        lasted = time.monotonic() - began
        settled = _settle(pipeline, follower, settle_seconds)
        seen = follower.stop()
        evidence = gather(
            cluster,
            client_logs=[pipeline.client_log],
            webhook_logs=[pipeline.webhook_log],
            raw=True,
        )
        evidence.seen = seen
        evidence.clocks_jump = clocks_jump
        evidence.forgetful = forgetful
        silences = standstills(nemesis.blows, evidence.client, evidence.calls)
        evidence.stood = stood(silences)
        results = judge(evidence)
        head = (
            f"{title} (seed {seed}, {rate:g} complaints/s for {lasted:.0f} s, "
            f"settled {settled:.1f} s after the load, {load_per_core():.1f} processes per core)"
        )
        report = "\n".join((head, "", summary(silences), "", table(results)))
        line = _line(title, seed, time.monotonic() - started, results, silences)
        note(line)
        PROGRESS.say(line.words)
        (folder / "report.txt").write_text(report + "\n", encoding="utf-8")
        assert not violations(results), f"{report}\n\nall of it lies in {folder}"
        afterwards(pipeline)
        return Verdict(results, report)


def _tell_blows(path: Path, blows: Sequence[Blow]) -> None:
    """Keep what was done and when, to be laid beside the processes' logs."""
    path.write_text(json.dumps([asdict(blow) for blow in blows], indent=1), encoding="utf-8")


def _line(
    title: str, seed: int, seconds: float, results: list[Result], silences: list[Standstill]
) -> Line:
    kinds = [violation.what for violation in violations(results)]
    facts = {name: count for result in results for name, count in result.facts.items()}
    counted = LOST | REPEATED | UNDONE
    return Line(
        scenario=title,
        seed=seed,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=round(seconds, 1),
        load=round(load_per_core(), 1),
        blows=len(silences),
        accepted=facts.get("complaints answered 202", 0),
        decisions=facts.get("decisions", 0),
        lost=sum(kind in LOST for kind in kinds),
        repeated=sum(kind in REPEATED for kind in kinds),
        undone=sum(kind in UNDONE for kind in kinds),
        other=sum(kind not in counted for kind in kinds),
        silence_202=round(max((each.accepted for each in silences), default=0.0), 1),
        silence_webhooks=round(max((each.delivered for each in silences), default=0.0), 1),
    )


def _settle(pipeline: Pipeline, follower: Follower, seconds: float) -> float:
    """Wait until nothing moves and nothing is missing, or it is too late to hope for that; seconds it took."""
    began = time.monotonic()
    while (waited := time.monotonic() - began) < seconds:
        if follower.quiet_seconds() >= QUIET_SECONDS:
            evidence = Evidence(
                client=read_client_log([pipeline.client_log]),
                calls=read_webhook_log([pipeline.webhook_log]),
                topics=follower.topics(),
                clocks_jump=True,
            )
            if not violations(judge(evidence)):
                break
            time.sleep(2.0)
        time.sleep(0.1)
    return waited
