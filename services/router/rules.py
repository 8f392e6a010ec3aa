"""Compile a company's registry into the rules of the tracing core.

It stands apart because it is the one place that sees both: the registry (pydantic, zones) on one
side, the pure core's values on the other. Compile once per registry digest, not per trace.

Hazard: `Rules.digest` is the registry's; two companies that compile alike still differ in it.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from schemas.vocabulary import Transition
from services.registry import Company
from services.registry.calendars import Calendar, Intervals, intervals
from services.registry.model import Contradiction, Pack, Process
from services.registry.models import model_text
from services.registry.zones import offsets
from services.router.tracing.company import (
    ActivityRule,
    Condition,
    ContradictionRule,
    Costs,
    DepartmentRule,
    Differs,
    Exceeds,
    Fact,
    FaultRule,
    PolicyRule,
    PromiseRule,
    Rules,
    SourceRule,
    SymptomRule,
    Unfollowed,
)
from services.router.tracing.linear import LinearModel, parse
from services.router.tracing.model import PARTS
from services.router.tracing.packs import Cue, LanguagePack, compile_pack
from services.router.tracing.worktime import WorkingTime

_HOUR: Final = 3_600_000_000


def rules_from(company: Company, digest: str | None = None) -> Rules:
    """Return the compiled rules; the company must have passed `services.registry.check`.

    ``digest`` is the one under which the contents were published, default the company's own: an engine
    that reads old contents anew may take another digest over them, and decisions name the published one.
    """
    activities: dict[str, ActivityRule] = {}
    activity_process: dict[str, str] = {}
    promises: dict[str, PromiseRule] = {}
    faults: dict[tuple[str, Transition], tuple[FaultRule, ...]] = {}
    contradictions: list[ContradictionRule] = []
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
                calendar=_calendar(company, activity.calendar, activity.owner),
                receiver=activity.receiver,
                repeats=activity.repeats,
                splits_by=activity.splits_by,
                question=dict(activity.question),
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
                calendar=promise.calendar,
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
        contradictions.extend(
            _contradiction(company, process, key, contradiction)
            for key, contradiction in sorted(process.contradictions.items())
        )
    policy, zone = company.company.policy, offsets(company.company.timezone)
    priors = {key: dict(s.priors) for key, s in company.symptoms.items()}
    calibration: tuple[tuple[int, int], ...] = ()
    for _, learned in sorted(company.learned.items()):
        priors.update((key, dict(weights)) for key, weights in learned.priors.items())
        calibration = tuple(learned.calibration) or calibration
    return Rules(
        departments={
            key: DepartmentRule(key, dict(d.names), d.outside, d.customer, d.managed_by, d.calendar)
            for key, d in company.departments.items()
        },
        sources={
            key: SourceRule(
                id=key,
                assumed=s.completeness == "assumed",
                every=s.every,
                silent_after=s.silent_after or s.every or _HOUR,
                run_by=s.run_by,
                automatic=s.automatic,
                clock_tolerance=s.clock_tolerance,
                offsets=offsets(s.timezone),
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
                priors=priors[key],
            )
            for key, s in company.symptoms.items()
        },
        vague=min(key for key, s in company.symptoms.items() if s.vague),
        policy=PolicyRule(
            policy.triage,
            round(policy.assign_at * PARTS),
            round(policy.share_floor * PARTS),
            Costs(**policy.costs.model_dump()),
        ),
        write_in=tuple(company.company.write_in),
        packs=tuple(_pack(company.packs[language]) for language in company.company.languages),
        digest=digest or company.digest,
        offsets=zone,
        offset_starts=tuple(start for start, _ in zone),
        calendars={key: working_time(calendar) for key, calendar in company.calendars.items()},
        contradictions=tuple(contradictions),
        calibration=calibration,
        learned={key: learned.version for key, learned in sorted(company.learned.items())},
        models={language: model for language in company.models if (model := _model(language))},
    )


@cache
def _model(language: str) -> LinearModel | None:
    text = model_text(language)
    return None if text is None else parse(text)


@cache
def _working_time(intervals_: Intervals) -> WorkingTime:
    return WorkingTime.of(intervals_)


def working_time(calendar: Calendar) -> WorkingTime:
    """Return the calendar for the core; compiled once per process and calendar."""
    return _working_time(intervals(calendar))


def _calendar(company: Company, named: str | None, owner: str) -> str | None:
    """Return which calendar counts, following ``owner`` to the owning department's."""
    return company.departments[owner].calendar if named == "owner" else named


def _fact(name: str) -> Fact:
    activity, _, attribute = name.partition(".")
    return Fact(activity, attribute)


def _contradiction(
    company: Company, process: Process, key: str, written: Contradiction
) -> ContradictionRule:
    differs = unfollowed = exceeds = None
    if written.differs is not None:
        left, right = _fact(written.differs.left), _fact(written.differs.right)
        differs, by = Differs(left, right, written.differs.tolerance), right.activity
    elif written.unfollowed is not None:
        found = written.unfollowed
        by = found.by
        calendar = _calendar(company, found.calendar, process.activities[by].owner)
        unfollowed = Unfollowed(found.activity, by, found.within, calendar)
    else:
        assert written.exceeds is not None
        value, limit = _fact(written.exceeds.value), written.exceeds.limit
        exceeds, by = (
            Exceeds(value, _fact(limit) if isinstance(limit, str) else limit),
            value.activity,
        )
    return ContradictionRule(
        id=key,
        process=process.id,
        names=dict(written.names),
        department=written.department or process.activities[by].owner,
        explains=dict(written.explains),
        differs=differs,
        unfollowed=unfollowed,
        exceeds=exceeds,
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
