"""Two registries over the same complaints: moves, agreement, alerts, cost."""

from dataclasses import replace
from functools import cache

import pytest

from schemas.vocabulary import CauseKind, Outcome
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
)
from services.router.rules import rules_from
from services.router.tracing import reasoning
from services.router.tracing.company import Costs, Rules
from services.router.tracing.model import PARTS, Case, Cause, Complaint, Decision
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


def counted(candidate: Rules, these: tuple[Sample, ...]) -> Tally:
    comparer, tally = Comparer(rules(), candidate), Tally()
    for each in these:
        comparer.add(tally, each)
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
    assert cost(decision(Outcome.WAITING, (None, PARTS)), costs, None) == pytest.approx(0.3)


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
