"""What every check is made of: a violation, a result that counts what was examined, and words of the contracts.

Hazard: a check that examines nothing is green.  Every check counts what it examined, and the report shows the count.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from tests.chaos.journal import Record

RECEIVED: Final = "complaint.received"
MESSAGED: Final = "complaint.messaged"
OBSERVED: Final = "process.observed"
REQUESTED: Final = "trace.requested"
ANSWERED: Final = "trace.answered"
TRACED: Final = "complaint.traced"
STATUS: Final = "complaint.status"
NOTIFIED: Final = "notification.recorded"
FROM_OUTSIDE: Final = frozenset({RECEIVED, MESSAGED, OBSERVED})
"""A client that got no answer sends again, and both may be stored: the readers drop the repeat by its id."""
TERMINAL: Final = frozenset({"closed", "withdrawn", "merged", "erased"})
FORWARDED: Final = "akar_forwarded"
"""Header of a record that lay in a wrong partition and was sent on, with the place where it lay."""
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken promise."""

    check: str
    what: str
    subject: str
    detail: str


@dataclass(slots=True)
class Result:
    """What one check found.

    Attributes:
        check: its number, as in docs/verification.md.
        promise: in words.
        examined: how many things it looked at.
        violations: what breaks the promise.
        facts: other counts worth telling.
    """

    check: str
    promise: str
    examined: int = 0
    violations: list[Violation] = field(default_factory=list)
    facts: dict[str, int] = field(default_factory=dict)

    def broken(self, what: str, subject: str, detail: str = "") -> None:
        """Note a violation."""
        self.violations.append(Violation(self.check, what, subject, detail))

    def count(self, fact: str, number: int = 1) -> None:
        """Add to a count."""
        self.facts[fact] = self.facts.get(fact, 0) + number


def by_key(records: Iterable[Record]) -> dict[str, list[Record]]:
    """Records by key, in their order."""
    found: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        found[record.key].append(record)
    return found


def states(records: Iterable[Record]) -> dict[str, list[str]]:
    """The states of each complaint, in order."""
    found: dict[str, list[str]] = defaultdict(list)
    for record in records:
        if record.value:
            found[record.key].append(record.data["state"])
    return found


def alert_of(record: Record) -> tuple[str, int, str]:
    """What an inbox record tells: assignment, revision, stage."""
    data = record.data
    opened = "updated" if data.get("updated") else "opened"
    stage = "withdrawn" if record.type == "assignment.withdrawn" else opened
    return data["assignment_id"], data["revision"], stage


def microseconds(time: str) -> int:
    """Epoch microseconds of a time on the wire.

    Raises:
        ValueError: it is none, or has no zone.
    """
    at = datetime.fromisoformat(time)
    if at.tzinfo is None:
        raise ValueError(f"{time} has no zone")
    return (at - EPOCH) // timedelta(microseconds=1)
