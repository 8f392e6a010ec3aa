"""Which departments a decision asks for what: causes above the sharing floor, and whoever can help now.

Pure.  It stands apart from the machine because it is policy: the floor and the lead are the company's to choose.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from schemas.vocabulary import ComplaintState, Outcome, Role
from services.router.lifecycle.model import Target, Verdict
from services.router.tracing.model import Cause, Recovery

_STATE = {
    Outcome.ASSIGNED: ComplaintState.ASSIGNED,
    Outcome.ASKED: ComplaintState.ASKED,
    Outcome.WAITING: ComplaintState.WAITING,
    Outcome.TRIAGE: ComplaintState.TRIAGE,
    Outcome.EXTERNAL: ComplaintState.EXTERNAL,
}


_TRACED_AGAIN = frozenset({Outcome.WAITING, Outcome.ASKED})
"""Outcomes that end by themselves at a known time: what was awaited has come, or no answer has."""


@dataclass(frozen=True, slots=True)
class Findings:
    """The part of a decision that assignments follow from."""

    outcome: Outcome
    causes: tuple[Cause, ...]
    recovery: Recovery | None
    material: str
    waiting_until: int | None
    customer_words: Mapping[str, tuple[str, ...]]
    asked: tuple[str, str] | None = None
    """The department that is asked for one fact, and the activity it is about."""
    answered: frozenset[str] = frozenset()
    """Activities about which somebody has answered."""


def verdict_of(findings: Findings, *, departments: Collection[str], floor_parts: int) -> Verdict:
    """What the lifecycle needs of a decision.

    Args:
        findings: of the tracing core.
        departments: the registry's own departments; an outside party has no inbox.
        floor_parts: a department with a smaller share of the causes is not asked, in parts of ten thousand.
    """
    recovery = findings.recovery
    return Verdict(
        outcome=_STATE[findings.outcome],
        material=findings.material,
        targets=_targets(findings, departments, floor_parts),
        who_can_help=None if recovery is None else recovery.department,
        waiting_until=findings.waiting_until if findings.outcome in _TRACED_AGAIN else None,
        customer_words=findings.customer_words,
        answered=findings.answered,
    )


def _targets(
    decision: Findings, departments: Collection[str], floor_parts: int
) -> tuple[Target, ...]:
    if decision.outcome is Outcome.WAITING:
        # Nobody is named before the time has come that decides.
        return ()
    targets: dict[str, Target] = {}
    recovery = decision.recovery
    blames = decision.outcome in (Outcome.ASSIGNED, Outcome.EXTERNAL)
    for cause in decision.causes if blames else ():
        # Nobody's delay, but somebody can promise better next time.
        department = cause.department or cause.publisher
        if department is None or department not in departments:
            continue
        known = targets.get(department)
        parts = cause.parts + (known.parts if known else 0)
        first = known or Target(
            department, (Role.CAUSE,), lead=False, kind=cause.kind, activity=cause.activity
        )
        targets[department] = Target(
            department,
            first.roles,
            lead=False,
            parts=parts,
            kind=first.kind,
            activity=first.activity,
        )
    targets = {name: target for name, target in targets.items() if target.parts >= floor_parts}
    if recovery is not None and recovery.department in departments:
        caused = targets.get(recovery.department)
        targets[recovery.department] = Target(
            recovery.department,
            (Role.CAUSE, Role.RECOVERY) if caused else (Role.RECOVERY,),
            lead=True,
            parts=caused.parts if caused else 0,
            kind=caused.kind if caused else None,
            activity=caused.activity if caused and caused.activity else recovery.activity,
            action=recovery.action,
        )
    if decision.asked is not None and decision.asked[0] in departments:
        department, activity = decision.asked
        known = targets.get(department)
        targets[department] = Target(
            department,
            (*(known.roles if known else ()), Role.ANSWER),
            lead=known.lead if known else False,
            activity=activity,
            action=known.action if known else None,
        )
    if targets and not any(target.lead for target in targets.values()):
        first = max(targets.values(), key=lambda target: (target.parts, target.department))
        targets[first.department] = Target(
            first.department,
            first.roles,
            lead=True,
            parts=first.parts,
            kind=first.kind,
            activity=first.activity,
            action=first.action,
        )
    return tuple(targets[name] for name in sorted(targets))
