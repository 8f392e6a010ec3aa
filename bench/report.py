"""What was measured as a table, as JSON and as a picture, with the goals beside it."""

from __future__ import annotations

import html
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from bench import complaints, scale
from bench.latency import Timing
from bench.throughput import CONTENDERS, Contender, Sample

RATE_GOAL: Final = 15_000
"""Process events per second and worker."""
QUIX_GOAL: Final = 0.7
"""Of Quix Streams with the same state, guarantee and commit interval."""
COMPLAINTS_GOAL: Final = 1.0
"""Of Quix Streams with the same core."""
GOAL_RATE: Final = 100.0
"""Complaints per second at which the latency goals are meant."""
P50_GOAL: Final = 150.0
P99_GOAL: Final = 1_000.0
"""Milliseconds from POST to webhook."""


@dataclass(frozen=True, slots=True)
class Goal:
    """Something to hold."""

    what: str
    wanted: str
    found: str
    held: bool


@dataclass(slots=True)
class Results:
    """Everything of one run."""

    about: dict[str, Any]
    throughput: dict[str, list[Sample]] = field(default_factory=dict)
    complaints: dict[str, list[Sample]] = field(default_factory=dict)
    scale: list[scale.Scaled] = field(default_factory=list)
    latency: dict[float, dict[str, list[Timing]]] = field(default_factory=dict)
    """Complaints per second -> contender -> rounds."""

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "about": self.about,
            "process_events": _document(CONTENDERS, self.throughput),
            "complaints": _document(complaints.CONTENDERS, self.complaints),
            "scale": [asdict(each) for each in self.scale],
            "latency_ms": {
                f"{rate:g}": {
                    name: {
                        "median": _medians(timings),
                        "rounds": [asdict(timing) for timing in timings],
                    }
                    for name, timings in contenders.items()
                    if timings
                }
                for rate, contenders in self.latency.items()
            },
            "goals": [asdict(goal) for goal in self.goals()],
        }

    def goals(self) -> list[Goal]:
        """Those that this run can tell about."""
        goals = []
        ours, quix = _rate(self.throughput, "akar"), _rate(self.throughput, "quix")
        if ours is not None:
            goals.append(
                Goal(
                    "process events per second, one worker",
                    f"≥ {RATE_GOAL:,}",
                    f"{ours:,.0f}",
                    ours >= RATE_GOAL,
                )
            )
        if ours is not None and quix is not None:
            goals.append(
                Goal(
                    "ratio to Quix Streams, same check and state",
                    f"≥ {QUIX_GOAL}",
                    f"{ours / quix:.2f}",
                    ours / quix >= QUIX_GOAL,
                )
            )
        ours, quix = _rate(self.complaints, "akar"), _rate(self.complaints, "quix")
        if ours is not None and quix is not None:
            goals.append(
                Goal(
                    "complaints: ratio to Quix Streams, same core",
                    f"≥ {COMPLAINTS_GOAL}",
                    f"{ours / quix:.2f}",
                    ours / quix >= COMPLAINTS_GOAL,
                )
            )
        for rate, contenders in self.latency.items():
            timings = contenders["akar"]
            if timings:
                goals += _latency_goals(rate, timings)
        return goals


def _latency_goals(rate: float, timings: Sequence[Timing]) -> list[Goal]:
    """The latency goals are meant at `GOAL_RATE`; at other rates it is only told."""
    goals = []
    for what, most, found in (
        ("p50", P50_GOAL, statistics.median(each.p50 for each in timings)),
        ("p99", P99_GOAL, statistics.median(each.p99 for each in timings)),
    ):
        if rate == GOAL_RATE:
            label = f"POST → webhook {what} at {rate:g}/s, ms"
            goals.append(Goal(label, f"≤ {most:,.0f}", f"{found:,.0f}", found <= most))
    sent, told = sum(each.sent for each in timings), sum(each.told for each in timings)
    what = f"complaints at {rate:g}/s that reached a webhook"
    return [*goals, Goal(what, "all", f"{told} of {sent}", told == sent)]


