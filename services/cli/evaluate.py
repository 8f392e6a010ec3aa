"""`akar evaluate …`: hold what Akar says against what is known to be true.

It stands apart so that each judgement (the words, the causes) keeps its own module, imported when it is called. Hazard:
the keys that ``--json`` prints are an interface: `accuracy`, `macro_f1`, `coverage`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

evaluate_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Hold what Akar says against what is known: how often it is right, and how sure it was.",
)


@evaluate_app.command("symptoms")
def symptoms(
    *,
    file: Annotated[
        Path,
        typer.Argument(
            help="A CSV file with the columns `text` and `label` (or `label1,label2,label3`, most important first).",
            metavar="FILE.csv",
        ),
    ],
    language: Annotated[
        str | None,
        typer.Option(
            help="What the channel would say (`id`, `en`, `pt`). Default: a column `language`, else detected in each text.",
            show_default=False,
        ),
    ] = None,
    registry: Annotated[
        str | None,
        typer.Option(
            "--registry",
            help="The company: a folder, or an example's name. Default: AKAR_REGISTRY or shop.",
            show_default=False,
        ),
    ] = None,
    misses: Annotated[
        int, typer.Option(min=0, help="Show this many texts that were read otherwise.")
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Hold the reading of complaints (which symptom?) against labels by people.

    Every row counts. A text about which nothing can be named is read as `unclear`, and is right when that is its label.
    *Accuracy* is the share of rows whose likeliest symptom is the first label; *macro-F1* gives each label the same
    weight, however rare; *coverage* is the share of rows for which a symptom was named, and the curve says what the
    accuracy would be if only the surest were.

    **Examples**

    `akar evaluate symptoms complaints.csv` · `akar evaluate symptoms mails.csv --language en --json`
    """
    from services.cli.evaluate_symptoms import run

    run(file=file, language=language, registry=registry, misses=misses, as_json=as_json)


@evaluate_app.command("causes")
def causes(
    *,
    company: Annotated[
        str, typer.Option(help="Which company's cases: `shop`, `olist`, `bank` or `all`.")
    ] = "all",
    orders: Annotated[int, typer.Option(min=1, help="Cases of each company.")] = 1_000,
    seed: Annotated[
        int, typer.Option(help="Of the cases; seeds below 1000 are for fitting and become 1000.")
    ] = 1_000,
    missing: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="One run with this share of the events never sent."),
    ] = None,
    late: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="One run with this share of the events days late."),
    ] = None,
    olist: Annotated[
        Path | None,
        typer.Option(
            help="Judge real orders too: a folder with events.csv, complaints.csv, truth.csv.",
            metavar="FOLDER",
        ),
    ] = None,
    registry: Annotated[
        str | None,
        typer.Option(help="Another registry for the company's cases. Default: its example."),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(help="Write the reliability diagram here (SVG), and FILE.curve.svg."),
    ] = None,
    misses: Annotated[int, typer.Option(min=0, help="Show this many wrong answers of a run.")] = 0,
    fail_under: Annotated[
        float | None, typer.Option(help="Exit code 1 when top-1 of the first run is below this.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit code 1 when any goal is not met.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Hold the causes that are named against planted truth, beside two simple rules.

    Cases of three companies, each with one planted fault, go through the real classifier and the tracing core without a
    broker. Without `--missing` and `--late` there are four runs: complete, 20 % of the events missing or late (half each),
    20 % missing, 20 % late.

    **The rule.** *top-1*: the cause named first is the true one (of several, the largest, or one within a tenth of it).
    Naming nobody (waiting, asked, triage) counts as **not right** wherever the evidence was there, also when the run has
    lost it, and as right where an honest answer is to wait, to ask, or to leave it to a person; there, naming the true
    cause is right too, and naming anybody else is wrong. *Wrong department rate*: of all departments alerted as a cause
    (share 0.15 or more), those that had no part. *ECE*: expected calibration error in ten bins over the answers that name
    somebody. *Text only* names whoever most often causes the symptom (learned from cases that are not judged); *blame the
    last event* names whoever should act after the last thing known to be done.

    **Examples**

    `akar evaluate causes` · `akar evaluate causes --company bank --missing 0.2 --json` · `akar evaluate causes --strict`
    """
    from services.cli.evaluate_causes import run

    run(
        company=company,
        orders=orders,
        seed=seed,
        missing=missing,
        late=late,
        olist=olist,
        registry=registry,
        plot=plot,
        misses=misses,
        fail_under=fail_under,
        strict=strict,
        as_json=as_json,
    )
