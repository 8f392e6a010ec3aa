"""Process events: the contract, the core's event, and the row in which one is kept.

A row is the JSON as it came behind the time at which it was recorded: an event of a case that nobody complains about is never
parsed twice.
"""

from __future__ import annotations

import struct
from typing import Final

from schemas.process import ProcessObservedV1
from services.chassis.clock import microseconds
from services.router.tracing import model

_RECORDED: Final = struct.Struct(">q")


def event_row(recorded_at: int, value: bytes) -> bytes:
    """A stored process event: when it was recorded, and its JSON as it came."""
    return _RECORDED.pack(recorded_at) + value


def recorded_at(row: bytes) -> int:
    """When a stored event was recorded; µs."""
    return int(_RECORDED.unpack_from(row)[0])


def event_from_row(row: bytes) -> model.ProcessEvent:
    """The core's event from its stored row."""
    (recorded_at,) = _RECORDED.unpack_from(row)
    return process_event(ProcessObservedV1.model_validate_json(row[_RECORDED.size :]), recorded_at)


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
