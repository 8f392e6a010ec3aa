"""What `/openapi.json` says about bodies and answers that the framework never sees as models.

It stands apart because bodies are read raw (see `bodies`), so their documentation is put in by hand, from the same models.
"""

from __future__ import annotations

from typing import Any, Final

from pydantic.json_schema import models_json_schema

from services.intake.bodies import (
    BatchComplaintBody,
    ComplaintBody,
    MessageBody,
    ProcessEventBody,
)

REF: Final = "#/components/schemas/{model}"

_PROBLEM: Final = {
    "type": "object",
    "description": "RFC 9457 problem details.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "examples": ["urn:akar:problem:invalid-body"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "detail", "remedy"],
                "properties": {
                    "pointer": {"type": "string", "description": "JSON pointer into the body."},
                    "detail": {"type": "string"},
                    "remedy": {"type": "string"},
                },
            },
        },
    },
}

_ACCEPTED: Final = {
    "ComplaintAccepted": ["complaint_id", "status_url"],
    "MessageAccepted": ["complaint_id", "message_id", "status_url"],
    "ProcessEventAccepted": ["event_id"],
}

_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": (
        "8 to 128 printable ASCII characters, bare or quoted, unique for this channel. The same key always means the same "
        "complaint, also after a 503. Without one, every request is a new complaint."
    ),
    "schema": {"type": "string"},
}

_REFUSALS: Final = {
    400: "Not JSON, or an unusable Idempotency-Key.",
    401: "No valid channel key.",
    408: "The body did not arrive in time.",
    413: "Too large.",
    415: "Another content type, or a compressed body.",
    422: "Faults in the body, or a key that stands for another body.",
    503: "Not confirmed by the broker, or overloaded; send it again after Retry-After, with the same key.",
}

_BATCH: Final = (
    "One result per line that is not empty: `line`, `status` and either the answer's fields or `problem`. "
    "The response itself is 202 when every line was stored, 503 when none was and some may be sent again, "
    "else 200: read the lines."
)

_OPERATIONS: Final[dict[str, dict[str, Any]]] = {
    "complaint": {
        "summary": "Send a complaint",
        "bodies": {"application/json": ComplaintBody},
        "accepted": "ComplaintAccepted",
        "keyed": True,
    },
    "complaint_batch": {
        "summary": "Send many complaints, one per line",
        "bodies": {"application/x-ndjson": BatchComplaintBody},
        "accepted": None,
        "keyed": False,
    },
    "message": {
        "summary": "Say what the customer said later",
        "bodies": {"application/json": MessageBody},
        "accepted": "MessageAccepted",
        "keyed": True,
    },
    "process_event": {
        "summary": "Say what happened in a case: one event, or many, one per line",
        "bodies": {
            "application/json": ProcessEventBody,
            "application/x-ndjson": ProcessEventBody,
        },
        "accepted": "ProcessEventAccepted",
        "keyed": False,
    },
}


def operation(name: str) -> dict[str, Any]:
    """Arguments for the route's decorator."""
    told = _OPERATIONS[name]
    problem = {"application/problem+json": {"schema": {"$ref": REF.format(model="Problem")}}}
    responses: dict[int | str, dict[str, Any]] = {
        status: {"description": text, "content": problem} for status, text in _REFUSALS.items()
    }
    if told["accepted"] is None:
        responses[202] = {
            "description": "Every line was stored: the broker has confirmed them all.",
            "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
        }
    else:
        schema = {"$ref": REF.format(model=told["accepted"])}
        responses[202] = {
            "description": "Stored: the broker has confirmed it.",
            "content": {"application/json": {"schema": schema}},
        }
    if "application/x-ndjson" in told["bodies"]:
        responses[200] = {
            "description": _BATCH,
            "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
        }
    extra: dict[str, Any] = {
        "security": [{"channel_key": []}],
        "requestBody": {
            "required": True,
            "content": {
                media: {"schema": {"$ref": REF.format(model=model.__name__)}}
                for media, model in told["bodies"].items()
            },
        },
    }
    if told["keyed"]:
        extra["parameters"] = [_KEY]
    return {
        "summary": told["summary"],
        "operation_id": name,
        "status_code": 202 if told["accepted"] else 200,
        "responses": responses,
        "response_model": None,
        "openapi_extra": extra,
    }


def complete(document: dict[str, Any]) -> dict[str, Any]:
    """The framework's document with our components in it."""
    models = (ComplaintBody, BatchComplaintBody, MessageBody, ProcessEventBody)
    _, definitions = models_json_schema(
        [(model, "validation") for model in models], ref_template=REF
    )
    components = document.setdefault("components", {})
    schemas = {**definitions["$defs"], "Problem": _PROBLEM}
    for name, fields in _ACCEPTED.items():
        schemas[name] = {
            "type": "object",
            "required": fields,
            "properties": {field: {"type": "string"} for field in fields},
        }
    components["schemas"] = schemas
    components["securitySchemes"] = {
        "channel_key": {"type": "http", "scheme": "bearer", "description": "A channel key."}
    }
    return document
