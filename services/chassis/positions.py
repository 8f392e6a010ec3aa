"""How far each topic reaches, and how far each consumer group has read it.

It stands apart because a command that shows the streams needs the cluster's own figures, not a service's word.
Hazard: figures of different partitions are taken one after another; a lag may be off by what arrived meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kafka.errors import KafkaError
from kafka.structs import TopicPartition

from services.chassis.clients import close_quietly, make_admin
from services.chassis.errors import BrokerUnavailable
from services.chassis.settings import KafkaSettings


@dataclass(frozen=True, slots=True)
class Reach:
    """One topic as it lies on the cluster."""

    partitions: int
    first: int
    """Sum of the offsets of the oldest records kept."""
    end: int
    """Sum of the offsets behind the newest; control records of transactions count as well."""
    lag: dict[str, int]
    """Group -> records that it has not read yet, of the partitions that it has read from."""


def reaches(
    settings: KafkaSettings, topics: Iterable[str], *, seconds: float = 5.0
) -> dict[str, Reach]:
    """The reach of those of `topics` (names with prefix) that exist.

    Raises:
        BrokerUnavailable: The cluster does not answer within about `seconds` a call.
    """
    try:
        admin = make_admin(settings, name="positions", seconds=seconds)
        try:
            return _reaches(admin, list(topics))
        finally:
            close_quietly(admin)
    except (KafkaError, OSError) as error:
        raise BrokerUnavailable(str(error) or type(error).__name__) from error


def _reaches(admin: Any, topics: list[str]) -> dict[str, Reach]:
    described = {str(one["name"]): one for one in admin.describe_topics(topics)}
    places = {
        name: [TopicPartition(name, part["partition_index"]) for part in one["partitions"]]
        for name, one in described.items()
        if one["error_code"] == 0
    }
    every = [place for listed in places.values() for place in listed]
    if not every:
        return {}
    earliest = admin.list_partition_offsets(dict.fromkeys(every, -2))
    latest = admin.list_partition_offsets(dict.fromkeys(every, -1))
    committed = _committed(admin)
    found = {}
    for name, listed in places.items():
        lag = {}
        for group, read in committed.items():
            mine = [place for place in listed if place in read]
            if mine:
                lag[group] = sum(max(0, latest[place].offset - read[place]) for place in mine)
        found[name] = Reach(
            partitions=len(listed),
            first=sum(earliest[place].offset for place in listed),
            end=sum(latest[place].offset for place in listed),
            lag=lag,
        )
    return found


def _committed(admin: Any) -> dict[str, dict[TopicPartition, int]]:
    groups = sorted(str(group["group_id"]) for group in admin.list_groups())
    if not groups:
        return {}
    offsets = admin.list_group_offsets(groups)
    return {
        group: {
            place: one.offset for place, one in offsets.get(group, {}).items() if one.offset >= 0
        }
        for group in groups
    }
