"""Whether a partition's evidence has been read up to now, so that nothing is decided on half of it.

Questions and process events lie in different topics and are read in no common order.  After a takeover a worker may have hours of
events before it; a question that overtook them would be decided on what little had been read, alert somebody, and be
withdrawn.  So questions of a partition are not fetched, nor answered within a transaction, while its events are behind.

Behind is what has not been read up to a second ago, nor up to the question itself: an open transaction in the events' topic
hides what was written after it began, while complaints of other topics go on.

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
        self._waiting: dict[int, list[float]] = {}
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

    def delivered(self, partition: int, oldest_ms: int) -> None:
        """A batch of the leading topic waits to be handled; `oldest_ms` is the time of its first record."""
        self._waiting.setdefault(partition, []).append(oldest_ms / 1000)

    def handled(self, partition: int, newest_ms: int) -> None:
        """That batch was handled; `newest_ms` is the time of its last record."""
        del self._waiting.setdefault(partition, [])[:1]
        self._newest[partition] = newest_ms / 1000

    @property
    def waiting(self) -> bool:
        """Whether a batch of the leading topic waits to be handled, of any partition."""
        return any(self._waiting.values())

    def behind(self, partition: int, asked_ms: int = 0) -> bool:
        """Whether a question about the partition that was written at that time has to wait."""
        now = self._wall_seconds()
        if not self._lagging(partition, now, asked_ms / 1000):
            self._behind_since.pop(partition, None)
            return False
        since = self._behind_since.setdefault(partition, now)
        return now - since <= LONGEST_SECONDS

    def behind_anywhere(self, asked_ms: int = 0) -> bool:
        """The same of any partition: for a question whose answer may lie in each of them."""
        return not self._lag or any(self.behind(partition, asked_ms) for partition in self._lag)

    def _lagging(self, partition: int, now: float, asked: float) -> bool:
        lag = self._lag.get(partition)
        if lag is None:
            return True
        waiting = self._waiting.get(partition)
        if lag <= 0 and not waiting:
            return False
        newest = self._newest.get(partition)
        if newest is None or newest < now - NEARLY_SECONDS:
            return True
        # A partition is read in its order: all that is older than the first of those that wait is known.
        return (waiting[0] if waiting else newest) < asked
