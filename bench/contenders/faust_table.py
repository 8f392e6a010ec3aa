"""Stock Faust with a table, at least once (its `exactly_once` repeats records): the same check, the same rows.

Its commits are not atomic with table and output, so this guarantee is weaker than that of every other contender.
"""

from __future__ import annotations

from typing import Any

from bench.contenders.faust_app import PARTITIONS, application, start
from bench.contenders.settings import read
from schemas import codec
from schemas.process import ProcessObservedV1


def main() -> None:
    settings = read()
    app = application(settings)
    contracts = (ProcessObservedV1,)
    table = app.Table("events", key_type=bytes, value_type=bytes, partitions=PARTITIONS)

    async def keep(stream: Any) -> None:
        async for event in stream.events():
            message = event.message
            data = codec.decode(
                contracts, key=message.key, value=event.value, headers=message.headers or ()
            ).data
            row = message.key + b"/" + data.event_id.encode()
            if table.get(row) is None:
                table[row] = event.value

    app.agent(app.topic(settings.topic, key_type=bytes, value_type=bytes))(keep)
    start(app)


if __name__ == "__main__":
    main()