def _rate(rows: Mapping[str, Sequence[Sample]], name: str) -> float | None:
    """Median of a contender's rounds."""
    samples = rows.get(name)
    return statistics.median(each.rate for each in samples) if samples else None


def _document(
    contenders: Mapping[str, Contender], rows: Mapping[str, Sequence[Sample]]
) -> dict[str, Any]:
    return {
        name: {
            "title": contenders[name].title,
            "guarantee": contenders[name].guarantee,
            "median": _medians(samples),
            "rounds": [asdict(sample) for sample in samples],
        }
        for name, samples in rows.items()
        if samples
    }


def _medians(rows: Sequence[Any]) -> dict[str, float]:
    medians = {}
    for name, value in asdict(rows[0]).items():
        if isinstance(value, dict):
            for part in value:
                medians[f"{name} {part}"] = statistics.median(
                    getattr(row, name)[part] for row in rows
                )
        else:
            medians[name] = statistics.median(getattr(row, name) for row in rows)
    return medians


def show(results: Results, console: Console) -> None:
    """Print the tables."""
    about = results.about
    interval = f"commit every {about['commit_seconds']:g} s, median of {about['rounds']}"
    for what, contenders, rows in (
        (f"Process events, {about['records']:,} records", CONTENDERS, results.throughput),
        (f"Complaints, {about['complaints']:,}", complaints.CONTENDERS, results.complaints),
    ):
        if any(rows.values()):
            _show_throughput(f"{what}, {interval}", contenders, rows, console)
    if results.scale:
        scale.show(results.scale, console)
    if results.latency:
        _show_latency(results, console)
    goals = Table(title="Goals")
    for column in ("what", "goal", "found", ""):
        goals.add_column(column, justify="left" if column == "what" else "right")
    for goal in results.goals():
        goals.add_row(
            goal.what, goal.wanted, goal.found, "[green]held" if goal.held else "[red]missed"
        )
    console.print(goals)
    before, after = about["load_before"], about["load_after"]
    console.print(
        f"{about['cpus']} CPUs shared with the broker; load average {before[0]:.1f} before, {after[0]:.1f} after, "
        f"{100 * about['stolen']:.0f} % of their time went to other machines on the host. "
        "CPU s/M: CPU seconds per million events, of the contender and of the broker. Compare within a run, not between runs."
    )


def _show_throughput(
    title: str,
    contenders: Mapping[str, Contender],
    rows: Mapping[str, Sequence[Sample]],
    console: Console,
) -> None:
    table = Table(title=title)
    table.add_column("contender")
    table.add_column("guarantee")
    for column in ("per second", "Akar ÷ it", "range", "CPU s/M", "broker", "MB"):
        table.add_column(column, justify="right")
    ours = _rate(rows, "akar")
    for name, samples in rows.items():
        if not samples:
            continue
        median = _medians(samples)
        rates = [each.rate for each in samples]
        table.add_row(
            contenders[name].title,
            contenders[name].guarantee,
            f"{median['rate']:,.0f}",
            "" if ours is None else f"{ours / median['rate']:.2f}",
            f"{min(rates):,.0f}–{max(rates):,.0f}",
            f"{median['cpu']:.0f}",
            f"{median['broker_cpu']:.0f}",
            f"{median['resident']:.0f}",
        )
    console.print(table)


_TITLES: Final = {"akar": "Akar, the whole pipeline", "bare": "bare client loop"}


