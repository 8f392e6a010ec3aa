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
