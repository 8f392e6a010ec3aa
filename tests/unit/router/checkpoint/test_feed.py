"""Batches reach the agents in an order in which nothing is decided on half of the evidence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from itertools import count
from types import SimpleNamespace
from typing import Any

from services.chassis import metrics
from services.router.checkpoint.backlog import Backlog
from services.router.checkpoint.feed import Feed
from services.router.checkpoint.reader import Batch, Fetched
from services.router.checkpoint.transactions import Place

EVENTS, QUESTIONS, COMPLAINTS, SEARCHES = "events", "questions", "complaints", "searches"


class Shelf:
    """A reader whose fetches are put there by the test."""

    def __init__(self) -> None:
        self.next: list[Fetched | None] = []
        self.held: set[Place] = set()
        self.behind: dict[Place, int] = {}

    async def fetch(self, seconds: float) -> Fetched | None:
        """The next one."""
        assert seconds > 0
        return self.next.pop(0)

    async def hold(self, place: Place, epoch: int) -> None:
        """Note it."""
        assert epoch
        self.held.add(place)

    async def release(self, place: Place, epoch: int) -> None:
        """Note it."""
        assert epoch
        self.held.discard(place)

    async def lags(self) -> dict[Place, int]:
        """As the test says."""
        return self.behind


class Scene:
    """A feed between a shelf and a list."""

    def __init__(self) -> None:
        self.shelf = Shelf()
        self.backlog = Backlog(lambda: 1_000.0)
        self.epoch = 1
        self.delivered: list[Batch] = []
        self.handled: list[str] = []
        self.agents_work = True
        self.clock = count(100, 0.1)
        self.while_delivering: Callable[[], Any] = lambda: None
        self.feed = Feed(
            self.shelf,
            self.backlog,
            leading=EVENTS,
            asking=QUESTIONS,
            searching=SEARCHES,
            epoch=lambda: self.epoch,
            deliver=self._deliver,
            monotonic=lambda: next(self.clock),
        )

    async def _deliver(self, batch: Batch) -> None:
        self.while_delivering()
        self.delivered.append(batch)
        if self.agents_work:
            asyncio.get_running_loop().call_soon(self._handled, batch)

    def _handled(self, batch: Batch) -> None:
        self.handled.append(batch.topic)
        self.feed.handled(batch)

    def fetched(self, *topics: str, lag: int = 0, epoch: int = 1) -> None:
        """One turn with one batch of partition 0 of each topic."""
        batches = [Batch(topic, 0, [SimpleNamespace(timestamp=1)], epoch) for topic in topics]
        self.shelf.next.append(Fetched(epoch, batches, {(EVENTS, 0): lag}))
        _run(self.feed.turn())

    @property
    def order(self) -> list[str]:
        """Topics of what was delivered, in order."""
        return [batch.topic for batch in self.delivered]


def _run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def test_events_go_before_what_asks_about_them() -> None:
    """Of one fetch, the leading topic's records are handed over first, the others as they came."""
    scene = Scene()
    scene.fetched(COMPLAINTS, EVENTS)

    assert scene.order == [EVENTS, COMPLAINTS]


def test_events_that_wait_to_be_handled_count_before_anything_is_handed_over() -> None:
    """Whoever asks the backlog while the first batch is handed over already sees it; once handled, it no longer counts."""
    scene = Scene()
    seen: list[bool] = []
    scene.while_delivering = lambda: seen.append(scene.backlog.behind(0))
    scene.fetched(EVENTS, COMPLAINTS)

    assert seen == [True, False]


def test_a_complaint_waits_for_the_events_of_its_fetch() -> None:
    """What else came with events is handed over when they are handled, or after a while when nothing moves."""
    scene = Scene()
    seen: list[list[str]] = []
    scene.while_delivering = lambda: seen.append(scene.handled.copy())
    scene.fetched(EVENTS, COMPLAINTS)
    assert seen == [[], [EVENTS]]

    scene.agents_work = False
    scene.fetched(EVENTS, COMPLAINTS)
    assert scene.order[-1] == COMPLAINTS


def test_questions_wait_and_keep_their_order() -> None:
    """While events are behind, questions are kept and no more are fetched; then they come, the older ones first."""
    scene = Scene()
    scene.fetched(QUESTIONS, lag=5_000)
    first = scene.shelf.held.copy()
    scene.fetched(QUESTIONS, COMPLAINTS, lag=4_000)

    assert first == {(QUESTIONS, 0)}
    assert scene.order == [COMPLAINTS]

    scene.fetched(lag=0)

    assert scene.order == [COMPLAINTS, QUESTIONS, QUESTIONS]
    assert not scene.shelf.held


def test_a_search_waits_for_the_events_of_every_partition() -> None:
    """A customer's cases may lie anywhere: their search waits for the events of all partitions that are read here."""
    scene = Scene()
    scene.backlog.fetched({3: 5_000})
    scene.fetched(SEARCHES, QUESTIONS)
    assert scene.order == [QUESTIONS]

    scene.backlog.fetched({3: 0})
    scene.fetched()
    assert scene.order == [QUESTIONS, SEARCHES]


def test_a_batch_of_another_epoch_is_dropped() -> None:
    """What was fetched before a rebalance, or is kept from before it, is not handed over after it."""
    scene = Scene()
    scene.fetched(QUESTIONS, lag=5_000)
    scene.epoch = 2
    scene.fetched(COMPLAINTS, epoch=1)
    scene.fetched(EVENTS, lag=0, epoch=2)

    assert scene.order == [EVENTS]


def test_lag_is_told_by_topic() -> None:
    """Operators see how many records of each topic are yet to be read, over all partitions of this worker."""
    scene = Scene()
    scene.shelf.behind = {(EVENTS, 0): 3, (EVENTS, 1): 4, (COMPLAINTS, 0): 0}
    scene.fetched(EVENTS)

    assert metrics.CONSUMER_LAG.labels(EVENTS)._value.get() == 7
    assert metrics.CONSUMER_LAG.labels(COMPLAINTS)._value.get() == 0
