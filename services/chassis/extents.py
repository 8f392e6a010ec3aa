"""What partitions there are and how far they reach, asked of the cluster with kafka-python's admin client.

It stands apart from reading: these questions come every few seconds, have to be answered within a deadline, and say whether the
cluster is there at all, which a consumer that is connecting does not.  Hazard: one thread at a time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Final

from kafka import IsolationLevel, TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import KafkaError

from services.chassis.clients import close_quietly, make_admin
from services.chassis.errors import BrokerUnavailable
from services.chassis.records import Place
from services.chassis.settings import KafkaSettings

CALL_SECONDS: Final = 5.0


class Extents:
    """Questions about topics by their names in `schemas.topics`.

    Args:
        settings: The cluster.
        name: Shown to the broker as the client's name.
    """

    def __init__(self, settings: KafkaSettings, *, name: str) -> None:
        self._settings = settings
        self._name = name
        self._admin: Any = None

    def open(self) -> None:
        """Connect, if that has not been done.

        Raises:
            BrokerUnavailable: The cluster does not answer.
        """
        if self._admin is None:
            try:
                self._admin = make_admin(self._settings, name=self._name, seconds=CALL_SECONDS)
            except (KafkaError, OSError) as error:
                raise BrokerUnavailable(str(error) or type(error).__name__) from error

    def close(self) -> None:
        """Give up the connection."""
        close_quietly(self._admin)
        self._admin = None

    def present(self, topics: Iterable[str]) -> set[Place]:
        """The partitions of those topics that exist.

        Raises:
            BrokerUnavailable: The cluster does not answer.
        """
        self.open()
        try:
            described = self._admin.describe_topics(
                [self._settings.topic(topic) for topic in topics]
            )
        except (KafkaError, OSError) as error:
            raise BrokerUnavailable(str(error) or type(error).__name__) from error
        return {
            (self._settings.logical(str(topic["name"])), int(partition["partition_index"]))
            for topic in described
            if topic["error_code"] == 0
            for partition in topic["partitions"]
        }

    def ends(self, places: Collection[Place]) -> dict[Place, int]:
        """Offset after the last committed record, or end mark of a transaction, of each partition.

        Raises:
            BrokerUnavailable: The cluster does not answer, or has no such partition.
        """
        if not places:
            return {}
        self.open()
        asked = {
            TopicPartition(self._settings.topic(topic), partition): OffsetSpec.LATEST
            for topic, partition in places
        }
        try:
            found = self._admin.list_partition_offsets(
                asked, isolation_level=IsolationLevel.READ_COMMITTED
            )
        except (KafkaError, OSError) as error:
            raise BrokerUnavailable(str(error) or type(error).__name__) from error
        return {
            (self._settings.logical(place.topic), place.partition): int(reached.offset)
            for place, reached in found.items()
        }
