"""`akar partitions raise --to N`: more partitions for a pipeline whose router is stopped.

On one machine it starts the pipeline's broker for as long as it takes, since `akar up` has to be stopped meanwhile.
docs/operations.md has the procedure around it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from services.chassis.errors import ConfigurationError
from services.chassis.settings import AkarSettings, KafkaSettings
from services.cli.company import folder_of, load_company
from services.cli.connection import running_here
from services.cli.instance import Folder
from services.cli.logs import to_stderr
from services.cli.settings import CliSettings

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
    # Not at the top: every other command would load the router for it.
    from services.router.checkpoint.faults import arm
    from services.router.raising import raise_pipeline
    from services.router.settings import RouterSettings

    to_stderr()
    arm(RouterSettings().fault)
    company = load_company(folder_of(registry))
    folder = data_dir or CliSettings().data_dir
    with _cluster(folder, data_dir) as kafka:
        room = (data_dir or AkarSettings().data_dir) / "raising"
        done = raise_pipeline(kafka, company.inboxes(), to, room)
    if as_json:
        print(
            json.dumps(
                {
                    "before": done.before,
                    "after": done.after,
                    "rows_moved": done.moved,
                    "rows_stayed": done.stayed,
                    "stopped_at": done.positions,
                }
            )
        )
        return
    print(f"{done.before} partitions have become {done.after}; {done.moved:,} rows were moved.")
    print(f"Set KAFKA_PARTITIONS={done.after} for every service, and start them again.")


@contextmanager
def _cluster(folder: Path, data_dir: Path | None) -> Iterator[KafkaSettings]:
    from services.local.kafka import EmbeddedKafka

    settings = KafkaSettings()
    if "bootstrap_servers" in settings.model_fields_set:
        yield settings
        return
    if running_here(data_dir) is not None:
        raise ConfigurationError(
            "the pipeline runs here; stop it first (Ctrl-C where akar up runs)"
        )
    kafka = Folder(folder).kafka
    if not kafka.exists():
        raise ConfigurationError(
            f"no pipeline has run in {folder}; name its folder (--data-dir) or set KAFKA_BOOTSTRAP_SERVERS"
        )
    with EmbeddedKafka(kafka).start() as broker:
        yield settings.model_copy(update={"bootstrap_servers": broker.bootstrap})
