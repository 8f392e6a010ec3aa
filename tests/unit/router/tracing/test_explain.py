"""The words: true, pointing to events, free of accusation, and safe for the customer."""

import re
import string
from dataclasses import replace
from datetime import datetime
from itertools import accumulate
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.vocabulary import Outcome
from services.registry import load_example
from services.router.tracing.company import Rules
from services.router.tracing.lateness import measure
from services.router.tracing.model import HOUR, Case, Complaint, Decision
from services.router.tracing.phrases import MONTHS, PHRASES
from services.router.tracing.timeline import build
from services.router.tracing.tracer import trace

from .conftest import PLACED, Order
from .stories import in_office_hours
from .test_properties import CHAIN, SHOP, case_of, late, situations

ACCUSING = re.compile(
    r"\b(fault|blame|guilty|guilt|culprit|failed|failure|careless|negligen\w*|wrongdoing|offender|"
    r"salah|kesalahan|lalai|kelalaian|bersalah|ceroboh|gagal|penyebab|"
    r"culpa\w*|falha\w*|erro|negligen\w*|responsável|descuido)\b",
    re.IGNORECASE,
)


def fields(phrase: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(phrase) if name}


def test_every_language_says_everything_with_the_same_facts() -> None:
    """A translation has each phrase, and each phrase the same fields."""
    assert set(PHRASES) == set(MONTHS)
    for language, phrases in PHRASES.items():
        assert set(phrases) == set(PHRASES["en"]), language
        for key, phrase in phrases.items():
            assert fields(phrase) == fields(PHRASES["en"][key]), (language, key)
        assert len(MONTHS[language]) == 12


def test_no_phrase_accuses() -> None:
    """No sentence holds a word of blame, in any language."""
    for phrases in PHRASES.values():
        for phrase in phrases.values():
            assert not ACCUSING.search(re.sub(r"{.*?}", "", phrase)), phrase


@settings(max_examples=80, deadline=None)
@given(situations())
def test_no_explanation_of_any_case_accuses(
    situation: tuple[Complaint, Case, Rules, int],
) -> None:
    """Whatever a case holds: no word of blame in three languages, and as many sentences in each."""
    complaint, case, rules, as_of = situation
    names = {
        text for found in rules.faults.values() for fault in found for text in fault.names.values()
    }
    decision = trace(complaint, case, replace(rules, write_in=("id", "en", "pt")), as_of)
    assert len({len(sentences) for sentences in decision.explanation.values()}) == 1
    assert len({tuple(s.events for s in each) for each in decision.explanation.values()}) == 1
    for sentences in decision.explanation.values():
        for sentence in sentences:
            text = sentence.text
            for name in names:  # what the company itself calls a fault is checked below
                text = text.replace(name, "")
            assert not ACCUSING.search(text), sentence.text
            assert "{" not in text


@pytest.mark.parametrize("name", ["shop", "olist", "bank"])
def test_no_fault_is_named_by_an_accusation(name: str) -> None:
    """What the example companies call their faults is not an accusation either."""
    for process in load_example(name).processes.values():
        for fault in process.faults.values():
            for text in fault.names.values():
                found = ACCUSING.search(text)
                assert found is None or found.group().lower() in {"gagal", "failed"}, text


def test_a_delay_is_told_with_its_events_and_what_would_have_kept_the_promise(order: Order) -> None:
    """Promise, own delay, what came before, the counterfactual, who can help; each with events."""
    order.usual(confirmed=120)
    decision = order.complain(200)
    sentences = decision.explanation["en"]
    said = [sentence.text for sentence in sentences]
    assert said == [
        "Promised by 7 Mar 13:00; delivery was done 45 h later.",
        "Order confirmation (Back Office) took 5 days longer than planned, until 6 Mar 14:00.",
        "Before that, all steps were within their plan.",
        "Had order confirmation been finished by 4 Mar 17:00, the promise would have been kept.",
        "Logistics can help now with a remedy.",
    ]
    confirmed = next(e.event_id for e in order.events if e.activity == "confirmed")
    assert sentences[1].events == (confirmed,)
    assert len(sentences[2].events) == 2


def test_the_counterfactual_is_true(order: Order) -> None:
    """With confirmation by that time and all else as it was, the order is in time."""
    order.usual(confirmed=120)
    decision = order.complain(200)
    assert decision.causes[0].hours == 117.0
    kept = Order(order.rules).usual(confirmed=120 - 45.0)
    assert [cause.hours for cause in kept.complain(200).causes] == [0.0]
    assert kept.complain(200).outcome is Outcome.TRIAGE


