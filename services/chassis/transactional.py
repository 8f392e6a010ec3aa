"""Writing records together with the writer's own position, in one Kafka transaction.

It stands apart from the plain publisher because here the broker keeps the position of an outbox: what was written and how
far it was written are committed together, so that a crash at any point neither loses nor repeats a record for a
`read_committed` reader.  The position is an ordinary consumer-group offset of a group without members.

Hazard: an error in `publish` leaves open whether the transaction was committed.  The only way on is `open`, which ends
whatever was under way, fences every older process with this id, and tells the position that counts.  A call may wait for
as long as the broker is away, so it belongs on a thread of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, Final

from kafka import TopicPartition
from kafka.errors import KafkaError, ProducerFencedError
from kafka.structs import OffsetAndMetadata

from services.chassis.clients import close_producer, make_consumer, make_producer
from services.chassis.errors import AkarError, BrokerUnavailable
from services.chassis.records import Outgoing
from services.chassis.settings import KafkaSettings

OPEN_SECONDS: Final = 10.0
TRANSACTION_SECONDS: Final = 10.0
"""After it the broker aborts what a dead writer left open; until then `read_committed` readers wait behind it."""
DELIVERY_SECONDS: Final = 6.0
"""After it a record that is not written is given up, and the transaction with it.  kafka-python may wait so long for nothing when
the broker went away as a transaction began."""
LONGEST_SECONDS: Final = 2 * TRANSACTION_SECONDS
"""By then the broker has aborted it, or it is not there; `open` finds out."""


class Fenced(AkarError):
    """Another process has taken over this transactional id: this one has to end."""

    def __init__(self, transactional_id: str) -> None:
        super().__init__("fenced", transactional_id)


class TransactionalPublisher:
    """Writes batches exactly once.

    Args:
        settings: The cluster.
        name: Transactional id and consumer group that keeps the position; the cluster's prefix is put before both.
        anchor: Topic, by its name in `schemas.topics`, whose partition 0 the position is filed under.
    """

    def __init__(self, settings: KafkaSettings, *, name: str, anchor: str) -> None:
        self._settings = settings
        self._id = settings.group(name)
        self._anchor = TopicPartition(settings.topic(anchor), 0)
        self._producer: Any = None

    def open(self) -> int:
        """Take over the id and tell the position that was committed last; 0 before the first.

        Raises:
            BrokerUnavailable: The cluster does not answer, or an older transaction has not ended yet.
        """
        self.close()
        try:
            self._producer = make_producer(
                self._settings,
                name=self._id,
                seconds=OPEN_SECONDS,
                transactional_id=self._id,
                transaction_timeout_ms=int(TRANSACTION_SECONDS * 1000),
                enable_idempotence=True,
                acks="all",
                # The records of a transaction go in one request: its end sends them at once.
                linger_ms=100,
                # The broker answers "concurrent transactions" until the last one has ended, each time; the
                # client then waits this long (its own default makes a transaction cost 260 ms instead of 30).
                retry_backoff_ms=5,
                max_block_ms=int(OPEN_SECONDS * 1000),
                request_timeout_ms=5000,
                delivery_timeout_ms=int(DELIVERY_SECONDS * 1000),
            )
            self._producer.init_transactions()
            return self._committed()
        except (KafkaError, OSError) as error:
            self.close()
            raise BrokerUnavailable(type(error).__name__) from error

    def publish(self, records: Sequence[Outgoing], *, position: int) -> None:
        """Write `records` and the `position` after them, all or nothing.

        Raises:
            BrokerUnavailable: Whether they were written is not known; call `open`.
            Fenced: Another process has this id now.
        """
        if self._producer is None:
            raise BrokerUnavailable("not open")
        try:
            self._within(LONGEST_SECONDS, self._producer, records, position)
        except ProducerFencedError as error:
            self.close()
            raise Fenced(self._id) from error
        except (KafkaError, OSError) as error:
            self.close()
            raise BrokerUnavailable(type(error).__name__) from error

    def _within(
        self, seconds: float, producer: Any, records: Sequence[Outgoing], position: int
    ) -> None:
        """Write, on a thread of its own that may be left behind.

        kafka-python waits for the end of a transaction without any limit; a batch that expires while the broker is away
        makes its sender forget the request that would end it.
        """
        done = threading.Event()
        failed: list[BaseException] = []

        def write() -> None:
            try:
                self._write(producer, records, position)
            except BaseException as error:  # noqa: BLE001 - raised again by whoever waits
                failed.append(error)
            finally:
                done.set()

        threading.Thread(target=write, name=self._id, daemon=True).start()
        if not done.wait(seconds):
            self.close()
            raise BrokerUnavailable(f"a transaction did not end within {seconds:g} s")
        if failed:
            raise failed[0]

    def _write(self, producer: Any, records: Sequence[Outgoing], position: int) -> None:
        producer.begin_transaction()
        sent = [
            producer.send(
                self._settings.topic(record.topic),
                key=record.key,
                value=record.value,
                headers=list(record.headers),
                partition=record.partition,
            )
            for record in records
        ]
        # The position may not pass a record that is not there.  kafka-python commits a transaction although records of it
        # expired while the broker was away, and the error is in their futures alone.
        producer.flush(LONGEST_SECONDS)
        for each in sent:
            each.get(timeout=0)
        producer.send_offsets_to_transaction(
            {self._anchor: OffsetAndMetadata(position, "", -1)}, self._id
        )
        producer.commit_transaction()

    def close(self) -> None:
        """Give the connections up; a transaction under way is left to `open` or to the broker's time limit."""
        if self._producer is not None:
            producer, self._producer = self._producer, None
            close_producer(producer, seconds=1)

    def _committed(self) -> int:
        consumer = make_consumer(
            self._settings,
            name=f"{self._id}-position",
            seconds=OPEN_SECONDS,
            group_id=self._id,
            enable_auto_commit=False,
            # Makes the broker answer only when no transaction about this group is open.
            isolation_level="read_committed",
            request_timeout_ms=5000,
            session_timeout_ms=4000,
            heartbeat_interval_ms=1000,
        )
        try:
            found = consumer.committed(self._anchor, timeout_ms=int(OPEN_SECONDS * 1000))
        finally:
            consumer.close(autocommit=False)
        return 0 if found is None else int(found)
