"""NDJSON batches: many things in one body, each with an answer of its own.

They stand apart because a batch must neither hold up single complaints nor fail as a whole for one bad line.  Hazard: the
lines are read, sent and awaited in chunks that overlap; results are put down in the order of the lines all the same.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Request, Response

from schemas.codec import EncodedRecord
from services.chassis import metrics
from services.intake.problems import Problem, Refusal
from services.intake.settings import IntakeSettings

NDJSON: Final = "application/x-ndjson"
CHUNK_LINES: Final = 250
"""Lines read at one go (about 15 ms of work): between two chunks other requests get their turn."""
CHUNKS_UNDER_WAY: Final = 4


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to store.

    Attributes:
        topic: Where to.
        record: What.
        identity: What a repeat is recognised by; empty for what is not looked at.
        digest: What makes two things of one identity differ.
        answer: What to answer once it is stored.
        count: Called once it is stored.
    """

    topic: str
    record: EncodedRecord
    identity: str
    digest: str
    answer: dict[str, Any]
    count: Callable[[], None]


Read = Callable[[bytes], Item]
Store = Callable[[Sequence[Item]], Awaitable[list[Problem | None]]]
Line = tuple[int, bytes]


class Batches:
    """Handles the batches of one process, at most `max_batches` at one time."""

    def __init__(self, settings: IntakeSettings, store: Store) -> None:
        self._settings = settings
        self._store = store
        self._under_way = 0

    async def answer(self, request: Request, read: Read) -> Response:
        """Store what can be stored and answer with one result per line.

        Raises:
            Refusal: 503 when there is no room for a batch, 413 when this one has too many lines.
        """
        async with self._room():
            raw = await request.body()
            if raw.count(b"\n") > self._settings.max_batch_lines:
                detail = f"at most {self._settings.max_batch_lines} lines; nothing was stored"
                raise Refusal(Problem("too_many_lines", 413, detail))
            return await self._work(raw, read)

    @asynccontextmanager
    async def _room(self) -> AsyncIterator[None]:
        if self._under_way >= self._settings.max_batches:
            raise Refusal(Problem("overloaded", 503, "too many batches are at work", retry_after=2))
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    async def _work(self, raw: bytes, read: Read) -> Response:
        results = _Results()
        under_way: deque[_Chunk] = deque()
        for lines in _chunks(raw):
            chunk = _Chunk([(number, self._read(read, line)) for number, line in lines])
            under_way.append(chunk)
            if results.away is None:
                chunk.storing = asyncio.ensure_future(self._store(chunk.items))
            await asyncio.sleep(0)
            if len(under_way) == CHUNKS_UNDER_WAY:
                await results.add(under_way.popleft())
        while under_way:
            await results.add(under_way.popleft())
        return results.response()

    def _read(self, read: Read, line: bytes) -> Item | Problem:
        if len(line) > self._settings.max_body_bytes:
            detail = f"a line has at most {self._settings.max_body_bytes} bytes; not stored"
            return Problem("body_too_large", 413, detail)
        try:
            return read(line)
        except Refusal as refusal:
            return refusal.problem


class _Chunk:
    """Some lines, read; and the storing of those that could be."""

    def __init__(self, found: list[tuple[int, Item | Problem]]) -> None:
        self.found = found
        self.items = [item for _, item in found if isinstance(item, Item)]
        self.storing: asyncio.Future[list[Problem | None]] | None = None


class _Results:
    """Result lines, in order, and what they amount to."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._stored = 0
        self._again = 0
        self.away: Problem | None = None
        """Set once the broker has not answered: to wait again for each further chunk helps nobody."""

    async def add(self, chunk: _Chunk) -> None:
        if chunk.storing is None:
            stored: list[Problem | None] = [self.away] * len(chunk.items)
        else:
            stored = await chunk.storing
        outcomes = iter(stored)
        for number, found in chunk.found:
            problem = found if isinstance(found, Problem) else next(outcomes)
            if problem is None:
                assert isinstance(found, Item)
                self._stored += 1
                self._write({"line": number, "status": 202, **found.answer})
                continue
            if problem.status == 503:
                self._again += 1
                if problem.code == "broker_unavailable":
                    self.away = problem
            metrics.REQUESTS_REFUSED.labels(problem.code).inc()
            self._write({"line": number, "status": problem.status, "problem": problem.document()})

    def response(self) -> Response:
        headers = {"cache-control": "no-store"}
        # As strong as what was stored: 202 only if every line was.
        status = 202 if self._stored == len(self._lines) else 200
        if self._again:
            headers["retry-after"] = "2"
            if not self._stored:
                status = 503
        return Response("".join(self._lines), status, headers, NDJSON)

    def _write(self, result: dict[str, Any]) -> None:
        self._lines.append(json.dumps(result) + "\n")


def _chunks(raw: bytes) -> Iterator[list[Line]]:
    """Numbered lines (from 1), without the empty ones."""
    chunk: list[Line] = []
    for number, line in enumerate(raw.split(b"\n"), start=1):
        stripped = line.strip(b" \t\r")
        if not stripped:
            continue
        chunk.append((number, stripped))
        if len(chunk) == CHUNK_LINES:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
