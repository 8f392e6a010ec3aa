"""`akar replay`: the past, posted in order of time, and for the Olist data a report on how right the answers are.

It stands apart from the reading of files (`rows`, `olist`) and from the judging (`olist_report`).  Hazard: decisions come
after the 202; the report waits until every complaint is decided and the answers stand still.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from services.chassis.clock import Clock, SystemClock
from services.chassis.errors import ConfigurationError
from services.cli import olist as olist_data
from services.cli import olist_report, unmeasured
from services.cli.connection import (
    ConsoleClient,
    console_address,
    intake_address,
    running_here,
)
from services.cli.instance import write_private
from services.cli.rows import Row, in_order, read
from services.cli.story import decisions
from services.registry import RegistryError, load
from services.simulator.player import Intake

BATCH: Final = 500
SETTLE_SECONDS: Final = 120.0
QUIET_SECONDS: Final = 3.0
_HOUR: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Posted:
    """What was sent: complaint ids by key."""

    complaints: dict[str, str]
    events: int
    seconds: float


def run(
    *,
    files: Sequence[Path],
    olist: Path | None,
    intake: str | None,
    key: str | None,
    console: str | None,
    speed: float,
    report: Path | None,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Post everything; with `olist` judge the answers.

    Raises:
        ConfigurationError: Nothing to replay, or a file cannot be used.
        AkarError: Intake or the console refuses or does not answer.
    """
    if bool(files) == (olist is not None):
        raise ConfigurationError("name files to replay, or --olist DIR (one of the two)")
    if report is not None and olist is None:
        raise ConfigurationError(
            "--report goes with --olist: other files bring no truth to compare with"
        )
    replays = _load_olist(olist) if olist is not None else ()
    rows = in_order([row for path in files for row in read(path)]) or _olist_rows(replays)
    address = intake_address(data_dir, intake, key)
    client = Intake(address.url, address.key or "")
    screen = Console(stderr=True, highlight=False)
    _warn(rows, address.url, data_dir, screen)
    try:
        posted = post(rows, client, speed=speed, screen=screen)
    finally:
        client.close()
    if olist is None:
        _told(posted, as_json=as_json)
        return
    asking = ConsoleClient(console_address(data_dir, console))
    try:
        found = follow(posted.complaints, asking, screen=screen)
    finally:
        asking.close()
    truths = olist_report.read_truth(olist)
    judged = [
        olist_report.Judged(
            key=one.key,
            truth=truths[one.key],
            rule=olist_report.blame_the_last_event(one.events),
            decisions=found.get(f"olist-{one.key}", []),
            text=str(one.complaint["text"]),
        )
        for one in replays
        if one.key in truths
    ]
    summary = {
        **olist_report.report(judged),
        "events": posted.events,
        "seconds": round(posted.seconds, 1),
    }
    if report is not None:
        write_private(report, json.dumps(summary, indent=1, ensure_ascii=False) + "\n")
    if as_json:
        print(json.dumps(summary, ensure_ascii=False))
    else:
        show(summary, report)


