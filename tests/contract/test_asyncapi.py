"""The AsyncAPI document: complete, without dangling references, and true to `schemas.topics`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from schemas.asyncapi import channel_id
from schemas.generate import GENERATED
from schemas.topics import PIPELINE, Topic

DOCUMENT: dict[str, Any] = json.loads((GENERATED / "asyncapi.json").read_text(encoding="utf-8"))

NAME = r"^[\w.\-]+$"
REFERENCE = {
    "type": "object",
    "required": ["$ref"],
    "properties": {"$ref": {"type": "string", "pattern": "^#/"}},
    "additionalProperties": False,
}
# The part of AsyncAPI 3.0 that we use, closed: an unknown word in the document is a mistake.
SPECIFICATION: dict[str, Any] = {
    "type": "object",
    "required": ["asyncapi", "info", "channels", "operations", "components"],
    "additionalProperties": False,
    "properties": {
        "asyncapi": {"const": "3.0.0"},
        "info": {
            "type": "object",
            "required": ["title", "version"],
            "additionalProperties": False,
            "properties": {
                "title": {"type": "string"},
                "version": {"type": "string"},
                "description": {"type": "string"},
                "license": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {"name": {"type": "string"}, "url": {"type": "string"}},
                },
            },
        },
        "defaultContentType": {"const": "application/json"},
        "servers": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["host", "protocol"],
                "additionalProperties": False,
                "properties": {
                    "host": {"type": "string"},
                    "protocol": {"const": "kafka"},
                    "description": {"type": "string"},
                    "variables": {"type": "object"},
                },
            },
        },
        "channels": {
            "type": "object",
            "propertyNames": {"pattern": NAME},
            "additionalProperties": {
                "type": "object",
                "required": ["address", "description", "messages", "bindings"],
                "additionalProperties": False,
                "properties": {
                    "address": {"type": "string"},
                    "description": {"type": "string", "minLength": 10},
                    "messages": {"type": "object", "additionalProperties": REFERENCE},
                    "parameters": {"type": "object"},
                    "bindings": {
                        "type": "object",
                        "required": ["kafka"],
                        "properties": {
                            "kafka": {
                                "type": "object",
                                "required": ["partitions", "topicConfiguration", "bindingVersion"],
                                "additionalProperties": False,
                                "properties": {
                                    "partitions": {"type": "integer", "minimum": 1},
                                    "bindingVersion": {"const": "0.5.0"},
                                    "topicConfiguration": {
                                        "type": "object",
                                        "required": ["cleanup.policy", "retention.ms"],
                                        "additionalProperties": False,
                                        "properties": {
                                            "cleanup.policy": {
                                                "type": "array",
                                                "items": {"enum": ["compact", "delete"]},
                                            },
                                            "retention.ms": {"type": "integer", "minimum": -1},
                                            "delete.retention.ms": {
                                                "type": "integer",
                                                "minimum": 0,
                                            },
                                        },
                                    },
                                },
                            }
                        },
                    },
                },
            },
        },
        "operations": {
            "type": "object",
            "propertyNames": {"pattern": NAME},
            "additionalProperties": {
                "type": "object",
                "required": ["action", "channel", "summary", "messages"],
                "additionalProperties": False,
                "properties": {
                    "action": {"enum": ["send", "receive"]},
                    "channel": REFERENCE,
                    "summary": {"type": "string"},
                    "tags": {"type": "array"},
                    "messages": {"type": "array", "items": REFERENCE},
                },
            },
        },
        "components": {
            "type": "object",
            "required": ["schemas", "messages", "messageTraits"],
            "additionalProperties": False,
            "properties": {
                "schemas": {"type": "object", "propertyNames": {"pattern": NAME}},
                "messageTraits": {"type": "object"},
                "messages": {
                    "type": "object",
                    "propertyNames": {"pattern": NAME},
                    "additionalProperties": {
                        "type": "object",
                        "required": [
                            "name",
                            "summary",
                            "contentType",
                            "traits",
                            "payload",
                            "bindings",
                            "examples",
                        ],
                        "additionalProperties": False,
                        "properties": {
                            "name": {"type": "string"},
                            "title": {"type": "string"},
                            "summary": {"type": "string", "minLength": 10},
                            "contentType": {"const": "application/json"},
                            "traits": {"type": "array", "items": REFERENCE},
                            "payload": REFERENCE,
                            "bindings": {"type": "object", "required": ["kafka"]},
                            "examples": {
                                "type": "array",
                                "minItems": 1,
                                "items": {
                                    "type": "object",
                                    "required": ["name", "headers", "payload"],
                                    "additionalProperties": False,
                                    "properties": {
                                        "name": {"type": "string"},
                                        "headers": {"type": "object"},
                                        "payload": {"type": "object"},
                                    },
                                },
                            },
                        },
                    },
                },
            },
        },
    },
}


def resolve(reference: str) -> Any:
    node: Any = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        node = node[part.replace("~1", "/").replace("~0", "~")]
    return node


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def test_keeps_the_specification() -> None:
    """The document has every part that AsyncAPI 3.0 requires, and none that it does not know."""
    jsonschema.Draft202012Validator(SPECIFICATION).validate(DOCUMENT)


@pytest.mark.parametrize(
    "damage",
    [
        lambda document: document["operations"]["intake.send.complaint.received"].update(
            action="publish"
        ),
        lambda document: document["channels"]["complaint.received"].update(subscribe={}),
        lambda document: document.update(asyncapi="2.6.0"),
        lambda document: document["channels"]["complaint.received"]["bindings"]["kafka"].update(
            partitions=0
        ),
    ],
)
def test_the_specification_refuses_a_damaged_document(damage: Any) -> None:
    """The check above is able to fail."""
    document = json.loads(json.dumps(DOCUMENT))
    damage(document)

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(SPECIFICATION).validate(document)


def test_no_reference_dangles() -> None:
    """Every `$ref` of the document leads to something in it."""
    for reference in references(DOCUMENT):
        assert resolve(reference) is not None, reference


@pytest.mark.parametrize("topic", PIPELINE, ids=lambda topic: topic.name)
def test_each_topic_is_a_channel_with_its_writers_and_readers(topic: Topic) -> None:
    """Address, messages, retention and one operation for each party come from the declaration."""
    identifier = channel_id(topic)
    channel = DOCUMENT["channels"][identifier]
    operations = DOCUMENT["operations"]

    assert channel["address"] == topic.name
    assert set(channel["messages"]) == {contract.dataschema() for contract in topic.contracts}
    assert set(re.findall(r"{(\w+)}", channel["address"])) == set(channel.get("parameters", {}))
    configuration = channel["bindings"]["kafka"]["topicConfiguration"]
    kept = -1 if topic.retention is None else topic.retention.total_seconds() * 1000
    assert configuration["retention.ms"] == kept
    assert configuration["cleanup.policy"] == [topic.cleanup.value]
    for action, parties in (("send", topic.writers), ("receive", topic.readers)):
        found = {
            name.split(f".{action}.")[0]
            for name, operation in operations.items()
            if operation["action"] == action
            and operation["channel"]["$ref"] == f"#/channels/{identifier}"
        }
        assert found == {party.value for party in parties}


def test_an_operation_names_only_messages_of_its_channel() -> None:
    """AsyncAPI 3 wants an operation's messages to be references into its own channel."""
    for operation in DOCUMENT["operations"].values():
        for message in operation["messages"]:
            assert message["$ref"].startswith(operation["channel"]["$ref"] + "/messages/")


def test_every_example_keeps_the_headers_and_the_payload_schema() -> None:
    """The examples shown are valid by the schemas shown beside them."""
    headers = DOCUMENT["components"]["messageTraits"]["cloudevent"]["headers"]
    for message in DOCUMENT["components"]["messages"].values():
        for example in message["examples"]:
            payload = {**resolve(message["payload"]["$ref"]), "components": DOCUMENT["components"]}
            jsonschema.Draft202012Validator(payload).validate(example["payload"])
            if not example["name"].startswith("minimal"):
                jsonschema.Draft202012Validator(headers).validate(example["headers"])
