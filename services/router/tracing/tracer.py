"""Trace one complaint: the core's only entry point besides `symptoms.classify`.

It stands apart as the order in which the parts are asked: timeline, symptoms' supports, causes,
outcome, recovery, words. Pure: no clock, no I/O; equal inputs give equal bytes.

Hazard: a complaint may be asked about a case that began after it. Such a case is not what the
customer wrote about, and names nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from schemas.vocabulary import CauseKind, Finding, Outcome
from services.router.tracing.company import Rules
from services.router.tracing.explain import explanations, leading
from services.router.tracing.fusion import Support, mix, supports
from services.router.tracing.lateness import Lateness, measure
from services.router.tracing.model import (
    HOUR,
    PARTS,
    Case,
    Cause,
    Complaint,
    Decision,
    Evidence,
    Missing,
    Sentence,
    SymptomScore,
)
from services.router.tracing.recovery import recover
from services.router.tracing.timeline import Timeline, build

_SKEW: Final = HOUR // 6
"""Clocks of a channel and of a source may differ by this much (ten minutes)."""

ENGINE: Final = "akar-tracing-1"
"""Changes whenever equal inputs may give another decision."""

_GRACE: Final = HOUR // 60
"""A promise that runs out is looked at this long afterwards (a minute)."""


def trace(
    complaint: Complaint, case: Case, rules: Rules, as_of: int, *, words: bool = True
) -> Decision:
    """Return why it happened and who can help, as far as was known at ``as_of`` (µs UTC).

    ``as_of`` must not lie before the complaint. Events after it are not looked at. Without
    ``words`` nothing is explained, which takes a fifth less time and gives the same digest: enough
    to see whether a further event changes anything.
    """
    timeline = build(case, rules, complaint.occurred_at, as_of)
    foreign = timeline.first is not None and timeline.first.at > complaint.occurred_at + _SKEW
    if foreign:
        timeline = Timeline({}, {}, (), None, {}, later=True)
    scores = complaint.symptoms or (SymptomScore(rules.vague, 1.0),)
    measured: dict[tuple[str, bool], Lateness] = {}

    def ask(promise: str, denied: bool) -> Lateness:  # noqa: FBT001 - a cache key, not an option
        key = (promise, denied)
        if key not in measured:
            rule = rules.promises[promise]
            measured[key] = measure(rule, case, timeline, rules, as_of, denied=denied)
        return measured[key]

    found = supports(scores, timeline, rules, complaint.occurred_at, ask)
    causes = mix(found)
    named = sum(cause.parts for cause in causes if cause.kind is not CauseKind.UNKNOWN)
    outcome, waiting_until = _outcome(found, causes, named, rules)
    recovery = recover(found, rules, known=timeline.first is not None)
    lateness = leading(found)
    missing = lateness.missing if lateness is not None else ()
    if outcome in {Outcome.ASSIGNED, Outcome.EXTERNAL}:
        # What is not known did not stand in the way; only silence may still change the answer.
        missing = tuple(fact for fact in missing if fact.finding is Finding.SILENT)
    elif timeline.first is None:
        missing = _nothing_known(found, rules)
    explanation: Mapping[str, tuple[Sentence, ...]] = {}
    customer_words: Mapping[str, tuple[str, ...]] = {}
    if words:
        explanation, customer_words = explanations(
            rules, found, timeline, causes, missing, recovery=recovery, waiting_until=waiting_until
        )
    return Decision(
        complaint_id=complaint.complaint_id,
        case_id=case.case_id,
        process=_process(timeline, rules),
        as_of=as_of,
        outcome=outcome,
        causes=causes,
        recovery=recovery,
        confidence_parts=_confidence(causes, named, scores),
        symptoms=tuple(sorted(complaint.symptoms, key=lambda s: (-s.probability, s.symptom))),
        evidence=_evidence(found),
        missing=missing,
        waiting_until=waiting_until,
        explanation=explanation,
        customer_words=customer_words,
        registry_digest=rules.digest,
        engine=ENGINE,
    )


def _outcome(
    found: tuple[Support, ...], causes: tuple[Cause, ...], named: int, rules: Rules
) -> tuple[Outcome, int | None]:
    """Name a cause when enough is known; else wait when time will tell; else let a person decide."""
    first = causes[0]
    if named >= rules.policy.assign_parts and first.kind is not CauseKind.UNKNOWN:
        inside = first.department is None or not rules.departments[first.department].outside
        return (Outcome.ASSIGNED if inside else Outcome.EXTERNAL), None
    for support in found:
        lateness = support.lateness
        if lateness is None or lateness.late is None or lateness.finished_at is not None:
            continue
        if lateness.late > 0 and lateness.speaks_at is not None:
            return Outcome.WAITING, lateness.speaks_at
        if lateness.late <= 0 and lateness.due is not None and support.rule.denies:
            return Outcome.WAITING, lateness.due + _GRACE
        break
    return Outcome.TRIAGE, None


def _confidence(causes: tuple[Cause, ...], named: int, scores: tuple[SymptomScore, ...]) -> int:
    """How sure the answer is: what is explained, held back when the words themselves are unclear.

    Not calibrated yet; an order, not a probability.
    """
    if causes[0].kind is CauseKind.UNKNOWN:
        return PARTS - causes[0].parts
    clear = max((score.probability for score in scores), default=0.0)
    return min(PARTS, round(named * (0.8 + 0.2 * min(1.0, clear))))


def _process(timeline: Timeline, rules: Rules) -> str | None:
    if timeline.first is None:
        return None
    return rules.activity_process.get(timeline.first.activity)


def _nothing_known(found: tuple[Support, ...], rules: Rules) -> tuple[Missing, ...]:
    """Name the fact that the likeliest symptom would need: when its promised activity happened."""
    for support in found:
        for promise in support.rule.promises:
            rule = rules.activities[rules.promises[promise].activity]
            return (Missing(rule.id, rule.owner, rule.source, Finding.MISSING),)
    return ()


def _evidence(found: tuple[Support, ...]) -> tuple[Evidence, ...]:
    """Return each piece of evidence once, in the order of the case where there is one."""
    pieces: dict[Evidence, None] = {}
    for support in found:
        for piece in support.evidence:
            pieces[piece] = None
        if support.lateness is not None:
            for piece in support.lateness.evidence:
                pieces[piece] = None
    return tuple(pieces)
