"""A bounded memory of what was sent under which id: a quick answer to a repeat, and to a key used twice.

It stands apart because it is a convenience, not the authority: it knows only what this process saw lately.  The router
compares digests for good.
"""

from __future__ import annotations

from collections import OrderedDict
from enum import Enum, unique


@unique
class Seen(Enum):
    """What the memory knows of an id with a digest."""

    NEW = "new"
    """Nothing, or sent and not acknowledged yet: send it."""
    STORED = "stored"
    """The same content is acknowledged: it need not be sent again."""
    CONFLICT = "conflict"
    """The id stands for other content."""


class Repeats:
    """Ids with the digest of their content and whether Kafka has it; the oldest are forgotten first."""

    def __init__(self, capacity: int = 50_000) -> None:
        self._capacity = capacity
        self._known: OrderedDict[str, tuple[str, bool]] = OrderedDict()

    def look(self, identity: str, digest: str) -> Seen:
        """What is known, and remember this content for the id if nothing is."""
        known = self._known.get(identity)
        if known is None:
            self._known[identity] = (digest, False)
            if len(self._known) > self._capacity:
                self._known.popitem(last=False)
            return Seen.NEW
        self._known.move_to_end(identity)
        if known[0] != digest:
            return Seen.CONFLICT
        return Seen.STORED if known[1] else Seen.NEW

    def stored(self, identity: str, digest: str) -> None:
        """Kafka has it."""
        self._known[identity] = (digest, True)
        self._known.move_to_end(identity)

    def not_sent(self, identity: str) -> None:
        """It was certainly not sent: another body may come under this id."""
        known = self._known.get(identity)
        if known is not None and not known[1]:
            del self._known[identity]
