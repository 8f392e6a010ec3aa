"""Raises the partitions of a whole pipeline: says what belongs to it, the checkpoint package does it.

It stands apart from the package because only here it is known what the rows mean (stages/rows.py) and which topics there are.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from schemas import topics
from services.chassis.clock import SystemClock
from services.chassis.settings import KafkaSettings
from services.router.app import GROUP
from services.router.checkpoint.raising import Place, Raised, raise_partitions
from services.router.stages import rows


def raise_pipeline(
    kafka: KafkaSettings, departments: Iterable[str], to: int, folder: Path
) -> Raised:
    """Raise every topic of a pipeline whose router is stopped to `to` partitions.

    Args:
        kafka: the cluster; its own `partitions` is not looked at.
        departments: those that have an inbox.
        to: how many.
        folder: on a disk with room for the router's state; emptied before and after.

    Raises:
        ConfigurationError: a router runs, a topic is missing, or the number is not higher than now.
        KafkaException: the broker does not answer; repeat it.
    """
    alike = [
        topic
        for topic in topics.topics_for(departments)
        if not topic.leaf and topic.name != topics.ROUTER_STATE.name
    ]
    read = [topic for topic in alike if topics.Party.ROUTER in topic.readers]
    place = Place(
        kafka.for_librdkafka(),
        group=kafka.group(GROUP),
        changelog=kafka.topic(topics.ROUTER_STATE.name),
        inputs=tuple(kafka.topic(topic.name) for topic in read),
        others=tuple(kafka.topic(topic.name) for topic in alike if topic not in read),
    )
    clock = SystemClock()
    return raise_partitions(
        place,
        to,
        folder,
        key_of=rows.key_of,
        joined=rows.joined,
        wall_seconds=lambda: int(clock.now().timestamp()),
    )