def texts(decision: Decision, language: str = "en") -> list[str]:
    return [sentence.text for sentence in decision.explanation[language]]


def test_the_counterfactual_of_an_open_step_leaves_time_for_what_follows(order: Order) -> None:
    """Packing is still open a day after the promise: hand-over (12 h) and delivery (72 h) would have come after it."""
    said = texts(order.usual(until="picked").complain(179))
    assert "Had packing been finished by 4 Mar 01:00, the promise would have been kept." in said


def test_where_no_step_alone_would_have_kept_the_promise_none_is_said_to(order: Order) -> None:
    """Confirmation came 69 h late, and picking is open for four days: each says what it added."""
    said = texts(order.usual(until="confirmed", confirmed=72).complain(179))
    assert (
        "Had order confirmation kept to its plan, the customer would have waited 69 h less." in said
    )
    assert "Had picking kept to its plan, the customer would have waited 4 days less." in said
    assert not [text for text in said if "would have been kept" in text]


@pytest.mark.parametrize(("picked", "decided"), [(13, True), (119, False)])
def test_a_branch_that_was_late_as_well_is_not_left_out(
    shop: Rules, picked: float, *, decided: bool
) -> None:
    """Picking beside confirmation, both needed for packing: a word about one alone is true only if the other was early."""
    activities = {
        **shop.activities,
        "picked": replace(shop.activities["picked"], after=("payment_verified",)),
        "packed": replace(shop.activities["packed"], after=("confirmed", "picked")),
    }
    order = Order(replace(shop, activities=activities)).usual(until="payment_verified")
    order.event("picked", picked).event("confirmed", 122).event("packed", 126)
    said = texts(order.event("handed_over", 134).event("delivered", 182).complain(200))
    kept = "Had order confirmation been finished by 5 Mar 01:00, the promise would have been kept."
    assert (kept in said) == decided


def told_times(decision: Decision) -> list[tuple[str, int]]:
    """Each activity that is said to have decided, with the time told."""
    named = {rule.names["en"]: key for key, rule in SHOP.activities.items()}
    found = []
    for text in texts(decision):
        match = re.match(r"Had (.+) been finished by (\d+) (\w+) (\d+):(\d+), the", text)
        if match is not None:
            month = MONTHS["en"].index(match[3]) + 1
            day, hour, minute = (int(match[part]) for part in (2, 4, 5))
            at = datetime(2026, month, day, hour, minute, tzinfo=ZoneInfo("Asia/Jakarta"))
            found.append((named[match[1]], round(at.timestamp()) * 1_000_000))
    return found


