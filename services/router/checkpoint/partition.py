"""What a stage sees of one partition: its rows, and somewhere to put what a record leads to.

It stands apart because it is all that stages know of checkpoints.  A record's rows, outputs and handovers are made in one step,
without awaiting anything, and can be taken back together until the next record begins.
"""

from __future__ import annotations

from typing import Any

from services.chassis.errors import PermanentError
from services.router.checkpoint.store import PartitionStore
from services.router.checkpoint.transactions import LARGEST_RECORD, Output


class Partition:
    """One partition of this worker.

    Attributes:
        number: the partition's number, the same for every topic.
        store: its rows.
        memory: a place for what a stage keeps in memory for this partition (rebuilt from rows at need); it is forgotten
            with the partition.
        handovers: what the record in hand leads to in other stages of this worker, until it is carried on (loopback.py).
    """

    __slots__ = ("_begun", "_handed", "_outputs", "handovers", "memory", "number", "store")

    def __init__(self, number: int, store: PartitionStore, outputs: list[Output]) -> None:
        self.number = number
        self.store = store
        self.memory: dict[str, Any] = {}
        self._outputs = outputs
        self.handovers: list[Any] = []
        self._begun = 0
        self._handed = 0

    def begin(self) -> None:
        """A record begins, or a part of one that stands by itself."""
        self.store.begin()
        self._begun = len(self._outputs)
        self._handed = len(self.handovers)

    def roll_back(self) -> None:
        """Take back every row, output and handover of the record in hand, or of its part."""
        self.store.roll_back()
        del self._outputs[self._begun :]
        del self.handovers[self._handed :]
        self.memory.clear()

    @property
    def emitted(self) -> int:
        """How many outputs the open checkpoint has: a place among them."""
        return len(self._outputs)

    def emit(self, output: Output, *, at: int | None = None) -> None:
        """Send a record, within the transaction that commits the offset of the record in hand.

        Args:
            output: what.
            at: before those that were emitted since that place; behind all of them by default.

        Raises:
            PermanentError: it is larger than a record may be.  No transaction could be made with it, in any life of this
                worker; so the record in hand is one that cannot be handled.
        """
        size = output.size
        if size > LARGEST_RECORD:
            detail = f"{size} bytes for {output.topic}; a record may have {LARGEST_RECORD}"
            raise PermanentError("output_too_large", detail)
        self._outputs.insert(len(self._outputs) if at is None else at, output)
