"""`akar backtest …`: past complaints decided by the live registry and by a candidate, before anybody is alerted by it.

It stands apart as the options alone; each command's work is imported when it is called.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

backtest_app = typer.Typer(
    no_args_is_help=True,
    invoke_without_command=True,
    rich_markup_mode="markdown",
    help="Decide past complaints by the live registry and by a candidate: who moves where, at what cost.",
)


@backtest_app.callback(invoke_without_command=True)
def compare(
    context: typer.Context,
    *,
    live: Annotated[
        str | None,
        typer.Option(help="The live registry. Default: AKAR_REGISTRY or shop.", show_default=False),
    ] = None,
    candidate: Annotated[
        str | None, typer.Option(help="The registry to try.", show_default=False)
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            help="Past complaints with their events, as `akar backtest export` writes them.",
            metavar="cases.ndjson",
        ),
    ] = None,
    topics: Annotated[
        bool, typer.Option("--topics", help="Take them from the running pipeline's topics.")
    ] = False,
    workers: Annotated[
        int, typer.Option(min=0, max=256, help="Processes; 0: one for each core.")
    ] = 1,
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", help="Of the running pipeline.", show_default=False)
    ] = None,
    fail_if_moved: Annotated[
        float | None,
        typer.Option(help="Exit code 1 when more than this share goes elsewhere.", min=0, max=1),
    ] = None,
    fail_if_cost_rises: Annotated[
        bool,
        typer.Option("--fail-if-cost-rises", help="Exit code 1 when the candidate costs more."),
    ] = False,
    fail_if_agreement_falls: Annotated[
        bool,
        typer.Option(
            "--fail-if-agreement-falls", help="Exit code 1 when fewer verdicts are agreed with."
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Decide past complaints by the live registry and by a candidate.

    Prints who moves where with examples, how many verdicts each agrees with, alerts by department, and the cost by the
    live `policy.costs`: as it came out where a verdict is known, else as expected by the decision's confidence.

    **Examples**

    `akar backtest --candidate ./next --file cases.ndjson` ·
    `akar backtest --candidate ./next --topics --fail-if-moved 0.1 --fail-if-cost-rises`
    """
    if context.invoked_subcommand is not None:
        return
    from services.chassis.errors import ConfigurationError
    from services.cli import backtest_export, backtest_run

    if candidate is None:
        raise ConfigurationError("name the registry to try: --candidate FOLDER")
    if (file is None) != topics:
        raise ConfigurationError("say where the complaints come from: --file FILE or --topics")
    backtest_run.companies(live, candidate)  # before the topics are read, which may take minutes
    with ExitStack() as stack:
        backtest_run.run(
            live=live,
            candidate=candidate,
            file=file or stack.enter_context(backtest_export.exported(data_dir, live)),
            workers=workers or backtest_run.cores(),
            fail_if_moved=fail_if_moved,
            fail_if_cost_rises=fail_if_cost_rises,
            fail_if_agreement_falls=fail_if_agreement_falls,
            as_json=as_json,
        )


@backtest_app.command("export")
def export(
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")],
    verdicts: Annotated[
        Path | None,
        typer.Option(help="Join these verdicts to their complaints (NDJSON).", show_default=False),
    ] = None,
    company: Annotated[
        str | None,
        typer.Option(
            help="Instead of topics: generated cases of `shop`, `olist` or `bank`, with verdicts.",
            show_default=False,
        ),
    ] = None,
    orders: Annotated[int, typer.Option(min=1, help="Generated cases.")] = 1_000,
    seed: Annotated[int, typer.Option(help="Of the generated cases.")] = 1,
    missing: Annotated[float, typer.Option(min=0, max=1, help="Events never sent.")] = 0.0,
    late: Annotated[float, typer.Option(min=0, max=1, help="Events days late.")] = 0.0,
    registry: Annotated[
        str | None,
        typer.Option(
            help="Says whose word an event is that names no source. Default: the running pipeline's, AKAR_REGISTRY or shop.",
            show_default=False,
        ),
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", help="Of the running pipeline.", show_default=False)
    ] = None,
) -> None:
    """Write past complaints, each with what was known of its case when it was last decided.

    From the topics of the running pipeline (or of KAFKA_BOOTSTRAP_SERVERS), sorted by case, with memory that does not
    grow with them: they pass through a file on disk. With `--company` generated cases are written instead.

    **Examples**

    `akar backtest export -o cases.ndjson --verdicts verdicts.ndjson` ·
    `akar backtest export -o fit.ndjson --company shop --orders 5000 --seed 1`
    """
    from services.cli import backtest_export

    if company is not None:
        backtest_export.generated(
            company, output, orders=orders, seed=seed, missing=missing, late=late
        )
    else:
        backtest_export.from_topics(output, verdicts=verdicts, data_dir=data_dir, registry=registry)
