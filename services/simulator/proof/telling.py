"""How the systems tell what happened: with a lag, at night, after an outage, by a wrong clock, twice, late or never.

It stands apart because none of this is anybody's delay, which is what is examined.  Hazard: what is not told is still true; the
truth is taken from `life`, never from here.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from services.simulator.model import Observed
from services.simulator.proof.firms import Firm
from services.simulator.proof.life import START, Happened, Lived

EXPORT_HOUR: Final = 2
"""When a nightly export leaves, by the company's wall clock."""
BELATED_HOURS: Final = (4.0, 70.0)
LATE_HOURS: Final = (30.0, 240.0)
"""With a share of late events: how long after it happened such an event arrives."""


def at(hours: float) -> datetime:
    """The instant of a simulated hour, to the whole second."""
    return START + timedelta(seconds=round(hours * 3600))


def told(
    firm: Firm, case: Lived, case_id: str, complained: float, *, missing: float, late: float
) -> tuple[Observed, ...]:
    """Everything that the systems ever send about the case, in order of arrival."""
    events = list(_events(firm, case, case_id, complained))
    kept = []
    for event in events:
        chance = random.Random(f"{case_id}/{event.event_id}/told")
        if chance.random() < missing:
            continue
        if chance.random() < late:
            event = replace(  # noqa: PLW2901 - the same event, told later
                event, known_at=event.known_at + timedelta(hours=chance.uniform(*LATE_HOURS))
            )
        kept.append(event)
    return tuple(sorted(kept, key=lambda event: (event.known_at, event.event_id)))


def _events(firm: Firm, case: Lived, case_id: str, complained: float) -> Iterator[Observed]:
    plan, draw = case.plan, case.draw
    for serial, one in enumerate(sorted(_everything(case, complained), key=lambda one: one.at)):
        if one.transition == "complete" and one.activity in plan.untold:
            continue
        # A date is set by the system in which the case begins, not by the one that will keep it.
        step = case.line.step(one.activity)
        if one.transition == "schedule" and not step.announced:
            step = case.line.steps[0]
        source = str(one.objects.get("source") or step.source)
        known = one.at + draw.uniform(0.002, 0.3)
        if one.transition == "complete" and one.activity in plan.belated:
            known = max(known, complained + draw.uniform(*BELATED_HOURS))
        if plan.nightly == source or source in firm.nightly:
            known = _next_export(firm, one.at)
        if (
            plan.outage is not None
            and plan.outage[0] == source
            and one.at >= stops_at(case, complained)
        ):
            known = max(known, complained + draw.uniform(8, 30))
        if one.objects.get("by") == "hand":
            known = complained + draw.uniform(0.5, 3)
        event = Observed(
            event_id=f"{case_id}:{serial}:{one.activity}:{one.transition}",
            case_id=case_id,
            activity=one.activity,
            transition=one.transition,
            at=at(one.at + plan.shifted.get(source, 0.0)),
            known_at=at(known),
            due_at=None if one.due is None else at(one.due),
            source=source,
            objects={k: v for k, v in one.objects.items() if k not in {"source", "by"}},
            attributes=dict(one.attributes),
        )
        yield event
        if plan.copies:
            for _ in range(draw.randint(1, 2)):
                yield replace(event, known_at=event.known_at + timedelta(hours=draw.uniform(0, 5)))


def _everything(case: Lived, complained: float) -> Iterator[Happened]:
    """What happened, and what is said to have happened."""
    plan = case.plan
    yield from case.happened
    if plan.receiver_says is not None:
        activity, source, hours = plan.receiver_says
        if activity in case.finished:
            at_receiver = case.finished[activity] + hours
            yield Happened(activity, "complete", at_receiver, objects={"source": source})
    if plan.by_hand is not None:
        step = case.line.step(plan.by_hand)
        begun = case.begun[plan.by_hand]
        pretended = begun + ((case.deadline(step) or begun) - begun) * case.draw.uniform(0.3, 0.9)
        if pretended < complained:
            yield Happened(
                plan.by_hand,
                "complete",
                pretended,
                attributes={"entered": "manual"},
                objects={"by": "hand"},
            )


def stops_at(case: Lived, complained: float) -> float:
    """When the outage begins: in the middle of the activity that it is tied to, and before the customer writes."""
    assert case.plan.outage is not None
    activity = case.plan.outage[1]
    begun = case.begun.get(activity, 0.0)
    end = case.finished.get(activity, begun + 24.0)
    if begun < complained:
        end = min(end, complained)
    return begun + (end - begun) * 0.3


def _next_export(firm: Firm, hours: float) -> float:
    local = at(hours).astimezone(firm.zone)
    export = local.replace(hour=EXPORT_HOUR, minute=0, second=0)
    if export <= local:
        export += timedelta(days=1)
    return (export - START).total_seconds() / 3600 + 0.1


def heard(firm: Firm, case: Lived, complained: float, asked: float) -> dict[str, datetime]:
    """Source -> up to when it had spoken about any case; a busy company's sources speak every few minutes."""
    found: dict[str, datetime] = {}
    for line in firm.lines:
        steps = (*line.steps, *(step for steps in line.beside.values() for step in steps))
        for step in steps:
            found.setdefault(step.source, at(asked - case.draw.uniform(0.01, 0.25)))
    plan = case.plan
    nightly = firm.nightly if plan.nightly is None else firm.nightly | {plan.nightly}
    for source in sorted(nightly):
        last = _next_export(firm, asked) - 24.1
        found[source] = at(last - 0.1)
    if plan.outage is not None:
        found[plan.outage[0]] = at(min(stops_at(case, complained), asked))
    for source, hours in plan.shifted.items():
        # Akar never takes a source to have spoken about the future.
        found[source] = min(found[source] + timedelta(hours=hours), at(asked))
    return found
