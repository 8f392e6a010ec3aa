"""Two registries over the same complaints: moves, agreement, alerts, cost."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from schemas.vocabulary import CauseKind, Outcome, Transition
from services.cli.backtest_export import generated_row
from services.cli.backtest_files import sample
from services.registry import load_example
from services.router.backtest import (
    Comparer,
    Sample,
    Tally,
    cost,
    decide,
    leading,
    looks_at,
    same_words,
    told,
    waited_beyond,
)
from services.router.rules import rules_from
from services.router.tracing import reasoning
from services.router.tracing.company import Costs, Rules
from services.router.tracing.model import (
    HOUR,
    PARTS,
    Case,
    Cause,
    Complaint,
    Decision,
    ProcessEvent,
    SymptomScore,
)
from services.router.tracing.reasoning import Look, look
from services.router.tracing.symptoms import classify
from services.router.tracing.tracer import conclude
from services.simulator.proof.generate import generate


@cache
def rules() -> Rules:
    return rules_from(load_example("shop"))


@cache
def samples() -> tuple[Sample, ...]:
    return tuple(sample(generated_row(case)) for case in generate("shop", orders=110, seed=1_000))


def stricter() -> Rules:
    """The shop, had it allowed picking ten times as long."""
    picked = rules().activities["picked"]
    assert picked.allowance is not None
    activities = {**rules().activities, "picked": replace(picked, allowance=picked.allowance * 10)}
    return replace(rules(), activities=activities, digest="another")


def decision(
    outcome: Outcome, *causes: tuple[str | None, int], confidence: int = 8_000
) -> Decision:
    return Decision(
        complaint_id="c",
        case_id="k",
        process=None,
        as_of=0,
        outcome=outcome,
        causes=tuple(
            Cause(name, CauseKind.DELAY if name else CauseKind.UNKNOWN, None, parts)
            for name, parts in causes
        ),
        recovery=None,
        confidence_parts=confidence,
        symptoms=(),
        evidence=(),
        missing=(),
        waiting_until=24 * 3_600_000_000,
        explanation={},
        customer_words={},
        registry_digest="",
        engine="",
    )


QUICK = (
    ("order_placed", 0),
    ("payment_received", 0.5),
    ("payment_verified", 1),
    ("confirmed", 3),
    ("picked", 9),
    ("packed", 12),
    ("handed_over", 18),
)


def order(
    *events: tuple[Any, ...], as_of: float, watermarks: Mapping[str, int] | None = None
) -> Sample:
    """A complaint about an order; of each event the activity, the hour and, if they matter, transition and attributes."""
    told = []
    for number, (activity, hour, *more) in enumerate(events):
        transition, attributes = more or (Transition.COMPLETE, {})
        at = round(hour * HOUR)
        told.append(ProcessEvent(f"e{number}", activity, transition, at, at, attributes=attributes))
    until = round(as_of * HOUR)
    return Sample("c", "", None, until, until, Case("o", tuple(told), watermarks or {}))


def counted(candidate: Rules, these: tuple[Sample, ...]) -> Tally:
    comparer, tally = Comparer(rules(), candidate), Tally()
    for each in these:
        comparer.add(tally, [each])
    return tally


@cache
def cheaper() -> Rules:
    """The shop as it would decide if a person's look cost next to nothing, and more had to be known."""
    policy = rules().policy
    costs = replace(policy.costs, triage=policy.costs.triage / 10, wait_per_day=0.01)
    policy = replace(policy, costs=costs, assign_parts=policy.assign_parts + 500)
    return replace(rules_from(load_example("shop")), policy=policy, digest="another")


