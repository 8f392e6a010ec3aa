"""Topic names are spelled in one place."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.json_schema import contracts
from schemas.topics import PIPELINE

ROOT = Path(__file__).parents[2]
NAMES = {topic.name for topic in PIPELINE}
EVENT_TYPES = {contract.event_type for contract in contracts()}
# A log event is named after its event; what an id is derived from stays, whatever a topic is called.
NOT_TOPICS = {"debug", "info", "warning", "error", "exception", "critical", "log", "event_id"}
SOURCES = sorted(
    path
    for folder in ("schemas", "services")
    for path in (ROOT / folder).rglob("*.py")
    if path != ROOT / "schemas" / "topics.py"
)


def literals(tree: ast.AST) -> Iterator[ast.Constant]:
    """String constants, but for log events, parts of an id and a contract's `event_type`."""
    excused = set()
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in NOT_TOPICS
            and node.args
        ):
            excused.add(id(node.args[0]))
        if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "event_type":
            excused.add(id(node.value))
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in excused
        ):
            yield node


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_spells_a_topic_name(path: Path) -> None:
    """Everything but the declaration refers to `schemas.topics`, so that a rename is found by the type checker."""
    for node in literals(ast.parse(path.read_text(encoding="utf-8"))):
        assert node.value not in NAMES, (
            f"{path.relative_to(ROOT)}:{node.lineno}: {node.value!r} is a topic; use schemas.topics"
        )


def test_the_check_sees_a_spelled_name() -> None:
    """A plain literal is found, the name of a log event is not."""
    tree = ast.parse('send("complaint.received")\nlog.info("complaint.received")')

    assert [node.lineno for node in literals(tree)] == [1]


def test_event_types_are_past_tense_words() -> None:
    """An event says what has happened: `noun.verb`."""
    for name in EVENT_TYPES:
        assert name.rpartition(".")[2].endswith(("ed", "wn", "found")), name
