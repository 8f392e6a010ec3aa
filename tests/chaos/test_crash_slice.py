"""A short run of the fault suite, in every `make test`: short forms of the long scenarios, one after another, and nothing is lost.

They share one pipeline and one verdict, since starting, settling and reading everything anew took longer than the faults do.
Each blow's standstill is still its own: the next one comes when all flows again.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tests.chaos import harm
from tests.chaos.knobs import RATE, SEED
from tests.chaos.nemesis import Nemesis
from tests.chaos.pipeline import ROOT, Pipeline
from tests.chaos.scenario import play

BROKEN = 40
"""Each way to break a contract, in each of four topics from outside."""


@pytest.mark.timeout(900)
def test_no_complaint_is_lost_or_decided_twice(
    tmp_path: Path, report: Callable[[str], None]
) -> None:
    """Kills of each kind and inside a transaction, broken records, workers that come and go, deaf departments: 0 lost, 0 repeated.

    Each broken record ends as one dead letter and stops nobody; every partition has one owner at any time while a second worker
    joins and leaves and the first is restarted; while one department is slow and one hangs up, the others are told, and
    afterwards so are these, once.
    """

    def kills(nemesis: Nemesis) -> None:
        steps: list[Callable[[], None]] = [
            *(partial(nemesis.kill, kind) for kind in ("intake", "router-0", "notifier", "kafka")),
            partial(nemesis.fault, "router-0", "transaction.offsets_sent", 25),
            partial(nemesis.fault, "router-0", "transaction.committed", 25),
        ]
        nemesis.chance.shuffle(steps)
        for step in steps:
            step()
            nemesis.until_it_flows()
            nemesis.pause(0.5, 2.0)

    def all_of_it(nemesis: Nemesis) -> None:
        parts = [kills, harm.poison(BROKEN, SEED), harm.storm(1, (0,))]
        nemesis.chance.shuffle(parts)
        # What the deaf departments have missed is tried again meanwhile.
        for part in (harm.webhooks(4.0, 4.0), *parts):
            part(nemesis)

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
        all_of_it,
        title="slice of make test",
        seed=SEED,
        rate=RATE,
        afterwards=as_an_outsider,
    )

    report(verdict.report)
    assert verdict.fact("complaints answered 202") > 100
    assert verdict.fact("planted: oversized in process.observed") == 1
    assert verdict.fact("planted: wrong partition") == BROKEN // 4
