"""More partitions for a pipeline whose router is stopped.

On one machine it starts the pipeline's broker for as long as it takes, since `akar up` has to be stopped meanwhile.
docs/operations.md has the procedure around it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from services.chassis.errors import ConfigurationError
from services.chassis.settings import AkarSettings, KafkaSettings
from services.cli.company import folder_of, load_company
from services.cli.connection import running_here
from services.cli.instance import Folder
from services.cli.logs import to_stderr
from services.cli.settings import CliSettings
from services.local.kafka import EmbeddedKafka
from services.router.checkpoint.faults import arm
from services.router.raising import raise_pipeline
from services.router.settings import RouterSettings


def run(to: int, registry: str | None, data_dir: Path | None, *, as_json: bool) -> None:
    """Raise and tell.

    Raises:
        ConfigurationError: The pipeline runs here, or there is none.
    """
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
