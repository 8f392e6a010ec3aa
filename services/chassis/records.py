"""Records as the services see them: plain data, with the topic names of `schemas.topics`.

They stand apart so that no service meets a type of kafka-python's, and a prefix on the cluster stays the chassis' affair.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from schemas.codec import EncodedRecord

Headers = tuple[tuple[str, bytes | None], ...]
Place = tuple[str, int]
"""A topic and a partition of it."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What is to be written; without a partition, the key's murmur2 decides."""

    topic: str
    key: bytes
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    partition: int | None = None

    @classmethod
    def of(cls, topic: str, record: EncodedRecord, partition: int | None = None) -> Outgoing:
        """An encoded event on its way to `topic`."""
        return cls(topic, record.key, record.value, record.headers, partition)


@dataclass(frozen=True, slots=True)
class Ack:
    """The broker's word that a record is stored."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Received:
    """A record that was read."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp: datetime
    """What the writer's client put on it; not the event's own time."""

    @property
    def place(self) -> Place:
        """Where it lay."""
        return self.topic, self.partition