def in_time_after(
    steps: list[tuple[str, int]], as_of: int, activity: str, by: int, rules: Rules
) -> list[tuple[str, int]]:
    """Finish one step at a time; what is done took as long after it, what is open no less than so far, the rest its plan."""
    done = dict(steps)
    again: list[tuple[str, int]] = []
    for position, key in enumerate(CHAIN):
        if position <= CHAIN.index(activity):
            again.append((key, by if key == activity else done[key]))
            continue
        rule, before, at = rules.activities[key], CHAIN[position - 1], again[-1][1]
        calendar = None if rule.calendar is None else rules.calendars[rule.calendar]
        plan = rule.allowance or 0
        ends = [at + plan if calendar is None else calendar.add(at, plan)]
        if before in done:
            begun, ended = done[before], done.get(key, as_of)
            took = at + ended - begun
            if calendar is not None and (worked := calendar.between(begun, ended)):
                took = calendar.add(at, worked)
            ends = [took] if key in done else [*ends, took]
        again.append((key, max(ends)))
    return again


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(0, 6_000), min_size=1, max_size=len(CHAIN) - 1),
    st.integers(0, 12_000),
    st.sets(st.sampled_from(["confirmed", "picked", "packed", "handed_over", "delivered"])),
)
@example([60, 60, 180, 480], 166 * 60, set())  # packing open, the promise run out
@example([60, 60, 75 * 60], 102 * 60, set())  # confirmed late, picking open for longer than that
@example([60, 60, 75 * 60], 15 * 60, set())  # the same before the promise has run out
@example([60, 60, 180, 480], 166 * 60, {"handed_over", "delivered"})
@example([60, 60, 7_380, 480, 240, 480, 2_880], 0, {"picked"})  # all done, picked in office hours
def test_the_counterfactual_is_true_of_any_case(
    minutes: list[int], since: int, counted: set[str]
) -> None:
    """The step finished at the time told, all else as it was and by plan from here on: the promise is kept."""
    rules = in_office_hours(SHOP, *sorted(counted))
    times = list(accumulate([PLACED, *(each * HOUR // 60 for each in minutes)]))
    steps = list(zip(CHAIN, times, strict=False))
    as_of = times[-1] + since * HOUR // 60
    for activity, by in told_times(late(case_of(steps), as_of, rules)):
        again = in_time_after(steps, as_of, activity, by, rules)
        assert by < dict(steps).get(activity, as_of)
        assert [at for _, at in again] == sorted(at for _, at in again)
        case, at = case_of(again), again[-1][1]
        lateness = measure(
            rules.promises["delivery"], case, build(case, rules, at, at), rules, at, denied=True
        )
        assert lateness.late is not None
        assert lateness.late <= 0


def in_parcels(shared: list[tuple[str, int]], parcels: list[list[tuple[str, int]]]) -> Case:
    """A case whose last steps each parcel went through on its own."""
    events = list(case_of(shared).events)
    for name, steps in zip("AB", parcels, strict=True):
        events += [
            replace(event, event_id=f"{event.event_id}-{name}", objects={"parcel": name})
            for event in case_of(steps).events
        ]
    return Case("o1", tuple(events))


def hours_to(*steps: tuple[str, float]) -> list[tuple[str, int]]:
    return [(activity, PLACED + round(hour * HOUR)) for activity, hour in steps]


def test_a_part_that_came_late_as_well_is_not_left_out() -> None:
    """B was packed four days late; A came two days late by its own way: B alone would have saved two days, not the promise."""
    shared = hours_to(*zip(CHAIN[:5], (0, 1, 2, 5, 13), strict=True))
    a = hours_to(("packed", 17), ("handed_over", 25), ("delivered", 196))
    b = hours_to(("packed", 113), ("handed_over", 121), ("delivered", 244))
    both = texts(late(in_parcels(shared, [a, b]), PLACED + 250 * HOUR))
    assert not [text for text in both if "would have been kept" in text]
    assert "Had packing kept to its plan, the customer would have waited 48 h less." in both
    in_time = hours_to(("packed", 17), ("handed_over", 25), ("delivered", 70))
    b[-1] = ("delivered", PLACED + 190 * HOUR)
    alone = texts(late(in_parcels(shared, [in_time, b]), PLACED + 250 * HOUR))
    assert "Had packing been finished by 4 Mar 08:00, the promise would have been kept." in alone


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.integers(0, 6_000), min_size=4, max_size=4),
    *[st.lists(st.integers(0, 6_000), min_size=1, max_size=3) for _ in "AB"],
    st.integers(0, 12_000),
)
@example([60, 60, 4_000, 480], [240, 480, 6_000], [240, 480, 2_880], 0)
@example([60, 60, 5_900, 480], [240, 480, 4_000], [240, 480, 2_880], 0)  # confirmed late for both
@example([60, 60, 180, 480], [240, 480, 9_000], [240, 480, 8_000], 0)  # both late in delivery
@example([60, 60, 180, 480], [6_000, 480, 4_000], [240, 480, 8_000], 0)  # each by its own step
def test_the_counterfactual_is_true_of_every_part(
    minutes: list[int], a: list[int], b: list[int], since: int
) -> None:
    """The step finished at the time told, in each parcel that was later: all of them keep the promise."""
    times = list(accumulate([PLACED, *(each * HOUR // 60 for each in minutes)]))
    shared = list(zip(CHAIN, times, strict=False))
    parcels = [
        list(zip(CHAIN[4:], accumulate(own, initial=times[-1]), strict=False))[1:]
        for own in ([each * HOUR // 60 for each in minutes] for minutes in (a, b))
    ]
    as_of = max(steps[-1][1] for steps in parcels) + since * HOUR // 60
    for activity, by in told_times(late(in_parcels(shared, parcels), as_of)):
        for own in parcels:
            steps = [*shared, *own]
            if by < dict(steps).get(activity, as_of):
                steps = in_time_after(steps, as_of, activity, by, SHOP)
            case, at = case_of(steps), max(as_of if len(steps) < len(CHAIN) else 0, steps[-1][1])
            rule = SHOP.promises["delivery"]
            lateness = measure(rule, case, build(case, SHOP, at, at), SHOP, at, denied=True)
            assert lateness.late is not None
            assert lateness.late <= 0


def test_a_promise_too_short_stands_beside_a_step_that_took_longer(order: Order) -> None:
    """That every step kept to its plan is said only where every one did."""
    order.event("delivered", 0.5, "schedule", due=40).usual(picked=72)
    said = texts(order.complain(200))
    assert "Picking (Warehouse (Picking)) took 68 h longer than planned, until 4 Mar 22:00." in said
    assert "The promised time itself was 37 h too short." in said
    kept = Order(order.rules).event("delivered", 0.5, "schedule", due=40).usual()
    assert "Every step kept to its plan; the promised time itself was 33 h too short." in texts(
        kept.complain(200)
    )


def test_steps_before_kept_to_their_plan_only_if_no_clock_leaves_it_open(order: Order) -> None:
    """Confirmation was half an hour over by a clock that may be wrong by more: neither late nor within its plan."""
    order.usual(until="payment_verified").event("confirmed", 8.5).event("picked", 7.7)
    order.event("packed", 12).event("handed_over", 20).event("delivered", 200)
    said = texts(order.complain(210))
    assert [text for text in said if text.startswith("Delivery (Courier) took ")]
    assert "Before that, all steps were within their plan." not in said


def test_indonesian_is_written_too(order: Order) -> None:
    """The shop writes in Indonesian first."""
    decision = order.usual(until="picked").complain(160)
    first = decision.explanation["id"][1].text
    assert first.startswith("Pengemasan (Pengemasan) berjalan sejak 1 Mar 22:00, ")


def test_customers_hear_what_was_promised_and_nobody_s_name(shop: Rules) -> None:
    """Whatever happened, the words for the customer name no department."""
    names = {
        name
        for key, department in shop.departments.items()
        if key != "customer"
        for name in department.names.values()
    }
    stories = (
        Order(shop).usual(until="picked").complain(160),
        Order(shop).usual(delivered=150).complain(230),
        Order(shop).usual(until="packed").complain(48),
        Order(shop).usual().complain(90, "defective_product"),
        Order(shop).complain(0),
    )
    for decision in stories:
        for sentences in decision.customer_words.values():
            assert sentences
            for sentence in sentences:
                assert not any(name in sentence for name in names - {"Pengemasan"})
                assert not ACCUSING.search(sentence)


@pytest.mark.parametrize("language", sorted(PHRASES))
@pytest.mark.parametrize(
    ("every", "outcome", "told"), [(48, Outcome.WAITING, False), (14 * 24, Outcome.ASKED, True)]
)
def test_customers_hear_that_somebody_was_told_only_if_somebody_was(
    shop: Rules, language: str, every: int, outcome: Outcome, *, told: bool
) -> None:
    """A decision that waits for the ledger tells no department: it says when it is looked at again."""
    ledger = replace(shop.sources["ledger"], assumed=False, every=every * HOUR)
    rules = replace(shop, sources={**shop.sources, "ledger": ledger}, write_in=(language,))
    order = Order(rules).usual()
    order.event("refund_requested", 100).event("refund_approved", 110)
    order.watermarks["ledger"] = PLACED + 180 * HOUR
    decision = order.complain(210, "refund_overdue")
    assert decision.outcome is outcome
    (said,) = decision.customer_words[language]
    assert bool(re.search("have been told|sudah diberi tahu|foi avisado", said)) == told
    assert said.lower().endswith("10 mar 21:00.") != told


def test_whoever_waits_has_other_words_wherever_somebody_is_said_to_be_at_work() -> None:
    """In every language: the words say when it is looked at again, and the rest of them as before."""
    for phrases in PHRASES.values():
        for key in ("customer_missed_open", "customer_foreseen", "customer_else"):
            assert fields(phrases[f"{key}_again"]) == fields(phrases[key]) | {"at"}


def test_times_are_the_company_s_own(shop: Rules) -> None:
    """02:00 UTC on 1 March is 09:00 in Jakarta."""
    local = shop.local(PLACED)
    assert (local.day, local.hour) == (1, 9)
    assert (shop.local(PLACED + 16 * HOUR).day) == 2
