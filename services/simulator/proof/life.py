"""Lives a case: its activities one after another, in the hands of people who have other cases too, and what really happened.

It stands apart from how the systems tell it (`telling`).  Hazard: chance is drawn per case, so that one more case changes none
of the others but for the queues that they stand in together.  Times are hours since the start of the run.
"""

from __future__ import annotations

import random
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

import simpy

from services.simulator.calendar import Hours
from services.simulator.proof.firms import Firm, Line, Step
from services.simulator.proof.plan import Plan, When

SPREAD_DAYS: Final = 50
"""Cases begin within so many days."""
FAR: Final = 24.0 * 400
HANDS: Final = 3
"""People at each desk; a case is in somebody's hands for a part of an hour."""
START: Final = datetime(2026, 6, 22, tzinfo=UTC)
"""The first instant of every run: a season with few holidays, which the calendars of `firms` know."""

Steps = Generator[simpy.Event, Any, None]


@dataclass(frozen=True, slots=True)
class Happened:
    """One thing that really happened."""

    activity: str
    transition: str
    at: float
    due: float | None = None
    attributes: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    objects: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Lived:
    """One case, as it was."""

    number: int
    kind: str
    plan: Plan
    line: Line
    draw: random.Random
    variant: Mapping[str, str]
    due: float = FAR
    happened: list[Happened] = field(default_factory=list)
    finished: dict[str, float] = field(default_factory=dict)
    begun: dict[str, float] = field(default_factory=dict)
    done: dict[str, simpy.Event] = field(default_factory=dict)

    def allowed(self, step: Step) -> float | None:
        """What this case allows the step."""
        for value in self.variant.values():
            if value in step.more:
                return step.more[value]
        return step.allowed

    def takes(self, step: Step) -> tuple[float, float]:
        """How long the step usually takes in this case."""
        for value in self.variant.values():
            if value in step.takes:
                return step.takes[value]
        return step.usual

    def deadline(self, step: Step) -> float | None:
        """When the step's allowance runs out, counted from its begin; None without one."""
        allowed = self.allowed(step)
        if allowed is None:
            return None
        return later(step.shifts, self.begun[step.activity], allowed)

    def promised(self, since: float) -> float:
        """When what this customer was promised runs out."""
        if self.plan.promise is not None:
            return since + self.plan.promise
        within = max(self.line.promise(value) for value in ("", *self.variant.values()))
        return later(self.line.shifts, since, within)


def later(shifts: Hours | None, since: float, hours: float) -> float:
    """The time when so many hours have passed, or have been worked."""
    if shifts is None:
        return since + hours
    start = START.timestamp()
    return (shifts.after(start + since * 3600, hours * 3600) - start) / 3600


def live(firm: Firm, plans: list[tuple[str, Plan]], seed: str) -> list[Lived]:
    """Live all cases of a company side by side; in the order of `plans`."""
    env = simpy.Environment()
    owners = {step.owner for line in firm.lines for step in line.steps}
    desks = {owner: simpy.Resource(env, HANDS) for owner in sorted(owners)}
    cases = []
    for number, (kind, plan) in enumerate(plans):
        draw = random.Random(f"{seed}/{firm.id}/{number}")
        line = firm.line(plan.line)
        variant = {name: draw.choice(values) for name, values in line.variants.items()}
        case = Lived(number, kind, plan, line, draw, variant)
        cases.append(case)
        env.process(_case(env, case, desks))
    env.run()
    for case in cases:
        if case.plan.second_parcel is not None:
            _split(case, case.plan.second_parcel)
    return cases


def _split(case: Lived, first: str) -> None:
    """Send the order in two parcels: the second is the case as lived, the first went ahead in the usual time."""
    steps = case.line.steps
    position = [step.activity for step in steps].index(first)
    parcelled = {step.activity for step in steps[position:]}
    case.happened = [
        replace(one, objects={**one.objects, "parcel": "B"})
        if one.activity in parcelled and one.transition == "complete"
        else one
        for one in case.happened
    ]
    now = case.finished[steps[position - 1].activity]
    for step in steps[position:]:
        now = min(now + _usual(case, step), case.finished.get(step.activity, FAR) - 0.1)
        case.happened.append(Happened(step.activity, "complete", now, objects={"parcel": "A"}))


def _case(env: simpy.Environment, case: Lived, desks: Mapping[str, simpy.Resource]) -> Steps:
    yield env.timeout(case.draw.uniform(0, SPREAD_DAYS * 24))
    took = {step.activity: _usual(case, step) for step in case.line.steps}
    extra: dict[str, float] = {}
    for steps in case.line.beside.values():
        case.done.update({step.activity: env.event() for step in steps})
    for step in case.line.steps:
        for other in step.waits:
            yield case.done[other]
        if case.plan.stops == step.activity:
            case.begun[step.activity] = env.now
            return
        yield from _step(env, case, step, took[step.activity], extra, desks)
        if step.activity == case.line.begins:
            _promise(case, env.now, took)
        if step is case.line.steps[0]:
            extra |= _planted(case, took, env.now)
        if beside := case.line.beside.get(step.activity):
            env.process(_beside(env, case, beside, extra, desks))


