"""A scenario from beginning to verdict: pipeline up, load on, harm done, all settled, everything counted.

It stands apart because every scenario is judged in the same way, from outside, and by the same report.
"""

from __future__ import annotations

import random
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.checker import gather, table, violations
from tests.chaos.invariants import Result, judge
from tests.chaos.journal import Evidence, Journal, read_client_log, read_webhook_log
from tests.chaos.nemesis import Nemesis, standstills, summary
from tests.chaos.pipeline import Pipeline, wait_for
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
) -> Verdict:
    """Run one scenario; the load lasts as long as `harm` does; `afterwards` is called while the pipeline still runs.

    Raises:
        AssertionError: something did not come back, or a promise was broken; the report is in it.
    """
    chance = random.Random(seed)
    with Pipeline(folder, workers=workers, seed=seed) as pipeline:
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
            ],
        )
        nemesis = Nemesis(pipeline, chance)
        began = time.monotonic()
        wait_for("the load's first words", pipeline.client_log.exists, 60)
        wait_for("the first webhook", pipeline.webhook_log.exists, 60)
        nemesis.until_it_flows()
        harm(nemesis)
        nemesis.until_it_flows()
        load.send_signal(signal.SIGTERM)
        assert load.wait(120) == 0, f"the load failed: {pipeline.said('load')}"
        lasted = time.monotonic() - began
        settled = _settle(pipeline, follower)
        seen = follower.stop()
        evidence = gather(
            cluster,
            client_logs=[pipeline.client_log],
            webhook_logs=[pipeline.webhook_log],
            raw=True,
        )
        evidence.seen = seen
        results = judge(evidence)
        stood = standstills(nemesis.blows, evidence.client, evidence.calls)
        head = (
            f"{title} (seed {seed}, {rate:g} complaints/s for {lasted:.0f} s, "
            f"settled {settled:.1f} s after the load)"
        )
        report = "\n".join((head, "", summary(stood), "", table(results)))
        (folder / "report.txt").write_text(report + "\n", encoding="utf-8")
        assert not violations(results), f"{report}\n\nall of it lies in {folder}"
        afterwards(pipeline)
        return Verdict(results, report)


def _settle(pipeline: Pipeline, follower: Follower) -> float:
    """Wait until nothing moves and nothing is missing, or it is too late to hope for that; seconds it took."""
    began = time.monotonic()
    while (waited := time.monotonic() - began) < SETTLE_SECONDS:
        if follower.quiet_seconds() >= QUIET_SECONDS:
            evidence = Evidence(
                client=read_client_log([pipeline.client_log]),
                calls=read_webhook_log([pipeline.webhook_log]),
                topics=follower.topics(),
            )
            if not violations(judge(evidence)):
                break
            time.sleep(2.0)
        time.sleep(0.1)
    return waited
