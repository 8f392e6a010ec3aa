"""The generated cases that judge the core: true to the examples, deterministic, and blind to the core."""

import ast
import tomllib
from pathlib import Path
from typing import Any

import pytest

import services.simulator.proof
from services.registry import load_example
from services.simulator.proof.firms import Step
from services.simulator.proof.generate import COMPANIES, FIRST_JUDGED, generate, judged
from services.simulator.proof.life import later
from services.simulator.proof.model import Expect
from tests.support import companies

EXAMPLES = Path(__file__).parents[3] / "examples"
PROOF = Path(services.simulator.proof.__file__).parent
HOUR = 3_600_000_000


def steps(company: str) -> list[Step]:
    found = {
        step.activity: step
        for line in COMPANIES[company][0].lines
        for step in (*line.steps, *(each for side in line.beside.values() for each in side))
    }
    return list(found.values())


def activities(company: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for process in load_example(company).processes.values():
        found.update(process.activities)
    return found


@pytest.mark.parametrize("company", COMPANIES)
def test_owners_and_sources_are_the_registry_s(company: str) -> None:
    """Both statements of a company name the same department and the same system for each activity."""
    known = activities(company)
    for step in steps(company):
        assert (step.owner, step.source) == (
            known[step.activity].owner,
            known[step.activity].source,
        )


@pytest.mark.parametrize("company", COMPANIES)
def test_allowances_are_the_registry_s(company: str) -> None:
    """What counts as late is the same on both sides, by attribute too."""
    known = activities(company)
    for step in steps(company):
        if step.by_date or step.activity == "merchant_heard":
            continue
        allowance = known[step.activity].allowance
        assert step.allowed == (None if allowance is None else pytest.approx(allowance / HOUR))
        by_value = {
            value: each.allowance / HOUR
            for each in known[step.activity].allowances
            for value in each.when.values()
        }
        assert dict(step.more) == by_value, step.activity


def test_the_bank_s_working_hours_are_the_registry_s() -> None:
    """The simulator's own calendar agrees with the registry's on when an allowance runs out, in its season."""
    from services.simulator.proof.telling import at

    rules = companies.rules("bank")
    for step in steps("bank"):
        rule = rules.activities[step.activity]
        if step.shifts is None:
            assert rule.calendar is None, step.activity
            continue
        assert rule.calendar is not None, step.activity
        assert rule.allowance is not None, step.activity
        for begun in (3.0, 50.5, 101.25, 777.0, 1_340.0, 1_530.0):
            own = at(later(step.shifts, begun, rule.allowance / HOUR)).timestamp()
            theirs = rules.calendars[rule.calendar].add(
                round(at(begun).timestamp() * 1_000_000), rule.allowance
            )
            assert own == pytest.approx(theirs / 1_000_000, abs=2), (step.activity, begun)


def test_promises_are_the_registry_s() -> None:
    """The customer is told the same, by attribute too."""
    for company, (firm, _) in COMPANIES.items():
        promises = [
            p for each in load_example(company).processes.values() for p in each.promises.values()
        ]
        for line in firm.lines:
            if line.told:
                continue
            (promise,) = [
                p for p in promises if p.activity == line.promised and p.start == line.begins
            ]
            assert promise.within == line.within * HOUR, (company, line.name)
            by_value = {v: w.within / HOUR for w in promise.withins for v in w.when.values()}
            assert by_value == dict(line.longer), (company, line.name)


def test_faults_on_record_are_the_registry_s() -> None:
    """Every fault that is planted as an event is one that the company knows, of that activity, and its department is the truth."""
    for company in COMPANIES:
        faults = {
            (fault.activity, name): fault.department or process.activities[fault.activity].owner
            for process in load_example(company).processes.values()
            for name, fault in process.faults.items()
        }
        for case in generate(company, orders=len(COMPANIES[company][1]) * 2, seed=1_000):
            for event in case.told:
                name = event.attributes.get("fault")
                if name is not None and name not in {"attempt_failed", "card_attempt_failed"}:
                    assert case.truth.shares.get(faults[event.activity, str(name)]), case.kind


def test_what_a_kind_is_about_is_known_when_the_core_is_asked() -> None:
    """A disputed hand-over has both words, and a source that is to be waited for is silent by then."""
    seen = set()
    for company in ("shop", "bank"):
        for case in generate(company, orders=len(COMPANIES[company][1]) * 6, seed=1_000):
            if case.kind == "disputed_handover":
                words = [
                    one
                    for one in case.told
                    if one.activity in {"handed_over", "card_dispatched"}
                    and one.known_at <= case.asked_at
                ]
                assert len({one.source for one in words}) == 2, case.key
                seen.add((company, case.kind))
            if case.kind in {"outage_of_the_switch", "outage_of_the_courier"}:
                (source,) = case.attested
                assert case.heard[source] < case.asked_at, case.key
                seen.add((company, case.kind))
    assert len(seen) == 4


def test_there_are_many_kinds_for_each_company() -> None:
    """At least 25 different kinds in all, and each is played."""
    kinds = {kind for _, known in COMPANIES.values() for kind in known}
    assert len(kinds) >= 25
    for company, (_, known) in COMPANIES.items():
        assert {case.kind for case in generate(company, orders=len(known), seed=1_000)} == set(
            known
        )


@pytest.mark.parametrize("company", COMPANIES)
def test_the_truth_is_whole_and_says_what_is_honest(company: str) -> None:
    """Shares add up to 1 or are empty; somebody is nameable exactly where there is a cause."""
    known = {
        *(step.owner for step in steps(company)),
        "promise",
        *load_example(company).departments,
    }
    for case in generate(company, orders=3 * len(COMPANIES[company][1]), seed=1_000):
        shares = case.truth.shares
        assert set(shares) <= known, case.kind
        assert not shares or sum(shares.values()) == pytest.approx(1), case.kind
        if case.truth.expect is Expect.NAME:
            assert shares, case.kind
        if case.truth.expect is Expect.NOBODY:
            assert not shares, case.kind


@pytest.mark.parametrize("company", COMPANIES)
def test_the_same_seed_gives_the_same_cases(company: str) -> None:
    """Two generations are equal, and another seed gives others."""
    first = list(generate(company, orders=30, seed=1_000))
    assert first == list(generate(company, orders=30, seed=1_000))
    assert first != list(generate(company, orders=30, seed=1_001))


@pytest.mark.parametrize("company", COMPANIES)
def test_missing_and_late_events_leave_the_truth_as_it_is(company: str) -> None:
    """Losing events only removes some, delaying only delays some; texts and truth stay."""
    whole = list(generate(company, orders=60, seed=1_000))
    for changed in (
        list(generate(company, orders=60, seed=1_000, missing=0.2)),
        list(generate(company, orders=60, seed=1_000, late=0.2)),
    ):
        assert [case.truth for case in changed] == [case.truth for case in whole]
        assert [case.text for case in changed] == [case.text for case in whole]
    lost = list(generate(company, orders=60, seed=1_000, missing=0.2))
    told = sum(len(case.told) for case in whole)
    assert 0.72 < sum(len(case.told) for case in lost) / told < 0.88
    for before, after in zip(whole, lost, strict=True):
        assert {e.event_id for e in after.told} <= {e.event_id for e in before.told}


def test_nothing_that_decides_is_lost_when_nothing_is_lost() -> None:
    """With complete evidence every nameable case has the events that decide it."""
    for company, (_, kinds) in COMPANIES.items():
        for case in generate(company, orders=4 * len(kinds), seed=1_000):
            assert not case.deciding_event_lost, (case.key, case.kind, case.needs)


def test_judging_never_uses_seeds_for_fitting() -> None:
    """A seed that is for fitting becomes the first one that is for judging."""
    assert judged(1) == FIRST_JUDGED
    assert judged(4_711) == 4_711


def test_the_generator_knows_nothing_of_the_core() -> None:
    """No module of the generator imports the router, the registry or the classifier."""
    for path in PROOF.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            for name in names:
                assert not name.startswith("services.") or name.startswith("services.simulator"), (
                    path
                )


def test_examples_exist() -> None:
    """Each generated company has an example registry that can be copied."""
    for company in COMPANIES:
        assert tomllib.loads((EXAMPLES / company / "company.toml").read_text(encoding="utf-8"))
