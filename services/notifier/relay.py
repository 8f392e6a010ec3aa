"""From the outbox to Kafka, each event exactly once.

It stands apart because it runs at its own pace, behind the deliveries.  Events and the sequence of the last one are
written in one Kafka transaction; after any doubt the broker is asked for the sequence that counts.

Hazard: only the holder of the transactional id may write.  A second notifier with the same id takes it over, and this
one ends.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from sqlalchemy import Engine

from services.chassis.clock import Clock
from services.chassis.errors import BrokerUnavailable
from services.chassis.logs import get_logger
from services.chassis.records import Outgoing
from services.notifier import ledger
from services.notifier.bookkeeping import Bookkeeper

MOST_IN_ONE_TRANSACTION = 500
FORGET_EVERY = 200
"""Published events are deleted so many at a time, or when nothing else is to be done: each deletion is a commit."""
LATE_SECONDS = 30.0
GATHER_SECONDS = 0.25
"""Nobody waits for an event of the outbox: so long is gathered before a transaction, which costs the broker a dozen steps."""

log = get_logger(__name__)


class Publisher(Protocol):
    """What `TransactionalPublisher` does."""

    def open(self) -> int:
        """Take over and tell the position."""
        ...

    def publish(self, records: Sequence[Outgoing], *, position: int) -> None:
        """Write all or nothing."""
        ...

    def close(self) -> None:
        """Give the connections up."""
        ...


class Relay:
    """Publishes the outbox.

    Args:
        publisher: Writes to Kafka.
        engine: The ledger's database, to read.
        bookkeeper: Writes to it.
        clock: Durations.
        pause_seconds: Between two tries to reach the broker again.
    """

    def __init__(
        self,
        publisher: Publisher,
        engine: Engine,
        bookkeeper: Bookkeeper,
        clock: Clock,
        *,
        pause_seconds: float = 1.0,
    ) -> None:
        self._publisher = publisher
        self._engine = engine.execution_options(readonly=True)
        self._bookkeeper = bookkeeper
        self._clock = clock
        self._pause = pause_seconds
        self._position = 0
        # Set while it is not known whether the last transaction was committed: then nothing may be published.
        self._in_doubt = False
        self._forgotten = 0
        self._more = threading.Event()
        self._stop = threading.Event()
        self._caught_up_at = clock.monotonic()

    def open(self) -> None:
        """Take over from an earlier life, and forget what it has published.

        Raises:
            BrokerUnavailable: The cluster does not answer.
        """
        self._position = self._publisher.open()
        self._forget()

    def wake(self) -> None:
        """There may be something to publish; callable from any thread."""
        self._more.set()

    def check(self) -> str | None:
        """A ready check: events do not lie about unpublished."""
        behind = self._clock.monotonic() - self._caught_up_at
        return None if behind <= LATE_SECONDS else f"events are unpublished for {behind:.0f} s"

    def run(self) -> None:
        """Publish until stopped, and then what is left."""
        while not self._stop.is_set():
            self._more.clear()
            published = self._publish()
            if published == MOST_IN_ONE_TRANSACTION:
                continue
            self._caught_up_at = self._clock.monotonic()
            if not published and self._position > self._forgotten:
                self._forget()
            # What was stored during the transaction is gathered, too: one right behind another would be small, and the
            # broker refuses it again and again until it has ended the one before.
            if self._more.wait(1.0):
                self._stop.wait(GATHER_SECONDS)
        while self._publish():
            continue
        self._publisher.close()

    def stop(self) -> None:
        """Let `run` come to its end."""
        self._stop.set()
        self._more.set()

    def _publish(self) -> int:
        """Publish what comes next; gives how many events, or the most there can be when there may be more."""
        if self._in_doubt:
            # Stopped before the broker could be asked: the next life asks.
            return 0
        with self._engine.connect() as connection, connection.begin():
            batch = ledger.untold(connection, after=self._position, most=MOST_IN_ONE_TRANSACTION)
        if not batch:
            return 0
        last = batch[-1][0]
        try:
            self._publisher.publish([record for _, record in batch], position=last)
            self._position = last
        except BrokerUnavailable as error:
            log.warning("events could not be published", error=error.detail)
            self._in_doubt = True
            self._reopen()
        if self._position - self._forgotten >= FORGET_EVERY:
            self._forget()
        if self._position == last:
            return len(batch)
        return 0 if self._stop.is_set() else MOST_IN_ONE_TRANSACTION

    def _reopen(self) -> None:
        wait: Callable[[float], bool] = self._stop.wait
        while not wait(self._pause):
            try:
                # Never back: positions that the broker kept for too long without a write are forgotten there.
                self._position = max(self._position, self._publisher.open())
            except BrokerUnavailable:
                continue
            self._in_doubt = False
            return

    def _forget(self) -> None:
        position = self._position
        self._bookkeeper.submit(lambda connection: ledger.told(connection, position)).result()
        self._forgotten = position
