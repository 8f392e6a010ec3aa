"""Quix Streams, exactly-once: each event checked against the contract, deduplicated and kept under its case, like Akar's.

`BENCH_CHECK=json` parses the value and checks nothing, as a program that trusts its writers would.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import datetime
from typing import Any

from quixstreams import Application

from bench.contenders.settings import PRODUCER, read
from schemas import codec
from schemas.process import ProcessObservedV1


def main() -> None:
    settings = read()
    app = Application(
        broker_address=settings.bootstrap,
        consumer_group=settings.group,
        processing_guarantee="exactly-once",
        commit_interval=settings.commit_seconds,
        auto_offset_reset="earliest",
        state_dir=settings.state_dir,
        producer_extra_config=PRODUCER,
        loglevel="WARNING",
    )
    topic = app.topic(settings.topic, value_deserializer="bytes", key_deserializer="bytes")
    keep = _keep_parsed if os.environ.get("BENCH_CHECK") == "json" else _keep_checked()
    app.dataframe(topic).apply(keep, stateful=True, metadata=True)
    app.run()


def _keep_checked() -> Callable[..., None]:
    watermarks: dict[str | None, datetime] = {}
    contracts = (ProcessObservedV1,)

    def keep(value: bytes, key: bytes, _timestamp: int, headers: Any, state: Any) -> None:
        event = codec.decode(contracts, key=key, value=value, headers=headers or ()).data
        if state.get_bytes(event.event_id) is not None:
            return
        state.set_bytes(event.event_id, value)
        before = watermarks.get(event.source)
        if before is None or event.at > before:
            watermarks[event.source] = event.at

    return keep


def _keep_parsed(value: bytes, _key: bytes, _timestamp: int, _headers: Any, state: Any) -> None:
    event = json.loads(value)
    if state.get_bytes(event["event_id"]) is None:
        state.set_bytes(event["event_id"], value)


if __name__ == "__main__":
    main()
