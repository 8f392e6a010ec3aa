"""The parties that `schemas.topics` declares are the services whose code mentions the topic, and no others."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from schemas import topics
from schemas.topics import PIPELINE, Party, Topic

ROOT = Path(__file__).parents[2]
NAMES = {name: value for name, value in vars(topics).items() if isinstance(value, Topic)}
FOLDERS = {
    Party.INTAKE: ("intake",),
    Party.ROUTER: ("router",),
    Party.TICKER: ("router/ticker.py",),
    Party.NOTIFIER: ("notifier",),
    Party.CONSOLE: ("console",),
}


def mentioned(*places: str) -> set[str]:
    """The constants of `schemas.topics` that the modules there refer to."""
    found = set()
    for place in places:
        path = ROOT / "services" / place
        for module in [path] if path.suffix else sorted(path.rglob("*.py")):
            for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
                name = getattr(node, "attr", None) or getattr(node, "id", None)
                if name in NAMES:
                    found.add(name)
    return found


def parties_of(topic: Topic) -> frozenset[Party]:
    return topic.writers | topic.readers


def test_every_declared_topic_is_in_the_pipeline() -> None:
    """A topic that is declared is created: none is left out of the list."""
    assert {topic.name for topic in NAMES.values()} == {topic.name for topic in PIPELINE}


@pytest.mark.parametrize("party", FOLDERS, ids=str)
def test_a_service_writes_and_reads_what_is_declared_for_it(party: Party) -> None:
    """Whoever is declared as writer or reader has code for it, and nobody else has."""
    declared = {name for name, topic in NAMES.items() if party in parties_of(topic)}
    own = mentioned(*FOLDERS[party])
    if party is Party.ROUTER:
        # The ticker lives in the router's folder and is a party of its own.
        others = {name for name, topic in NAMES.items() if Party.TICKER in parties_of(topic)}
        assert own <= declared | others

    missing = declared - own
    assert not missing, f"{party.value} is declared for {missing}, but no code of it mentions them"
    if party is not Party.ROUTER:
        undeclared = own - declared
        assert not undeclared, (
            f"{party.value} mentions {undeclared} and is declared for neither end"
        )
