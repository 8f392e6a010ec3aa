"""`akar evaluate causes`: the core against planted truth, beside two simple rules; tables, a picture, JSON, an exit code.

It stands apart from the judging (`causes_scoring`) and the running (`causes_running`).  Hazard: the keys that ``--json`` prints
are an interface, and so are the names that ``--fail-under`` takes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from services.chassis.errors import ConfigurationError
from services.cli import causes_running as running
from services.cli import reliability
from services.cli.causes_scoring import Judged, by_kind, figures
from services.cli.company import folder_of, load_company
from services.cli.evaluate_olist import judged_rows, show_olist
from services.router.rules import rules_from
from services.router.tracing.company import Rules
from services.simulator.proof.generate import COMPANIES, generate, judged

GOALS: Final = {
    "complete": {"top1": 0.95, "wrong_department_rate": 0.05, "ece": 0.05},
    "missing or late": {"top1": 0.80, "wrong_department_rate": 0.05, "ece": 0.05},
    "missing": {"top1": 0.80, "wrong_department_rate": 0.05, "ece": 0.05},
    "late": {"top1": 0.80, "wrong_department_rate": 0.05, "ece": 0.05},
}
"""What has to hold for each run: at least `top1`, at most the others."""
AT_MOST: Final = frozenset({"wrong_department_rate", "ece", "share_error"})
SHARE: Final = 0.2
_COLUMNS: Final = (
    "top1",
    "top1_known",
    "top2",
    "share_error",
    "wrong_department_rate",
    "coverage",
    "ece",
)


def run(
    *,
    company: str,
    orders: int,
    seed: int,
    missing: float | None,
    late: float | None,
    olist: Path | None,
    registry: str | None,
    plot: Path | None,
    misses: int,
    fail_under: float | None,
    strict: bool,
    as_json: bool,
) -> None:
    """Judge, print, and leave with exit code 1 when a threshold is not reached."""
    companies = _companies(company)
    screen = Console(stderr=True, highlight=False)
    rules = {
        name: rules_from(load_company(folder_of(registry if registry is not None else name)))
        for name in companies
    }
    runs = _runs(missing, late)
    found: dict[str, Any] = {
        "companies": companies,
        "orders": orders,
        "seed": judged(seed),
        "runs": {},
    }
    with _progress(screen) as progress:
        task = progress.add_task("cases", total=orders * len(companies) * (3 * len(runs) + 1))

        def advance() -> None:
            progress.advance(task)

        texts = {name: running.TextOnly(name, rules[name], orders=orders) for name in companies}
        progress.advance(task, orders * len(companies))
        for name, (lost, belated) in runs.items():
            found["runs"][name] = _judge(
                rules,
                texts,
                advance,
                orders=orders,
                seed=judged(seed),
                missing=lost,
                late=belated,
                misses=misses,
            )
    first = next(iter(found["runs"].values()))
    # The first run's figures stand at the top too, for scripts that ask for one number.
    found = {**first["akar"], **found}
    found["goals"] = _goals(found["runs"])
    if olist is not None:
        found["olist"] = judged_rows(olist)
    if plot is not None:
        series = {name: one["akar"]["reliability"] for name, one in found["runs"].items()}
        plot.write_text(
            reliability.svg(series, title="Akar: confidence and truth"), encoding="utf-8"
        )
        curves = {name: one["akar"]["curve"] for name, one in found["runs"].items()}
        plot.with_suffix(".curve.svg").write_text(
            reliability.curve(curves, title="Akar: alerts sent, and gone wrong"), encoding="utf-8"
        )
    if as_json:
        print(json.dumps(found))
    else:
        _show(found, plot)
    _leave(found, fail_under, strict=strict)


def _companies(company: str) -> list[str]:
    if company == "all":
        return list(COMPANIES)
    if company not in COMPANIES:
        raise ConfigurationError(f"--company {company}: there is {', '.join(COMPANIES)}, or all")
    return [company]


def _runs(missing: float | None, late: float | None) -> dict[str, tuple[float, float]]:
    """Name -> shares of missing and of late events; without a wish all that have goals."""
    if missing is None and late is None:
        return {
            "complete": (0.0, 0.0),
            "missing or late": (SHARE / 2, SHARE / 2),
            "missing": (SHARE, 0.0),
            "late": (0.0, SHARE),
        }
    lost, belated = missing or 0.0, late or 0.0
    if lost and belated:
        return {"missing or late": (lost, belated)}
    return {"missing" if lost else "late" if belated else "complete": (lost, belated)}


def _judge(
    rules: dict[str, Rules],
    texts: dict[str, running.TextOnly],
    advance: Callable[[], None],
    *,
    orders: int,
    seed: int,
    missing: float,
    late: float,
    misses: int,
) -> dict[str, Any]:
    core: list[Judged] = []
    later: list[Judged] = []
    answered: list[Judged] = []
    text: list[Judged] = []
    last: list[Judged] = []
    missed: list[dict[str, Any]] = []
    for name, mine in rules.items():
        cases = list(generate(name, orders=orders, seed=seed, missing=missing, late=late))
        counts = running.counts_before(cases, mine)
        for case in cases:
            lost = counts[case.key]
            decision = running.decide(case, mine, lost)
            one = running.judged(case, running.answer(decision))
            core.append(one)
            advance()
            settled = running.answer(running.settled(case, mine, lost)) if late else one.answer
            later.append(running.judged(case, settled))
            told = running.answered(case, mine, lost) if decision.question is not None else decision
            answered.append(running.judged(case, running.answer(told)))
            text.append(running.judged(case, texts[name](case)))
            advance()
            last.append(running.judged(case, running.last_event(case)))
            advance()
            if not one.right and len(missed) < misses:
                missed.append(_miss(one, case.text, decision.symptoms[:2]))
    found: dict[str, Any] = {
        "missing": missing,
        "late": late,
        "akar": figures(core),
        "answered": figures(answered),
        "text_only": figures(text),
        "last_event": figures(last),
        "kinds": by_kind(core),
    }
    if late:
        found["settled"] = figures(later)
    if misses:
        found["misses"] = missed
    return found


def _miss(one: Judged, text: str, symptoms: Sequence[Any]) -> dict[str, Any]:
    return {
        "company": one.company,
        "kind": one.kind,
        "key": one.key,
        "truth": dict(one.truth.shares),
        "expect": one.truth.expect.value,
        "said": dict(one.answer.shares),
        "outcome": one.answer.outcome,
        "text": text,
        "symptoms": [f"{score.symptom} {score.probability:.2f}" for score in symptoms],
    }


def _goals(runs: dict[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for name, goals in GOALS.items():
        for figure, goal in goals.items():
            if name not in runs:
                continue
            value = runs[name]["akar"][figure]
            good = value is not None and (value <= goal if figure in AT_MOST else value >= goal)
            rows.append({"run": name, "figure": figure, "value": value, "goal": goal, "met": good})
    return rows


def _leave(found: dict[str, Any], fail_under: float | None, *, strict: bool) -> None:
    if fail_under is not None and (found["top1"] is None or found["top1"] < fail_under):
        raise typer.Exit(1)
    if strict and not all(row["met"] for row in found["goals"]):
        raise typer.Exit(1)


def _progress(screen: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=screen,
        transient=True,
    )


def _show(found: dict[str, Any], plot: Path | None) -> None:
    console = Console(highlight=False)
    for name, one in found["runs"].items():
        console.print(
            f"\n[bold]{name}[/bold]: {one['akar']['cases']} cases of {', '.join(found['companies'])}; "
            f"{one['missing']:.0%} of events missing, {one['late']:.0%} late"
        )
        table = Table("", *[_right(column.replace("_", " ")) for column in _COLUMNS], box=None)
        for who, title in (
            ("akar", "Akar"),
            ("answered", "Akar, questions answered"),
            ("settled", "Akar, once all has arrived"),
            ("text_only", "text only"),
            ("last_event", "blame the last event"),
        ):
            if who in one:
                row = [_number(one[who][column]) for column in _COLUMNS]
                table.add_row(title, *row)
        console.print(table)
        console.print(
            f"confidence 0…1: {reliability.bars(one['akar']['reliability'])}   named "
            f"{_number(one['akar']['named'])}; outcomes {one['akar']['outcomes']}"
        )
    _show_kinds(console, found)
    for one in found["runs"].values():
        for miss in one.get("misses", ()):
            console.print(
                f"{miss['key']} {miss['kind']} (honest: {miss['expect']}): truth {miss['truth']}, said "
                f"{miss['said'] or miss['outcome']}; {', '.join(miss['symptoms'])}: {miss['text']}",
                highlight=False,
                markup=False,
                soft_wrap=True,
            )
    for row in found["goals"]:
        sign = "≤" if row["figure"] in AT_MOST else "≥"
        mark = "[green]met[/green]" if row["met"] else "[red]falls short[/red]"
        console.print(
            f"{row['run']}: {row['figure']} {_number(row['value'])} (goal {sign} {row['goal']}) {mark}"
        )
    if "olist" in found:
        show_olist(console, found["olist"])
    if plot is not None:
        console.print(
            f"The reliability diagram is in {plot}, how many alerts go wrong when fewer are sent in "
            f"{plot.with_suffix('.curve.svg')}."
        )


def _show_kinds(console: Console, found: dict[str, Any]) -> None:
    """Kind by kind: top-1, and behind it how many abstained and how many were wrong."""
    runs = found["runs"]
    table = Table("kind", "honest", _right("n"), *[_right(name) for name in runs], box=None)
    for index, kind in enumerate(next(iter(runs.values()))["kinds"]):
        cells = []
        for one in runs.values():
            row = one["kinds"][index]
            cells.append(f"{row['top1']:.2f} {row['abstained']:>3}a {row['wrong']:>3}w")
        name = f"{kind['company']} {kind['kind'].replace('_', ' ')}"
        table.add_row(name, kind["expect"], str(kind["cases"]), *cells)
    console.print(table)
    console.print("top-1, a = named nobody, w = named somebody else")


def _right(name: str) -> Any:
    from rich.table import Column

    return Column(name, justify="right")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
