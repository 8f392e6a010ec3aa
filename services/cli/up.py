"""`akar up`: the pipeline in the foreground, until a signal."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from services.chassis.errors import TransientError
from services.cli.company import folder_of, load_company
from services.cli.folder_echo import FolderEcho
from services.cli.instance import Folder, Running
from services.cli.logs import to_stderr
from services.cli.pipeline import Pipeline
from services.cli.settings import CliSettings
from services.local.supervisor import Interrupted


def data_folder(given: Path | None) -> Folder:
    """The data folder that `--data-dir`, AKAR_DATA_DIR or, without either, `./.akar` means."""
    return Folder(given if given is not None else CliSettings().data_dir)


def run(
    *,
    data_dir: Path | None,
    registry: str | None,
    port_base: int | None,
    workers: int,
    webhooks: str | None,
    ready_json: bool,
) -> None:
    """Start, say where it is, wait for a signal, stop.

    Raises:
        ConfigurationError: Something has to be changed first; nothing is left running.
        TransientError: Something did not become ready, or ended for good.
    """
    to_stderr()
    company_folder = folder_of(registry)
    company = load_company(company_folder)
    pipeline = Pipeline(
        data_folder(data_dir),
        registry=company_folder,
        departments=company.inboxes(),
        workers=workers,
        port_base=port_base,
        webhooks=webhooks,
        report=_say,
    )
    try:
        running = pipeline.start()
        if ready_json:
            print(running.line(), flush=True)
        else:
            print(_greeting(running), flush=True)
        FolderEcho(company_folder, _say).start()
        signalled = pipeline.supervisor.run_until_signal()
    except Interrupted:
        signalled = 1
    finally:
        _say("Stopping")
        pipeline.stop()
    if not signalled:
        raise TransientError(
            "process_failed", f"a process ended for good; see {Path(running.data_dir) / 'logs'}"
        )
    raise typer.Exit(0)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _greeting(running: Running) -> str:
    return "\n".join(
        (
            "",
            "Akar is up.",
            f"  Complaints and process events   {running.intake}  (described in /openapi.json)",
            f"  Console                         {running.console}  (any user; password: secrets/console_key)",
            f"  Kafka                           {running.kafka}",
            f"  Data, secrets, logs             {running.data_dir}",
            f"  Who is told where               {running.data_dir}/receivers.toml",
            "",
            "For curl:",
            f"  export INTAKE={running.intake} KEY=$(cat {running.data_dir}/secrets/channel_key)",
            'In another terminal, in this folder:  akar send "paket saya belum sampai" --case-id INV-1',
            "Stop with Ctrl-C.",
        )
    )
