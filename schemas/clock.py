"""Time as an event, so that what is due is decided by the stream and a replay decides the same."""

from __future__ import annotations

from typing import ClassVar

from schemas.envelope import Contract, Timestamp


class ClockTickedV1(Contract):
    """The wall clock of one partition, about once a second."""

    event_type: ClassVar[str] = "clock.ticked"
    subject_field: ClassVar[str] = "clock"

    clock: str = "wall"
    partition: int
    at: Timestamp
