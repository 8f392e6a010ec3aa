"""Complaints on stock Faust with tables, at least once (its `exactly_once` repeats records): one agent by complaint, one by case.

Its commits are not atomic with tables and outputs, so this guarantee is weaker than that of every other contender.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from bench.contenders.complaint_work import REQUESTED, Work
from bench.contenders.faust_app import PARTITIONS, application, start
from bench.contenders.settings import read
from schemas import topics


class Rows:
    """What one key has in a table.

    Args:
        table: Faust's; its part of the record in hand is the one that is looked at.
        key: The record's.
    """

    def __init__(self, table: Any, key: bytes) -> None:
        self._table, self._key = table, key

    def get_bytes(self, name: str) -> bytes | None:
        """None if there is nothing of that name."""
        found: bytes | None = self._table.get(self._key + b"/" + name.encode())
        return found

    def set_bytes(self, name: str, value: bytes) -> None:
        """Keep it."""
        self._table[self._key + b"/" + name.encode()] = value


def main() -> None:
    prefix = os.environ["BENCH_PREFIX"]
    work = Work(Path(os.environ["BENCH_REGISTRY"]))
    app = application(read())

    def topic(*names: str) -> Any:
        return app.topic(*(prefix + name for name in names), key_type=bytes, value_type=bytes)

    lives = app.Table("lives", key_type=bytes, value_type=bytes, partitions=PARTITIONS)
    cases = app.Table("cases", key_type=bytes, value_type=bytes, partitions=PARTITIONS)

    async def receive(stream: Any) -> None:
        async for event in stream.events():
            message = event.message
            made = work.received(
                event.value,
                message.key,
                message.timestamp,
                message.headers,
                Rows(lives, message.key),
            )
            for name, key, value in made:
                await app.send(prefix + name, key=key, value=value)

    async def trace(stream: Any) -> None:
        async for event in stream.events():
            message = event.message
            made = work.case(
                event.value,
                message.key,
                int(message.timestamp * 1000),
                message.headers,
                Rows(cases, message.key),
            )
            for name, key, value in made:
                await app.send(prefix + name, key=key, value=value)

    app.agent(topic(topics.COMPLAINT_RECEIVED.name))(receive)
    app.agent(topic(topics.PROCESS_OBSERVED.name, REQUESTED))(trace)
    start(app)


if __name__ == "__main__":
    main()
