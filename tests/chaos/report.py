"""One table of all scenarios: what was accepted, decided, lost, repeated, undone, and how long everybody stood still.

It stands apart because it outlives a run: JSON in a folder (AKAR_CHAOS_REPORT, `.akar/chaos` by default), one file for each
scenario, and `report.md` of all of them.  Hazard: the last run of a scenario counts, also if it was a short one.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = Path(os.environ.get("AKAR_CHAOS_REPORT", ".akar/chaos"))
REPORT: Final = "chaos"
"""The name of the user property of a test in which it hands its report on."""
LOST: Final = frozenset(
    {
        "lost complaint",
        "lost process event",
        "lost message",
        "complaint without a decision",
        "dead letter instead of a decision",
        "gap in the revisions",
        "in limbo",
        "not delivered",
        "recorded as delivered, not received",
        "assigned to nobody",
        "question without an answer",
        "message without effect",
        "event that the router does not have",
        "complaint that the router does not have",
        "question that the router does not have",
        "broken record that was not put aside",
        "record that was not sent on",
    }
)
REPEATED: Final = frozenset(
    {
        "one decision id twice",
        "two decisions for one revision",
        "second id for one alert",
        "recorded as delivered twice",
        "two open assignments of one department",
        "event twice",
        "stored more often than sent",
        "broken record that was put aside twice",
        "record that was sent on twice",
    }
)
UNDONE: Final = frozenset(
    {"seen and taken back", "seen and changed", "read out of order", "hidden from the reader"}
)


@dataclass(frozen=True, slots=True)
class Line:
    """What came out of one scenario."""

    scenario: str
    seed: int
    at: str
    """When; ISO 8601."""
    seconds: float
    load: float
    """Average of runnable processes per core at the end: what else the machine had to do."""
    blows: int
    accepted: int
    """Complaints answered 202."""
    decisions: int
    lost: int
    repeated: int
    undone: int
    other: int
    """Violations of other kinds."""
    silence_202: float
    """The longest standstill for any blow, seconds."""
    silence_webhooks: float

    @property
    def words(self) -> str:
        """In one sentence."""
        return (
            f"{self.blows} blows, {self.accepted} complaints answered 202: {self.lost} lost, {self.repeated} repeated, "
            f"{self.undone} undone, {self.other} other; longest silence {self.silence_202:.1f} s and "
            f"{self.silence_webhooks:.1f} s at {self.load:.1f} processes per core"
        )


def note(line: Line, folder: Path = FOLDER) -> None:
    """Keep one line."""
    folder.mkdir(parents=True, exist_ok=True)
    name = "".join(c if c.isalnum() else "-" for c in line.scenario)
    text = json.dumps(asdict(line), indent=1)
    (folder / f"{name}.json").write_text(text, encoding="utf-8")
    (folder / "report.md").write_text(table(lines(folder)) + "\n", encoding="utf-8")


def lines(folder: Path = FOLDER) -> list[Line]:
    """All that were kept."""
    return [
        Line(**json.loads(path.read_text(encoding="utf-8")))
        for path in sorted(folder.glob("*.json"))
    ]


def table(found: list[Line]) -> str:
    """As Markdown."""
    rows = [
        "| scenario | blows | 202s | decisions | lost | repeated | undone | other | 202s | hooks | load | minutes | when | seed |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|---|--:|",
    ]
    rows += [
        f"| {each.scenario} | {each.blows} | {each.accepted} | {each.decisions} | {each.lost} "
        f"| {each.repeated} | {each.undone} | {each.other} | {each.silence_202:.1f} s "
        f"| {each.silence_webhooks:.1f} s | {each.load:.1f} | {each.seconds / 60:.1f} "
        f"| {each.at[:16].replace('T', ' ')} | {each.seed} |"
        for each in found
    ]
    total = [sum(getattr(each, n) for each in found) for n in ("accepted", "lost", "repeated")]
    rows += ["", f"{total[0]} complaints answered 202: {total[1]} lost, {total[2]} repeated."]
    return "\n".join(rows)
