"""Transitions of a complaint: `(life, what happened) -> (life, effects)`.

Properties that the tests hold it to: a revision grows by one and only with a material change; a department has at most one
open assignment; nothing follows an end but a reopening; the effects name every assignment that opened or closed.

Hazard: ids are passed in (`assignment_id`), so that a replay gives the same ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from schemas.vocabulary import ComplaintState, MessageKind, NotificationOutcome, Role
from services.router.lifecycle.model import (
    Assignment,
    Effect,
    Life,
    LocateAgain,
    OpenAssignment,
    PublishDecision,
    PublishStatus,
    RequestTrace,
    Verdict,
    WithdrawAssignment,
)

Step = tuple[Life, tuple[Effect, ...]]
NewAssignmentId = Callable[[str, str, int], str]
"""(complaint, department, opening revision) -> id."""

UNANSWERED: Final = "unanswered"
"""The reason of a question to the evidence stage whose answer may not be to ask somebody."""

_ENDING = {
    MessageKind.SATISFIED: ComplaintState.CLOSED,
    MessageKind.WITHDRAW: ComplaintState.WITHDRAWN,
}
"""How the customer ends a complaint, and as what it ends."""

NOTIFIABLE = frozenset(
    {ComplaintState.ASSIGNED, ComplaintState.EXTERNAL, ComplaintState.TRIAGE, ComplaintState.ASKED}
)
"""States that become `notified` when the first alert has arrived."""


def received(life: Life) -> Step:
    """A new complaint whose case is given: ask for its trace (`finding.begin` is for the others)."""
    located = replace(life, state=ComplaintState.LOCATED)
    return request(located, as_of=life.occurred_at, reason="received", status=True)


def request(life: Life, *, as_of: int, reason: str, status: bool = False) -> Step:
    """Ask the evidence stage once more."""
    asked = replace(life, sequence=life.sequence + 1)
    effects: tuple[Effect, ...] = (RequestTrace(asked.sequence, as_of, reason),)
    return asked, (*effects, PublishStatus()) if status else effects


def decided(life: Life, verdict: Verdict, *, at: int, new_id: NewAssignmentId) -> Step:
    """A trace came back: number a revision if it says something new.

    Args:
        life: the complaint.
        verdict: what the decision asks for.
        at: recorded time of the event that led to it.
        new_id: gives the id of an assignment that opens.
    """
    if life.over or verdict.material == life.material:
        return life, ()
    if life.ending is not None:
        return _ended(life, verdict, at=at)
    revision = life.revision + 1
    wanted = {target.department: target for target in verdict.targets}
    open_now: dict[str, Assignment] = {}
    effects: list[Effect] = [PublishDecision(revision)]
    for department, assignment in sorted(life.assignments.items()):
        if department not in wanted:
            effects.append(
                WithdrawAssignment(assignment, revision, _why(life, assignment, verdict))
            )
    for department, target in sorted(wanted.items()):
        before = life.assignments.get(department)
        if before is None:
            opened = Assignment(new_id(life.complaint_id, department, revision), revision, target)
            effects.append(OpenAssignment(opened, revision, updated=False))
            open_now[department] = opened
        else:
            kept = replace(before, target=target)
            if target.differs(before.target):
                effects.append(OpenAssignment(kept, revision, updated=True))
            open_now[department] = kept
    effects.append(PublishStatus())
    changed = verdict.outcome is not life.state
    after = replace(
        life,
        revision=revision,
        material=verdict.material,
        state=verdict.outcome,
        since=at if changed else life.since,
        due=verdict.waiting_until,
        who_can_help=verdict.who_can_help,
        customer_words=verdict.customer_words,
        assignments=open_now,
    )
    return after, tuple(effects)


def _why(life: Life, assignment: Assignment, verdict: Verdict) -> str:
    """Why an assignment is taken back."""
    if assignment.target.roles != (Role.ANSWER,):
        return "retraced"
    if assignment.target.activity in verdict.answered:
        return "answered"
    return UNANSWERED if life.unanswered else "retraced"


def due(life: Life, *, as_of: int) -> Step:
    """The time that a decision waited for has come: trace again as of that time.

    If it was an answer that did not come, no question is put again: neither this one a second time, nor another.
    """
    if life.over or life.due is None or life.due > as_of or life.case_id is None:
        return life, ()
    asked = any(Role.ANSWER in each.target.roles for each in life.assignments.values())
    after = replace(life, due=None, unanswered=life.unanswered or asked)
    reason = UNANSWERED if after.unanswered else "due"
    return request(after, as_of=life.due, reason=reason)


def notified(life: Life, outcome: NotificationOutcome, *, at: int) -> Step:
    """An attempt to reach a department was recorded."""
    if outcome is not NotificationOutcome.DELIVERED or life.state not in NOTIFIABLE:
        return life, ()
    return replace(life, state=ComplaintState.NOTIFIED, since=at), (PublishStatus(),)


def messaged(life: Life, kind: MessageKind, *, at: int) -> Step:
    """The customer wrote again."""
    if kind is MessageKind.REOPEN:
        if life.ending is not None:
            return replace(life, ending=None), ()
        return _reopened(life, at=at) if life.over else (life, ())
    if life.over:
        return life, ()
    if kind in _ENDING and life.revision == 0 and (life.case_id or life.search):
        # Every complaint is decided, also one that was over sooner: the end waits for the answer.
        return replace(life, ending=life.ending or _ENDING[kind]), ()
    if kind is MessageKind.SATISFIED:
        return replace(life, state=ComplaintState.CLOSED, since=at, due=None), (PublishStatus(),)
    if kind is MessageKind.WITHDRAW:
        taken_back = tuple(
            WithdrawAssignment(assignment, life.revision, "withdrawn_by_customer")
            for _department, assignment in sorted(life.assignments.items())
        )
        ended = replace(life, state=ComplaintState.WITHDRAWN, since=at, due=None, assignments={})
        return ended, (*taken_back, PublishStatus())
    return life, ()


def _ended(life: Life, verdict: Verdict, *, at: int) -> Step:
    """The first decision of a complaint that the customer ended before it: told to nobody."""
    ended = replace(
        life,
        revision=1,
        material=verdict.material,
        state=life.ending or ComplaintState.CLOSED,
        since=at,
        due=None,
        ending=None,
        who_can_help=verdict.who_can_help,
        customer_words=verdict.customer_words,
    )
    return ended, (PublishDecision(1), PublishStatus())


def _reopened(life: Life, *, at: int) -> Step:
    # The last decision no longer stands: whatever comes back is new, and opens assignments again.
    again = replace(
        life,
        state=ComplaintState.REOPENED,
        since=at,
        material="",
        assignments={},
        unanswered=False,
    )
    if again.case_id is None:
        return again, (PublishStatus(), LocateAgain())
    return request(again, as_of=max(at, life.occurred_at), reason="reopened", status=True)
