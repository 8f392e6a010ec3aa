"""Writes the wall clock into every partition about once a second.

A process of its own: it is the only writer of `clock.tick`, and when it stands still nothing is lost, only late.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from schemas import codec, topics
from schemas.clock import ClockTickedV1
from services.chassis import ids
from services.chassis.clock import Clock
from services.chassis.errors import BrokerUnavailable
from services.chassis.producer import EventPublisher
from services.chassis.records import Outgoing
from services.chassis.settings import KafkaSettings

log = structlog.get_logger(__name__)

SOURCE = "/akar/ticker"


def run(
    kafka: KafkaSettings, clock: Clock, *, seconds: float, stopping: Callable[[], bool]
) -> None:
    """Tick until `stopping`; a broker that is away is waited for.

    Args:
        kafka: where.
        clock: tells the time that is written.
        seconds: between two ticks.
        stopping: asked before each.
    """
    publisher = EventPublisher(kafka, name="ticker").start()
    try:
        while not stopping():
            started = clock.monotonic()
            try:
                publisher.publish_all_sync(
                    [_tick(number, clock) for number in range(kafka.partitions)]
                )
            except BrokerUnavailable as error:
                log.warning("ticker.waiting", reason=str(error))
            time.sleep(max(0.05, seconds - (clock.monotonic() - started)))
    finally:
        publisher.close()


def _tick(partition: int, clock: Clock) -> Outgoing:
    now = clock.now()
    record = codec.encode(
        codec.wrap(
            ClockTickedV1(partition=partition, at=now),
            id=ids.event_id("tick", str(partition), now.isoformat()),
            source=SOURCE,
            time=now,
        )
    )
    return Outgoing.of(topics.CLOCK_TICK.name, record, partition)
