"""Process events: the contract, the core's event, and the row in which one is kept.

A row is the JSON as it came behind the time at which it was recorded: an event of a case that nobody complains about is never
parsed twice.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pydantic_core import from_json

from schemas.process import ProcessObservedV1
from schemas.vocabulary import Transition
from services.chassis.clock import microseconds
from services.router.tracing import model

_RECORDED: Final = struct.Struct(">q")
_TRANSITIONS: Final = {each.value: each for each in Transition}
_NOTHING: Final[dict[str, Any]] = {}


def event_row(recorded_at: int, value: bytes) -> bytes:
    """A stored process event: when it was recorded, and its JSON as it came."""
    return _RECORDED.pack(recorded_at) + value


def recorded_at(row: bytes) -> int:
    """When a stored event was recorded; µs."""
    return int(_RECORDED.unpack_from(row)[0])


def event_from_row(row: bytes) -> model.ProcessEvent:
    """The core's event from its stored row.

    It kept its contract when it was stored: only what is not written as our own encoder writes is read by the contract again.
    """
    (recorded_at,) = _RECORDED.unpack_from(row)
    said = row[_RECORDED.size :]
    try:
        return event_from_fields(from_json(said), recorded_at)
    except (KeyError, TypeError, ValueError):
        return process_event(ProcessObservedV1.model_validate_json(said), recorded_at)


def event_from_fields(fields: Mapping[str, Any], recorded_at: int) -> model.ProcessEvent:
    """The core's event from the fields of the contract, as they stand in JSON.

    Raises:
        KeyError, TypeError, ValueError: they are not what the contract asks for.
    """
    due = fields.get("due_at")
    return model.ProcessEvent(
        fields["event_id"],
        fields["activity"],
        _TRANSITIONS[fields["transition"]],
        micros(fields["at"]),
        recorded_at,
        None if due is None else micros(due),
        fields.get("source"),
        fields.get("attributes") or _NOTHING,
        fields.get("objects") or _NOTHING,
    )


def micros(time: str | int) -> int:
    """µs UTC of a time: an RFC 3339 text, or the number itself.

    Raises:
        TypeError, ValueError: it is neither.
    """
    return time if isinstance(time, int) else microseconds(datetime.fromisoformat(time))


def process_event(data: ProcessObservedV1, recorded_at: int) -> model.ProcessEvent:
    """The core's event from the wire's."""
    return model.ProcessEvent(
        event_id=data.event_id,
        activity=data.activity,
        transition=data.transition,
        at=microseconds(data.at),
        recorded_at=recorded_at,
        due_at=None if data.due_at is None else microseconds(data.due_at),
        source=data.source,
        attributes=data.attributes,
        objects=data.objects,
    )


def same_event(row: bytes, data: ProcessObservedV1) -> bool:
    """Whether a stored event says the same as one that came again, whenever each was recorded."""
    stored = ProcessObservedV1.model_validate_json(row[_RECORDED.size :])
    return stored.model_copy(update={"recorded_at": data.recorded_at}) == data
