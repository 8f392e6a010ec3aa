"""What was measured as a table, as JSON and as a picture, with the goals beside it."""

from __future__ import annotations

import html
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from bench.latency import Timing
from bench.throughput import CONTENDERS, Sample

RATE_GOAL: Final = 15_000
"""Process events per second and worker."""
QUIX_GOAL: Final = 0.7
"""Of Quix Streams with the same state, guarantee and commit interval."""
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
    throughput: dict[str, list[Sample]]
    latency: dict[str, list[Timing]]

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "about": self.about,
            "process_events": {
                name: {
                    "title": CONTENDERS[name].title,
                    "guarantee": CONTENDERS[name].guarantee,
                    "median": _medians(samples),
                    "rounds": [asdict(sample) for sample in samples],
                }
                for name, samples in self.throughput.items()
                if samples
            },
            "latency_ms": {
                name: {
                    "median": _medians(timings),
                    "rounds": [asdict(timing) for timing in timings],
                }
                for name, timings in self.latency.items()
                if timings
            },
            "goals": [asdict(goal) for goal in self.goals()],
        }

    def rate(self, name: str) -> float | None:
        """Median of a contender's rounds."""
        samples = self.throughput.get(name)
        return statistics.median(each.rate for each in samples) if samples else None

    def goals(self) -> list[Goal]:
        """Those that this run can tell about."""
        goals = []
        ours, quix = self.rate("akar"), self.rate("quix")
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
        timings = self.latency.get("akar")
        if timings:
            for what, wanted, found in (
                ("p50", P50_GOAL, statistics.median(each.p50 for each in timings)),
                ("p99", P99_GOAL, statistics.median(each.p99 for each in timings)),
            ):
                goals.append(
                    Goal(
                        f"POST → webhook {what}, ms",
                        f"≤ {wanted:,.0f}",
                        f"{found:,.0f}",
                        found <= wanted,
                    )
                )
            sent, told = sum(each.sent for each in timings), sum(each.told for each in timings)
            goals.append(
                Goal("complaints that reached a webhook", "all", f"{told} of {sent}", told == sent)
            )
        return goals


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
    if any(results.throughput.values()):
        _show_throughput(results, console)
    if any(results.latency.values()):
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
        f"{about['cpus']} CPUs shared with the broker; load average {before[0]:.1f} before, {after[0]:.1f} after. "
        "CPU s/M: CPU seconds per million events, of the contender and of the broker. Compare within a run, not between runs."
    )


def _show_throughput(results: Results, console: Console) -> None:
    about = results.about
    table = Table(
        title=f"Process events, {about['records']:,} records, commit every {about['commit_seconds']:g} s, "
        f"median of {about['rounds']}"
    )
    table.add_column("contender")
    table.add_column("guarantee")
    for column in (
        "events/s",
        "Akar ÷ it",
        "range",
        "CPU s/M",
        "broker",
        "MB",
    ):
        table.add_column(column, justify="right")
    ours = results.rate("akar")
    for name, samples in results.throughput.items():
        if not samples:
            continue
        median = _medians(samples)
        rates = [each.rate for each in samples]
        table.add_row(
            CONTENDERS[name].title,
            CONTENDERS[name].guarantee,
            f"{median['rate']:,.0f}",
            "" if ours is None else f"{ours / median['rate']:.2f}",
            f"{min(rates) / 1e3:.1f}–{max(rates) / 1e3:.1f} k",
            f"{median['cpu']:.0f}",
            f"{median['broker_cpu']:.0f}",
            f"{median['resident']:.0f}",
        )
    console.print(table)


def _show_latency(results: Results, console: Console) -> None:
    about = results.about
    table = Table(
        title=f"POST → webhook at {about['per_second']:g}/s for {about['seconds']:g} s, median of {about['latency_rounds']}, ms"
    )
    table.add_column("contender")
    for column in ("p50", "p99", "most", "202 p50", "202 p99", "told / sent"):
        table.add_column(column, justify="right")
    titles = {"akar": "Akar, the whole pipeline", "bare": "bare client loop"}
    for name, timings in results.latency.items():
        if timings:
            median = _medians(timings)
            table.add_row(
                titles[name],
                *(f"{median[each]:,.0f}" for each in ("p50", "p99", "most", "ack_p50", "ack_p99")),
                f"{sum(each.told for each in timings)} / {sum(each.sent for each in timings)}",
            )
    console.print(table)
    for name, timings in results.latency.items():
        if timings:
            each = {
                key.removeprefix("cpu "): value
                for key, value in _medians(timings).items()
                if key.startswith("cpu ")
            }
            parts = ", ".join(f"{process} {spent:.1f}" for process, spent in sorted(each.items()))
            console.print(
                f"CPU ms per complaint, {titles[name]}: {sum(each.values()):.1f} ({parts})"
            )


# -- the picture ---------------------------------------------------------------------------------

_WIDTH, _BAR, _LEFT = 860, 26, 330
_OURS, _THEIRS, _GOAL = "#c2410c", "#94a3b8", "#0f766e"


def picture(results: Results) -> str:
    """An SVG with one panel of bars for each kind of figure."""
    panels = []
    rates = [
        (CONTENDERS[name].title, results.rate(name) or 0.0, name == "akar")
        for name, samples in results.throughput.items()
        if samples
    ]
    if rates:
        panels.append(("Process events per second (more is better)", rates, float(RATE_GOAL)))
    for field, goal in (("p50", P50_GOAL), ("p99", P99_GOAL)):
        times = [
            (
                "Akar" if name == "akar" else "bare client loop",
                _medians(each)[field],
                name == "akar",
            )
            for name, each in results.latency.items()
            if each
        ]
        if times:
            panels.append((f"POST → webhook {field}, ms (less is better)", times, goal))
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
