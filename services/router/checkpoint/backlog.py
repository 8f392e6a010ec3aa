"""Whether a partition's evidence has been read up to now, so that nothing is decided on half of it.

Questions and process events lie in different topics and are read in no common order.  After a takeover a worker may have hours of
events before it; a question that overtook them would be decided on what little had been read, alert somebody, and be
withdrawn.  So questions of a partition are not fetched, nor answered within a transaction, while its events are behind.

Hazard: a source that writes faster than the router reads would hold questions for ever; after `LONGEST_SECONDS` they go on, and
late evidence corrects them as it always does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

NEARLY_SECONDS: Final = 1.0
"""Events that were written so recently are no backlog: a busy topic always has some."""
LONGEST_SECONDS: Final = 60.0


class Backlog:
    """What is known of the leading topic's partitions, in one generation.

    Args:
        wall_seconds: epoch seconds, to compare with the records' own time.
    """

    def __init__(self, wall_seconds: Callable[[], float]) -> None:
        self._wall_seconds = wall_seconds
        self._lag: dict[int, int] = {}
        self._waiting: dict[int, int] = {}
        self._newest: dict[int, float] = {}
        self._behind_since: dict[int, float] = {}

    def reset(self) -> None:
        """Another generation: nothing is known."""
        self._lag.clear()
        self._waiting.clear()
        self._newest.clear()
        self._behind_since.clear()

    def fetched(self, lags: dict[int, int]) -> None:
        """Note how many offsets lie between the fetch position and the end, by partition."""
        self._lag.update(lags)

    def delivered(self, partition: int) -> None:
        """A batch of the leading topic waits to be handled."""
        self._waiting[partition] = self._waiting.get(partition, 0) + 1

    def handled(self, partition: int, newest_ms: int) -> None:
        """That batch was handled; `newest_ms` is the time of its last record."""
        self._waiting[partition] = self._waiting.get(partition, 0) - 1
        self._newest[partition] = newest_ms / 1000

    @property
    def waiting(self) -> bool:
        """Whether a batch of the leading topic waits to be handled, of any partition."""
        return any(count > 0 for count in self._waiting.values())

    def behind(self, partition: int) -> bool:
        """Whether the partition's questions have to wait."""
        now = self._wall_seconds()
        if not self._lagging(partition, now):
            self._behind_since.pop(partition, None)
            return False
        since = self._behind_since.setdefault(partition, now)
        return now - since <= LONGEST_SECONDS

    def behind_anywhere(self) -> bool:
        """The same of any partition: for a question whose answer may lie in each of them."""
        return not self._lag or any(self.behind(partition) for partition in self._lag)

    def _lagging(self, partition: int, now: float) -> bool:
        lag = self._lag.get(partition)
        if lag is None:
            return True
        if lag <= 0 and self._waiting.get(partition, 0) <= 0:
            return False
        newest = self._newest.get(partition)
        return newest is None or newest < now - NEARLY_SECONDS
