"""JSON Schema (2020-12) of each event, as systems in other languages read it.

It stands apart from the command that writes the files, so that tests and AsyncAPI use the same bytes.  Hazard: the schema
says what a reader has to accept (optional fields may be absent), not what our own writers always fill in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from schemas.envelope import Contract
from schemas.topics import PIPELINE, Topic

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def contracts(topics: Iterable[Topic] = PIPELINE) -> Iterator[type[Contract]]:
    """Every contract that may lie in a topic, once, in pipeline order."""
    seen: set[str] = set()
    for topic in topics:
        for contract in topic.contracts:
            if contract.dataschema() not in seen:
                seen.add(contract.dataschema())
                yield contract


def schema_of(contract: type[Contract]) -> dict[str, Any]:
    """The schema of one event's data; its `$id` is what `ce_dataschema` says."""
    body: dict[str, Any] = _without_titles(contract.model_json_schema(mode="validation"))
    head = {"$schema": DIALECT, "$id": contract.dataschema(), "title": contract.__name__}
    return head | body


def shared_definitions(ref_template: str) -> dict[str, Any]:
    """Every contract and what it is made of, by class name, with references written by `ref_template`."""
    _, result = models_json_schema(
        [(contract, "validation") for contract in contracts()], ref_template=ref_template
    )
    definitions: dict[str, Any] = result["$defs"]
    return {name: _without_titles(definitions[name]) for name in sorted(definitions)}


def _without_titles(node: Any) -> Any:
    """The same schema without the titles that pydantic makes up from field names."""
    if isinstance(node, dict):
        return {
            name: _properties(value) if name == "properties" else _without_titles(value)
            for name, value in node.items()
            if not (name == "title" and isinstance(value, str))
        }
    if isinstance(node, list):
        return [_without_titles(item) for item in node]
    return node


def _properties(node: dict[str, Any]) -> dict[str, Any]:
    # Here the names are fields, and one of them may well be called `title`.
    return {name: _without_titles(value) for name, value in node.items()}
