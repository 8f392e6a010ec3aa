"""The envelope every event travels in: CloudEvents 1.0 attributes plus two of ours.

It stands apart because the same attributes are written as Kafka headers (binary mode), shown in AsyncAPI and read by
every service; the hazard is that an attribute added here is a promise to every reader for ever.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, ClassVar, Final, Generic, NamedTuple, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
)


def _written(value: object) -> object:
    # pydantic would read a number, also within quotes, as seconds or milliseconds, whichever seems likelier.
    if isinstance(value, datetime) or (isinstance(value, str) and value[4:5] == "-"):
        return value
    raise ValueError("has to be a time in RFC 3339, such as 2026-03-02T09:15:00+07:00")


def to_utc(value: datetime) -> datetime:
    """The same instant in UTC.

    Raises:
        ValueError: it lies outside of 1900 to 2200: an error of the source's, which no arithmetic should meet.
    """
    if value.tzinfo is UTC and EARLIEST <= value <= LATEST:
        return value
    # In UTC it may lie in the next year; and the last year of all cannot be converted.
    if EARLIEST.year - 1 <= value.year <= LATEST.year + 1:
        found = value.astimezone(UTC)
        if EARLIEST <= found <= LATEST:
            return found
    raise ValueError("is not between 1900 and 2200")


EARLIEST: Final = datetime(1900, 1, 1, tzinfo=UTC)
"""The first instant that a contract takes,"""
LATEST: Final = datetime(2199, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
"""and the last one."""

Timestamp = Annotated[
    AwareDatetime,
    BeforeValidator(_written),
    AfterValidator(to_utc),
]
"""An instant: RFC 3339 with an offset on the wire, aware UTC in Python.  A time without an offset is refused.

Pydantic writes what is in UTC as `rfc3339` does, in a sixth of the time: a decision has two hundred of them.
"""

Share = Annotated[float, Field(ge=0.0, le=1.0)]
"""A part of one, or a probability."""

Slug = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[a-z0-9][a-z0-9_-]*$")]
"""A name that the registry gives: department, activity, symptom, source."""

Identifier = Annotated[str, Field(min_length=1, max_length=256)]
"""An id that another system gives; opaque to us."""


class Contract(BaseModel):
    """Base of every event's data.

    Readers ignore fields they do not know, so that a newer writer may add one; writers are strict by their types.
    """

    # The words beside a field are its description in the generated schemas.
    model_config = ConfigDict(
        frozen=True, extra="ignore", allow_inf_nan=False, use_attribute_docstrings=True
    )

    event_type: ClassVar[str]
    """CloudEvents `type`: `noun.verb`, past tense."""
    version: ClassVar[int] = 1
    """The major version; a reader refuses one that it does not know."""
    subject_field: ClassVar[str] = "complaint_id"
    """The field that becomes the record key and CloudEvents `subject`."""

    @classmethod
    def dataschema(cls) -> str:
        """The name of the generated JSON Schema, which is also the CloudEvents `dataschema`."""
        return f"{cls.event_type}.v{cls.version}"


D = TypeVar("D", bound=Contract, covariant=True)


class Envelope(NamedTuple, Generic[D]):
    """One event: CloudEvents attributes and its data.

    A tuple and not a model: the codec makes one for every record that passes, and has checked what is in it.
    """

    id: str
    """Unique for `source`; derived from what the event is about wherever a repeat must be recognised."""
    source: str
    """Which service, or which company system, says so: `/akar/intake`, `/warehouse`."""
    type: str
    subject: str
    """The key of the record: a complaint or a case."""
    time: datetime
    """When it happened (not when it was written); aware, UTC."""
    dataschema: str
    data: D
    correlationid: str | None = None
    """The complaint this belongs to; absent for process events."""
    causationid: str | None = None
    """The id of the event that led to this one."""
    traceparent: str | None = None
    """W3C trace context, passed on unchanged."""
