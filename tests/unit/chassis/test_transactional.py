"""The transactional publisher where its client never answers."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import Any

import pytest
from kafka.errors import KafkaTimeoutError

from services.chassis import transactional
from services.chassis.errors import BrokerUnavailable
from services.chassis.records import Outgoing
from services.chassis.settings import KafkaSettings
from services.chassis.transactional import TransactionalPublisher


class Deaf:
    """A client whose transaction never ends, as kafka-python's when a batch has expired while the broker was away."""

    def __init__(self) -> None:
        self.closed = False
        self.never = threading.Event()
        self._sender = self

    def force_close(self) -> None:
        """Of its sender, which has nothing to end."""

    def begin_transaction(self) -> None:
        """Begins."""

    def flush(self, timeout: float) -> None:
        """Nothing is under way."""

    def send_offsets_to_transaction(self, offsets: Any, group: str) -> None:
        """Takes them."""

    def commit_transaction(self) -> None:
        """Never returns, until the test has ended."""
        self.never.wait()

    def close(self, timeout: float | None = None) -> None:
        """Ends it."""
        self.closed = True


def test_a_transaction_that_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever publishes is told that nothing is known, and may open again, instead of waiting for ever."""
    monkeypatch.setattr(transactional, "LONGEST_SECONDS", 0.05)
    publisher, client = TransactionalPublisher(KafkaSettings(), name="n", anchor="a"), Deaf()
    publisher._producer = client

    with pytest.raises(BrokerUnavailable, match="did not end"):
        publisher.publish([], position=1)

    client.never.set()
    assert client.closed
    with pytest.raises(BrokerUnavailable, match="not open"):
        publisher.publish([], position=1)


class _Told:
    """As kafka-python's future of a record."""

    def __init__(self, future: Future[None]) -> None:
        self._future = future

    def get(self, timeout: float | None = None) -> None:
        """What became of it."""
        self._future.result(timeout)


class Forgetful(Deaf):
    """A client whose records expire while the broker is away, and that commits the rest, as kafka-python's does."""

    def __init__(self, expired: set[bytes]) -> None:
        super().__init__()
        self.expired = expired
        self.committed: list[Any] = []

    def send(self, topic: str, *, value: bytes, **_more: Any) -> Any:
        """Takes a record; its future tells what became of it."""
        future: Future[None] = Future()
        if value in self.expired:
            future.set_exception(KafkaTimeoutError("Expiring 1 record(s)"))
        else:
            future.set_result(None)
        return _Told(future)

    def send_offsets_to_transaction(self, offsets: Any, group: str) -> None:
        """Takes them."""
        self.committed.append(offsets)

    def commit_transaction(self) -> None:
        """Goes well, whatever became of the records."""


@pytest.mark.parametrize("expired", [{b"1"}, {b"2"}, {b"1", b"2"}])
def test_a_record_that_expired_keeps_the_position_back(expired: set[bytes]) -> None:
    """What was not written is written again by the next life: its position is not committed with the rest."""
    publisher, client = (
        TransactionalPublisher(KafkaSettings(), name="n", anchor="a"),
        Forgetful(expired),
    )
    publisher._producer = client
    records = [Outgoing("t", b"k", value) for value in (b"1", b"2")]

    with pytest.raises(BrokerUnavailable):
        publisher.publish(records, position=2)

    assert client.committed == []
    assert client.closed


def test_a_position_is_committed_behind_its_records() -> None:
    """The usual case of the one above."""
    publisher, client = (
        TransactionalPublisher(KafkaSettings(), name="n", anchor="a"),
        Forgetful(set()),
    )
    publisher._producer = client
    publisher.publish([Outgoing("t", b"k", b"1")], position=1)
    assert len(client.committed) == 1
