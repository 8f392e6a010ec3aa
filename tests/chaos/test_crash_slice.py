"""A short run of the fault suite, in every `make test`: each kind of process is killed under load, and nothing is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.chaos.knobs import SEED
from tests.chaos.nemesis import Nemesis
from tests.chaos.pipeline import ROOT, Pipeline
from tests.chaos.scenario import play

RATE = float(os.environ.get("AKAR_CHAOS_RATE", "20"))
BUDGET_SECONDS = 60.0
"""After which no further harm is begun; on a slow machine each recovery takes its share of it."""


@pytest.mark.timeout(900)
def test_no_complaint_is_lost_or_decided_twice_under_kills(
    tmp_path: Path, report: Callable[[str], None]
) -> None:
    """kill -9 of intake, router, notifier and broker, and a crash inside a transaction and behind one: 0 lost, 0 repeated."""

    def harm(nemesis: Nemesis) -> None:
        began = time.monotonic()
        kinds = ["intake", "router-0", "notifier", "kafka"]
        steps: list[Callable[[], None]] = [
            *(partial(nemesis.kill, kind) for kind in kinds),
            partial(nemesis.fault, "router-0", "transaction.offsets_sent", 25),
            partial(nemesis.fault, "router-0", "transaction.committed", 25),
        ]
        nemesis.chance.shuffle(steps)
        for step in steps:
            step()
            nemesis.until_it_flows()
            nemesis.pause(0.5, 3.0)
        while time.monotonic() - began < BUDGET_SECONDS:
            nemesis.kill(nemesis.chance.choice(kinds))
            nemesis.pause(1.0, 4.0)

    def as_an_outsider(pipeline: Pipeline) -> None:
        """The command of docs/verification.md comes to the same verdict."""
        command = [
            *(sys.executable, "-m", "tests.chaos.checker", "--json"),
            *("--bootstrap", pipeline.ready["kafka"], "--client-log", str(pipeline.client_log)),
            *("--webhook-log", str(pipeline.webhook_log)),
            *("--seen-log", str(tmp_path / "seen.ndjson")),
        ]
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
        assert json.loads(run.stdout)["broken"] == 0

    verdict = play(
        tmp_path,
        harm,
        title="crash slice",
        seed=SEED,
        rate=RATE,
        afterwards=as_an_outsider,
    )

    report(verdict.report)
    assert verdict.fact("complaints answered 202") > 100
