"""The commands and their options; what each does lies in a module of its own, imported when it is called.

It stands apart so that `akar --help` needs no service.  Hazard: option names and exit codes are an interface that scripts
rely on.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.cli.backtest import backtest_app
from services.cli.evaluate import evaluate_app
from services.cli.learn import learn_app
from services.cli.partitions import partitions_app
from services.cli.registry_commands import registry_app

app = typer.Typer(
    name="akar",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help=(
        "Finds for each customer complaint which department's work caused it and who can help now.\n\n"
        "Try it first: `akar demo`. Then, in one terminal: `akar up`; in another, in the same folder: "
        '`akar send "paket saya belum sampai" --case-id INV-1`.'
    ),
)
app.add_typer(registry_app, name="registry")
app.add_typer(evaluate_app, name="evaluate")
app.add_typer(backtest_app, name="backtest")
app.add_typer(learn_app, name="learn")
app.add_typer(partitions_app, name="partitions")

DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        help="Folder with the pipeline's data, secrets and logs; made when missing. "
        "Default: AKAR_DATA_DIR or ./.akar.",
        show_default=False,
    ),
]
Registry = Annotated[
    str | None,
    typer.Option(
        "--registry",
        help="The company: a folder, or an example's name (shop, bank, olist). Default: AKAR_REGISTRY or shop.",
        show_default=False,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Intake = Annotated[
    str | None,
    typer.Option(
        "--intake",
        help="Intake's URL. Default: AKAR_URL, or the pipeline running here.",
        show_default=False,
    ),
]
Key = Annotated[
    str | None,
    typer.Option(
        "--key",
        help="The channel's key. Default: AKAR_KEY, or the running pipeline's.",
        show_default=False,
    ),
]
Console = Annotated[
    str | None,
    typer.Option(
        "--console",
        help="The console's URL. Default: AKAR_CONSOLE_URL, or the pipeline running here.",
        show_default=False,
    ),
]


@app.command()
def up(
    *,
    data_dir: DataDir = None,
    registry: Registry = None,
    port_base: Annotated[
        int | None,
        typer.Option(
            min=1024,
            max=65000,
            help="Intake listens here, the console on the next port, and so on. Default: free ports.",
        ),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=32, help="Router processes.")] = 1,
    webhooks: Annotated[
        str | None,
        typer.Option(
            help="Send every department's alerts to URL/<department>, signed; otherwise see receivers.toml.",
            metavar="URL",
        ),
    ] = None,
    ready_json: Annotated[
        bool,
        typer.Option("--ready-json", help="Print one line of JSON on stdout once all is ready."),
    ] = False,
) -> None:
    """Run the whole pipeline on this machine, with a real Kafka, until Ctrl-C.

    With KAFKA_BOOTSTRAP_SERVERS set, that cluster is used instead of an embedded broker.

    **Examples**

    `akar up` · `akar up --registry ./my-company --workers 2` · `akar up --ready-json --port-base 7400`
    """
    from services.cli.up import run

    run(
        data_dir=data_dir,
        registry=registry,
        port_base=port_base,
        workers=workers,
        webhooks=webhooks,
        ready_json=ready_json,
    )


@app.command()
def demo(
    *,
    orders: Annotated[int, typer.Option(min=15, max=20_000, help="Simulated orders.")] = 200,
    seed: Annotated[int, typer.Option(help="The same seed plants the same faults.")] = 7,
    fast: Annotated[
        bool, typer.Option("--fast", help="As fast as it goes, not over half a minute.")
    ] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave it running afterwards and print where.")
    ] = False,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            help="Keep the data here. Default: a temporary folder, removed at the end.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Play a shop with planted faults through the real pipeline and check every answer.

    Everything is real (Kafka, all services, webhooks) except the shop and its customers.

    **Examples**

    `akar demo` · `akar demo --orders 500 --seed 3` · `akar demo --keep`
    """
    from services.cli.demo import run

    run(orders=orders, seed=seed, fast=fast, keep=keep, data_dir=data_dir, as_json=as_json)


