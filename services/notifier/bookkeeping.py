"""One thread through which everything is written to the ledger, many changes to one commit.

It stands apart because a commit costs a disk flush whatever is in it, and because SQLite has one writer anyway: changes
that arrive while a commit is under way share the next.  Hazard: changes of one commit stand and fall together, so a
change must not fail for reasons of its own; any failure ends the process, which starts again from what was stored.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine

T = TypeVar("T")
_Entry = tuple[Callable[[Connection], Any], "Future[Any]"]


class Bookkeeper:
    """Runs changes one after another, each exactly once, and says when they are stored.

    Args:
        engine: The ledger's database.
        most: Most changes in one commit.
        stored: Called on the bookkeeper's thread after each commit.
    """

    def __init__(
        self, engine: Engine, *, most: int = 256, stored: Callable[[], None] = lambda: None
    ) -> None:
        self._engine = engine
        self._most = most
        self._stored = stored
        self._queue: SimpleQueue[_Entry | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="bookkeeper", daemon=True)
        self._ended: BaseException | None = None
        # Nothing is queued behind the end: whoever waits for it would wait for ever.
        self._ending = threading.Lock()

    def start(self) -> Bookkeeper:
        """Begin."""
        self._thread.start()
        return self

    def submit(self, change: Callable[[Connection], T]) -> Future[T]:
        """Queue a change; its result is there once it is committed, or the error that ended the bookkeeper."""
        result: Future[T] = Future()
        result.set_running_or_notify_cancel()  # what is queued will be stored, whether or not anyone waits
        with self._ending:
            if self._ended is None:
                self._queue.put((change, result))
                return result
        result.set_exception(self._ended)
        return result

    def stop(self, timeout: float = 10.0) -> None:
        """Store what is queued and end."""
        self._queue.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        try:
            with self._engine.connect() as connection:
                self._serve(connection)
        except BaseException as error:  # noqa: BLE001 - handed on to whoever waits, now or later
            self._end(error)
        else:
            self._end(RuntimeError("the bookkeeper was stopped"))

    def _serve(self, connection: Connection) -> None:
        while True:
            first = self._queue.get()
            if first is None:
                return
            batch = [first]
            ended = False
            while len(batch) < self._most and not self._queue.empty():
                entry = self._queue.get()
                if entry is None:
                    ended = True
                    break
                batch.append(entry)
            self._store(connection, batch)
            if ended:
                return

    def _store(self, connection: Connection, batch: list[_Entry]) -> None:
        try:
            with connection.begin():
                results = [change(connection) for change, _ in batch]
        except BaseException as error:
            for _, result in batch:
                result.set_exception(error)
            raise
        self._stored()
        for (_, result), value in zip(batch, results, strict=True):
            result.set_result(value)

    def _end(self, error: BaseException) -> None:
        """Whoever waits for a result, or asks for one from now on, gets the error; nothing of it was stored."""
        with self._ending:
            self._ended = error
        while not self._queue.empty():
            entry = self._queue.get()
            if entry is not None:
                entry[1].set_exception(error)
