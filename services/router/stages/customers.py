"""The customer stage, keyed by customer: which cases each has, and which complaints wait to hear of them.

A customer is the HMAC of one way to recognise them.  Rows (rows.py): one per case (`u:` and the customer) with when it was last
seen, one per search (`s:`).  Cases and searches come from other partitions in no common order: whichever comes second finds the
other, so that none is missed.

Hazard: a reference that thousands share (a marketplace's own account) must not grow without bound: only the newest are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final

from schemas import topics
from schemas.case import CaseFoundV1, CaseOpenedV1, CaseSearchedV1
from schemas.envelope import Envelope
from services.chassis import ids
from services.chassis.clock import microseconds
from services.router.checkpoint.partition import Partition
from services.router.stages import rows
from services.router.stages.base import Companies, Record, Stage

MOST_CASES: Final = 20
"""Of one customer, the last seen."""
MOST_SEARCHES: Final = 20
"""Of one customer, the newest."""
MOST_TOLD: Final = 8
"""Cases that an answer names."""


class CustomerStage(Stage):
    """Keyed by customer: which cases each has."""

    def __init__(
        self, companies: Companies, *, physical: Callable[[str], str], partitions: int
    ) -> None:
        super().__init__(companies, physical=physical, partitions=partitions)
        self._found = physical(topics.CASE_FOUND.name)

    def bindings(self) -> Iterable[tuple[topics.Topic, Callable[..., None]]]:
        """Cases and searches."""
        return ((topics.CASE_OPENED, self._opened), (topics.CASE_SEARCHED, self._searched))

    def _opened(
        self,
        partition: Partition,
        record: Record,  # noqa: ARG002 - all handlers are called alike
        envelope: Envelope[CaseOpenedV1],
    ) -> None:
        data = envelope.data
        group = rows.CUSTOMERS + data.customer.encode()
        item = data.case_id.encode()
        before = partition.store.get(group, item)
        seen = max(microseconds(data.seen_at), 0 if before is None else int(before))
        partition.store.put(group, item, rows.number(seen))
        if before is not None:
            return
        _keep_newest(partition, group, MOST_CASES)
        for complaint, _row in partition.store.items(rows.SEARCHES + data.customer.encode()):
            self._tell(partition, complaint.decode(), data.customer, envelope, envelope.time)

    def _searched(
        self,
        partition: Partition,
        record: Record,  # noqa: ARG002
        envelope: Envelope[CaseSearchedV1],
    ) -> None:
        data = envelope.data
        group = rows.SEARCHES + data.customer.encode()
        at = rows.number(microseconds(envelope.time))
        partition.store.put(group, data.complaint_id.encode(), at)
        _keep_newest(partition, group, MOST_SEARCHES)
        self._tell(partition, data.complaint_id, data.customer, envelope, envelope.time)

    def _tell(
        self,
        partition: Partition,
        complaint: str,
        customer: str,
        cause: Envelope[Any],
        at: datetime,
    ) -> None:
        cases = partition.store.items(rows.CUSTOMERS + customer.encode())
        newest = sorted(cases, key=lambda each: (each[1], each[0]), reverse=True)[:MOST_TOLD]
        self.send(
            partition,
            self._found,
            CaseFoundV1(
                complaint_id=complaint,
                customer=customer,
                cases=tuple(case.decode() for case, _seen in newest),
            ),
            event_id=ids.event_id("case.found", complaint, customer, cause.id),
            at=at,
            complaint=complaint,
            cause=cause,
        )


def _keep_newest(partition: Partition, group: bytes, most: int) -> None:
    found = partition.store.items(group)
    if len(found) <= most:
        return
    for item, _row in sorted(found, key=lambda each: (each[1], each[0]))[: len(found) - most]:
        partition.store.delete(group, item)
