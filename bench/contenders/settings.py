"""What a contender is told, from its environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """One run of one contender."""

    bootstrap: str
    topic: str
    output: str
    group: str
    state_dir: Path
    commit_seconds: float

    def environment(self) -> dict[str, str]:
        """As `read` reads it."""
        return {
            "BENCH_BOOTSTRAP": self.bootstrap,
            "BENCH_TOPIC": self.topic,
            "BENCH_OUTPUT": self.output,
            "BENCH_GROUP": self.group,
            "BENCH_STATE_DIR": str(self.state_dir),
            "BENCH_COMMIT_SECONDS": str(self.commit_seconds),
        }


def read() -> Settings:
    """The settings of this process."""
    return Settings(
        bootstrap=os.environ["BENCH_BOOTSTRAP"],
        topic=os.environ["BENCH_TOPIC"],
        output=os.environ["BENCH_OUTPUT"],
        group=os.environ["BENCH_GROUP"],
        state_dir=Path(os.environ["BENCH_STATE_DIR"]),
        commit_seconds=float(os.environ["BENCH_COMMIT_SECONDS"]),
    )


PRODUCER = {
    "linger.ms": 5,
    "compression.type": "lz4",
    "partitioner": "murmur2_random",
    "queue.buffering.max.messages": 1_000_000,
    # librdkafka's 100 ms would be waited for at nearly every transaction; peers get the same remedy as Akar has.
    "retry.backoff.ms": 5,
    "retry.backoff.max.ms": 20,
}
