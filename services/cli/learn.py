"""`akar learn …`: from verdicts to priors and calibration, in three steps that a person takes.

It stands apart as the options alone; the work is in `learn_run`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

learn_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Learn from verdicts: fit, try in shadow beside what is live, promote by a person's word.",
)

Registry = Annotated[
    str | None,
    typer.Option(
        "--registry", help="The live registry. Default: AKAR_REGISTRY or shop.", show_default=False
    ),
]
Candidate = Annotated[
    Path, typer.Argument(help="What `akar learn fit` wrote.", metavar="LEARNED.toml")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


@learn_app.command("fit")
def fit(
    *,
    verdicts: Annotated[
        list[Path],
        typer.Option(
            help="Past complaints with verdicts (`akar backtest export --verdicts`), or verdicts alone with --cases.",
            metavar="FILE",
        ),
    ],
    cases: Annotated[
        Path | None,
        typer.Option(
            help="Past complaints, when --verdicts holds verdicts alone.", show_default=False
        ),
    ] = None,
    registry: Registry = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The candidate to write.")],
    version: Annotated[
        str | None,
        typer.Option(
            help="Its name in every decision. Default: the day and the number of verdicts."
        ),
    ] = None,
    note: Annotated[str, typer.Option(help="From what, in a sentence.")] = "",
    as_json: AsJson = False,
) -> None:
    """Re-estimate priors and calibration from verdicts.

    Accepted, resolved as own, an upheld rejection and the arbiter's ruling are labels; a time-out never is. Nothing that
    is live changes.

    **Example**

    `akar learn fit --verdicts cases.ndjson --registry ./company -o next.toml`
    """
    from services.cli import learn_run
    from services.cli.learn_cases import cases_with

    with cases_with(verdicts, cases) as files:
        learn_run.fit(
            cases=files,
            registry=registry,
            output=output,
            version=version,
            note=note,
            as_json=as_json,
        )


@learn_app.command("shadow")
def shadow(
    *,
    candidate: Candidate,
    registry: Registry = None,
    file: Annotated[
        Path,
        typer.Option(help="Past complaints that it was not fitted on.", metavar="cases.ndjson"),
    ],
    workers: Annotated[int, typer.Option(min=0, help="Processes; 0: one for each core.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Run a candidate beside what is live: who moves where, what it costs, whose confidence is truer.

    Writes its report beside the candidate; without it nothing can be promoted.
    """
    from services.cli import backtest_run, learn_run

    learn_run.shadow(
        candidate=candidate,
        registry=registry,
        file=file,
        workers=workers or backtest_run.cores(),
        as_json=as_json,
    )


@learn_app.command("promote")
def promote(
    *,
    candidate: Candidate,
    registry: Registry = None,
    by: Annotated[str, typer.Option(help="Who wants it live: a person's name.")],
    reason: Annotated[str, typer.Option(help="Why, in a sentence.")],
) -> None:
    """Put a candidate into the registry's folder `learned`, with a person's name and reason.

    Refused without a shadow report about exactly this candidate and this registry. Every decision then names the new
    version (and the registry's new digest).
    """
    from services.cli import learn_run

    learn_run.promote(candidate=candidate, registry=registry, by=by, reason=reason)