def post(
    rows: Sequence[Row],
    intake: Intake,
    *,
    speed: float,
    screen: Console,
    clock: Clock | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Posted:
    """Post rows in their order; neighbouring events go as one batch.

    Args:
        rows: In order of time.
        intake: Where to.
        speed: Hours of the past in a second of now; 0 is as fast as answers come.
        screen: For the bar.
        clock: For the pace.
        sleep: Waits, in seconds.
    """
    clock = clock or SystemClock()
    begun = clock.monotonic()
    complaints: dict[str, str] = {}
    events = 0
    with _bar(screen) as bar:
        task = bar.add_task("posting", total=len(rows))
        for group in _groups(rows, single_time=speed > 0):
            if speed > 0:
                past = (group[0].at - rows[0].at).total_seconds()
                ahead = begun + past / (speed * _HOUR) - clock.monotonic()
                if ahead > 0:
                    sleep(ahead)
            if group[0].is_event:
                intake.events(row.body for row in group)
                events += len(group)
            else:
                row = group[0]
                complaints[row.key] = intake.complaint(row.body, row.key)
            bar.advance(task, len(group))
    return Posted(complaints, events, clock.monotonic() - begun)


def follow(
    complaints: dict[str, str],
    console: ConsoleClient,
    *,
    screen: Console,
    clock: Clock | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, list[dict[str, Any]]]:
    """All decisions by key, once every complaint has one and nothing has changed for a while.

    What is not decided within two minutes stays without.

    Raises:
        TransientError: The console does not answer.
    """
    clock = clock or SystemClock()
    until = clock.monotonic() + SETTLE_SECONDS
    found: dict[str, list[dict[str, Any]]] = {}
    with _bar(screen) as bar:
        task = bar.add_task("decided", total=len(complaints))
        while clock.monotonic() < until:
            open_keys = [key for key in complaints if not found.get(key)]
            if not open_keys:
                break
            for key in open_keys:
                found[key] = decisions(console.story(complaints[key]))
            bar.update(task, completed=sum(map(bool, found.values())))
            sleep(0.5)
    before = -1
    while clock.monotonic() < until:
        for key, complaint in complaints.items():
            found[key] = decisions(console.story(complaint))
        count = sum(map(len, found.values()))
        if count == before:
            break
        before = count
        sleep(QUIET_SECONDS)
    return found


def show(summary: dict[str, Any], written: Path | None) -> None:
    """The report as two tables."""
    screen = Console(highlight=False)
    for title, rows in (
        ("Goals", summary["goals"]),
        ("Every class: certainty / what the text is about", summary["classes"]),
    ):
        table = Table(title=title, title_justify="left")
        table.add_column("class")
        for name in (
            "count",
            "first decision",
            "last decision",
            "named nobody",
            "blame the last event",
        ):
            table.add_column(name, justify="right")
        for name, row in rows.items():
            count = row["count"]
            table.add_row(
                name,
                str(count),
                _share(row["first"], count),
                _share(row["last"], count),
                _share(row["abstained"], count),
                _share(row["rule"], count),
            )
        screen.print(table)
    screen.print(
        f"{summary['decided']} of {summary['complaints']} complaints decided, {summary['events']} process events, "
        f"posted in {summary['seconds']} s; {len(summary['misses'])} misses"
        + (f", each in {written}." if written else "; --report FILE.json writes each of them.")
    )


def _share(part: int, count: int) -> str:
    return f"{part / count:.3f}" if count else "-"


def _warn(rows: Sequence[Row], url: str, data_dir: Path | None, screen: Console) -> None:
    """Say which events the company of the pipeline that runs here will not count; of another one nothing is known."""
    running = running_here(data_dir)
    if running is None or running.intake != url:
        return
    try:
        company = load(running.registry)
    except RegistryError:
        return  # being edited: what decides is in the stream, and the registrar says what is wrong
    for sentence in unmeasured.told(
        (row.body["activity"] for row in rows if row.is_event), company
    ):
        screen.print(sentence, markup=False, soft_wrap=True)


def _told(posted: Posted, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"events": posted.events, "complaints": posted.complaints}))
        return
    print(
        f"{posted.events} process events and {len(posted.complaints)} complaints accepted in {posted.seconds:.1f} s."
    )
    some = next(iter(posted.complaints.values()), None)
    if some is not None:
        print(f"See one: akar trace {some}")


def _load_olist(folder: Path) -> tuple[olist_data.Replay, ...]:
    try:
        return olist_data.load(folder)
    except (OSError, ValueError, KeyError) as error:
        raise ConfigurationError(
            f"--olist {folder}: {error!r}; the folder needs complaints.csv, events.csv, order_deadlines.csv and truth.csv"
        ) from None


def _olist_rows(replays: Sequence[olist_data.Replay]) -> list[Row]:
    """Everything in order of time; an event counts as known no later than the complaint that came with it."""
    rows = []
    for one in replays:
        said = datetime.fromisoformat(one.complaint["occurred_at"])
        for event in one.events:
            at = min(datetime.fromisoformat(event["at"]), said)
            rows.append(Row(at, is_event=True, body=event, key=event["event_id"]))
        rows.append(Row(said, is_event=False, body=one.complaint, key=f"olist-{one.key}"))
    return in_order(rows)


def _groups(rows: Sequence[Row], *, single_time: bool) -> Iterator[list[Row]]:
    group: list[Row] = []
    for row in rows:
        full = len(group) >= BATCH or (single_time and group and row.at != group[0].at)
        if group and (full or not row.is_event or not group[0].is_event):
            yield group
            group = []
        group.append(row)
    if group:
        yield group


def _bar(screen: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=screen,
        transient=True,
        disable=not screen.is_terminal,
    )
