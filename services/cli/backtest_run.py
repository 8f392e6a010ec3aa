"""`akar backtest`: a file of past complaints through two registries, on as many cores as wished; tables, JSON, an exit code.

It stands apart from what is counted (`services.router.backtest`) and from the file (`backtest_files`).  Hazard: each process
compiles both companies by itself; below some thousands of complaints one worker is quicker.
"""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import resource
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table

from services.chassis.errors import ConfigurationError
from services.cli.backtest_files import Chunk, chunks, samples
from services.cli.company import folder_of, load_company
from services.router.backtest import Comparer, Tally
from services.router.rules import rules_from

TOGETHER: Final = 64
"""Complaints whose texts are read at once."""

_comparer: Comparer | None = None


def run(
    *,
    live: str | None,
    candidate: str,
    file: Path,
    workers: int,
    fail_if_moved: float | None,
    fail_if_cost_rises: bool,
    fail_if_agreement_falls: bool,
    as_json: bool,
) -> None:
    """Compare, print, and leave with exit code 1 when a limit is passed."""
    found = compare(live=live, candidate=candidate, file=file, workers=workers)
    if as_json:
        print(json.dumps(found))
    else:
        show(found)
    cost, agreement = found["cost_per_complaint"], found["agreement"]
    moved = found["moved_share"] or 0.0
    if (
        (fail_if_moved is not None and moved > fail_if_moved)
        or (fail_if_cost_rises and (cost["candidate"] or 0) > (cost["live"] or 0))
        or (fail_if_agreement_falls and (agreement["candidate"] or 0) < (agreement["live"] or 0))
    ):
        raise typer.Exit(1)


def companies(live: str | None, candidate: str) -> tuple[tuple[str, str], tuple[str, str]]:
    """Folder and digest of the two registries, the live one first.

    Raises:
        ConfigurationError: one of them cannot be used.
    """
    folders = (folder_of(live), folder_of(candidate))
    digests = (load_company(folders[0]).digest, load_company(folders[1]).digest)
    return (str(folders[0]), str(folders[1])), digests


def compare(*, live: str | None, candidate: str, file: Path, workers: int) -> dict[str, Any]:
    """Decide every complaint of the file by both registries.

    Raises:
        ConfigurationError: A registry or the file cannot be used.
    """
    folders, digests = companies(live, candidate)
    pieces = chunks(file)
    if not pieces:
        raise ConfigurationError(f"{file} is empty: akar backtest export writes such a file")
    total = Tally()
    alone = workers == 1 or len(pieces) == 1
    if alone:
        _prepare(folders)
    began, used = time.monotonic(), _cpu()
    with Progress(
        TextColumn("complaints {task.fields[count]:,}"),
        BarColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as progress:
        task = progress.add_task("", total=pieces[-1].end, count=0)
        for chunk, tally in _tallies(folders, pieces, 1 if alone else workers):
            total.merge(tally)
            progress.update(task, advance=chunk.end - chunk.begin, count=total.complaints)
    if not total.complaints:
        raise ConfigurationError(f"{file} holds no complaint")
    seconds = time.monotonic() - began
    return {
        "live": {"registry": folders[0], "digest": digests[0]},
        "candidate": {"registry": folders[1], "digest": digests[1]},
        "file": str(file),
        **total.report(),
        "seconds": round(seconds, 2),
        "cpu_microseconds_per_complaint": round((_cpu() - used) / total.complaints * 1e6, 1),
        "workers": workers,
    }


def _tallies(
    folders: tuple[str, str], pieces: list[Chunk], workers: int
) -> Iterator[tuple[Chunk, Tally]]:
    if workers == 1:
        for piece in pieces:
            yield piece, _count(piece)[1]
        return
    # Spawned, not forked: nothing of this process (threads of the progress bar) may come along.
    context = multiprocessing.get_context("spawn")
    with context.Pool(min(workers, len(pieces)), _prepare, (folders,)) as pool:
        yield from pool.imap_unordered(_count, pieces)


def _prepare(folders: tuple[str, str]) -> None:
    global _comparer  # noqa: PLW0603 - one for each process, made once
    live, candidate = (rules_from(load_company(Path(folder))) for folder in folders)
    _comparer = Comparer(live, candidate)
    # Two companies are many small values that stay: not to be looked through for garbage again and again.
    gc.freeze()


def _count(chunk: Chunk) -> tuple[Chunk, Tally]:
    assert _comparer is not None
    tally = Tally()
    found = (sample for sample, _ in samples(chunk))
    while together := list(islice(found, TOGETHER)):
        _comparer.add(tally, together)
    tally.close()
    return chunk, tally


def cores() -> int:
    """How many processes this machine can run at once."""
    return len(os.sched_getaffinity(0))


def _cpu() -> float:
    """CPU seconds of this process and of its finished children."""
    spent = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(who)
        spent += usage.ru_utime + usage.ru_stime
    return spent


def show(found: dict[str, Any]) -> None:
    """Print the comparison for people."""
    console = Console(highlight=False)
    cost, agreement = found["cost_per_complaint"], found["agreement"]
    console.print(
        f"{found['complaints']:,} complaints: [bold]{found['moved']:,}[/bold] go elsewhere "
        f"({found['moved_share']:.2%}), {found['changed']:,} change in any way. "
        f"{found['cpu_microseconds_per_complaint']:.0f} µs of CPU each, {found['seconds']:.1f} s."
    )
    table = Table(
        "", Column("live", justify="right"), Column("candidate", justify="right"), box=None
    )
    table.add_row("cost per complaint", f"{cost['live']:.3f}", f"{cost['candidate']:.3f}")
    if found["verdicts"]:
        table.add_row(
            f"agrees with {found['verdicts']:,} verdicts",
            f"{agreement['live']:.3f}",
            f"{agreement['candidate']:.3f}",
        )
    alerts = found["alerts"]
    for department in sorted({*alerts["live"], *alerts["candidate"]}):
        before, after = (alerts[side].get(department, 0) for side in ("live", "candidate"))
        table.add_row(f"told as a cause: {department}", f"{before:,}", f"{after:,}")
    console.print(table)
    moves = [move for move in found["moves"] if move["from"] != move["to"]]
    if moves:
        moving = Table("from", "to", Column("complaints", justify="right"), "examples", box=None)
        for move in moves[:20]:
            moving.add_row(
                move["from"], move["to"], f"{move['complaints']:,}", " ".join(move["examples"])
            )
        console.print(moving)
