"""Hands fetched batches over, in an order in which nothing is decided on half of the evidence.

Records of the leading topic (process events) go before the others of the same fetch, and records of the asking topic (questions
about cases) wait while the events of their partition are behind (backlog.py): they are kept, and no more of them are fetched.

It runs as a task of the worker's own.  Faust's fetcher would be the place for it, but Faust cancels that in a rebalance and
calls it a crash.

Hazard: a batch carries the epoch in which it was fetched; everything here is forgotten when that changes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, Protocol

from services.chassis import metrics
from services.router.checkpoint.backlog import Backlog
from services.router.checkpoint.reader import Batch, Fetched
from services.router.checkpoint.transactions import Place

POLL_SECONDS: Final = 0.2
"""The longest wait for a record: a takeover waits for it to end."""
HOLDING_SECONDS: Final = 0.02
"""The same while questions are kept."""
PATIENCE_SECONDS: Final = 0.5
"""The longest wait for the events of a fetch to be handled; what is handed over then asks over Kafka if it has to."""
LAG_SECONDS: Final = 5.0
"""Between two measurements for operators."""


class Source(Protocol):
    """Where batches come from (reader.py)."""

    async def fetch(self, seconds: float) -> Fetched | None:
        """What has arrived within that time."""
        ...

    async def hold(self, place: Place, epoch: int) -> None:
        """Fetch no more of it in this epoch."""
        ...

    async def release(self, place: Place, epoch: int) -> None:
        """Go on fetching it."""
        ...

    async def lags(self) -> dict[Place, int]:
        """How far each place is behind."""
        ...


class Feed:
    """Carries batches from the reader to the agents.

    Args:
        reader: where they come from.
        backlog: of the leading topic.
        leading: the topic whose records are handled before the ones that ask about them.
        asking: the topic whose records wait while the leading one is behind.
        searching: the topic whose records wait while the leading one is behind in any partition.
        epoch: tells the present one.
        deliver: takes a batch; returns when there is room for another.
        monotonic: seconds.
    """

    def __init__(
        self,
        reader: Source,
        backlog: Backlog,
        *,
        leading: str,
        asking: str,
        searching: str | None = None,
        epoch: Callable[[], int],
        deliver: Callable[[Batch], Awaitable[None]],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reader = reader
        self._backlog = backlog
        self._leading = leading
        self._asking = asking
        self._searching = searching
        self._epoch = epoch
        self._deliver = deliver
        self._monotonic = monotonic
        self._fed_epoch = 0
        self._kept: dict[Place, list[Batch]] = {}
        self._measured = 0.0
        self._progress = asyncio.Event()

    async def run(self) -> None:
        """Feed for ever; any error is final."""
        while True:
            await self.turn()

    async def turn(self) -> None:
        """One fetch, and what may go on because of it."""
        fetched = await self._reader.fetch(HOLDING_SECONDS if self._kept else POLL_SECONDS)
        epoch = self._epoch()
        if self._fed_epoch != epoch:
            self._fed_epoch = epoch
            self._kept.clear()
        if fetched is None or fetched.epoch != epoch:
            return
        # Without an await in between: whoever asks the backlog sees either nothing of this fetch or all of it.
        self._backlog.fetched({place[1]: lag for place, lag in fetched.lags.items()})
        for batch in fetched.batches:
            if batch.topic == self._leading:
                self._backlog.delivered(batch.partition, batch.records[0].timestamp)
        others: list[Batch] = []
        for batch in fetched.batches:
            if batch.topic == self._leading:
                await self._deliver(batch)
            else:
                others.append(batch)
        if others:
            # An event and the complaint about it often come in one fetch: a complaint that overtook it would have to ask
            # over Kafka, and wait.
            await self._until_handled(epoch)
        for batch in others:
            await self._hand_over(batch)
        for place in list(self._kept):
            await self._let_go(place)
        await self._measure()

    def handled(self, batch: Batch) -> None:
        """To be told of each batch of the present epoch once its records are handled."""
        if batch.topic == self._leading:
            self._backlog.handled(batch.partition, batch.records[-1].timestamp)
            self._progress.set()

    async def _until_handled(self, epoch: int) -> None:
        ends = self._monotonic() + PATIENCE_SECONDS
        while self._backlog.waiting and epoch == self._epoch() and self._monotonic() < ends:
            self._progress.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._progress.wait(), HOLDING_SECONDS)

    async def _hand_over(self, batch: Batch) -> None:
        place = batch.topic, batch.partition
        if place in self._kept or self._waits(place, batch):
            kept = self._kept.setdefault(place, [])
            kept.append(batch)
            if len(kept) == 1:
                await self._reader.hold(place, batch.epoch)
            return
        await self._deliver(batch)

    def _waits(self, place: Place, newest: Batch) -> bool:
        asked = newest.records[-1].timestamp
        if place[0] == self._asking:
            return self._backlog.behind(place[1], asked)
        return place[0] == self._searching and self._backlog.behind_anywhere(asked)

    async def _let_go(self, place: Place) -> None:
        if self._fed_epoch != self._epoch() or self._waits(place, self._kept[place][-1]):
            return
        for batch in self._kept.pop(place):
            await self._deliver(batch)
        await self._reader.release(place, self._fed_epoch)

    async def _measure(self) -> None:
        now = self._monotonic()
        if now - self._measured < LAG_SECONDS:
            return
        self._measured = now
        behind: dict[str, int] = {}
        for (topic, _partition), lag in (await self._reader.lags()).items():
            behind[topic] = behind.get(topic, 0) + lag
        for topic, lag in behind.items():
            metrics.CONSUMER_LAG.labels(topic).set(lag)