def _show_latency(results: Results, console: Console) -> None:
    about = results.about
    table = Table(
        title=f"POST → webhook for {about['seconds']:g} s, median of {about['latency_rounds']}, ms"
    )
    for column in ("per second", "contender"):
        table.add_column(column)
    for column in ("p50", "p99", "most", "202 p50", "202 p99", "told / sent", "CPU ms each"):
        table.add_column(column, justify="right")
    spent = []
    for rate, contenders in results.latency.items():
        for name, timings in contenders.items():
            if not timings:
                continue
            median = _medians(timings)
            cpu = {
                key.removeprefix("cpu "): value
                for key, value in median.items()
                if key.startswith("cpu ")
            }
            table.add_row(
                f"{rate:g}",
                _TITLES[name],
                *(f"{median[each]:,.0f}" for each in ("p50", "p99", "most", "ack_p50", "ack_p99")),
                f"{sum(each.told for each in timings)} / {sum(each.sent for each in timings)}",
                f"{sum(cpu.values()):.1f}",
            )
            parts = ", ".join(f"{process} {value:.1f}" for process, value in sorted(cpu.items()))
            spent.append(
                f"CPU ms per complaint at {rate:g}/s, {_TITLES[name]}: {parts}; "
                f"of the bench itself {median['own']:.1f}"
            )
    console.print(table)
    for line in spent:
        console.print(line)


# -- the picture ---------------------------------------------------------------------------------

_WIDTH, _BAR, _LEFT = 860, 26, 330
_OURS, _THEIRS, _GOAL = "#c2410c", "#94a3b8", "#0f766e"


def picture(results: Results) -> str:
    """An SVG with one panel of bars for each kind of figure."""
    panels: list[tuple[str, list[tuple[str, float, bool]], float]] = []
    for title, contenders, rows, goal in (
        ("Process events per second (more is better)", CONTENDERS, results.throughput, RATE_GOAL),
        ("Complaints traced per second (more is better)", complaints.CONTENDERS,
         results.complaints, _rate(results.complaints, "quix") or 0.0),
    ):  # fmt: skip
        bars = [
            (contenders[name].title, _rate(rows, name) or 0.0, name == "akar")
            for name, samples in rows.items()
            if samples
        ]
        if bars:
            panels.append((title, bars, float(goal)))
    for rate, measured in results.latency.items():
        for name_of, goal in (("p50", P50_GOAL), ("p99", P99_GOAL)):
            times = [
                (_TITLES[name], _medians(each)[name_of], name == "akar")
                for name, each in measured.items()
                if each
            ]
            if times:
                title = f"POST → webhook {name_of} at {rate:g}/s, ms (less is better)"
                panels.append((title, times, goal))
    parts, top = [], 20
    for title, bars, goal in panels:
        drawn, top = _panel(title, bars, goal, top)
        parts += drawn
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{top}" '
        'font-family="system-ui, sans-serif" font-size="14">'
        f'<rect width="100%" height="100%" fill="#fff"/>{"".join(parts)}</svg>\n'
    )


def _panel(
    title: str, bars: Iterable[tuple[str, float, bool]], goal: float, top: int
) -> tuple[list[str], int]:
    bars = list(bars)
    room = _WIDTH - _LEFT - 90
    scale = room / max(goal, *(value for _label, value, _ours in bars))
    parts = [f'<text x="20" y="{top + 8}" font-weight="600">{html.escape(title)}</text>']
    first = y = top + 22
    for label, value, ours in bars:
        length = max(1.0, value * scale)
        parts.append(
            f'<text x="{_LEFT - 10}" y="{y + 17}" text-anchor="end">{html.escape(label)}</text>'
            f'<rect x="{_LEFT}" y="{y}" width="{length:.1f}" height="{_BAR - 6}" fill="{_OURS if ours else _THEIRS}"/>'
            f'<text x="{_LEFT + length + 6:.1f}" y="{y + 16}">{value:,.0f}</text>'
        )
        y += _BAR
    at = _LEFT + goal * scale
    parts.append(
        f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{first - 4}" y2="{y}" stroke="{_GOAL}" stroke-width="2" stroke-dasharray="4 3"/>'
        f'<text x="{at:.1f}" y="{y + 12}" text-anchor="middle" fill="{_GOAL}" font-size="12">goal {goal:,.0f}</text>'
    )
    return parts, y + 40
