"""Generates cases: plans them, lets them be lived, tells them, and puts the truth beside them.

It stands apart as the only entry point for the evaluator.  Hazard: the same company, number and seed give the same cases;
seeds below `FIRST_JUDGED` are for fitting (priors, calibration), never for judging.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import partial
from itertools import cycle, islice
from types import ModuleType
from typing import Final

from services.simulator.proof import (
    firms,
    kinds_bank,
    kinds_bank_faults,
    kinds_olist,
    kinds_shop,
    kinds_shop_goods,
    telling,
)
from services.simulator.proof.bank import BANK
from services.simulator.proof.firms import Firm
from services.simulator.proof.kinds_shop import Kind
from services.simulator.proof.life import Lived, complained, live
from services.simulator.proof.model import Expect, ProofCase, Truth
from services.simulator.proof.plan import Plan
from services.simulator.proof.words import write

FIRST_JUDGED: Final = 1_000
SETTLED_DAYS: Final = 30


def _kinds(*modules: ModuleType) -> dict[str, Kind]:
    return {
        name: value
        for module in modules
        for name, value in vars(module).items()
        if callable(value)
        and not name.startswith("_")
        and getattr(value, "__module__", "") == module.__name__
    }


COMPANIES: Final[Mapping[str, tuple[Firm, Mapping[str, Kind]]]] = {
    "shop": (firms.SHOP, _kinds(kinds_shop, kinds_shop_goods)),
    "olist": (firms.OLIST, _kinds(kinds_olist)),
    "bank": (BANK, _kinds(kinds_bank, kinds_bank_faults)),
}


def generate(
    company: str, *, orders: int, seed: int, missing: float = 0.0, late: float = 0.0
) -> Iterator[ProofCase]:
    """Cases with one planted fault each, spread evenly over the company's kinds.

    Args:
        company: A key of `COMPANIES`.
        orders: How many cases.
        seed: Of everything that chance decides.
        missing: The share of events that no system ever sends; the truth stays as it is.
        late: The share of events that arrive one to ten days after they happened.
    """
    firm, kinds = COMPANIES[company]
    draw = random.Random(f"{seed}/{company}/plans")
    planned = [(name, kinds[name](draw)) for name in islice(cycle(kinds), orders)]
    lived = live(firm, planned, str(seed))
    for case in lived:
        yield _case(firm, case, seed, missing=missing, late=late)


def _case(firm: Firm, case: Lived, seed: int, *, missing: float, late: float) -> ProofCase:
    plan, draw = case.plan, case.draw
    case_id = f"{case.line.prefix}-{seed}-{case.number:06d}"
    written = complained(case)
    asked = written + 4.0 if plan.by_hand is not None else written
    language = draw.choices(tuple(firm.languages), tuple(firm.languages.values()))[0]
    begins = case.finished.get(case.line.begins, written)
    text = write(
        plan.words, language, days=int((written - begins) // 24), draw=draw, company=firm.id
    )
    spoken = telling.told(firm, case, case_id, written, missing=missing, late=late)
    return ProofCase(
        company=firm.id,
        kind=case.kind,
        key=f"{firm.id}-{seed}-{case.number}",
        case_id=case_id if plan.referred else None,
        text=text,
        language=language,
        complained_at=telling.at(written),
        asked_at=telling.at(asked),
        told=spoken if plan.referred else (),
        heard=telling.heard(firm, case, written, asked),
        attested=_attested(plan),
        settled_at=telling.at(asked) + timedelta(days=SETTLED_DAYS),
        truth=Truth(_shares(case, plan, written), plan.expect),
        needs=_needs(case, asked) if plan.expect is Expect.NAME else frozenset(),
        facts={name: telling.at(hours) for name, hours in case.finished.items() if hours < asked},
    )


def _needs(case: Lived, asked: float) -> frozenset[tuple[str, str]]:
    """What must be known to tell the cause: the faults, the facts that differ, both ends of what was late, and the promise."""
    plan, steps = case.plan, case.line.steps
    order = [step.activity for step in steps]
    needs = {(note.activity, note.transition) for note in plan.notes}
    needs |= {(activity, "complete") for activity in plan.attributes}
    slow = {*plan.late, *plan.extra}
    if plan.stops is not None and not plan.notes:
        slow.add(plan.stops)
    for activity in slow:
        needs.add((activity, "complete"))
        if activity in order:
            needs.add((order[order.index(activity) - 1], "complete"))
        else:
            needs.add((order[0], "complete"))
    if slow or plan.promise is not None:
        needs.add((case.line.begins, "complete"))
        needs |= {(one.activity, "schedule") for one in case.happened if one.due is not None}
    if plan.words.endswith(("NOT_RECEIVED", "NOT_THERE")) and not plan.notes:
        needs.add((case.line.promised, "complete"))
    happened = {(one.activity, one.transition) for one in case.happened if one.at < asked}
    told = {(activity, "complete") for activity in plan.untold | plan.belated}
    return frozenset((needs & happened) - told)


def _attested(plan: Plan) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    if plan.nightly is not None:
        found[plan.nightly] = 24.0
    if plan.outage is not None:
        found[plan.outage[0]] = None
    return found


def _shares(case: Lived, plan: Plan, written: float) -> Mapping[str, float]:
    """Whoever's planted activities ran over, by the hours; an unfinished one up to the complaint."""
    if plan.shares is not None:
        return plan.shares
    hours: dict[str, float] = {}
    for activity in (*plan.late, *plan.extra):
        over = _over(case, activity, written)
        if over > 0:
            owner = case.line.step(activity).owner
            hours[owner] = hours.get(owner, 0.0) + over
    total = sum(hours.values())
    return {owner: part / total for owner, part in sorted(hours.items())}


def _over(case: Lived, activity: str, written: float) -> float:
    """Hours beyond the allowance, or beyond the date: what was late already on arrival is not counted again.

    Hours as the customer waits them, also where the allowance is counted in working hours.
    """
    step = case.line.step(activity)
    if activity not in case.begun:
        return 0.0
    begun = case.begun[activity]
    end = min(written, case.finished.get(activity, written))
    date = next(
        (
            one.due
            for one in case.happened
            if (one.activity, one.transition) == (activity, "schedule")
        ),
        None,
    )
    if not step.by_date or date is None:
        deadline = case.deadline(step)
        return 0.0 if deadline is None else end - deadline
    return end - date - max(0.0, begun - (date - (case.allowed(step) or 0.0)))


judged = partial(max, FIRST_JUDGED)
"""The seed that judging uses for a seed that somebody gave."""

__all__ = ["COMPANIES", "FIRST_JUDGED", "Expect", "generate", "judged"]
