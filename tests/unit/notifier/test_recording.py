"""Attempts on their way into the ledger: together, each with its event, and none that nobody waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine

from schemas.codec import decode
from schemas.topics import NOTIFICATION_RECORDED
from schemas.vocabulary import NotificationOutcome, NotificationStage
from services.chassis import database
from services.chassis.clock import microseconds
from services.notifier import ledger
from services.notifier.bookkeeping import Bookkeeper
from services.notifier.delivery import Alert, Verdict
from services.notifier.lanes import Attempt
from services.notifier.ledger import Delivery
from services.notifier.receivers import Receiver
from services.notifier.recording import ENOUGH, Recorder

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
DELIVERED = Verdict(NotificationOutcome.DELIVERED)
AGAIN = Verdict(NotificationOutcome.ATTEMPTED, "status_500", AT + timedelta(seconds=5))


class World:
    """A ledger with deliveries in it, its bookkeeper, and how often that has committed."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.commits = 0
        self.bookkeeper = Bookkeeper(engine, stored=self._committed).start()

    def _committed(self) -> None:
        self.commits += 1

    def attempts(self, *verdicts: Verdict, gone: str | None = None) -> list[Attempt]:
        """One attempt for each verdict, about deliveries that are planned by now."""
        deliveries = [
            Delivery(
                notification_id=f"n{number}",
                alert=Alert(f"a{number}", f"c{number}", "packing", 1, NotificationStage.OPENED),
                receiver="packing",
                causation_id="cause",
                traceparent=None,
                number=number,
                attempts=0,
                due_at=microseconds(AT),
                body=b"{}",
            )
            for number in range(len(verdicts))
        ]
        with self.engine.begin() as connection:
            ledger.add(connection, deliveries)
        return [
            Attempt(delivery, 1, verdict, 204, AT, gone)
            for delivery, verdict in zip(deliveries, verdicts, strict=True)
        ]

    def told(self) -> list[tuple[str, str]]:
        """Notification and outcome of every event in the outbox, in order."""
        with self.engine.begin() as connection:
            batch = ledger.untold(connection, after=0, most=100)
        events = [
            decode(
                NOTIFICATION_RECORDED.contracts, key=r.key, value=r.value, headers=r.headers
            ).data
            for _, r in batch
        ]
        return [(event.notification_id, event.outcome.value) for event in events]  # type: ignore[attr-defined]

    def waiting(self) -> list[tuple[str, int, int]]:
        """What is still to be sent: id, attempts made, when."""
        with self.engine.begin() as connection:
            found = ledger.open_deliveries(connection)
        return [(one.notification_id, one.attempts, one.due_at) for one in found]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    engine = database.create(database.sqlite_url(tmp_path / "ledger.sqlite3"))
    with engine.begin() as connection:
        ledger.prepare(connection)
    made = World(engine)
    yield made
    made.bookkeeper.stop()
    engine.dispose()


async def test_attempts_of_a_moment_are_one_change_and_each_has_its_event(world: World) -> None:
    """Delivered and to be tried again, side by side: one commit, events in the order of the attempts."""
    recorder = Recorder(world.bookkeeper)
    attempts = world.attempts(DELIVERED, AGAIN, DELIVERED)
    await asyncio.gather(*(recorder.record(attempt) for attempt in attempts))
    assert world.commits == 1
    assert world.told() == [("n0", "delivered"), ("n1", "attempted"), ("n2", "delivered")]
    assert world.waiting() == [("n1", 1, microseconds(AT) + 5_000_000)]


async def test_when_many_wait_nobody_waits_for_more(world: World) -> None:
    """As many as a lane has under way are stored at once, however long the others would be waited for."""
    recorder = Recorder(world.bookkeeper, gather_seconds=60)
    attempts = world.attempts(*[DELIVERED] * ENOUGH)
    async with asyncio.timeout(10):
        await asyncio.gather(*(recorder.record(attempt) for attempt in attempts))
    assert len(world.told()) == ENOUGH
    assert world.waiting() == []


async def test_one_that_stops_waiting_stops_no_other(world: World) -> None:
    """A cancelled attempt is stored all the same, and so is the one beside it."""
    recorder = Recorder(world.bookkeeper)
    first, second = (
        asyncio.create_task(recorder.record(one)) for one in world.attempts(AGAIN, DELIVERED)
    )
    await asyncio.sleep(0)
    first.cancel()
    await second
    assert first.cancelled()
    assert [id_ for id_, _ in world.told()] == ["n0", "n1"]


async def test_a_ledger_that_cannot_be_written_fails_every_attempt(world: World) -> None:
    """Nobody takes an attempt for made that is not stored."""
    recorder = Recorder(world.bookkeeper)

    def broken(connection: Connection) -> None:
        raise OSError("the disk is full")

    attempts = world.attempts(DELIVERED, DELIVERED)
    world.bookkeeper.submit(broken)
    results = await asyncio.gather(
        *(recorder.record(attempt) for attempt in attempts), return_exceptions=True
    )
    assert [type(result) for result in results] == [OSError, OSError]
    assert world.told() == []


async def test_a_receiver_that_is_gone_is_known_once_that_is_stored(world: World) -> None:
    """By its address, now and in the next life; another address counts as another receiver."""
    receiver = Receiver("packing", "https://one.example/", ())
    recorder = Recorder(world.bookkeeper)
    verdict = Verdict(NotificationOutcome.ABANDONED, "receiver_gone", gone=True)
    (attempt,) = world.attempts(verdict, gone=receiver.fingerprint)
    assert not recorder.is_gone(receiver)
    await recorder.record(attempt)
    later = Recorder(world.bookkeeper)
    with world.engine.begin() as connection:
        later.learn(ledger.gone(connection))
    for each in (recorder, later):
        assert each.is_gone(receiver)
        assert not each.is_gone(Receiver("packing", "https://two.example/", ()))
