"""`python -m bench.trace`: how long the core takes for a complaint, in CPU time: reading the line, the words, the trace.

It stands apart from the other rows because it needs no broker.  Of several rounds over the same complaints each one's quickest
counts: on a machine that others use too, everything else is theirs.  Hazard: generated cases are harder than real ones
(a third of them have faults, copies, clocks that are off); `--file` takes an export of your own.
"""

from __future__ import annotations

import argparse
import gc
import json
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import fmean, median
from typing import TypeVar

from services.cli.backtest_export import generated
from services.cli.backtest_files import sample
from services.cli.company import folder_of, load_company
from services.router.backtest import Sample
from services.router.rules import rules_from
from services.router.tracing.company import Rules
from services.router.tracing.model import Complaint
from services.router.tracing.symptoms import classify
from services.router.tracing.tracer import trace
from services.simulator.proof.generate import COMPANIES

T = TypeVar("T")
SEED = 11
"""Below those that are judged."""


def main() -> None:
    """Measure and print one line for each company."""
    parser = argparse.ArgumentParser(prog="python -m bench.trace", description=__doc__)
    parser.add_argument("--company", choices=[*COMPANIES, "all"], default="all")
    parser.add_argument("--orders", type=int, default=1_500)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--file", type=Path, help="an export instead of generated cases")
    asked = parser.parse_args()
    print(
        "CPU µs per complaint, each one's quickest round: line read, words read, traced, with sentences; "
        "medians of the last two"
    )
    for company in COMPANIES if asked.company == "all" else [asked.company]:
        rules = rules_from(load_company(folder_of(company)))
        lines = _lines(company, asked.file, asked.orders)
        found = measured(lines, rules, asked.rounds)
        print(
            f"{company:6} {len(lines):6,} complaints  "
            + "  ".join(f"{fmean(each):5.0f}" for each in found)
            + "  |"
            + "  ".join(f"{median(each):5.0f}" for each in found[2:])
        )


def measured(lines: list[str], rules: Rules, rounds: int) -> list[list[float]]:
    """µs of each complaint for reading, for the words, for the trace, and for the trace with its sentences."""
    samples = [sample(json.loads(line)) for line in lines]
    asked = [
        (
            Complaint(
                one.complaint_id,
                one.occurred_at,
                one.language or "",
                classify(one.text, one.language, rules),
            ),
            one,
        )
        for one in samples
    ]
    gc.collect()
    gc.freeze()

    def traced(one: tuple[Complaint, Sample], *, words: bool) -> object:
        return trace(one[0], one[1].case, rules, one[1].as_of, words=words)

    return [
        _quickest(lambda line: sample(json.loads(line)), lines, rounds),
        _quickest(lambda one: classify(one.text, one.language, rules), samples, rounds),
        _quickest(lambda one: traced(one, words=False), asked, rounds),
        _quickest(lambda one: traced(one, words=True), asked, rounds),
    ]


def _quickest(work: Callable[[T], object], inputs: Iterable[T], rounds: int) -> list[float]:
    every = list(inputs)
    best = [float("inf")] * len(every)
    for _ in range(rounds):
        for position, each in enumerate(every):
            began = time.process_time_ns()
            work(each)
            best[position] = min(best[position], (time.process_time_ns() - began) / 1_000)
    return best


def _lines(company: str, file: Path | None, orders: int) -> list[str]:
    if file is not None:
        return file.read_text(encoding="utf-8").splitlines()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "cases.ndjson"
        generated(company, path, orders=orders, seed=SEED, missing=0.0, late=0.0)
        return path.read_text(encoding="utf-8").splitlines()


if __name__ == "__main__":
    main()
