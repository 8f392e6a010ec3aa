"""`akar topics`: what is declared, and, when a broker answers, how far each topic reaches and who lags behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from schemas.topics import Topic, topics_for
from services.chassis.errors import BrokerUnavailable
from services.chassis.positions import Reach, reaches
from services.chassis.settings import KafkaSettings
from services.cli.company import folder_of, load_company
from services.cli.connection import running_here
from services.cli.logs import to_stderr

WIDE_COLUMNS: Final = 130
"""From this width on the purpose of each topic has room beside its figures."""


def run(*, registry: str | None, data_dir: Path | None, as_json: bool) -> None:
    """Print every topic of the company."""
    running = running_here(data_dir)
    company = load_company(
        folder_of(registry or (running.registry if running is not None else None))
    )
    declared = list(topics_for(company.inboxes()))
    settings = KafkaSettings()
    broker: str | None = None
    if "bootstrap_servers" in settings.model_fields_set:
        broker = settings.bootstrap_servers
    elif running is not None:
        broker = running.kafka
        settings = settings.model_copy(
            update={"bootstrap_servers": running.kafka, "topic_prefix": running.topic_prefix}
        )
    found: dict[str, Reach] = {}
    problem: str | None = None
    if broker is not None:
        to_stderr()
        try:
            found = reaches(settings, [settings.topic(topic.name) for topic in declared])
        except BrokerUnavailable as error:
            problem = f"{broker} does not answer: {error.detail}"
    reach = {topic.name: found.get(settings.topic(topic.name)) for topic in declared}
    if as_json:
        _print_json(broker if problem is None else None, declared, reach, settings)
        return
    live = broker is not None and problem is None
    _print_table(declared, reach, live=live, prefix=settings.topic_prefix)
    if live:
        print("A lag of one for each partition is the end mark of a transaction, not a record.")
    if problem is not None:
        print(problem)
    elif broker is None:
        print(
            "No broker: start akar up here, or set KAFKA_BOOTSTRAP_SERVERS, to see records and lag."
        )


def _print_json(
    broker: str | None,
    declared: list[Topic],
    reach: dict[str, Reach | None],
    settings: KafkaSettings,
) -> None:
    rows = []
    for topic in declared:
        there = reach[topic.name]
        rows.append(
            {
                "name": topic.name,
                "on_cluster": settings.topic(topic.name),
                "key": topic.key,
                "contracts": [contract.dataschema() for contract in topic.contracts],
                "purpose": topic.purpose,
                "writers": sorted(topic.writers),
                "readers": sorted(topic.readers),
                "cleanup": topic.cleanup.value,
                "retention_seconds": None
                if topic.retention is None
                else topic.retention.total_seconds(),
                "dead_letter": topic.dead_letter,
                "partitions": None if there is None else there.partitions,
                "records": None if there is None else there.end - there.first,
                "end": None if there is None else there.end,
                "lag": None if there is None else there.lag,
            }
        )
    print(json.dumps({"kafka": broker, "topics": rows}))


def _print_table(
    declared: list[Topic], reach: dict[str, Reach | None], *, live: bool, prefix: str
) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    roomy = console.width >= WIDE_COLUMNS
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("topic", no_wrap=True)
    if live:
        table.add_column("partitions", justify="right", no_wrap=True)
        table.add_column("end", justify="right", no_wrap=True)
        table.add_column("lag of its readers", no_wrap=True)
    else:
        table.add_column("key", no_wrap=True)
        table.add_column("written by")
        table.add_column("read by")
    if roomy:
        table.add_column("purpose", overflow="fold")
    for topic in declared:
        there = reach[topic.name]
        if not live:
            middle = [topic.key, ", ".join(sorted(topic.writers)), ", ".join(sorted(topic.readers))]
        elif there is None:
            middle = ["missing", "", ""]
        else:
            lag = ", ".join(
                f"{group.removeprefix(prefix)} {count}"
                for group, count in sorted(there.lag.items())
            )
            middle = [str(there.partitions), str(there.end), lag]
        table.add_row(topic.name, *middle, *([topic.purpose] if roomy else []))
    console.print(table)
