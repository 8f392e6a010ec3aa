"""Would one missing fact decide, and is it worth asking for?

It stands apart because it looks ahead: each fact that could be asked for is given its possible answers,
and the case is looked at again under each. A question is worth it if what follows the answers costs so
much less than doing without that its own cost is made up for.

Hazard: an answer is given by somebody who may be named for it. It counts as `trust` says, also here:
no question is asked whose only useful answer would not be believed.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from typing import Final, NamedTuple

from schemas.vocabulary import Transition
from services.router.tracing.choice import asking, sending, triaging
from services.router.tracing.company import Rules
from services.router.tracing.delays import OwnDelay, allowance_of, later
from services.router.tracing.lateness import Lateness
from services.router.tracing.members import COMPLETE, SCHEDULE, START, UNKNOWN
from services.router.tracing.model import (
    HOUR,
    Attribute,
    Case,
    Complaint,
    ProcessEvent,
    Question,
)
from services.router.tracing.reasoning import Look, Looks

PATIENCE: Final = 24 * HOUR
"""How long an answer is waited for at least; then a person decides without it."""
PATIENCE_WORKED: Final = 8 * HOUR
"""How much of that is working time of whoever is asked, if they have a calendar: over a weekend it is more."""
_MOST: Final = 3
"""Facts that are tried, at most."""

_Answered = Collection[tuple[str, Attribute]]
"""(activity, department) of what was answered."""


class Fact(NamedTuple):
    """A question and what it may be answered with, each answer as the event that it would be."""

    question: Question
    answers: tuple[ProcessEvent | None, ...]
    weights: tuple[float, ...] = ()
    """How likely each answer is; empty for all alike."""


class Asked(NamedTuple):
    """The question that is worth most, and its expected cost."""

    question: Question
    cost: float


def best(looks: Looks, rules: Rules) -> Asked | None:
    """Return the question with the least expected cost among those that could decide; None without any."""
    now, as_of = looks.now(), looks.as_of
    if now.timeline.first is None:
        return None
    since = latest(looks.complaint, looks.case, as_of)
    found: list[tuple[float, str, str, Question]] = []
    facts = (
        fact
        for fact in _facts(looks.case, now, rules, as_of)
        if as_of < deadline(fact.question.department, since, rules)
    )
    for fact in list(facts)[:_MOST]:
        thens = [now if event is None else looks.told(event) for event in fact.answers]
        costs = [_follows(then, rules) for then in thens]
        decides = any(sendable(then, rules) is not None for then in thens)
        if decides and not _settled(now, thens, rules):
            question = fact.question
            cost = asking(costs, rules.policy.costs, fact.weights)
            found.append((cost, question.activity, question.department, question))
    if not found:
        return None
    cost, _, _, question = min(found, key=lambda each: each[:3])
    return Asked(_worded(question, rules), cost)


def awaited(looks: Looks, rules: Rules) -> float | None:
    """Return the expected cost of what follows once the silent sources have spoken; None if nothing waits for them.

    They say what they may be asked for: done by plan, or not yet, each as likely as `_done` says. So
    waiting and asking for the same fact differ by what a question and a day cost, however confidence is
    calibrated.
    """
    now = looks.now()
    lateness = now.lateness
    open_ = lateness.path[-1] if lateness is not None and lateness.path else None
    if open_ is None or not open_.unfinished:
        return None
    key = open_.members[-1]
    source = rules.activities[key].source
    silent = looks.spoken(source)
    costs = _follows(silent, rules)
    times = _times(open_, key, now, rules)
    if times:
        event = ProcessEvent(f"?{key}", key, COMPLETE, times[0], times[0], source=source)
        done = looks.spoken(source, event)
        if _settled(now, (silent, done), rules):
            return math.inf
        return _follows(done, rules) * _done(open_) + costs * (1 - _done(open_))
    return costs


def _settled(now: Look, thens: Iterable[Look], rules: Rules) -> bool:
    """Say whether whoever may be named now is named first whatever is said: then nobody need wait for it."""
    if now.claims or sendable(now, rules) is None:
        return False
    first = now.causes[0].department
    return all(
        then.causes[0].department == first and sendable(then, rules) is not None for then in thens
    )


def _done(open_: OwnDelay) -> float:
    """Return how likely an open step was done and nobody told: half of what is dark, all that is doubted."""
    dark = open_.unknown - open_.doubted
    return (open_.doubted + dark / 2) / max(1, open_.charged + open_.unknown)


def _follows(then: Look, rules: Rules) -> float:
    """Return the expected cost of the cheaper of naming and a person's deciding."""
    without = triaging(then.confidence, rules.policy.costs)
    send = sendable(then, rules)
    return without if send is None else min(send, without)


def sendable(now: Look, rules: Rules) -> float | None:
    """Return the expected cost of naming what a look found; None where it may not be named."""
    if now.causes[0].kind is UNKNOWN or now.named < rules.policy.assign_parts:
        return None
    return sending(now.confidence, rules.policy.costs)


def deadline(department: str, since: int, rules: Rules) -> int:
    """Return until when a department's answer is waited for, counted from the last news (µs UTC)."""
    worked = later(rules, rules.departments[department].calendar, since, PATIENCE_WORKED)
    return max(since + PATIENCE, worked)


def latest(complaint: Complaint, case: Case, as_of: int) -> int:
    """Return when the last thing became known about a case that is known at ``as_of`` (µs UTC).

    News counts from when it was told, although it tells of a time before: whoever is asked next has as long.
    """
    known = [event.recorded_at for event in case.events if event.at <= as_of]
    return max([complaint.occurred_at, *known])


