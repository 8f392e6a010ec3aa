"""Brings the ledger up to what `notification.recorded` says, before anything is planned.

It stands apart because it is what makes the ledger a cache that may be lost: an empty one learns from the topic what was
delivered and how far each attempt had come; one restored from a backup learns what happened since.  Hazard: it has to run
after the relay has taken over the topic's transactions, or the newest attempts would still be hidden.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import Connection

from schemas.codec import ContractViolation, decode
from schemas.notification import NotificationRecordedV1
from schemas.topics import NOTIFICATION_RECORDED
from services.chassis.clock import microseconds
from services.chassis.consumer import PartitionReader
from services.chassis.errors import BrokerUnavailable
from services.chassis.logs import get_logger
from services.chassis.records import Place, Received
from services.chassis.settings import KafkaSettings
from services.notifier import ledger
from services.notifier.bookkeeping import Bookkeeper
from services.notifier.mapping import alert_of

log = get_logger(__name__)


def catch_up(
    kafka: KafkaSettings,
    bookkeeper: Bookkeeper,
    start: Mapping[Place, int],
    *,
    waited: Callable[[], None],
) -> int:
    """Read the topic from `start` to its present end.

    Args:
        kafka: The cluster.
        bookkeeper: Writes what is learnt.
        start: Offset of the next record by topic and partition, of any topics.
        waited: Called again and again meanwhile: the heartbeat.

    Returns:
        How many records were read.

    Raises:
        BrokerUnavailable: The cluster does not answer.
    """
    count = 0
    with PartitionReader(
        kafka, [NOTIFICATION_RECORDED.name], start=start, name="notifier-replay"
    ) as reader:
        ends = reader.end_offsets()
        if not ends:
            # It is open, and could not be told what there is: to go on would be to know of no alert that was sent.
            raise BrokerUnavailable(f"{NOTIFICATION_RECORDED.name} could not be taken up")
        while any(reader.position(*place) < end for place, end in ends.items()):
            waited()
            records = reader.poll(1.0)
            if records:
                count += len(records)
                bookkeeper.submit(_learn(records)).result()
        positions = reader.positions()
        bookkeeper.submit(lambda connection: ledger.offsets.store(connection, positions)).result()
    if count:
        log.info("learnt what was recorded", records=count)
    return count


def _learn(records: list[Received]) -> Callable[[Connection], None]:
    def apply(connection: Connection) -> None:
        for record in records:
            try:
                data = decode(
                    NOTIFICATION_RECORDED.contracts,
                    key=record.key,
                    value=record.value,
                    headers=record.headers,
                ).data
            except ContractViolation as violation:
                # Only this service writes the topic; what it cannot read, a newer version of it wrote.
                log.exception(
                    "a recorded notification cannot be read",
                    offset=record.offset,
                    reason=violation.code,
                )
                continue
            if isinstance(data, NotificationRecordedV1) and (alert := alert_of(data)) is not None:
                ledger.remember(
                    connection,
                    alert,
                    notification_id=data.notification_id,
                    receiver=data.receiver,
                    outcome=data.outcome,
                    attempts=data.attempt,
                    due_at=None
                    if data.next_attempt_at is None
                    else microseconds(data.next_attempt_at),
                )

    return apply
