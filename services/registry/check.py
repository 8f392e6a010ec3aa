"""Whether the tables of a company fit together.

It stands apart from loading because it is pure: a company built in a test is checked the same way.
Each problem names the file, the field and what to do.

Hazard: a reference that is not checked here surfaces as a KeyError in the router.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping

from services.registry.calendars import kinds_of
from services.registry.errors import Problem
from services.registry.model import Activity, Company, Process
from services.registry.promises import kept_by_plan


def check(company: Company) -> tuple[Problem, ...]:
    """Return every problem, errors before warnings; empty when the company is sound."""
    problems = [
        *_company(company),
        *_departments(company),
        *_calendars(company),
        *_processes(company),
        *_symptoms(company),
        *_packs(company),
        *_learned(company),
    ]
    return tuple(sorted(problems, key=Problem.place))


def unknown(
    file: str, field: str, what: str, name: str | None, known: Iterable[str]
) -> Iterator[Problem]:
    """Yield a problem when ``name`` is none of the known ones."""
    choices = sorted(known)
    if name is None or name in choices:
        return
    near = difflib.get_close_matches(name, choices, n=1)
    if near:
        hint = f'Did you mean "{near[0]}"?'
    elif choices:
        hint = f"Use one of: {', '.join(choices)}."
    else:
        # Only calendars may be without any: their file is optional.
        hint = f"There is none yet: write [{what}s.{name}] in {what}s.toml."
    yield Problem(file, field, f'there is no {what} "{name}"', hint)


def _company(company: Company) -> Iterator[Problem]:
    file, settings = "company.toml", company.company
    inside = company.inboxes()
    yield from unknown(file, "policy.triage", "department inside", settings.policy.triage, inside)
    for language in settings.languages:
        if language not in company.packs:
            yield Problem(
                file,
                "languages",
                f'there is no language pack "{language}"',
                f"Use one of: {', '.join(sorted(company.packs))}; or add packs/{language}.toml.",
            )
    named: list[tuple[str, str, Mapping[str, str]]] = [
        *(
            ("departments.toml", f"departments.{k}", d.names)
            for k, d in company.departments.items()
        ),
        *(("symptoms.toml", f"symptoms.{k}", s.names) for k, s in company.symptoms.items()),
    ]
    for process in company.processes.values():
        path = f"processes/{process.id}.toml"
        named += [(path, f"activities.{k}", a.names) for k, a in process.activities.items()]
        named += [(path, f"faults.{k}", f.names) for k, f in process.faults.items()]
        named += [(path, f"contradictions.{k}", c.names) for k, c in process.contradictions.items()]
    for path, field, names in named:
        for language in settings.write_in:
            if language not in names:
                yield Problem(
                    path,
                    f"{field}.names",
                    f'there is no name in "{language}", in which the company writes',
                    f'Add {language} = "…"; until then another language is shown.',
                    warning=True,
                )


def _departments(company: Company) -> Iterator[Problem]:
    file, inside = "departments.toml", company.inboxes()
    for key, source in company.sources.items():
        yield from unknown(
            "sources.toml",
            f"sources.{key}.run_by",
            "department",
            source.run_by,
            company.departments,
        )
    for key, department in company.departments.items():
        yield from unknown(
            file, f"departments.{key}.calendar", "calendar", department.calendar, company.calendars
        )
        field = f"departments.{key}.managed_by"
        yield from unknown(file, field, "department inside", department.managed_by, inside)
        if department.outside and department.managed_by is None:
            yield Problem(
                file,
                field,
                "a party outside needs a department that manages it",
                'Add managed_by = "<department>".',
            )
        if department.customer and not department.outside:
            yield Problem(
                file,
                f"departments.{key}.customer",
                "the customer is a party outside",
                "Add outside = true.",
            )


def _calendars(company: Company) -> Iterator[Problem]:
    file = "calendars.toml"
    if "owner" in company.calendars:
        yield Problem(
            file,
            "calendars.owner",
            '"owner" stands for the calendar of the department that owns an activity',
            "Give the calendar another id.",
        )
    for key, calendar in company.calendars.items():
        region, kinds = calendar.holidays, calendar.holiday_kinds
        if region is None:
            continue
        none = [kind for kind in kinds if kind not in kinds_of(region)]
        if none or not kinds:
            yield Problem(
                file,
                f"calendars.{key}.holiday_kinds",
                f"{region} has no holidays of the kind {', '.join(none)}"
                if none
                else "no kind of holiday is named, so that none is free",
                f"Use one of: {', '.join(kinds_of(region))}.",
                warning=len(none) < len(kinds),
            )


def _processes(company: Company) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    promises: dict[str, str] = {}
    for process in company.processes.values():
        file = f"processes/{process.id}.toml"
        broken = False
        for key, activity in process.activities.items():
            if key in seen:
                yield Problem(
                    file,
                    f"activities.{key}",
                    f"the activity is also in process {seen[key]}",
                    "Give it another id: events name only the activity.",
                )
            seen[key] = process.id
            wrong = list(_activity(company, process, file, key, activity))
            broken = broken or bool(wrong)
            yield from wrong
        for key in process.promises:
            if key in promises:
                yield Problem(
                    file,
                    f"promises.{key}",
                    f"the promise is also in process {promises[key]}",
                    "Give it another id: symptoms name only the promise.",
                )
            promises[key] = process.id
        for key, fault in process.faults.items():
            field = f"faults.{key}"
            yield from unknown(
                file, f"{field}.activity", "activity", fault.activity, process.activities
            )
            yield from unknown(
                file, f"{field}.department", "department", fault.department, company.departments
            )
            for symptom in fault.explains:
                yield from unknown(
                    file, f"{field}.explains.{symptom}", "symptom", symptom, company.symptoms
                )
        yield from _contradictions(company, process, file)
        loop = _loop(process)
        if loop:
            yield Problem(
                file,
                f"activities.{loop[0]}.after",
                f"activities wait for each other: {' -> '.join(loop)}",
                "Take one of them out of `after`.",
            )
        else:
            for key, promise in process.promises.items():
                field = f"promises.{key}"
                before = [
                    *unknown(
                        file, f"{field}.activity", "activity", promise.activity, process.activities
                    ),
                    *unknown(file, f"{field}.from", "activity", promise.start, process.activities),
                    *unknown(
                        file,
                        f"{field}.publisher",
                        "department",
                        promise.publisher,
                        company.departments,
                    ),
                    *unknown(
                        file, f"{field}.calendar", "calendar", promise.calendar, company.calendars
                    ),
                ]
                yield from before
                if not before and not broken:
                    yield from kept_by_plan(company, process, file, key, promise)


def _activity(
    company: Company, process: Process, file: str, key: str, activity: Activity
) -> Iterator[Problem]:
    field = f"activities.{key}"
    yield from unknown(file, f"{field}.owner", "department", activity.owner, company.departments)
    yield from unknown(
        file, f"{field}.receiver", "department", activity.receiver, company.departments
    )
    yield from unknown(file, f"{field}.source", "source", activity.source, company.sources)
    yield from _calendar(company, file, f"{field}.calendar", activity.calendar, activity.owner)
    for before in activity.after:
        yield from unknown(file, f"{field}.after", "activity", before, process.activities)
    if activity.allowances and activity.allowance is None:
        yield Problem(
            file,
            f"{field}.allowance",
            "there are allowances by attribute but none for the other cases",
            'Add allowance = "…".',
        )


def _calendar(
    company: Company, file: str, field: str, named: str | None, owner: str | None
) -> Iterator[Problem]:
    if named != "owner":
        yield from unknown(file, field, "calendar", named, company.calendars)
    elif owner in company.departments and company.departments[owner].calendar is None:
        yield Problem(
            file,
            field,
            f'the owner "{owner}" has no calendar',
            f'Add calendar = "…" to [departments.{owner}], or name a calendar here.',
        )


def _contradictions(company: Company, process: Process, file: str) -> Iterator[Problem]:
    known = process.activities
    for key, found in process.contradictions.items():
        field = f"contradictions.{key}"
        yield from unknown(
            file, f"{field}.department", "department", found.department, company.departments
        )
        for symptom in found.explains:
            yield from unknown(
                file, f"{field}.explains.{symptom}", "symptom", symptom, company.symptoms
            )
        named: list[tuple[str, str]] = []
        if found.differs is not None:
            named += [("differs.left", found.differs.left), ("differs.right", found.differs.right)]
        if found.exceeds is not None:
            named.append(("exceeds.value", found.exceeds.value))
            if isinstance(found.exceeds.limit, str):
                named.append(("exceeds.limit", found.exceeds.limit))
        if found.unfollowed is not None:
            named += [
                ("unfollowed.activity", found.unfollowed.activity),
                ("unfollowed.by", found.unfollowed.by),
            ]
            by = known.get(found.unfollowed.by)
            yield from _calendar(
                company,
                file,
                f"{field}.unfollowed.calendar",
                found.unfollowed.calendar,
                by.owner if by is not None else None,
            )
        for part, name in named:
            yield from unknown(file, f"{field}.{part}", "activity", name.partition(".")[0], known)


def _loop(process: Process) -> list[str]:
    """Return one loop of the `after` relation, or nothing."""
    state: dict[str, int] = {}

    def visit(key: str, path: list[str]) -> list[str]:
        if state.get(key) == 2 or key not in process.activities:
            return []
        if state.get(key) == 1:
            return [*path[path.index(key) :], key]
        state[key] = 1
        for before in sorted(process.activities[key].after):
            found = visit(before, [*path, key])
            if found:
                return found
        state[key] = 2
        return []

    for key in sorted(process.activities):
        found = visit(key, [])
        if found:
            return found
    return []


def _symptoms(company: Company) -> Iterator[Problem]:
    file = "symptoms.toml"
    activities = {key for process in company.processes.values() for key in process.activities}
    promises = {key for process in company.processes.values() for key in process.promises}
    for key, symptom in company.symptoms.items():
        field = f"symptoms.{key}"
        for promise in symptom.promises:
            yield from unknown(file, f"{field}.promises", "promise", promise, promises)
        for denied in symptom.denies:
            yield from unknown(file, f"{field}.denies", "activity", denied, activities)
        yield from unknown(file, f"{field}.presumes", "activity", symptom.presumes, activities)
        yield from unknown(
            file, f"{field}.remedy", "department inside", symptom.remedy, company.inboxes()
        )
        for department in symptom.priors:
            yield from unknown(
                file, f"{field}.priors.{department}", "department", department, company.departments
            )
    known = {cue.symptom for pack in company.packs.values() for cue in pack.cues}
    for key, symptom in company.symptoms.items():
        if not symptom.vague and key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            yield Problem(
                file,
                f"symptoms.{key}",
                "no language pack has words for it, so no complaint will ever be read as this",
                (f'Did you mean "{near[0]}"? ' if near else "")
                + "Use an id that the packs know, or write words and a cue into packs/<language>.more.toml.",
                warning=True,
            )
    vague = sorted(key for key, symptom in company.symptoms.items() if symptom.vague)
    if not vague:
        yield Problem(
            file,
            "symptoms",
            "no symptom is marked vague",
            "Add one with vague = true for complaints that name nothing.",
        )
    if len(vague) > 1:
        yield Problem(
            file,
            f"symptoms.{vague[1]}.vague",
            f"more than one symptom is marked vague: {', '.join(vague)}",
            "Keep vague = true for one: it stands for complaints that name nothing.",
        )


def _packs(company: Company) -> Iterator[Problem]:
    for language, pack in company.packs.items():
        file = f"packs/{language}.toml"
        for position, cue in enumerate(pack.cues, start=1):
            for concept in (*cue.words, *cue.without):
                yield from unknown(file, f"cues[{position}]", "concept", concept, pack.words)


def _learned(company: Company) -> Iterator[Problem]:
    calibrated = [key for key, learned in sorted(company.learned.items()) if learned.calibration]
    if len(calibrated) > 1:
        yield Problem(
            f"learned/{calibrated[1]}.toml",
            "calibration",
            f"there is also one in learned/{calibrated[0]}.toml",
            "Keep one.",
        )
    for key, learned in sorted(company.learned.items()):
        file = f"learned/{key}.toml"
        for symptom, priors in learned.priors.items():
            yield from unknown(file, f"priors.{symptom}", "symptom", symptom, company.symptoms)
            for department in priors:
                yield from unknown(
                    file,
                    f"priors.{symptom}.{department}",
                    "department",
                    department,
                    company.departments,
                )
