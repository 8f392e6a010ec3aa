"""The transactional publisher where its client never answers."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from services.chassis import transactional
from services.chassis.errors import BrokerUnavailable
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
