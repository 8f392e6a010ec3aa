"""Values of the lifecycle: a complaint's state, and the effects that a transition asks for.

Times are epoch microseconds UTC, shares are whole parts of ten thousand, as in the tracing core.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.vocabulary import CauseKind, ComplaintState, LocatedBy, Role
from services.router.lifecycle.cases import Search


@dataclass(frozen=True, slots=True)
class Target:
    """What a decision asks of one department."""

    department: str
    roles: tuple[Role, ...]
    lead: bool
    parts: int = 0
    kind: CauseKind | None = None
    activity: str | None = None
    action: str | None = None

    def differs(self, other: Target) -> bool:
        """Whether the department should hear of the change: shares count in tenths, as in the decision's own digest."""
        return (
            self.roles,
            self.lead,
            round(self.parts / 1000),
            self.kind,
            self.activity,
            self.action,
        ) != (
            other.roles,
            other.lead,
            round(other.parts / 1000),
            other.kind,
            other.activity,
            other.action,
        )


@dataclass(frozen=True, slots=True)
class Assignment:
    """A department's open assignment."""

    assignment_id: str
    opened_revision: int
    target: Target


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the lifecycle needs to know of a decision; the rest passes through it unread."""

    outcome: ComplaintState
    material: str
    targets: tuple[Target, ...]
    who_can_help: str | None
    waiting_until: int | None
    customer_words: Mapping[str, tuple[str, ...]]
    answered: frozenset[str] = frozenset()
    """Activities about which somebody has answered a question."""


@dataclass(frozen=True, slots=True)
class Life:
    """Everything the router keeps of one complaint; none of the customer's words."""

    complaint_id: str
    channel: str
    body_digest: str
    occurred_at: int
    received_at: int
    case_id: str | None
    language: str | None
    symptoms: tuple[tuple[str, float], ...]
    state: ComplaintState
    since: int
    sequence: int = 0
    """Trace requests so far."""
    revision: int = 0
    material: str = ""
    due: int | None = None
    who_can_help: str | None = None
    customer_words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    assignments: Mapping[str, Assignment] = field(default_factory=dict)
    """By department, only open ones."""
    ending: ComplaintState | None = None
    """As what the customer has ended it before it was decided; it ends with its first decision."""
    located: LocatedBy | None = None
    """How the case was found; None without one, and in rows of releases that knew only given ones."""
    search: Search | None = None
    """What is known of the case so far, if it was not given."""
    unanswered: bool = False
    """A department was asked and did not answer in time: no question is put again."""

    @property
    def over(self) -> bool:
        """Whether the complaint has come to an end, so that nothing may follow but a reopening."""
        return self.state in ENDS


ENDS = frozenset(
    {ComplaintState.CLOSED, ComplaintState.WITHDRAWN, ComplaintState.MERGED, ComplaintState.ERASED}
)
"""States in which a complaint has ended."""


@dataclass(frozen=True, slots=True)
class RequestTrace:
    """Ask the evidence stage."""

    sequence: int
    as_of: int
    reason: str


@dataclass(frozen=True, slots=True)
class PublishDecision:
    """Publish the decision in hand under this revision."""

    revision: int


@dataclass(frozen=True, slots=True)
class OpenAssignment:
    """Tell a department what it is asked to do."""

    assignment: Assignment
    revision: int
    updated: bool


@dataclass(frozen=True, slots=True)
class WithdrawAssignment:
    """Take an assignment back."""

    assignment: Assignment
    revision: int
    reason: str


@dataclass(frozen=True, slots=True)
class PublishStatus:
    """Tell the world where the complaint stands."""


@dataclass(frozen=True, slots=True)
class SearchCases:
    """Ask for the cases of a customer."""

    customer: str


@dataclass(frozen=True, slots=True)
class WeighCase:
    """Ask how well a case explains the complaint."""

    case_id: str
    sequence: int


@dataclass(frozen=True, slots=True)
class StopTracing:
    """Another case is meant: tell the evidence stage that this one is not."""

    case_id: str
    sequence: int


@dataclass(frozen=True, slots=True)
class DecideByText:
    """No case is known: candidates for a person, never a cause."""


@dataclass(frozen=True, slots=True)
class AskWhich:
    """Ask the customer which of these cases is meant; a person decides if no answer has come until then."""

    options: tuple[str, ...]
    until: int


@dataclass(frozen=True, slots=True)
class LocateAgain:
    """The complaint lives again, and its case is not known."""


Effect = (
    RequestTrace
    | PublishDecision
    | OpenAssignment
    | WithdrawAssignment
    | PublishStatus
    | SearchCases
    | WeighCase
    | StopTracing
    | DecideByText
    | AskWhich
    | LocateAgain
)
