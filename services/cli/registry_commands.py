"""`akar registry …`: make, check, publish and switch the company's folder.

It stands apart from `app` because these commands belong together; the work is in `company`, `company_stream` and the
registry itself, imported only when a command runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

registry_app = typer.Typer(
    no_args_is_help=True, help="The company in one folder: departments, activities, symptoms."
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        help="Folder of the running pipeline. Default: AKAR_DATA_DIR or ./.akar.",
        show_default=False,
    ),
]
Company = Annotated[
    str | None,
    typer.Argument(
        help="The company's folder, or an example's name. Default: AKAR_REGISTRY or shop.",
        show_default=False,
    ),
]


@registry_app.command("new")
def new(
    folder: Annotated[Path, typer.Argument(help="Where to write it; made when missing.")],
) -> None:
    """Write a small, commented company to start from, with schemas for your editor.

    **Example**

    `akar registry new ./my-company`, then docs/describe-your-company.md
    """
    from services.cli.company import run_new

    run_new(folder)


@registry_app.command("check")
def check(*, folder: Company = None, as_json: AsJson = False) -> None:
    """Validate a company's folder; each problem with file, line, field and remedy.

    **Examples**

    `akar registry check ./my-company` · `akar registry check olist`
    """
    from services.cli.company import run_check

    run_check(folder=folder, as_json=as_json)


@registry_app.command("schema")
def schema(
    folder: Annotated[
        Path | None,
        typer.Argument(
            help="Where to write one file per kind; without it, all are printed.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write or print the JSON Schemas of a company's files, for editors."""
    from services.cli.company import run_schema

    run_schema(folder)


@registry_app.command("activate")
def activate(
    what: Annotated[
        str,
        typer.Argument(
            help="A folder, an example's name, or the beginning of a digest that was published."
        ),
    ],
    *,
    data_dir: DataDir = None,
) -> None:
    """Let a company decide from now on, in every partition of the running pipeline.

    `akar up` does this by itself whenever the folder changes. This is for other clusters, and for going back.

    **Examples**

    `akar registry activate ./my-company` · `akar registry activate 3149ebd1`
    """
    from services.cli.company_stream import run_activate

    run_activate(what, data_dir=data_dir)


@registry_app.command("history")
def history(*, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Print what was published, and what is active in which partition."""
    from services.cli.company_stream import run_history

    run_history(data_dir=data_dir, as_json=as_json)