def _beside(
    env: simpy.Environment,
    case: Lived,
    steps: tuple[Step, ...],
    extra: Mapping[str, float],
    desks: Mapping[str, simpy.Resource],
) -> Steps:
    for step in steps:
        if case.plan.stops == step.activity:
            case.begun[step.activity] = env.now
            return
        yield from _step(env, case, step, _usual(case, step), extra, desks)
        case.done[step.activity].succeed()


def _step(
    env: simpy.Environment,
    case: Lived,
    step: Step,
    hours: float,
    extra: Mapping[str, float],
    desks: Mapping[str, simpy.Resource],
) -> Steps:
    """Lie in the pile (longer when planted), wait for working hours, then be in somebody's hands for a while."""
    begun = case.begun[step.activity] = env.now
    if step.announced:
        case.happened.append(Happened(step.activity, "schedule", begun, due=case.deadline(step)))
    yield env.timeout(extra.get(step.activity, 0.0))
    work = min(hours * 0.3, 0.2)
    yield env.timeout(later(step.shifts, env.now, hours - work) - env.now)
    if work > 0:
        desk = desks.get(step.owner)
        if desk is None:
            yield env.timeout(later(step.shifts, env.now, work) - env.now)
        else:
            with desk.request() as turn:
                yield turn
                yield env.timeout(later(step.shifts, env.now, work) - env.now)
    now = env.now
    case.finished[step.activity] = now
    notes = [note for note in case.plan.notes if note.activity == step.activity]
    for note in notes:
        at = now if note.hours_after is None else min(now, begun + note.hours_after)
        case.happened.append(
            Happened(note.activity, note.transition, at, attributes=note.attributes)
        )
    if not any(note.transition == "cancel" for note in notes):
        first = case.variant if step is case.line.steps[0] else {}
        attributes = {**first, **case.plan.attributes.get(step.activity, {})}
        case.happened.append(Happened(step.activity, "complete", now, attributes=attributes))


def _usual(case: Lived, step: Step) -> float:
    low, high = case.takes(step)
    if step.activity in case.plan.quick:
        return low
    return case.draw.triangular(low, high, low + (high - low) * 0.35)


def _planted(case: Lived, took: Mapping[str, float], now: float) -> dict[str, float]:
    """Share the hours that break the promise over the late activities."""
    extra = dict(case.plan.extra)
    if not case.plan.late:
        return extra
    # Before the promise begins (a refund asked for later) its length counts as if it began now.
    length = case.promised(now) - now
    rest = sum(took[step.activity] for step in _after(case.line, case.line.begins))
    beyond = case.draw.uniform(16, 90) if length > 30 else case.draw.uniform(3, 40)
    needed = length - rest + beyond
    total = sum(case.plan.late.values())
    for activity, part in case.plan.late.items():
        step = case.line.step(activity)
        # A step that is planted late is late by its own allowance too, whatever the promise had to spare.
        allowed = case.allowed(step) or 0.0
        least = later(step.shifts, now, allowed) - now + case.draw.uniform(3, 12)
        if step.shifts is None:
            least -= took.get(activity, 0.0)
        extra[activity] = extra.get(activity, 0) + max(needed * part / total, least)
    return extra


def _after(line: Line, activity: str) -> tuple[Step, ...]:
    position = [step.activity for step in line.steps].index(activity)
    return line.steps[position + 1 :]


def _promise(case: Lived, now: float, took: Mapping[str, float]) -> None:
    """Set the date; tell it by an event where this company does, and the dates of the steps that have one."""
    case.due = case.promised(now)
    if case.plan.just_kept:
        rest = now
        for step in _after(case.line, case.line.begins):
            rest = later(step.shifts, rest, took[step.activity])
        case.due = rest + case.draw.uniform(0.6, 1.8)
    plan = now
    for step in case.line.steps[1:]:
        allowed = case.allowed(step)
        if allowed is None:
            continue
        plan += allowed
        if step.by_date:
            due = case.due if step.activity == case.line.promised else plan
            case.happened.append(Happened(step.activity, "schedule", now, due=due))
    if (case.plan.just_kept or case.plan.promise is not None) and not case.line.told:
        case.happened.append(Happened(case.line.promised, "schedule", now, due=case.due))


def complained(case: Lived) -> float:
    """When the customer writes."""
    plan, draw = case.plan, case.draw
    promised = case.finished.get(case.line.promised, FAR)
    match plan.when:
        case When.WAITING:
            at = case.due + draw.uniform(1, 30)
            # Whoever got it in the meantime writes that it came late.
            return at if at < promised else promised + draw.uniform(0.5, 30)
        case When.ARRIVED:
            return promised + draw.uniform(0.5, 48)
        case When.EARLY:
            first = case.finished[case.line.begins]
            return first + (min(case.due, promised) - first) * draw.uniform(0.35, 0.9)
        case When.AFTER:
            assert plan.after is not None
            since = case.finished.get(plan.after, case.begun[plan.after])
            return since + draw.uniform(*plan.after_hours)