def _facts(case: Case, now: Look, rules: Rules, as_of: int) -> Iterator[Fact]:
    # An answer that is set aside was given all the same: whoever gave it is not asked for it again.
    answered = {
        (event.activity, event.attributes["answered_by"])
        for event in case.events
        if event.at <= as_of and "answered_by" in event.attributes
    }
    yield from _claimed(now, rules, as_of, answered)
    lateness = now.lateness
    if lateness is not None and lateness.due is None:
        yield from _undated(lateness, now, rules, as_of, answered)
    elif lateness is not None and (lateness.late or 0) > 0:
        yield from _unfinished(lateness, now, rules, as_of, answered)


def _claimed(now: Look, rules: Rules, as_of: int, answered: _Answered) -> Iterator[Fact]:
    """Ask whether a claim is so that its sender alone attests."""
    for claim in now.claims:
        if claim.event.transition is not COMPLETE:
            continue
        department = _asked(claim.blamed, rules)
        activity = claim.event.activity
        if department is None or (activity, department) in answered or department == claim.sender:
            continue
        question = Question(activity, department, "confirm", claim.event.at)
        yes = _answer(activity, COMPLETE, claim.event.at, as_of, department)
        yield Fact(question, (yes, None))


def _unfinished(
    lateness: Lateness, now: Look, rules: Rules, as_of: int, answered: _Answered
) -> Iterator[Fact]:
    """Ask when a step of the way to a missed promise was finished that must have been, or that a silent source cannot tell."""
    for stretch in lateness.path:
        for key in stretch.members:
            step = now.timeline.steps.get(key)
            if step is not None and step.finish is not None:
                continue
            open_ = key == stretch.members[-1] and stretch.unfinished
            if open_ and stretch.unknown <= 0:
                continue
            department = _asked(rules.activities[key].owner, rules)
            if department is None or (key, department) in answered:
                continue
            times = _times(stretch, key, now, rules)
            if not times:
                continue
            answers: list[ProcessEvent | None] = [
                _answer(key, COMPLETE, at, as_of, department) for at in times
            ]
            weights: tuple[float, ...] = ()
            if open_:
                weights = (_done(stretch), 1 - _done(stretch))
                answers = [answers[0], _answer(key, START, as_of, as_of, department)]
            yield Fact(Question(key, department, "finished"), tuple(answers), weights)


def _undated(
    lateness: Lateness, now: Look, rules: Rules, as_of: int, answered: _Answered
) -> Iterator[Fact]:
    """Ask whoever publishes a promise by when it was given, where no event and no rule says so.

    One whose beginning nothing shows was never given.
    """
    promise, path = lateness.promise, lateness.path
    if lateness.cancelled or not path:
        return
    if promise.start is not None and now.timeline.step(promise.start).finish is None:
        return
    key = promise.activity
    department = _asked(promise.publisher or rules.activities[key].owner, rules)
    if department is None or (key, department) in answered:
        return
    begin, end = path[0].begin, path[-1].end
    plan: int | None = begin
    for stretch in path:
        for member in stretch.members:
            rule = rules.activities[member]
            allowance = allowance_of(rule, now.timeline)
            if plan is not None:
                plan = None if allowance is None else later(rules, rule.calendar, plan, allowance)
    # By plan, in half of it, and just in time; where nothing says what the plan was, half the time that it took.
    plan = (begin + end) // 2 if plan is None else min(plan, end)
    dues = ((begin + plan) // 2, plan, end)
    # As it will come: told once the complaint is known.
    told = _answer(key, SCHEDULE, as_of, as_of + 1, department)
    yield Fact(Question(key, department, "due"), tuple(replace(told, due_at=due) for due in dues))


def _times(stretch: OwnDelay, key: str, now: Look, rules: Rules) -> tuple[int, ...]:
    """Return three times at which a step may have been finished: by plan, at the last, and half-way."""
    first = last = stretch.begin
    for member in stretch.members[: stretch.members.index(key) + 1]:
        allowance = allowance_of(rules.activities[member], now.timeline)
        if allowance is None:
            return ()
        first = later(rules, rules.activities[member].calendar, first, allowance)
    rest = 0
    for member in stretch.members[stretch.members.index(key) + 1 :]:
        allowance = allowance_of(rules.activities[member], now.timeline)
        if allowance is None:
            return ()
        rest += allowance
    first = min(first, stretch.end)
    last = max(first, stretch.end - rest)
    return (first, (first + last) // 2, last)


def _answer(
    activity: str, transition: Transition, at: int, as_of: int, department: str
) -> ProcessEvent:
    """Return the event that an answer would be."""
    return ProcessEvent(
        event_id=f"?{activity}/{department}",
        activity=activity,
        transition=transition,
        at=at,
        recorded_at=as_of,
        attributes={"answered_by": department},
    )


def _asked(owner: str, rules: Rules) -> str | None:
    """Return who can be asked for what an owner knows; nobody asks the customer who complains."""
    rule = rules.departments.get(owner)
    if rule is None or rule.customer:
        return None
    return rule.managed_by if rule.outside else rule.id


def _worded(question: Question, rules: Rules) -> Question:
    """Add the words in which the company asks for this activity, if it has some."""
    if question.fact != "finished":
        return question
    words = rules.activities[question.activity].question
    return replace(question, text=dict(words)) if words else question
