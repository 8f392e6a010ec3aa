"""What `akar demo` shows: one line or two for each complaint as it is decided, a bar, and the table at the end.

It stands apart so that the run itself knows nothing of terminals; without one it prints plain lines.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from services.cli.instance import Running
from services.cli.story import who, why
from services.simulator.model import Fault
from services.simulator.verdict import Verdict

if TYPE_CHECKING:
    from services.cli.demo import Case

MARKS: Final = {
    Verdict.RIGHT: "[green]right[/]",
    Verdict.WRONG: "[red]wrong[/]",
    Verdict.ABSTAINED: "[yellow]abstained[/]",
    Verdict.MISSING: "[red]no answer[/]",
}


class View:
    """Prints to stdout; with `as_json` only the result, as JSON, and what happens to stderr."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._console = Console(highlight=False, file=sys.stderr if as_json else sys.stdout)
        self._total = 0
        self._events = 0
        self._progress: Progress | None = None
        self._task: Any = None

    def report(self, line: str) -> None:
        """One line about the pipeline itself."""
        self._console.print(f"[dim]{escape(line)}[/]", soft_wrap=True)

    def starting(self) -> None:
        """Before anything runs."""
        self._console.print("Starting a real Kafka and every service on this machine ...")

    def begin(self, *, orders: int, events: int, complaints: int) -> None:
        """The pipeline is up; the shop begins."""
        self._total = complaints
        self._console.print(
            f"\n[bold]{orders} orders[/] of a shop, {events} process events, [bold]{complaints} complaints[/]; "
            "each has a planted cause that Akar is not told.\n",
            soft_wrap=not self._console.is_terminal,
        )
        if self._console.is_terminal:
            self._progress = Progress(
                TextColumn("complaints decided"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[events]} events"),
                TimeElapsedColumn(),
                console=self._console,
                transient=True,
            )
            self._task = self._progress.add_task("", total=complaints, events=0)
            self._progress.start()

    def events(self, count: int) -> None:
        """Process events were accepted."""
        self._events += count
        if self._progress is not None:
            self._progress.update(self._task, events=self._events)

    def decided(self, case: Case) -> None:
        """A complaint has its first decision."""
        decision = case.last or {}
        took = "" if case.seconds is None else f" [dim]· {case.seconds * 1000:.0f} ms[/]"
        self._line(
            f"[dim]{case.number:>3}/{self._total}[/]  [bold]{escape(case.sent.grievance.text)}[/]"
        )
        self._line(
            f"{_answer(decision)}  {MARKS[case.verdict]} "
            f"[dim](planted: {case.truth.fault.value})[/]{took}",
            indent=9,
        )
        if reason := why(decision):
            self._line(f"[dim]{escape(reason)}[/]", indent=9)
        if self._progress is not None:
            self._progress.advance(self._task)

    def changed(self, case: Case) -> None:
        """Later events have changed the answer."""
        first, last = case.decisions[0], case.decisions[-1]
        back = " · an alert was taken back" if case.withdrawn else ""
        self._line(
            f"[dim]{case.number:>3}/{self._total}[/]  traced again after later events: {_answer(first)} "
            f"→ {_answer(last)}  {MARKS[case.verdict]}[dim]{back}[/]"
        )

    def _line(self, markup: str, indent: int = 0) -> None:
        """One line; on a terminal it is folded below itself, elsewhere it stays one line."""
        if self._console.is_terminal:
            self._console.print(Padding.indent(markup, indent) if indent else markup)
        else:
            self._console.print(" " * indent + markup, soft_wrap=True)

    def settling(self) -> None:
        """All is posted; the last answers come in."""
        self.report("All posted; waiting for the last answers ...")

    def close(self) -> None:
        """Give the terminal back."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def end(
        self, cases: Sequence[Case], *, refused: Sequence[str], restarts: Mapping[str, int]
    ) -> None:
        """The table and the figures."""
        self.close()
        summary = summarise(cases, refused, restarts)
        if self._as_json:
            print(json.dumps(summary))
            return
        table = Table(
            title="Planted cause and what Akar found (last decision)", title_justify="left"
        )
        table.add_column("planted")
        for verdict in Verdict:
            table.add_column(verdict.value, justify="right")
        for fault, row in summary["by_fault"].items():
            table.add_row(fault, *(str(row[verdict.value] or "") for verdict in Verdict))
        table.add_section()
        table.add_row(
            "all", *(str(summary["all"][verdict.value]) for verdict in Verdict), style="bold"
        )
        self._console.print()
        self._console.print(table)
        self._console.print(_figures(summary), soft_wrap=True)

    def keep(self, running: Running, cases: Sequence[Case]) -> None:
        """Where everything is, while it goes on running."""
        some = cases[0].sent.complaint_id if cases else "ID"
        lines = (
            "",
            "Still running:",
            f"  Console   {running.console}  (any user, password {running.console_key})",
            f"  Intake    {running.intake}  (key {running.channel_key})",
            f"  Kafka     {running.kafka}",
            f"  Data      {running.data_dir}",
            "In another terminal:",
            f"  akar trace {some} --data-dir {running.data_dir}",
            "Stop with Ctrl-C.",
        )
        self._console.print("\n".join(lines), soft_wrap=True)


def summarise(
    cases: Sequence[Case], refused: Sequence[str], restarts: Mapping[str, int]
) -> dict[str, Any]:
    """The result as data: counts by planted fault, latencies in milliseconds, every miss."""
    by_fault: dict[str, Counter[str]] = {}
    for case in cases:
        by_fault.setdefault(case.truth.fault.value, Counter())[case.verdict.value] += 1
    total = sum(by_fault.values(), Counter[str]())
    order = [fault.value for fault in Fault if fault.value in by_fault]
    waits = sorted(case.seconds * 1000 for case in cases if case.seconds is not None)
    return {
        "complaints": len(cases),
        "by_fault": {
            fault: {verdict.value: by_fault[fault][verdict.value] for verdict in Verdict}
            for fault in order
        },
        "all": {verdict.value: total[verdict.value] for verdict in Verdict},
        "post_to_webhook_ms": {
            "count": len(waits),
            "p50": percentile(waits, 0.50),
            "p99": percentile(waits, 0.99),
        },
        "webhooks": sum(len(case.deliveries) for case in cases),
        "repeated_webhooks": sum(one.repeated for case in cases for one in case.deliveries),
        "traced_again": sum(len(case.decisions) > 1 for case in cases),
        "withdrawn": sum(case.withdrawn for case in cases),
        "refused_webhooks": list(refused),
        "restarts": sum(restarts.values()),
        "misses": [
            {
                "complaint_id": case.sent.complaint_id,
                "case_id": case.sent.grievance.case_id,
                "text": case.sent.grievance.text,
                "planted": case.truth.fault.value,
                "truth": list(case.truth.departments),
                "verdict": case.verdict.value,
                "outcome": (case.last or {}).get("outcome"),
                "found": who(case.last) if case.last else None,
                "why": why(case.last) if case.last else None,
            }
            for case in cases
            if case.verdict is not Verdict.RIGHT
        ],
    }


def percentile(ordered: Sequence[float], part: float) -> float | None:
    """The value below which `part` of an ordered sequence lies (nearest rank); None of nothing."""
    if not ordered:
        return None
    return round(ordered[min(len(ordered) - 1, int(part * len(ordered)))], 1)


def _answer(decision: Mapping[str, Any]) -> str:
    """What a decision says, in a few words: who caused it, who can help now."""
    recovery = decision.get("recovery")
    helper = f", [cyan]{recovery['department']}[/] can help" if recovery else ""
    match decision.get("outcome"):
        case "waiting":
            return f"nobody yet, it is not due{helper}"
        case "triage" | "asked":
            return f"not known, a person looks at it{helper}"
        case _:
            return f"cause [bold cyan]{who(decision)}[/]{helper}"


def _figures(summary: Mapping[str, Any]) -> str:
    waits = summary["post_to_webhook_ms"]
    right, count = summary["all"]["right"], summary["complaints"]
    lines = [f"Right: {right} of {count}" + (f" ({right / count:.0%})." if count else ".")]
    if waits["count"]:
        lines.append(
            f"From POST to the department's webhook: p50 {waits['p50']:.0f} ms, p99 {waits['p99']:.0f} ms "
            f"({waits['count']} alerts at the first decision)."
        )
    lines.append(
        f"Webhooks: {summary['webhooks']}, repeated {summary['repeated_webhooks']}, "
        f"refused {len(summary['refused_webhooks'])}. Traced again after later events: {summary['traced_again']} complaints; "
        f"alerts taken back: {summary['withdrawn']}."
    )
    if summary["restarts"]:
        lines.append(f"Processes started again: {summary['restarts']}.")
    return "\n".join(lines)
