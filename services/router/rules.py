"""Compile a company's registry into the rules of the tracing core.

It stands apart because it is the one place that sees both: the registry (pydantic, zones) on one
side, the pure core's values on the other. Compile once per registry digest, not per trace.

Hazard: `Rules.digest` is the registry's; two companies that compile alike still differ in it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from schemas.vocabulary import Transition
from services.registry import Company
from services.registry.model import Pack, Process
from services.router.tracing.company import (
    ActivityRule,
    Condition,
    DepartmentRule,
    FaultRule,
    PolicyRule,
    PromiseRule,
    Rules,
    SourceRule,
    SymptomRule,
)
from services.router.tracing.model import PARTS
from services.router.tracing.packs import Cue, LanguagePack, compile_pack

_HOUR: Final = 3_600_000_000
_YEARS: Final = (2010, 2045)
"""The years for which wall times in explanations are exact."""


def rules_from(company: Company) -> Rules:
    """Return the compiled rules; the company must have passed `services.registry.check`."""
    activities: dict[str, ActivityRule] = {}
    activity_process: dict[str, str] = {}
    promises: dict[str, PromiseRule] = {}
    faults: dict[tuple[str, Transition], tuple[FaultRule, ...]] = {}
    for process in company.processes.values():
        for key, activity in process.activities.items():
            activity_process[key] = process.id
            activities[key] = ActivityRule(
                id=key,
                names=dict(activity.names),
                owner=activity.owner,
                source=activity.source,
                after=tuple(sorted(activity.after)),
                allowance=activity.allowance,
                allowances=tuple((_condition(a.when), a.allowance) for a in activity.allowances),
                optional=activity.optional,
            )
        for key, promise in process.promises.items():
            promises[key] = PromiseRule(
                id=key,
                process=process.id,
                activity=promise.activity,
                chain=_chain(process, promise.activity),
                start=promise.start,
                within=promise.within,
                withins=tuple((_condition(w.when), w.within) for w in promise.withins),
                publisher=promise.publisher,
            )
        for key, fault in sorted(process.faults.items()):
            rule = FaultRule(
                id=key,
                activity=fault.activity,
                transition=fault.transition,
                department=fault.department or process.activities[fault.activity].owner,
                names=dict(fault.names),
                explains=dict(fault.explains),
            )
            index = (fault.activity, fault.transition)
            faults[index] = (*faults.get(index, ()), rule)
    policy, offsets = company.company.policy, _offsets(company.company.timezone)
    return Rules(
        departments={
            key: DepartmentRule(key, dict(d.names), d.outside, d.customer, d.managed_by)
            for key, d in company.departments.items()
        },
        sources={
            key: SourceRule(
                key, s.completeness == "assumed", s.every, s.silent_after or s.every or _HOUR
            )
            for key, s in company.sources.items()
        },
        activities=activities,
        activity_process=activity_process,
        promises=promises,
        faults=faults,
        symptoms={
            key: SymptomRule(
                id=key,
                names=dict(s.names),
                remedy=s.remedy,
                promises=tuple(s.promises),
                denies=tuple(s.denies),
                denial=s.denial,
                presumes=s.presumes,
                vague=s.vague,
            )
            for key, s in company.symptoms.items()
        },
        vague=min(key for key, s in company.symptoms.items() if s.vague),
        policy=PolicyRule(
            policy.triage, round(policy.assign_at * PARTS), round(policy.share_floor * PARTS)
        ),
        write_in=tuple(company.company.write_in),
        packs=tuple(_pack(company.packs[language]) for language in company.company.languages),
        digest=company.digest,
        offsets=offsets,
        offset_starts=tuple(start for start, _ in offsets),
    )


def _condition(when: dict[str, str | int | bool]) -> Condition:
    return tuple(sorted(when.items()))


def _chain(process: Process, end: str) -> tuple[str, ...]:
    """Return ``end`` and all that precedes it, predecessors first."""
    order: list[str] = []

    def visit(key: str) -> None:
        if key in order:
            return
        for before in sorted(process.activities[key].after):
            visit(before)
        order.append(key)

    visit(end)
    return tuple(order)


def _pack(pack: Pack) -> LanguagePack:
    return compile_pack(
        pack.language,
        pack.common,
        pack.spell,
        pack.words,
        [
            Cue(c.symptom, tuple(c.words), c.within, c.ordered, tuple(c.without), c.weight)
            for c in pack.cues
        ],
    )


def _offsets(name: str) -> tuple[tuple[int, int], ...]:
    """Return the zone's offsets as (from µs UTC, seconds east), found day by day, then by the minute.

    A table, because the core may not read the time zone database; zones change offset on whole
    minutes.
    """
    zone = ZoneInfo(name)

    def seconds(at: datetime) -> int:
        offset = at.astimezone(zone).utcoffset()
        return round(offset.total_seconds()) if offset is not None else 0

    day, last = datetime(_YEARS[0], 1, 1, tzinfo=UTC), datetime(_YEARS[1], 1, 1, tzinfo=UTC)
    table = [(-(2**62), seconds(day))]
    while day < last:
        following = day + timedelta(days=1)
        if seconds(following) != table[-1][1]:
            low, high = 0, 24 * 60
            while high - low > 1:
                middle = (low + high) // 2
                if seconds(day + timedelta(minutes=middle)) == table[-1][1]:
                    low = middle
                else:
                    high = middle
            change = day + timedelta(minutes=high)
            table.append((round(change.timestamp()) * 1_000_000, seconds(change)))
        day = following
    return tuple(table)
