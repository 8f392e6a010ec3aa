"""Stock Faust with a table, at least once (its `exactly_once` repeats records): the same check, the same rows.

Its commits are not atomic with table and output, so this guarantee is weaker than that of every other contender.
"""

from __future__ import annotations

from typing import Any

import faust

from bench.contenders.settings import read
from schemas import codec
from schemas.process import ProcessObservedV1


def main() -> None:
    settings = read()
    app = faust.App(
        settings.group,
        broker=f"kafka://{settings.bootstrap}",
        store="rocksdb://",
        datadir=str(settings.state_dir),
        key_serializer="raw",
        value_serializer="raw",
        consumer_auto_offset_reset="earliest",
        web_enabled=False,
        topic_partitions=4,
        topic_disable_leader=True,
        # Each commit flushes the changelog record by record; at the interval of the others it would do little else.
        broker_commit_interval=max(1.0, settings.commit_seconds),
        broker_max_poll_records=1_000,
        producer_linger=0.005,
        producer_acks=-1,
        stream_buffer_maxsize=32_768,
        worker_redirect_stdouts=False,
    )
    contracts = (ProcessObservedV1,)
    table = app.Table("events", key_type=bytes, value_type=bytes, partitions=4)

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
    app.worker_init()
    app.finalize()
    faust.Worker(app, loglevel="WARNING", redirect_stdouts=False).execute_from_commandline()


if __name__ == "__main__":
    main()
