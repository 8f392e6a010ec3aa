"""The table and the picture of all topics, for people."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from schemas.topics import (
    DEFAULT_LEAF_PARTITIONS,
    DEFAULT_PARTITIONS,
    PIPELINE,
    Cleanup,
    Party,
    Topic,
)

_HEAD = """\
<!-- Written by `python -m schemas.generate` from schemas/topics.py; edit that. -->
# Topics

In the order in which one complaint travels.
Every record is a CloudEvent in Kafka's binary mode; the record key decides the partition by murmur2.

"""


def page() -> str:
    """The whole page, as Markdown."""
    return f"{_HEAD}{diagram(PIPELINE)}\n{table(PIPELINE)}"


def table(topics: Iterable[Topic]) -> str:
    """One row a topic."""
    rows = [
        "| topic | key | events | written by | read by | kept | dead letters | what for |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for topic in topics:
        events = "<br>".join(f"`{contract.dataschema()}`" for contract in topic.contracts)
        writers = _names(topic.writers)
        if topic.shared_writers:
            writers += f" ({topic.shared_writers})"
        rows.append(
            f"| `{topic.name}` | `{topic.key}` | {events or '(changelog)'} | {writers} | "
            f"{_names(topic.readers)} | {kept(topic)} | {_code(topic.dead_letter)} | {topic.purpose} |"
        )
    rows.append("")
    rows.append(
        f"Partitions: {DEFAULT_PARTITIONS} unless `KAFKA_PARTITIONS` says otherwise, the same for every topic"
        " that the router reads, so that its stages meet in one place. Topics that only lead out (decisions, status, inboxes,"
        f" dead letters): {DEFAULT_LEAF_PARTITIONS} unless `KAFKA_LEAF_PARTITIONS` says otherwise."
    )
    return "\n".join(rows) + "\n"


def diagram(topics: Iterable[Topic]) -> str:
    """Who writes and reads what, as a Mermaid flow chart; dead letters and the changelog are left out."""
    lines = ["```mermaid", "flowchart LR"]
    shown = [topic for topic in topics if topic.contracts and not topic.name.endswith(".dlq")]
    parties = sorted({party for topic in shown for party in topic.writers | topic.readers})
    lines += [f"  {_node(party)}([{party.value}])" for party in parties]
    for topic in shown:
        node = "topic_" + "".join(c if c.isalnum() else "_" for c in topic.name)
        lines.append(f'  {node}["{topic.name}"]')
        lines += [f"  {_node(party)} --> {node}" for party in sorted(topic.writers)]
        lines += [f"  {node} --> {_node(party)}" for party in sorted(topic.readers)]
    lines.append("```")
    return "\n".join(lines) + "\n"


def kept(topic: Topic) -> str:
    """How long a record stays, in words."""
    if topic.retention is None:
        return "the last of each key, for ever" if topic.cleanup is Cleanup.COMPACT else "for ever"
    if topic.retention < timedelta(days=2):
        return f"{topic.retention / timedelta(hours=1):g} hours"
    return f"{topic.retention.days} days"


def _node(party: Party) -> str:
    return "party_" + party.value.replace("-", "_")


def _names(parties: Iterable[Party]) -> str:
    return ", ".join(sorted(party.value for party in parties))


def _code(name: str | None) -> str:
    return f"`{name}`" if name else "–"
