"""What may be sent, and the reading of it from raw bytes.

It stands apart because pydantic reads the bytes itself: the framework's own parsing answers 500 to lone surrogates and
deep nesting and takes UTF-16, NaN and NUL.  Hazard: every limit here is a promise to channels; widening is easy, narrowing
breaks someone.  Unknown fields are refused: a misspelt `case_id` would otherwise cost the trace.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    WithJsonSchema,
)

from schemas.vocabulary import MessageKind, Transition
from services.intake.problems import Fault, Problem, Refusal

INT64: Final = 2**63
MAX_FAULTS: Final = 20
MAX_POINTER: Final = 200
EARLIEST: Final = datetime(1900, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)

_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)?", re.ASCII)


def _time(value: object) -> object:
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        raise ValueError("is no RFC 3339 time")
    # Nanoseconds are cut: what decides here is minutes, and Python holds microseconds.
    return re.sub(r"(\.\d{6})\d+", r"\1", value)


def _plausible(value: datetime) -> datetime:
    # Also keeps the change to UTC within what a datetime can hold.
    if not EARLIEST <= value <= LATEST:
        raise ValueError("is not between 1900 and 2200")
    return value.astimezone(UTC)


def _no_nul(value: object) -> object:
    if isinstance(value, str) and "\0" in value:
        raise ValueError("contains the character NUL")
    return value


def _attribute(value: object) -> str | int | float | bool:
    match value:
        case bool():
            return value
        case int() if -INT64 <= value < INT64:
            return value
        case int():
            raise ValueError("is an integer of more than 64 bits")
        case float() if math.isfinite(value):
            return value
        case float():
            raise ValueError("is not a finite number")
        case str() if len(value) <= 1024 and "\0" not in value:
            return value
        case str():
            raise ValueError("is text of more than 1024 characters or with NUL in it")
        case _:
            raise ValueError("is not a string, a number or a boolean")


NoNul = BeforeValidator(_no_nul)
Time = Annotated[
    AwareDatetime,
    BeforeValidator(_time),
    AfterValidator(_plausible),
    Field(description="RFC 3339 with an offset, such as 2026-03-02T09:00:00+07:00"),
]
Id = Annotated[str, NoNul, Field(min_length=1, max_length=256, pattern=r"^\S(.*\S)?$")]
Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9_-]*$")]
Text = Annotated[str, NoNul, Field(min_length=1, max_length=20_000, pattern=r"\S")]
Language = Annotated[str, Field(max_length=35, pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$")]
Url = Annotated[str, Field(max_length=2048, pattern=r"^https?://[^\s/]+\S*$"), NoNul]
AttributeName = Annotated[str, NoNul, Field(min_length=1, max_length=64)]
AttributeValue = Annotated[
    Any,
    PlainValidator(_attribute),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "maxLength": 1024},
                {"type": "integer"},
                {"type": "number"},
                {"type": "boolean"},
            ]
        }
    ),
]
Attributes = Annotated[dict[AttributeName, AttributeValue], Field(max_length=64)]
IdempotencyKey = Annotated[str, Field(pattern=r"^[\x21-\x7e]{8,128}$")]


class Body(BaseModel):
    """Base of what may be sent."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True
    )


class CustomerRefBody(Body):
    """One way to recognise the customer; turned into an HMAC before anything is stored."""

    kind: Name = Field(description="phone, email, account, marketplace, …")
    value: Annotated[str, NoNul, Field(min_length=1, max_length=256, pattern=r"\S")]


CustomerRefs = Annotated[tuple[CustomerRefBody, ...], Field(max_length=16)]


class ComplaintBody(Body):
    """A complaint in the customer's words, with whatever the channel knows besides."""

    text: Text
    case_id: Id | None = Field(default=None, description="Order, payment or ticket, if known.")
    customer_refs: CustomerRefs = ()
    channel_ref: Id | None = Field(default=None, description="The channel's own id of it.")
    language: Language | None = Field(default=None, description="BCP 47.")
    occurred_at: Time | None = Field(default=None, description="Absent: the time of receipt.")
    remedy_sought: Annotated[str, NoNul, Field(min_length=1, max_length=2000)] | None = None
    attachments: Annotated[tuple[Url, ...], Field(max_length=16)] = ()
    attributes: Attributes = Field(default_factory=dict)


class BatchComplaintBody(ComplaintBody):
    """A complaint in a batch, where a line cannot have headers."""

    idempotency_key: IdempotencyKey | None = Field(
        default=None, description="Absent: a random id, so that a repeat is a second complaint."
    )


