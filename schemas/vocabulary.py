"""The closed sets of words that the contracts and the pure cores share.

They stand apart because both sides need them: the contracts put them on the wire, the cores decide
with them, and neither may import the other. Nothing else may be imported here.

Hazard: every value is part of a stored record. Add values; never rename or reuse one. Symptoms,
departments, activities and sources are *not* here: the company's registry defines those.
"""

from enum import StrEnum, unique


@unique
class Transition(StrEnum):
    """What happened to an activity of a case (the lifecycle words of process mining)."""

    SCHEDULE = "schedule"
    """Planned; may carry the time by which it is due."""
    START = "start"
    COMPLETE = "complete"
    FAIL = "fail"
    """Tried and not achieved (a delivery attempt), or a fault found (a wrong item packed)."""
    SKIP = "skip"
    """Passed over although the process foresees it."""
    CANCEL = "cancel"
    """Will not happen any more, by decision."""


@unique
class Outcome(StrEnum):
    """How a trace ended; each decision has exactly one."""

    ASSIGNED = "assigned"
    ASKED = "asked"
    """One missing fact would decide: its owner is asked before anyone is named."""
    WAITING = "waiting"
    """A due date or a late source decides at a known time."""
    TRIAGE = "triage"
    """A person decides; what is missing, and who owes it, is named."""
    EXTERNAL = "external"
    """A party outside the company; the department that manages it helps."""


@unique
class CauseKind(StrEnum):
    """Why a cause is one."""

    DELAY = "delay"
    FAULT = "fault"
    SKIPPED = "skipped"
    CONTRADICTION = "contradiction"
    """Two events that cannot both be right (delivered, says the scan; not here, says the customer)."""
    PROMISE = "promise"
    """Every allowance was met and the promise was missed all the same."""
    EXTERNAL = "external"
    """A party outside the company."""
    CUSTOMER = "customer"
    """The customer's own step of the process."""
    TEXT = "text"
    """Only the words of the complaint point there; no event does."""
    UNKNOWN = "unknown"


@unique
class Finding(StrEnum):
    """What a piece of evidence says about its activity."""

    ON_TIME = "on_time"
    LATE = "late"
    """Finished beyond its own allowance."""
    OVERDUE = "overdue"
    """Not finished, and its own allowance is used up."""
    PENDING = "pending"
    """Not finished; its allowance is still running."""
    FAULT = "fault"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    CONTRADICTION = "contradiction"
    SILENT = "silent"
    """Its source has sent nothing that late: neither done nor late is known."""
    MISSING = "missing"
    """Must have happened, because what follows it did, but no event says when."""
    DISORDERED = "disordered"
    """Its times cannot be in this order; not used to clear or to name anyone alone."""
    BACKDATED = "backdated"
    """Recorded after the complaint about a time before it, by the party it clears."""
    PROMISE_MISSED = "promise_missed"
    PROMISE_PENDING = "promise_pending"
    """The promise has not run out."""
    CLOCK_SKEW = "clock_skew"
    """Two clocks disagree by more than is tolerated: what lies within the difference charges nobody."""
    ZONE_ERROR = "zone_error"
    """The time is off by its zone's whole hours; put right where that is certain, else it charges nobody."""
    DUPLICATE = "duplicate"
    """The same happening sent again under another id: counted once."""
    SELF_SERVING = "self_serving"
    """Entered after the complaint about a time before it, by whom it clears: alone it moves nothing."""
    DISPUTED = "disputed"
    """Giver and receiver of a hand-over tell different times: the gap charges nobody."""
    ATTEMPT = "attempt"
    """A try that did not succeed, of an activity that may take several."""
    ANSWERED = "answered"
    """A person's answer to a question."""


@unique
class LocatedBy(StrEnum):
    """How it became known which case a complaint is about."""

    GIVEN = "given"
    """The channel said so."""
    TEXT = "text"
    """The customer's words name it."""
    CUSTOMER = "customer"
    """Of the customer's cases, the one that explains the complaint best."""
    ANSWERED = "answered"
    """The customer was asked, or named it later."""


@unique
class Role(StrEnum):
    """Why a department receives an assignment."""

    CAUSE = "cause"
    """Confirm or dispute, and propose one improvement."""
    RECOVERY = "recovery"
    """Help this customer now."""
    ANSWER = "answer"
    """Tell one fact, before anyone is named."""


@unique
class ComplaintState(StrEnum):
    """Where a complaint is in its life."""

    RECEIVED = "received"
    LOCATED = "located"
    """Its case is known."""
    TRACED = "traced"
    ASSIGNED = "assigned"
    WAITING = "waiting"
    ASKED = "asked"
    TRIAGE = "triage"
    EXTERNAL = "external"
    NOTIFIED = "notified"
    ACKNOWLEDGED = "acknowledged"
    DISPUTED = "disputed"
    ESCALATED = "escalated"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"
    """By the customer."""
    MERGED = "merged"
    """Into an incident."""
    ERASED = "erased"


@unique
class MessageKind(StrEnum):
    """Why a customer writes again."""

    FOLLOW_UP = "follow_up"
    ANSWER = "answer"
    REOPEN = "reopen"
    SATISFIED = "satisfied"
    WITHDRAW = "withdraw"


@unique
class ResponseKind(StrEnum):
    """What a department says to its assignment."""

    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"
    DISPUTE = "dispute"
    ANSWER = "answer"
    COMMENT = "comment"


@unique
class VerdictKind(StrEnum):
    """How it was found out what caused a complaint."""

    ACCEPTED = "accepted"
    """The department took the assignment as its own."""
    OWN_FAULT = "own_fault"
    """Resolved, and the department named its own part as the cause."""
    REJECTION_UPHELD = "rejection_upheld"
    """The department said "not ours", and that was right."""
    RULED = "ruled"
    """The arbiter decided."""
    TIMED_OUT = "timed_out"
    """Nobody answered in time: no finding, and never a label."""


@unique
class NotificationOutcome(StrEnum):
    """What became of one try to reach a receiver."""

    ATTEMPTED = "attempted"
    DELIVERED = "delivered"
    SUPPRESSED = "suppressed"
    ABANDONED = "abandoned"


@unique
class NotificationStage(StrEnum):
    """Which message about an assignment a notification carries."""

    OPENED = "opened"
    UPDATED = "updated"
    WITHDRAWN = "withdrawn"
    REMINDED = "reminded"
    ESCALATED = "escalated"


@unique
class WithdrawalReason(StrEnum):
    """Why an assignment is taken back."""

    LATER_EVIDENCE = "later_evidence"
    CUSTOMER_WITHDREW = "customer_withdrew"
    CLOSED = "closed"
    HELD = "held"
    RULED = "ruled"
