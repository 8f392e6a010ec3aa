"""`akar partitions raise --to N`: its options; the work lies in `partitions_run`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

partitions_app = typer.Typer(
    help="How many parts the pipeline's topics have.", no_args_is_help=True, add_completion=False
)


@partitions_app.callback()
def partitions() -> None:
    """Makes `raise` a command below `akar partitions`."""


@partitions_app.command("raise")
def raise_(
    to: Annotated[int, typer.Option("--to", min=2, max=1000, help="How many there should be.")],
    registry: Annotated[
        str | None, typer.Option("--registry", help="The company: a folder, or an example's name.")
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", help="Folder of the pipeline's data.")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Raise the number of partitions; the router has to be stopped, all else may go on.

    It may be interrupted and repeated at any time.

    `akar partitions raise --to 8` · `KAFKA_BOOTSTRAP_SERVERS=kafka:9092 akar partitions raise --to 8`
    """
    from services.cli.partitions_run import run

    run(to, registry, data_dir, as_json=as_json)