class MessageBody(Body):
    """What the customer says later."""

    kind: MessageKind
    text: Text | None = None
    sent_at: Time | None = Field(default=None, description="Absent: the time of receipt.")


class ProcessEventBody(Body):
    """One transition of one activity of one case."""

    case_id: Id
    activity: Name
    transition: Transition
    at: Time
    due_at: Time | None = None
    source: Name | None = None
    event_id: Id | None = Field(
        default=None, description="Absent: derived from the rest, so that a repeat is recognised."
    )
    customer_refs: CustomerRefs = ()
    objects: Annotated[
        dict[AttributeName, Id],
        Field(max_length=32, description="What the case shares with others: route, batch, …"),
    ] = Field(default_factory=dict)
    attributes: Attributes = Field(default_factory=dict)


B = TypeVar("B", bound=Body)


def parse(model: type[B], raw: bytes) -> B:
    """Read one body.

    Raises:
        Refusal: 400 when it is not JSON, 422 with the faults when it is not this body.
    """
    try:
        body = model.model_validate_json(raw)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        if found[0]["type"] == "json_invalid":
            raise Refusal(_not_json(str(found[0]["ctx"]["error"]))) from None
        raise Refusal(invalid(_faults(model, found))) from None
    _refuse_repeated_names(raw)
    return body


def invalid(faults: Sequence[Fault]) -> Problem:
    """The problem of a body with these faults."""
    count = len(faults)
    return Problem(
        "invalid_body",
        422,
        f"{count} fault{'s' if count != 1 else ''}; nothing was stored",
        tuple(faults),
    )


def _not_json(reason: str) -> Problem:
    fault = Fault("", reason, "send one JSON object in UTF-8 without a byte order mark")
    return Problem("invalid_json", 400, "nothing was stored", (fault,))


def _refuse_repeated_names(raw: bytes) -> None:
    # Readers differ on which of two equal names counts; what one system checked, another might not see.
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise Refusal(
                invalid([Fault("", "a name occurs twice in one object", "send each name once")])
            )
        return found

    json.loads(raw, object_pairs_hook=unique)


def _faults(model: type[Body], found: Sequence[Any]) -> list[Fault]:
    return [
        Fault(pointer(error["loc"]), _detail(error), _remedy(model, error))
        for error in found[:MAX_FAULTS]
    ]


def pointer(location: Sequence[str | int]) -> str:
    """A pydantic location as a JSON pointer (RFC 6901)."""
    parts = (
        str(part).replace("~", "~0").replace("/", "~1") for part in location if part != "[key]"
    )
    return "".join(f"/{part}" for part in parts)[:MAX_POINTER]


def _detail(error: Any) -> str:
    # `value_error` carries our own sentences, which start with a verb; pydantic's are kept as they are.
    return str(error["msg"]).removeprefix("Value error, ")


_TIMES: Final = frozenset({"at", "due_at", "occurred_at", "sent_at"})
_REMEDIES: Final = {
    "missing": "add it",
    "string_type": "send a JSON string in quotes",
    "string_too_long": "shorten it",
    "string_too_short": "leave it out or give it content",
    "timezone_aware": "add the offset from UTC, such as +07:00 or Z",
    "too_long": "send fewer of them",
    "enum": "use one of the words listed",
    "tuple_type": "send a JSON array",
    "dict_type": "send a JSON object",
    "model_type": "send a JSON object",
}

_PATTERN_REMEDIES: Final = (
    ("activity", "use the activity's id in the registry: lower-case letters, digits, _ and -"),
    ("source", "use the source's id in the registry: lower-case letters, digits, _ and -"),
    ("kind", "use lower-case letters, digits, _ and -"),
    ("language", "send a BCP 47 tag such as id or pt-BR"),
    ("attachments", "send http or https addresses"),
    ("idempotency_key", "use 8 to 128 printable ASCII characters without spaces"),
    ("text", "send the customer's words"),
)


def _remedy(model: type[Body], error: Any) -> str:
    kind = str(error["type"])
    where = [str(part) for part in error["loc"]]
    if kind == "extra_forbidden":
        if len(where) == 1:
            return f"remove it; known here are {', '.join(model.model_fields)}"
        return "remove it"
    if kind == "string_pattern_mismatch":
        for name, remedy in _PATTERN_REMEDIES:
            if name in where:
                return remedy
        return "send it without spaces around it"
    if kind == "value_error" and where[-1] in _TIMES:
        return "send it as 2026-03-02T09:00:00+07:00"
    return _REMEDIES.get(kind, "see /openapi.json for what is taken")
