"""How an event loop waits for another thread's results: carried over many per wake-up, and for room where there is a bound.

It stands apart because a wake-up of a loop costs more than what it brings: at a thousand acknowledgements a second, one for each
would be most of the work.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class LoopInbox(Generic[T]):
    """Carries results from any thread to the futures of one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._lock = threading.Lock()
        self._arrived: list[tuple[asyncio.Future[T], T | Exception]] = []

    def teller(self, future: asyncio.Future[T]) -> Callable[[T | Exception], None]:
        """What to call, on any thread, with the future's result or exception; a future that is done is left as it is."""

        def tell(result: T | Exception) -> None:
            with self._lock:
                self._arrived.append((future, result))
                if len(self._arrived) > 1:
                    return
            try:
                self.loop.call_soon_threadsafe(self._deliver)
            except RuntimeError:
                # The loop is closed: nobody waits any more.
                self._arrived.clear()

        return tell

    def _deliver(self) -> None:
        with self._lock:
            arrived, self._arrived = self._arrived, []
        for future, result in arrived:
            if future.done():
                continue
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)


class Slots:
    """A bound that waits, for one event loop at a time; whoever waits longest is next."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    def take_now(self) -> bool:
        """Take one if nobody has to be waited for; whether there was one."""
        if self._taken >= self._count or self._waiting:
            return False
        self._taken += 1
        return True

    async def take(self, timeout: float) -> bool:
        """Take one, within `timeout` seconds; whether there was one."""
        if self._taken >= self._count:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            done, _ = await asyncio.wait([turn], timeout=max(0.0, timeout))
            if not done:
                turn.cancel()
                return False
        self._taken += 1
        return True

    def give(self, _: object = None) -> None:
        """Give one back; serves as a future's callback."""
        self._taken -= 1
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
