"""Forgets cases and closed complaints after a while, so that the state of a living company stays as large as what lives.

By the partition's own clock (`clock.tick`), a few groups at a time, within the checkpoint of the tick: what is deleted from the
rows is deleted from the changelog in the same transaction.  Nothing is kept to find what is old, and the way of an event is not
a step longer: once a day a sweep passes over all rows in the order of their keys, and looks at a case's own times.

A case is as old as the newest time at which one of its events was recorded or somebody complained about it; a complaint, as the
time at which it was closed.  Complaints that are still open are kept however old they are.

Hazard: a clock that is wrong by years would make it all look old.  A sweep begins only after the clock has gone on for a day
without a leap.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Final

import structlog

from services.chassis import metrics
from services.router import mapping
from services.router.checkpoint.partition import Partition
from services.router.lifecycle.model import Life
from services.router.stages import rows

log = structlog.get_logger(__name__)

FORGET: Final = "forgotten"
"""The reason of a question that wants no answer: its complaint is forgotten, and need not be traced again."""
DAY: Final = 86_400 * 1_000_000
"""µs; from the end of one sweep to the beginning of the next."""
LEAP: Final = 2 * DAY
"""A tick so far from the last one that was noted is a clock set wrong, or a pipeline that stood still: wait and see."""
GROUPS_A_TICK: Final = 50
"""Four million in a day, and two milliseconds of a tick."""
ROWS_A_TICK: Final = 2_000
"""No more is begun beyond that."""


@dataclass(frozen=True, slots=True)
class Keep:
    """How long rows are kept, in days; 0 keeps them for ever."""

    cases: int = 0
    """After the last event, or the last complaint about it."""
    complaints: int = 0
    """After they were closed."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """Where a partition's sweep stands: a row, so that any worker goes on where the last one was."""

    seen: int
    """The clock, when this was written; µs."""
    begins: int
    """Nothing is looked at before."""
    after: bytes = b""
    """The last group that was looked at; empty between sweeps."""

    def row(self) -> bytes:
        """As stored."""
        return json.dumps([self.seen, self.begins, self.after.hex()]).encode()

    @classmethod
    def of_row(cls, row: bytes) -> Sweep:
        """From its stored form."""
        seen, begins, after = json.loads(row)
        return cls(seen, begins, bytes.fromhex(after))


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What a step has come to."""

    rows: int
    """Looked at or deleted."""
    complaints: tuple[Life, ...] = ()
    """Whose rows are gone: the evidence stage need not keep their questions."""


class Retention:
    """Deletes what is old enough.

    Args:
        keep: for how long what is kept.
    """

    def __init__(self, keep: Keep) -> None:
        self._keep = keep

    def tick(self, partition: Partition, now: int) -> tuple[Life, ...]:
        """Go on for a step, if a sweep is due.

        Args:
            partition: whose rows.
            now: its clock; µs.

        Returns:
            The complaints that were forgotten.
        """
        if not self._keep.cases and not self._keep.complaints:
            return ()
        row = partition.store.get(rows.SWEEP)
        sweep = None if row is None else Sweep.of_row(row)
        if sweep is None or abs(now - sweep.seen) > LEAP:
            if sweep is not None:
                log.warning("retention.clock_leapt", partition=partition.number)
            self._note(partition, Sweep(now, now + DAY))
            return ()
        if now < sweep.begins:
            return ()
        return self._step(partition, sweep, now)

    def _note(self, partition: Partition, sweep: Sweep) -> None:
        partition.store.put(rows.SWEEP, b"", sweep.row())

    def _step(self, partition: Partition, sweep: Sweep, now: int) -> tuple[Life, ...]:
        groups = partition.store.groups(after=sweep.after, most=GROUPS_A_TICK)
        if not groups:
            self._note(partition, Sweep(now, now + DAY))
            return ()
        seen = 0
        gone: list[Life] = []
        after = sweep.after
        for group in groups:
            found = self._look(partition, group, now)
            seen += found.rows
            gone.extend(found.complaints)
            after = group
            if seen >= ROWS_A_TICK:
                break
        self._note(partition, replace(sweep, seen=now, begins=now, after=after))
        return tuple(gone)

    def _look(self, partition: Partition, group: bytes, now: int) -> Forgotten:
        name = group[2:].decode(errors="replace")
        if group.startswith(rows.EVENTS):
            return Forgotten(self._case(partition, name, now))
        if group.startswith(rows.TRACES) and not partition.store.items(
            rows.EVENTS + group[2:], most=1
        ):
            # Somebody complained about a case of which nothing was ever heard.
            return Forgotten(self._case(partition, name, now))
        if group.startswith(rows.LIVES):
            return self._complaint(partition, group, now)
        if group.startswith((rows.CUSTOMERS, rows.SEARCHES)):
            return Forgotten(self._customer(partition, group, now))
        return Forgotten(1)

    def _case(self, partition: Partition, case_id: str, now: int) -> int:
        if not self._keep.cases:
            return 1
        store = partition.store
        events = rows.EVENTS + case_id.encode()
        traces = rows.TRACES + case_id.encode()
        found = store.items(events)
        newest = max((mapping.recorded_at(row) for _item, row in found), default=0)
        newest = max(newest, rows.asked_at(store.get(traces)))
        if newest > now - self._keep.cases * DAY:
            return 1 + len(found)
        gone = 0
        for group in (events, traces, rows.NAMED + case_id.encode()):
            for item, _row in store.items(group):
                store.delete(group, item)
                gone += 1
        if gone:
            metrics.FORGOTTEN.labels("case").inc()
        return 1 + gone

    def _customer(self, partition: Partition, group: bytes, now: int) -> int:
        """Forget cases that were last heard of, and searches that were made, longer ago than cases are kept."""
        found = partition.store.items(group)
        for item, row in found:
            if self._keep.cases and int(row) <= now - self._keep.cases * DAY:
                partition.store.delete(group, item)
        return 1 + len(found)

    def _complaint(self, partition: Partition, group: bytes, now: int) -> Forgotten:
        row = partition.store.get(group)
        if row is None or not self._keep.complaints:
            return Forgotten(1)
        life = mapping.life_from_row(row)
        if not life.over or life.since > now - self._keep.complaints * DAY:
            return Forgotten(1)
        partition.store.delete(group)
        if life.due is not None:
            partition.store.delete(rows.DUE, rows.due_item(life.due, life.complaint_id))
        metrics.FORGOTTEN.labels("complaint").inc()
        return Forgotten(2, (life,))
