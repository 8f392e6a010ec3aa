"""Transactions as the event loop sees them: made on a thread of their own, waited for, and not for ever.

It stands apart because of one trap.  When the broker is killed in the middle of a transaction, librdkafka may wait for a
coordinator without end, whatever time-out it was given; and a thread that waits cannot be ended.  So a thread and its client belong
together, are used until they hang, and are then left behind: whoever was told `TransactionLost` goes on with new ones.

Hazard: what was left behind may still reach the broker, and come into effect as long as no other client has begun under the same
transactional id: `settle` before anything is read.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

import structlog

from services.router.checkpoint.fatal import die
from services.router.checkpoint.transactions import Membership, TransactionalProducer, Work

log = structlog.get_logger(__name__)

LONGEST_COMMIT_SECONDS: Final = 6.0
"""Far more than any takes.  A worker that starts again finds out what became of the transaction."""
LONGEST_WITHOUT_BROKER_SECONDS: Final = 1.5
"""Once every broker was lost in the middle of it; the worker waits for one, and starts its generation over."""
LOOK_SECONDS: Final = 0.5

R = TypeVar("R")


class TransactionLost(Exception):
    """Every broker was lost in the middle of a transaction, so that it is not known what became of it."""


class TransactionThread:
    """One transactional client, until it hangs; belongs to the event loop.

    Args:
        producer: the client; it is used on the thread from here on.
    """

    def __init__(self, producer: TransactionalProducer) -> None:
        self._producer = producer
        self._thread = ThreadPoolExecutor(1, "checkpoint")

    async def start(self) -> None:
        """Fence any earlier user of the transactional id and end what it left open.

        Raises:
            KafkaException: the broker cannot be reached or refuses.
        """
        await self._call(self._producer.start)

    async def reach(self, wanted: Callable[[], bool]) -> None:
        """With no transaction open: wait for a broker that was lost, for as long as that takes or until it is not `wanted`.

        Raises:
            KafkaException: one answers, and refuses.
        """
        if self._producer.lost():
            await self._answer(wanted)

    async def settle(self, wanted: Callable[[], bool]) -> None:
        """End what a client before this one was left with, committed or aborted, once a broker answers.

        Raises:
            TransactionLost: the broker was lost once more.
            KafkaException: it refuses.
        """
        await self._answer(wanted)
        await self._ended(self._call(self._producer.start))

    async def commit(self, work: Work, membership: Membership) -> dict[int, int]:
        """Write and commit everything in `work`.

        Returns:
            For each partition with changelog rows, the offset after the last of them.

        Raises:
            TransactionLost: it is not known what became of it.
            KafkaException, RuntimeError: the same, or nothing of it is visible; end the process.
        """
        return await self._ended(self._call(self._producer.commit, work, membership))

    async def _answer(self, wanted: Callable[[], bool]) -> None:
        await self._call(self._producer.reach, wanted)

    def _call(self, function: Callable[..., R], *args: Any) -> asyncio.Future[R]:
        return asyncio.get_running_loop().run_in_executor(self._thread, function, *args)

    async def _ended(self, transaction: asyncio.Future[R]) -> R:
        """Wait for it; ends the process when a broker that is there has not answered for too long.

        Raises:
            TransactionLost: every broker was lost, and it has not ended since.
        """
        began, lost = time.monotonic(), None
        while True:
            wait = min(LOOK_SECONDS, LONGEST_COMMIT_SECONDS)
            done, _pending = await asyncio.wait({transaction}, timeout=wait)
            if done:
                return transaction.result()
            now = time.monotonic()
            if lost is None and self._producer.lost():
                lost = now
            if lost is not None and now - lost >= LONGEST_WITHOUT_BROKER_SECONDS:
                transaction.add_done_callback(_note_late_end)
                raise TransactionLost("a transaction did not end: the broker was lost")
            if now - began >= LONGEST_COMMIT_SECONDS:
                die("a transaction did not end", TimeoutError())


def _note_late_end(left_behind: asyncio.Future[Any]) -> None:
    error = left_behind.exception()
    log.info("router.given_up_ended", error=None if error is None else str(error))