def test_each_case_is_looked_at_once_for_companies_that_see_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Other costs look at nothing anew, and decide as they would by themselves; other allowances look for themselves."""
    taken: list[Rules] = []

    def counting(complaint: Complaint, case: Case, by: Rules, as_of: int) -> Look:
        taken.append(by)
        return look(complaint, case, by, as_of)

    monkeypatch.setattr(reasoning, "look", counting)
    these = samples()[:300]
    together = counted(cheaper(), these)
    assert all(by is rules() for by in taken)
    assert together.changed > 0
    monkeypatch.undo()
    for each in these:
        symptoms = classify(each.text, each.language, rules())
        seen = looks_at(each, rules(), symptoms)
        conclude(seen, rules(), words=False)
        assert conclude(seen, cheaper(), words=False) == decide(each, cheaper(), symptoms)
    monkeypatch.setattr(reasoning, "look", counting)
    taken.clear()
    counted(stricter(), these)
    assert not all(by is rules() for by in taken)


def test_the_same_registry_moves_nobody() -> None:
    """Equal digests: nothing moves, nothing changes, both sides cost the same."""
    report = counted(rules(), samples()).report()
    assert (report["moved"], report["changed"]) == (0, 0)
    assert report["cost_per_complaint"]["live"] == report["cost_per_complaint"]["candidate"]


def test_a_longer_allowance_moves_complaints_away_from_its_owner() -> None:
    """Who was named for picking is named less often, with examples, and agreement with the truth falls."""
    report = counted(stricter(), samples()).report()
    assert report["moved"] > 0
    assert report["alerts"]["candidate"]["warehouse"] < report["alerts"]["live"]["warehouse"]
    assert report["agreement"]["candidate"] < report["agreement"]["live"]
    moves = [move for move in report["moves"] if move["from"] == "warehouse" != move["to"]]
    assert moves
    assert all(move["examples"] for move in moves)


def test_tallies_of_chunks_add_up_in_any_order() -> None:
    """The report does not depend on how the complaints were cut."""
    whole = counted(stricter(), samples())
    parts = [counted(stricter(), samples()[at : at + 17]) for at in range(0, len(samples()), 17)]
    merged = Tally()
    for part in reversed(parts):
        part.close()
        merged.merge(part)
    whole.close()
    expected, found = dict(whole.report()), dict(merged.report())
    assert found.pop("cost_per_complaint") == pytest.approx(expected.pop("cost_per_complaint"))
    assert found == expected


def test_texts_are_read_once_where_both_read_alike() -> None:
    """Equal packs and symptoms; another vague symptom or pack is another reading."""
    assert same_words(rules(), stricter())
    assert not same_words(rules(), replace(rules(), packs=rules().packs[:1]))


def test_what_a_decision_costs() -> None:
    """A wrong alert costs itself and the missed one; without a verdict by confidence; the rest by their price."""
    costs = Costs(wrong=5, missed=2, ask=0.5, wait_per_day=0.3, triage=1.5)
    named = decision(Outcome.ASSIGNED, ("packing", PARTS))
    assert cost(named, costs, "packing") == 0
    assert cost(named, costs, "courier") == 7
    assert cost(named, costs, "nobody") == 5
    assert cost(named, costs, None) == pytest.approx(0.2 * 7)
    assert cost(decision(Outcome.TRIAGE, (None, PARTS)), costs, "packing") == 1.5
    assert cost(decision(Outcome.ASKED, (None, PARTS)), costs, "packing") == 0.5
    waiting = decision(Outcome.WAITING, (None, PARTS))
    assert cost(waiting, costs, None, beyond=24 * HOUR) == pytest.approx(0.3)
    assert cost(waiting, costs, None) == 0


def test_waiting_costs_what_lies_beyond_the_promise() -> None:
    """A promise that still runs for days costs nothing, as in the core; a source that is waited for after it, every hour."""
    ledger = replace(rules().sources["ledger"], assumed=False, every=48 * HOUR)
    dark = replace(
        rules(), sources={**rules().sources, "ledger": ledger}, digest="attested by the ledger"
    )
    placed = order(("order_placed", 0), ("payment_received", 1), as_of=3)
    asked_for = order(
        *QUICK,
        ("delivered", 60),
        ("refund_requested", 100),
        ("refund_approved", 110),
        as_of=210,
        watermarks={"ledger": 180 * HOUR},
    )
    for each, symptom, by, beyond in (
        (placed, "late_delivery", rules(), 0),
        (asked_for, "refund_overdue", dark, 18 * HOUR),
    ):
        looks = looks_at(each, by, (SymptomScore(symptom, 0.9),))
        waits = conclude(looks, by, words=False)
        assert waits.outcome is Outcome.WAITING
        assert waits.waiting_until is not None
        assert waits.waiting_until >= each.as_of + 18 * HOUR
        assert waited_beyond(waits, looks.now().found) == beyond
    refund = replace(asked_for, text="refund saya belum masuk juga")
    for candidate in (dark, replace(dark, digest="another"), rules()):
        tally = Tally()
        Comparer(dark, candidate).add(tally, [refund])
        assert tally.costs["live"] == [pytest.approx(0.75 * 0.3)]
        if candidate is not rules():
            assert tally.costs["candidate"] == tally.costs["live"]


def test_an_upheld_rejection_without_a_cause_speaks_against_whom_it_cleared() -> None:
    """Naming the cleared department again is a disagreement and costs like a wrong one; all else agrees, and costs as expected."""
    costs = Costs(wrong=5, missed=2, ask=0.5, wait_per_day=0.3, triage=1.5)
    packing = decision(Outcome.ASSIGNED, ("packing", PARTS))
    courier = decision(Outcome.ASSIGNED, ("courier", PARTS))
    triage = decision(Outcome.TRIAGE, (None, PARTS))
    assert cost(packing, costs, None, not_cause="packing") == 7
    assert cost(courier, costs, None, not_cause="packing") == pytest.approx(0.2 * 7)
    assert cost(triage, costs, None, not_cause="packing") == 1.5
    verdict = {"kind": "rejection_upheld", "not_cause": "packing"}
    row = {"complaint_id": "c", "text": "", "occurred_at": 0, "verdict": verdict}
    tally = Tally()
    for candidate in (packing, courier, triage):
        tally.add(sample(row), packing, candidate, (rules(), rules()), (0, 0))
    report = tally.report()
    assert report["verdicts"] == 3
    assert report["agreement"] == {"live": 0, "candidate": round(2 / 3, 6)}


def test_who_would_be_told() -> None:
    """Departments inside at or above the floor; parties outside and small shares are not."""
    mixed = decision(Outcome.ASSIGNED, ("packing", 6_000), ("courier", 3_000), ("warehouse", 1_000))
    assert told(mixed, rules()) == ("packing",)
    assert told(decision(Outcome.TRIAGE, ("packing", PARTS)), rules()) == ()
    assert leading(mixed) == "packing"
    assert leading(decision(Outcome.TRIAGE, ("packing", PARTS))) == "triage"


def test_only_what_a_decision_could_rest_on_is_decided_twice() -> None:
    """Another prior for one symptom is looked at only where that symptom is read; a changed process wherever it is met."""
    wrong_item = rules().symptoms["wrong_item"]
    symptoms = {**rules().symptoms, "wrong_item": replace(wrong_item, priors={"packing": 0.5})}
    comparer = Comparer(rules(), replace(rules(), symptoms=symptoms, digest="another"))
    changed = Comparer(rules(), stricter())
    read = set()
    for each in samples():
        found = classify(each.text, each.language, rules())
        alike = comparer.alike(each, found)
        read.add((any(score.symptom == "wrong_item" for score in found), alike))
        assert not changed.alike(each, found)
        if alike:
            first, second = (decide(each, side, found).material() for side in comparer.rules)
            assert first == second
    assert read == {(True, False), (False, True)}


def test_the_companys_zone_is_common_to_all_decisions() -> None:
    """A clock that is off by the company's zone is told from one that is off by chance."""
    elsewhere = replace(rules(), offsets=((-(2**62), 0),), digest="another")
    each = order(*QUICK, ("delivered", 200), as_of=220)
    ahead = replace(each.case.events[1], at=each.case.events[1].at + 7 * HOUR)
    events = (each.case.events[0], ahead, *each.case.events[2:])
    each = replace(each, case=replace(each.case, events=events))
    found = (SymptomScore("late_delivery", 0.9),)
    first, second = (decide(each, side, found) for side in (rules(), elsewhere))
    assert first.evidence != second.evidence
    assert not Comparer(rules(), elsewhere).alike(each, found)


def test_a_symptom_that_nobody_spoke_of_may_explain_a_delay() -> None:
    """An incomplete address excuses the courier by what it means for a late delivery, whatever the customer wrote of."""
    symptoms = {
        name: replace(rule, denies=()) if "delivered" in rule.denies else rule
        for name, rule in rules().symptoms.items()
    }
    candidate = replace(rules(), symptoms=symptoms, digest="another")
    failed = ("delivered", 60, Transition.FAIL, {"fault": "address_incomplete"})
    each = order(*QUICK, failed, ("delivered", 200), as_of=220)
    found = (SymptomScore("unreachable_service", 0.9),)
    first, second = (decide(each, side, found) for side in (rules(), candidate))
    assert first.material() != second.material()
    assert not Comparer(rules(), candidate).alike(each, found)
