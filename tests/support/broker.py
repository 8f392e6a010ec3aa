"""The real broker for tests: one per pytest session, in a folder of its own, on a port of its own.

Several pytest processes may run side by side: each has its own broker, and the jars' cache is locked.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from services.local.kafka import EmbeddedKafka


@dataclass(frozen=True, slots=True)
class RunningBroker:
    """A broker that serves, until `stop` or the end of a `with` block; its data is deleted then.

    Attributes:
        bootstrap: `host:port` for clients.
        kafka: The process, to kill, stop and start again; its address stays.
    """

    bootstrap: str
    kafka: EmbeddedKafka

    @property
    def bootstrap_servers(self) -> str:
        """The same address under the name that Kafka's settings use."""
        return self.bootstrap

    def stop(self) -> None:
        """End it and delete its data; by force, since a clean end writes what is deleted next."""
        self.kafka.kill()
        shutil.rmtree(self.kafka.data_dir, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def start_test_broker(overrides: Mapping[str, str] | None = None) -> RunningBroker:
    """A fresh broker with the settings of the embedded one, and `overrides`."""
    kafka = EmbeddedKafka(Path(tempfile.mkdtemp(prefix="akar-test-kafka-")), overrides=overrides)
    try:
        kafka.start(deadline=120)
    except BaseException:
        kafka.stop()
        shutil.rmtree(kafka.data_dir, ignore_errors=True)
        raise
    return RunningBroker(kafka.bootstrap, kafka)
