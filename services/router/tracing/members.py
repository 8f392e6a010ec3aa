"""Members of the closed vocabularies that a trace compares with again and again, looked up once.

They stand apart because of what a look-up costs: Python 3.11 takes ten times as long to find a member through its class
(`Transition.COMPLETE`) as to find a name of a module, and a trace does it a hundred times.

Hazard: a name says nothing of its vocabulary; only those that mean one thing in the core are here.
"""

from __future__ import annotations

from typing import Final

from schemas.vocabulary import CauseKind, Finding, Outcome, Transition

SCHEDULE: Final = Transition.SCHEDULE
START: Final = Transition.START
COMPLETE: Final = Transition.COMPLETE
SKIP: Final = Transition.SKIP
CANCEL: Final = Transition.CANCEL

ON_TIME: Final = Finding.ON_TIME
LATE: Final = Finding.LATE
OVERDUE: Final = Finding.OVERDUE
PENDING: Final = Finding.PENDING
SILENT: Final = Finding.SILENT
MISSING: Final = Finding.MISSING
PROMISE_MISSED: Final = Finding.PROMISE_MISSED
PROMISE_PENDING: Final = Finding.PROMISE_PENDING
ATTEMPT: Final = Finding.ATTEMPT

DELAY: Final = CauseKind.DELAY
PROMISE: Final = CauseKind.PROMISE
UNKNOWN: Final = CauseKind.UNKNOWN

ASSIGNED: Final = Outcome.ASSIGNED
ASKED: Final = Outcome.ASKED
TRIAGE: Final = Outcome.TRIAGE
NAMING: Final = frozenset({Outcome.ASSIGNED, Outcome.EXTERNAL})
"""Outcomes that name a cause."""
