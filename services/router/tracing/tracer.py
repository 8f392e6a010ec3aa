"""Trace one complaint: the core's only entry point besides `symptoms.classify` and `plausible`.

It stands apart as the order in which the parts are asked: what was observed, what supports each symptom,
causes, outcome by expected cost, recovery, words. Pure: no clock, no I/O; equal inputs give equal bytes.

Hazard: a complaint may be asked about a case that began after it. Such a case is not what the
customer wrote about, and names nobody.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, NamedTuple

from schemas.vocabulary import Outcome
from services.router.tracing import asking
from services.router.tracing.choice import sending, triaging, waiting
from services.router.tracing.company import Rules
from services.router.tracing.explain import explanations, question_text
from services.router.tracing.fusion import Support
from services.router.tracing.members import ASSIGNED, ATTEMPT, MISSING, NAMING, SILENT, TRIAGE
from services.router.tracing.mixing import largest_remainder
from services.router.tracing.model import (
    HOUR,
    Bar,
    Candidate,
    Case,
    Complaint,
    Decision,
    Evidence,
    Missing,
    Question,
    Sentence,
)
from services.router.tracing.reasoning import Look, Looks
from services.router.tracing.recovery import recover
from services.router.tracing.timeline import Timeline

ENGINE: Final = "akar-tracing-11"
"""Changes whenever equal inputs may give another decision."""

_GRACE: Final = HOUR // 60
"""A promise that runs out is looked at this long afterwards (a minute)."""
_AWAITED: Final = 9_000
"""A promise that has run out decides nine times of ten (parts)."""
_MOST_CANDIDATES: Final = 3


class _Choice(NamedTuple):
    outcome: Outcome
    waiting_until: int | None = None
    question: Question | None = None


def trace(
    complaint: Complaint, case: Case, rules: Rules, as_of: int, *, words: bool = True
) -> Decision:
    """Return why it happened and who can help, as far as was known at ``as_of`` (µs UTC).

    ``as_of`` must not lie before the complaint. Events after it are not looked at. Without
    ``words`` nothing is explained, which takes half the time and gives the same digest: enough to see
    whether a further event changes anything.
    """
    return conclude(Looks(complaint, case, rules, as_of), rules, words=words)


def conclude(looks: Looks, rules: Rules, *, words: bool = True) -> Decision:
    """Decide what a complaint's looks come to.

    ``rules`` may differ from those that were looked by in what no look asks for: policy, digest and learned versions.
    """
    complaint, case, as_of = looks.complaint, looks.case, looks.as_of
    now = looks.now()
    choice = _choose(looks, rules)
    named = choice.outcome in NAMING
    recovery = recover(now.found, rules, known=now.timeline.first is not None)
    missing = now.missing
    if named:
        # What is not known did not stand in the way; only silence may still change the answer.
        missing = tuple([fact for fact in missing if fact.finding is SILENT])
    elif now.timeline.first is None:
        missing = _nothing_known(now.found, rules)
    candidates = () if named else _candidates(now, rules)
    explanation: Mapping[str, tuple[Sentence, ...]] = {}
    customer_words: Mapping[str, tuple[str, ...]] = {}
    question = choice.question
    bars: tuple[Bar, ...] = ()
    if words:
        if question is not None:
            question = question_text(question, rules, now)
        explanation, customer_words = explanations(
            rules,
            now,
            missing,
            recovery=recovery,
            waiting_until=choice.waiting_until,
            question=question,
            candidates=candidates,
        )
        bars = _bars(now)
    return Decision(
        complaint_id=complaint.complaint_id,
        case_id=case.case_id,
        process=_process(now.timeline, rules),
        as_of=as_of,
        outcome=choice.outcome,
        causes=now.causes,
        recovery=recovery,
        confidence_parts=now.confidence,
        symptoms=tuple(sorted(complaint.symptoms, key=lambda s: (-s.probability, s.symptom))),
        evidence=_evidence(now),
        missing=missing,
        waiting_until=choice.waiting_until,
        explanation=explanation,
        customer_words=customer_words,
        registry_digest=rules.digest,
        engine=ENGINE,
        question=question,
        candidates=candidates,
        timeline=bars,
        learned=rules.learned,
    )


def _choose(looks: Looks, rules: Rules) -> _Choice:
    """Take the way of least expected cost: name a cause, ask for a fact, wait, or let a person decide."""
    now, as_of, costs = looks.now(), looks.as_of, rules.policy.costs
    send = asking.sendable(now, rules)
    if send is not None and not now.missing and not now.claims:
        # Nothing is open that could be asked for or waited for.
        if send <= triaging(now.confidence, costs):
            return _Choice(_naming(now, rules))
        return _Choice(TRIAGE)
    ways: list[tuple[float, int, _Choice]] = [(triaging(now.confidence, costs), 3, _Choice(TRIAGE))]
    if send is not None:
        ways.append((send, 0, _Choice(_naming(now, rules))))
    until, beyond = awaited(now.found, as_of)
    if until is not None and (send is None or beyond > 0):
        then = asking.awaited(looks, rules) if beyond > 0 else None
        if then is None:
            then = sending(_AWAITED, costs)
        ways.append((waiting(beyond, then, costs), 1, _Choice(Outcome.WAITING, until)))
    if min([way[0] for way in ways]) > costs.ask and (until is None or beyond > 0):
        asked = asking.best(looks, rules)
        if asked is not None:
            since = asking.latest(looks.complaint, looks.case, as_of)
            by = asking.deadline(asked.question.department, since, rules)
            by = by if until is None else min(by, until)
            ways.append((asked.cost, 2, _Choice(Outcome.ASKED, by, asked.question)))
    return min(ways, key=lambda way: way[:2])[2]


def _naming(now: Look, rules: Rules) -> Outcome:
    first = now.causes[0]
    inside = first.department is None or not rules.departments[first.department].outside
    return ASSIGNED if inside else Outcome.EXTERNAL


def awaited(found: tuple[Support, ...], as_of: int) -> tuple[int | None, int]:
    """Return when time itself will tell, and how much longer than promised the customer waits until then."""
    for support in found:
        lateness = support.lateness
        if lateness is None or lateness.late is None or lateness.finished_at is not None:
            continue
        if lateness.late > 0 and lateness.speaks_at is not None:
            return lateness.speaks_at, lateness.speaks_at - as_of
        if lateness.late <= 0 and lateness.due is not None and support.rule.denies:
            until = lateness.due + _GRACE
            return (until, 0) if until > as_of else (None, 0)
        break
    return None, 0


def _process(timeline: Timeline, rules: Rules) -> str | None:
    if timeline.first is None:
        return None
    return rules.activity_process.get(timeline.first.activity)


def _nothing_known(found: tuple[Support, ...], rules: Rules) -> tuple[Missing, ...]:
    """Name the fact that the likeliest symptom would need: when its promised activity happened."""
    for support in found:
        for promise in support.rule.promises:
            rule = rules.activities[rules.promises[promise].activity]
            return (Missing(rule.id, rule.owner, rule.source, MISSING),)
    return ()


def _candidates(now: Look, rules: Rules) -> tuple[Candidate, ...]:
    """Return whom a person may look at: who shares a stretch that nothing separates, else the priors' word."""
    weights: dict[str, list[float]] = {}
    lateness = now.lateness
    joint = [
        stretch
        for stretch in (lateness.path if lateness is not None and (lateness.late or 0) > 0 else ())
        if stretch.charged > 0 or (stretch.unknown > 0 and not stretch.unfinished)
    ]
    for stretch in joint:
        for key in stretch.members:
            owner = rules.activities[key].owner
            share = max(stretch.charged, stretch.unknown) / len(stretch.members)
            weights.setdefault(owner, []).append(share)
    if not joint:
        for support in now.found:
            for department, prior in support.rule.priors.items():
                if department in rules.departments:
                    weights.setdefault(department, []).append(support.score.probability * prior)
    amounts = {key: math.fsum(sorted(found)) for key, found in weights.items()}
    keys = sorted((key for key in amounts if amounts[key] > 0), key=lambda k: (-amounts[k], k))
    keys = keys[:_MOST_CANDIDATES]
    if not keys:
        return ()
    parts = largest_remainder([amounts[key] for key in keys])
    return tuple(Candidate(key, part) for key, part in zip(keys, parts, strict=True) if part > 0)


def _bars(now: Look) -> tuple[Bar, ...]:
    lateness = now.lateness
    if lateness is None:
        return ()
    return tuple(
        [
            Bar(
                s.members[-1],
                s.owner,
                s.begin,
                s.end,
                s.allowed_until,
                s.charged,
                s.unknown,
                s.unfinished,
            )
            for s in lateness.path
        ]
    )


def _evidence(now: Look) -> tuple[Evidence, ...]:
    """Return each piece of evidence once, in the order of the case where there is one."""
    pieces: dict[Evidence, None] = {}
    for support in now.found:
        for piece in support.evidence:
            pieces[piece] = None
        if support.lateness is not None:
            for piece in support.lateness.evidence:
                pieces[piece] = None
    if pieces or now.timeline.first is not None:
        for piece in now.flags:
            pieces[piece] = None
    tried = [key for key, step in now.timeline.steps.items() if step.attempts]
    for key in sorted(tried):
        for _, event in now.timeline.steps[key].attempts:
            pieces[Evidence(event, key, ATTEMPT, None)] = None
    return tuple(pieces)
