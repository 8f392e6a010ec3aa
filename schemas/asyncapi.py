"""The AsyncAPI 3 document: every channel, who sends and who receives on it, and what its messages look like.

Built from `schemas.topics` alone, so that it cannot say anything that the code does not do.  Operations of all parties
are in one document; the first part of an operation's name says whose it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from schemas.envelope import Contract
from schemas.json_schema import contracts, shared_definitions
from schemas.topics import PIPELINE, Party, Topic

VERSION: Final = "3.0.0"
KAFKA_BINDING: Final = "0.5.0"
# Configuration that the Kafka binding knows how to show; the rest belongs to one deployment.
_SHOWN: Final = ("cleanup.policy", "retention.ms", "delete.retention.ms")

Example = Mapping[str, Any]


def document(examples: Mapping[str, Sequence[Example]], *, version: str) -> dict[str, Any]:
    """Build the document.

    Args:
        examples: golden records by `dataschema`: `name`, `headers`, `value`.
        version: of the pipeline.
    """
    return {
        "asyncapi": VERSION,
        "info": {
            "title": "Akar",
            "version": version,
            "description": (
                "Event-driven complaint routing. Messages are CloudEvents 1.0 in Kafka binary mode: attributes are "
                "`ce_*` headers, the data is the JSON value, the record key is `ce_subject`. Writers partition keys "
                "by murmur2 (librdkafka: `partitioner=murmur2_random`); readers read `read_committed`."
            ),
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": "{host}",
                "protocol": "kafka",
                "description": "The cluster that KAFKA_BOOTSTRAP_SERVERS names.",
                "variables": {"host": {"default": "127.0.0.1:9092"}},
            }
        },
        "channels": {channel_id(topic): _channel(topic) for topic in PIPELINE},
        "operations": _operations(),
        "components": {
            "schemas": shared_definitions("#/components/schemas/{model}"),
            "messages": {
                contract.dataschema(): _message(contract, examples.get(contract.dataschema(), ()))
                for contract in contracts()
            },
            "messageTraits": {"cloudevent": _cloudevent()},
        },
    }


def channel_id(topic: Topic) -> str:
    """The topic's name without the braces that a component name may not have."""
    return topic.name.replace("{department}.", "")


def _channel(topic: Topic) -> dict[str, Any]:
    configs = topic.configs(one_disk=False)
    shown: dict[str, Any] = {name: configs[name] for name in _SHOWN if name in configs}
    shown["cleanup.policy"] = [shown["cleanup.policy"]]
    for name in ("retention.ms", "delete.retention.ms"):
        if name in shown:
            shown[name] = int(shown[name])
    channel: dict[str, Any] = {
        "address": topic.name,
        "description": topic.purpose,
        "messages": {
            contract.dataschema(): {"$ref": f"#/components/messages/{contract.dataschema()}"}
            for contract in topic.contracts
        },
        "bindings": {
            "kafka": {
                "partitions": topic.default_partitions,
                "topicConfiguration": shown,
                "bindingVersion": KAFKA_BINDING,
            }
        },
    }
    if topic.per_department:
        channel["parameters"] = {"department": {"description": "A department of the registry."}}
    return channel


def _operations() -> dict[str, Any]:
    operations: dict[str, Any] = {}
    for topic in PIPELINE:
        for parties, action in ((topic.writers, "send"), (topic.readers, "receive")):
            for party in sorted(parties):
                operations[f"{party.value}.{action}.{channel_id(topic)}"] = _operation(
                    topic, party, action
                )
    return operations


def _operation(topic: Topic, party: Party, action: str) -> dict[str, Any]:
    channel = f"#/channels/{channel_id(topic)}"
    return {
        "action": action,
        "channel": {"$ref": channel},
        "summary": f"{party.value} {'writes' if action == 'send' else 'reads'} {topic.name}.",
        "tags": [{"name": party.value}],
        "messages": [
            {"$ref": f"{channel}/messages/{contract.dataschema()}"} for contract in topic.contracts
        ],
    }


def _message(contract: type[Contract], examples: Sequence[Example]) -> dict[str, Any]:
    message: dict[str, Any] = {
        "name": contract.dataschema(),
        "title": contract.__name__,
        "summary": (contract.__doc__ or "").strip().splitlines()[0],
        "contentType": "application/json",
        "traits": [{"$ref": "#/components/messageTraits/cloudevent"}],
        "payload": {"$ref": f"#/components/schemas/{contract.__name__}"},
        "bindings": {
            "kafka": {
                "key": {
                    "type": "string",
                    "description": f"`{contract.subject_field}` of the data.",
                },
                "bindingVersion": KAFKA_BINDING,
            }
        },
    }
    if examples:
        message["examples"] = [
            {"name": example["name"], "headers": example["headers"], "payload": example["value"]}
            for example in examples
        ]
    return message


def _cloudevent() -> dict[str, Any]:
    def text(description: str, **more: Any) -> dict[str, Any]:
        return {"type": "string", "description": description} | more

    return {
        "headers": {
            "type": "object",
            "required": [
                "ce_specversion",
                "ce_id",
                "ce_source",
                "ce_type",
                "ce_subject",
                "ce_time",
                "ce_dataschema",
                "content-type",
            ],
            "properties": {
                "ce_specversion": text("CloudEvents version.", const="1.0"),
                "ce_id": text("Unique for `ce_source`; the same for a repeat."),
                "ce_source": text("Which service or system says so."),
                "ce_type": text("The event's type."),
                "ce_subject": text("The record key."),
                "ce_time": text("When it happened.", format="date-time"),
                "ce_dataschema": text("Type and version: the name of the JSON Schema."),
                "ce_correlationid": text("The complaint that this belongs to."),
                "ce_causationid": text("`ce_id` of the event that led to this one."),
                "ce_traceparent": text("W3C trace context."),
                "content-type": text("Always JSON.", const="application/json; charset=utf-8"),
            },
        },
        "correlationId": {
            "description": "The complaint that the message belongs to.",
            "location": "$message.header#/ce_correlationid",
        },
    }