@app.command()
def replay(
    *,
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Complaints and process events, NDJSON or CSV; told apart by columns.",
            show_default=False,
        ),
    ] = None,
    olist: Annotated[
        Path | None,
        typer.Option(
            help="A folder with the Olist complaints, events, deadlines and truth.",
            metavar="DIR",
            show_default=False,
        ),
    ] = None,
    intake: Intake = None,
    key: Key = None,
    console: Console = None,
    speed: Annotated[
        float,
        typer.Option(
            min=0.0,
            help="Hours of the past in one second of now; 0 is as fast as it goes.",
        ),
    ] = 0.0,
    report: Annotated[
        Path | None,
        typer.Option(
            help="With --olist: write accuracy and every miss as JSON.",
            metavar="FILE.json",
            show_default=False,
        ),
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Post complaints and process events of the past, in order of time, over HTTP.

    A complaint has `text` (and `case_id`, `occurred_at`, `id`); a process event has `case_id`, `activity`,
    `transition`, `at`. Other columns become attributes of the event.

    **Examples**

    `akar replay events.ndjson complaints.csv` · `akar replay --olist ./olist --report misses.json`
    """
    from services.cli.replay import run

    run(
        files=files or [],
        olist=olist,
        intake=intake,
        key=key,
        console=console,
        speed=speed,
        report=report,
        data_dir=data_dir,
        as_json=as_json,
    )


@app.command()
def send(
    *,
    text: Annotated[str, typer.Argument(help="What the customer says.")],
    case_id: Annotated[
        str | None,
        typer.Option(
            "--case-id", help="The order, payment or ticket it is about.", show_default=False
        ),
    ] = None,
    wait: Annotated[
        float, typer.Option(min=0, help="Seconds to follow it until it is decided.")
    ] = 15.0,
    intake: Intake = None,
    key: Key = None,
    console: Console = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Post one complaint and follow it until someone is asked to help.

    **Examples**

    `akar send "paket belum sampai juga min" --case-id INV-20260301-0042`

    `akar send "wrong colour in the box" --case-id INV-7 --json`
    """
    from services.cli.send import run

    run(
        text=text,
        case_id=case_id,
        wait=wait,
        intake=intake,
        key=key,
        console=console,
        data_dir=data_dir,
        as_json=as_json,
    )


@app.command()
def trace(
    *,
    complaint_id: Annotated[str, typer.Argument(help="A complaint's id, as `akar send` prints.")],
    language: Annotated[
        str | None,
        typer.Option(
            help="Of the sentences, such as id; default en. One that the company writes in.",
            metavar="LANGUAGE",
        ),
    ] = None,
    console: Console = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show one complaint's whole story: causes with their shares, evidence, who was told and when.

    **Examples**

    `akar trace 0f0e7a52-6b0c-5a0e-9d0a-7f3c5e2a41c8` · `akar trace 0f0e7a52-6b0c-5a0e-9d0a-7f3c5e2a41c8 --language id`
    """
    from services.cli.trace import run

    run(
        complaint_id=complaint_id,
        console=console,
        data_dir=data_dir,
        as_json=as_json,
        language=language,
    )


@app.command()
def topics(*, registry: Registry = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """List every topic; with a running broker also partitions, end offsets and the lag of each group.

    The notifier and the console keep their places in their own databases, so they have no lag here.

    **Examples**

    `akar topics` · `KAFKA_BOOTSTRAP_SERVERS=kafka:9092 akar topics --json`
    """
    from services.cli.topics import run

    run(registry=registry, data_dir=data_dir, as_json=as_json)


@app.command()
def doctor(*, registry: Registry = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Check this machine and the running pipeline, with a remedy for whatever is wrong.

    Exit code 1 when anything fails; warnings do not count.
    """
    from services.cli.doctor import run

    run(registry=registry, data_dir=data_dir, as_json=as_json)
