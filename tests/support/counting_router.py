"""A router worker whose one stage counts: every record gets the number of records that its key has had.

Run as a process.  The numbers are state, so an output topic in which every key counts 1, 2, 3, … without a gap or a repeat
proves that state, outputs and offsets were committed together, whatever was killed in between.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import uvloop

from services.chassis.health import Heartbeat
from services.chassis.logs import configure
from services.chassis.settings import KafkaSettings
from services.router.app import Worker
from services.router.checkpoint.faults import arm
from services.router.checkpoint.partition import Partition
from services.router.checkpoint.transactions import Output
from services.router.settings import RouterSettings


class CountingStage:
    """Counts by key."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self.topics = (kafka.topic("process.observed"),)
        self._output = kafka.topic("complaint.traced")

    def look_ahead(self, _partition: Partition, _records: Any) -> None:
        """Nothing here takes less time for many."""

    def handle(self, partition: Partition, record: Any) -> None:
        """One more of this key."""
        key = record.key or b""
        count = int(partition.store.get(b"n:" + key) or b"0") + 1
        partition.store.put(b"n:" + key, b"", str(count).encode())
        value = (record.value or b"") + b" " + str(count).encode()
        partition.emit(Output(self._output, key, value, []))


async def main(state_dir: Path) -> None:
    """Work until SIGTERM."""
    kafka, settings = KafkaSettings(), RouterSettings()
    arm(settings.fault)
    worker = Worker(kafka, settings, [CountingStage(kafka)], state_dir=state_dir)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await worker.run(stop, Heartbeat("loop"))
    os._exit(0)


if __name__ == "__main__":
    configure("router", level="info")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(Path(sys.argv[1])))
