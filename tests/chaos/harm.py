"""What is done in scenarios that exist in two lengths: in every `make test`, and in `make chaos`.

It stands apart so that the short form is the long one with other numbers, not a second scenario.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Sequence

from tests.chaos.journal import Journal, rows
from tests.chaos.nemesis import PROMISE_SECONDS, Nemesis
from tests.chaos.pipeline import wait_for
from tests.chaos.topics import Cluster
from tests.chaos.writer import Writer

Harm = Callable[[Nemesis], None]


def poison(number: int, seed: int) -> Harm:
    """Break every rule of four topics, some records at a time, and put sound ones into wrong partitions."""

    def harm(nemesis: Nemesis) -> None:
        ready = nemesis.pipeline.ready
        count = Cluster(ready["kafka"], ready["topic_prefix"]).count()
        journal = Journal(nemesis.pipeline.client_log)
        writer = Writer(ready["kafka"], ready["topic_prefix"], count, journal)
        for each in range(number):
            writer.plant(each, f"s{seed}")
            if each % 4 == 0:
                writer.misplace(each, f"s{seed}")
            nemesis.pause(0.0, 0.2)
        nemesis.note(f"{number} broken records", PROMISE_SECONDS)
        nemesis.until_it_flows()

    return harm


def storm(rounds: int, joiners: Sequence[int]) -> Harm:
    """Workers join and leave, by SIGTERM and by kill -9, while the others are restarted one by one."""

    def harm(nemesis: Nemesis) -> None:
        pipeline = nemesis.pipeline
        standing = [name for name in pipeline.names if name.startswith("router-")]
        for _ in range(rounds):
            joined = [pipeline.join(number) for number in joiners]
            nemesis.note("workers join")
            nemesis.pause(1.0, 4.0)
            for name in standing:
                nemesis.terminate(name)
                nemesis.pause(0.5, 2.0)
            for number, process in enumerate(joined):
                # A worker that leaves for good keeps its partitions until its session has run out.
                process.send_signal((signal.SIGTERM, signal.SIGKILL)[number % 2])
                process.wait(60)
                nemesis.note("a worker leaves", 2 * PROMISE_SECONDS + 5.0)
                nemesis.until_it_flows()

    return harm


def webhooks(slow: float, dead: float) -> Harm:
    """One department answers slowly, another hangs up on everybody; the others hear of theirs all the same.

    Args:
        slow: Seconds of both together.
        dead: Seconds of the second alone, and longer until one of the others has heard something.
    """

    def harm(nemesis: Nemesis) -> None:
        pipeline = nemesis.pipeline
        rules = {"/packing": {"seconds": 0.4}, "/warehouse": {"dead": True}}

        def behave(now: dict[str, object]) -> None:
            new = pipeline.rules.with_suffix(".new")
            new.write_text(json.dumps(now), encoding="utf-8")
            new.replace(pipeline.rules)

        behave(dict(rules))
        nemesis.note("one department slow, one dead", PROMISE_SECONDS)
        since = time.time()
        time.sleep(slow)
        behave({"/warehouse": {"dead": True}})
        time.sleep(dead)

        def told() -> set[str]:
            return {
                row["path"]
                for row in rows(pipeline.webhook_log)
                if row["at"] > since and row["status"] == 204
            }

        wait_for("others are told meanwhile", lambda: "/back-office" in told(), 60, pause=0.5)
        assert "/warehouse" not in told()
        behave({})
        nemesis.until_it_flows()

    return harm
