"""Whether a partition's evidence has been read up to now, so that nothing is decided on half of it.

Questions and process events lie in different topics and are read in no common order.  After a takeover a worker may have hours of
events before it; a question that overtook them would be decided on what little had been read, alert somebody, and be
withdrawn.  So questions of a partition are not fetched, nor answered within a transaction, while its events are behind.

Behind is a partition of which something older than the question is yet to be handled.  Younger events do not count, so that a
source which is faster than the router holds nobody up for ever; time is the records' own, so that a worker's wrong clock changes
nothing.  It may take minutes.  To decide meanwhile was worse: a backlog of a million events led to 5,000 alerts that were taken
back, and complaints that their customers had closed in between kept the wrong cause.

Hazard: somebody's open transaction hides what was written behind it.  A partition of which nothing was handled for
`LONGEST_SECONDS` holds up nothing any more; late evidence corrects what was decided, as it always does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

LONGEST_SECONDS: Final = 60.0
_NOW: Final = 1 << 62


class Backlog:
    """What is known of the leading topic's partitions, in one generation.

    Args:
        monotonic: seconds.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lag: dict[int, int] = {}
        self._waiting: dict[int, list[int]] = {}
        self._newest: dict[int, int] = {}
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
        self._waiting.setdefault(partition, []).append(oldest_ms)

    def handled(self, partition: int, newest_ms: int) -> None:
        """That batch was handled; `newest_ms` is the time of its last record."""
        del self._waiting.setdefault(partition, [])[:1]
        self._newest[partition] = newest_ms
        self._behind_since.pop(partition, None)

    @property
    def waiting(self) -> bool:
        """Whether a batch of the leading topic waits to be handled, of any partition."""
        return any(self._waiting.values())

    def behind(self, partition: int, asked_ms: int = _NOW) -> bool:
        """Whether a question about the partition that was written at that time has to wait."""
        if not self._lagging(partition, asked_ms):
            self._behind_since.pop(partition, None)
            return False
        now = self._monotonic()
        return now - self._behind_since.setdefault(partition, now) <= LONGEST_SECONDS

    def behind_anywhere(self, asked_ms: int = _NOW) -> bool:
        """The same of any partition: for a question whose answer may lie in each of them."""
        return not self._lag or any(self.behind(partition, asked_ms) for partition in self._lag)

    def _lagging(self, partition: int, asked_ms: int) -> bool:
        lag = self._lag.get(partition)
        if lag is None:
            return True
        waiting = self._waiting.get(partition)
        if lag <= 0 and not waiting:
            return False
        # A partition is read in its order: all that is older than the first of those that wait is known.
        known = waiting[0] if waiting else self._newest.get(partition)
        return known is None or known <= asked_ms
