"""Stock Faust as its own documentation would set it up for this load; every contender on it is the same app."""

from __future__ import annotations

from typing import Final

import faust

from bench.contenders.settings import Settings
from schemas.topics import DEFAULT_PARTITIONS

PARTITIONS: Final = DEFAULT_PARTITIONS


def application(settings: Settings) -> faust.App:
    """An app without agents, with tables on RocksDB."""
    return faust.App(
        settings.group,
        broker=f"kafka://{settings.bootstrap}",
        store="rocksdb://",
        datadir=str(settings.state_dir),
        key_serializer="raw",
        value_serializer="raw",
        consumer_auto_offset_reset="earliest",
        web_enabled=False,
        topic_partitions=PARTITIONS,
        topic_disable_leader=True,
        # Each commit flushes the changelog record by record; at the interval of the others it would do little else.
        broker_commit_interval=max(1.0, settings.commit_seconds),
        broker_max_poll_records=1_000,
        producer_linger=0.005,
        producer_acks=-1,
        stream_buffer_maxsize=32_768,
        worker_redirect_stdouts=False,
    )


def start(app: faust.App) -> None:
    """Run it until it is stopped."""
    app.worker_init()
    app.finalize()
    faust.Worker(app, loglevel="WARNING", redirect_stdouts=False).execute_from_commandline()
