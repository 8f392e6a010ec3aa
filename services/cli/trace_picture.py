"""The way of a case to its promise, drawn with bars in a terminal.

It stands apart from the words (`trace`) because it is geometry: moments become columns.  Hazard: a bar is at least one column
wide, so that what was short can still be seen; only the text beside it is exact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from rich.markup import escape
from rich.table import Table

from services.console.story import finding as words_for

WIDTH: Final = 30
"""Columns of the longest way: with names and hours it fits into a terminal of 80."""
SYMBOLS: Final = {
    "fault": "✗",
    "skipped": "↷",
    "contradiction": "≠",
    "attempt": "↺",
    "missing": "?",
    "silent": "…",
    "zone_error": "±",
    "clock_skew": "±",
    "disordered": "⇄",
    "disputed": "⇆",
    "duplicate": "2",
    "backdated": "←",
    "self_serving": "←",
    "answered": "✓",
}
"""What stands beside an activity for a finding about it; lateness is the bar itself."""


def picture(decision: Mapping[str, Any]) -> Table | None:
    """A bar per stretch of the way: planned time, time beyond it, time that nobody can be charged for.

    None when the decision has no timeline (an older one, or a complaint without a promise).
    """
    bars: Sequence[Mapping[str, Any]] = decision.get("timeline") or ()
    if not bars:
        return None
    moments = [_at(bar[name]) for bar in bars for name in ("begin", "end") if bar.get(name)]
    first, last = min(moments), max(moments)
    scale = max(1.0, (last - first) / WIDTH)
    marks = _marks(decision)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("activity", "by", "", "way to the promise", "beyond plan"):
        table.add_column(column, no_wrap=True)
    for bar in map(_owned, bars):
        table.add_row(
            escape(str(bar["activity"])),
            escape(str(bar.get("department") or "?")),
            marks.get(str(bar["activity"]), ""),
            draw(bar, first, scale),
            _beyond(bar),
        )
    return table


def _owned(bar: Mapping[str, Any]) -> Mapping[str, Any]:
    """Steps of several departments that nothing separates are nobody's: what is beyond their plan is not known whose."""
    if bar.get("department") is not None:
        return bar
    return {
        **bar,
        "charged_hours": 0.0,
        "unknown_hours": bar["charged_hours"] + bar["unknown_hours"],
    }


def draw(bar: Mapping[str, Any], first: float, scale: float) -> str:
    """One bar as rich markup: green within its plan, red beyond, yellow where that is not known, › while it runs."""
    begin, end = _at(bar["begin"]), _at(bar["end"])
    allowed = min(end, max(begin, _at(bar["allowed_until"]))) if bar.get("allowed_until") else end
    indent = min(WIDTH - 1, round((begin - first) / scale))
    whole = max(1, min(WIDTH - indent, round((end - begin) / scale)))
    within = min(whole, round((allowed - begin) / scale))
    beyond = whole - within
    if bar["charged_hours"] > 0 and beyond == 0:
        within, beyond = whole - 1, 1
    colour = (
        "red" if bar["charged_hours"] > 0 else "yellow" if bar["unknown_hours"] > 0 else "green"
    )
    text = " " * indent
    if within:
        text += f"[green]{'█' * within}[/]"
    if beyond:
        text += f"[{colour}]{'█' * beyond}[/]"
    return text + ("›" if bar["unfinished"] else "")


def _beyond(bar: Mapping[str, Any]) -> str:
    parts = []
    if bar["charged_hours"] > 0:
        parts.append(f"[red]+{bar['charged_hours']:.1f} h[/]")
    if bar["unknown_hours"] > 0:
        parts.append(f"[yellow]{bar['unknown_hours']:.1f} h not known[/]")
    return " ".join(parts) or "[green]–[/]"


def _marks(decision: Mapping[str, Any]) -> dict[str, str]:
    """Activity -> the symbols of what was found about it, each once."""
    marks: dict[str, str] = {}
    for item in decision.get("evidence", ()):
        symbol = SYMBOLS.get(str(item["finding"]))
        activity = str(item["activity"])
        if symbol is not None and symbol not in marks.get(activity, ""):
            marks[activity] = marks.get(activity, "") + symbol
    return marks


def legend(decision: Mapping[str, Any]) -> str:
    """The symbols that occur, with what they mean."""
    found = dict.fromkeys(str(item["finding"]) for item in decision.get("evidence", ()))
    return "  ".join(f"{SYMBOLS[each]} {words_for(each)}" for each in found if each in SYMBOLS)


def _at(wire: str) -> float:
    return datetime.fromisoformat(wire).timestamp()
