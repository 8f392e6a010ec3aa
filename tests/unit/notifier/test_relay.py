"""The relay against a broker that fails before or after it commits: every event once, in order."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import EncodedRecord
from schemas.topics import NOTIFICATION_RECORDED
from services.chassis import database
from services.chassis.clock import SystemClock
from services.chassis.errors import BrokerUnavailable
from services.chassis.records import Outgoing
from services.notifier import ledger
from services.notifier.bookkeeping import Bookkeeper
from services.notifier.relay import Relay

EVENTS = 12


class Broker:
    """What a transactional topic is to its readers: committed batches, and the position committed with them."""

    def __init__(self, failures: Sequence[str]) -> None:
        self.committed: list[bytes] = []
        self.position = 0
        self._failures = list(failures)

    def open(self) -> int:
        """Take over; may fail, too."""
        if self._failures and self._failures[0] == "open":
            self._failures.pop(0)
            raise BrokerUnavailable("opening")
        return self.position

    def publish(self, records: Sequence[Outgoing], *, position: int) -> None:
        """All or nothing; sometimes nobody learns which."""
        failure = self._failures.pop(0) if self._failures else "none"
        if failure == "before":
            raise BrokerUnavailable("aborted")
        self.committed += [record.value or b"" for record in records]
        self.position = position
        if failure == "after":
            raise BrokerUnavailable("committed, and the answer was lost")

    def close(self) -> None:
        """Nothing to give back."""


@given(
    failures=st.lists(st.sampled_from(["none", "before", "after", "open"]), max_size=6),
    lives=st.integers(1, 3),
)
@settings(max_examples=8)
def test_every_event_is_published_once_and_in_order(failures: list[str], lives: int) -> None:
    """Whatever the broker does, and however often the relay starts anew in between."""
    broker = Broker(failures)
    with tempfile.TemporaryDirectory() as folder:
        engine = database.create(database.sqlite_url(Path(folder) / "ledger.sqlite3"))
        with engine.begin() as connection:
            ledger.prepare(connection)
        written = 0
        for life in range(1, lives + 1):
            bookkeeper = Bookkeeper(engine).start()
            relay = Relay(broker, engine, bookkeeper, SystemClock(), pause_seconds=0.001)
            while True:
                try:
                    relay.open()
                    break
                except BrokerUnavailable:
                    continue
            thread = threading.Thread(target=relay.run)
            thread.start()
            while written < EVENTS * life // lives:
                event = EncodedRecord(b"k", str(written).encode(), ())
                bookkeeper.submit(
                    partial(ledger.tell, events=[(NOTIFICATION_RECORDED.name, event)])
                ).result()
                relay.wake()
                written += 1
            relay.stop()
            thread.join(30)
            assert not thread.is_alive()
            bookkeeper.stop()
        # A last life publishes what an earlier one was stopped over.
        bookkeeper = Bookkeeper(engine).start()
        relay = Relay(broker, engine, bookkeeper, SystemClock(), pause_seconds=0.001)
        broker._failures.clear()
        relay.open()
        relay.stop()
        relay.run()
        bookkeeper.stop()
        engine.dispose()
    assert broker.committed == [str(n).encode() for n in range(EVENTS)]
