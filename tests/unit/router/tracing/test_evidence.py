"""Whose word counts, and for how much: calendars, clocks, hand-overs, attempts, parts, late words, questions."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.vocabulary import CauseKind, Finding, Outcome, Transition
from services.registry import load_example
from services.router.rules import rules_from
from services.router.tracing.company import Rules
from services.router.tracing.lateness import measure
from services.router.tracing.model import (
    HOUR,
    PARTS,
    Case,
    Complaint,
    Decision,
    ProcessEvent,
    SymptomScore,
)
from services.router.tracing.plausible import plausibility
from services.router.tracing.reasoning import Looks
from services.router.tracing.timeline import build
from services.router.tracing.tracer import trace
from services.router.tracing.worktime import WorkingTime

from .conftest import PLACED, Order

SHOP = rules_from(load_example("shop"))
CHAIN = SHOP.promises["delivery"].chain


def findings(decision: Decision) -> set[Finding]:
    return {piece.finding for piece in decision.evidence}


def shares(decision: Decision) -> dict[str | None, int]:
    found: dict[str | None, int] = {}
    for cause in decision.causes:
        found[cause.department] = found.get(cause.department, 0) + cause.parts
    return found


def office(days: int = 200) -> WorkingTime:
    """Monday to Friday, 02:00 to 10:00 UTC (09 to 17 in Jakarta), around the order."""
    first = datetime(2026, 1, 1, 2, tzinfo=UTC)
    starts = [first + timedelta(days=day) for day in range(days)]
    return WorkingTime.of(
        (
            round(start.timestamp()) * 1_000_000,
            round((start + timedelta(hours=8)).timestamp()) * 1_000_000,
        )
        for start in starts
        if start.weekday() < 5
    )


def in_office_hours(shop: Rules, *activities: str) -> Rules:
    """The shop with these activities' allowances counted in office hours."""
    return replace(
        shop,
        calendars={**shop.calendars, "office": office()},
        activities={
            **shop.activities,
            **{key: replace(shop.activities[key], calendar="office") for key in activities},
        },
    )


def change(shop: Rules, source: str, **changes: object) -> Rules:
    changed = replace(shop.sources[source], **changes)  # type: ignore[arg-type]
    return replace(shop, sources={**shop.sources, source: changed})


# -- calendars ----------------------------------------------------------------------------------------


def test_an_allowance_counts_in_its_calendar(shop: Rules) -> None:
    """Six office hours from Sunday morning are over on Monday afternoon: nobody is late on Monday."""
    rules = in_office_hours(shop, "confirmed")
    order = Order(rules).usual(until="payment_verified").event("confirmed", 29)
    order.event("picked", 170).event("packed", 172)
    names = {c.department for c in order.complain(200).causes}
    assert "back-office" not in names
    assert "back-office" in {c.department for c in replace(order, rules=shop).complain(200).causes}


durations = st.lists(st.integers(0, 6_000), min_size=7, max_size=7)


@settings(max_examples=60)
@given(durations, st.sets(st.sampled_from(["confirmed", "picked", "packed", "handed_over"])))
def test_own_delays_in_calendars_add_up_to_the_elapsed_lateness(
    minutes: list[int], counted: set[str]
) -> None:
    """Sum of signed own delays = real end - the end of the plan, whatever the calendars are."""
    rules = in_office_hours(SHOP, *sorted(counted))
    at, events = PLACED, [ProcessEvent("0", CHAIN[0], Transition.COMPLETE, PLACED, PLACED)]
    for activity, took in zip(CHAIN[1:], minutes, strict=True):
        at += took * HOUR // 60
        events.append(ProcessEvent(activity, activity, Transition.COMPLETE, at, at))
    case = Case("o1", tuple(events))
    lateness = measure(
        rules.promises["delivery"], case, build(case, rules, at, at), rules, at, denied=True
    )
    plan = PLACED
    for activity in CHAIN[1:]:
        allowance = rules.activities[activity].allowance or 0
        plan = office().add(plan, allowance) if activity in counted else plan + allowance
    assert sum(stretch.own or 0 for stretch in lateness.path) == at - plan
    for stretch in lateness.path:
        if stretch.allowed_until is not None and stretch.end <= stretch.allowed_until:
            assert stretch.charged == 0


# -- clocks ---------------------------------------------------------------------------------------------


def in_zone(order: Order, source_of: dict[str, str], source: str, off: float) -> Order:
    """Shift what one source says by hours; it is recorded when it really happened."""
    order.events = [
        replace(event, at=event.at + round(off * HOUR))
        if source_of[event.activity] == source
        else event
        for event in order.events
    ]
    return order


@pytest.mark.parametrize("off", [7.0, -7.0])
def test_a_zone_error_is_put_right_and_said(shop: Rules, off: float) -> None:
    """The warehouse sends Jakarta's wall time as UTC, or the other way round: the same answer, flagged."""
    sources = {key: rule.source for key, rule in shop.activities.items()}
    right = Order(shop).usual(confirmed=120).complain(200)
    wrong = in_zone(Order(shop).usual(confirmed=120), sources, "wms", off).complain(200)
    assert shares(wrong) == shares(right)
    assert Finding.ZONE_ERROR in findings(wrong)
    assert any("time zone" in sentence.text for sentence in wrong.explanation["en"])


def test_a_doubtful_zone_charges_nobody_within_it(shop: Rules) -> None:
    """One event recorded seven hours after it says it happened: that much is charged to nobody."""
    order = Order(shop).usual(until="handed_over").event("delivered", 25 + 74)
    event = order.events[-1]
    order.events[-1] = replace(event, recorded_at=event.at + 7 * HOUR)
    order.event("delivered", 0, "schedule", due=80)
    order.events[-1] = replace(order.events[-1], source="storefront")
    decision = order.complain(120)
    assert Finding.ZONE_ERROR in findings(decision)
    assert "courier" not in shares(decision)


def test_nothing_is_recorded_before_it_happens(order: Order) -> None:
    """A clock that is 40 minutes ahead: flagged, and the time is that of the record."""
    order.usual(confirmed=120)
    order.events[-1] = replace(order.events[-1], at=order.events[-1].at + 2 * HOUR // 3)
    decision = order.complain(200)
    assert Finding.CLOCK_SKEW in findings(decision)
    assert decision.causes[0].department == "back-office"


def test_what_lies_within_two_clocks_difference_charges_nobody(order: Order) -> None:
    """Delivered an hour before it was handed over, by two clocks: an hour's delay is nobody's."""
    order.event("delivered", 0, "schedule", due=22)
    order.usual(until="packed").event("handed_over", 30).event("delivered", 29)
    decision = order.complain(60)
    assert findings(decision) & {Finding.CLOCK_SKEW, Finding.DISPUTED}
    assert "courier" not in shares(decision)


def test_a_time_that_does_not_fit_is_not_used(order: Order) -> None:
    """Picked, as recorded, four days after all that follows it: nobody is charged for four days."""
    order.usual()
    order.events = [
        replace(event, at=PLACED + 100 * HOUR, recorded_at=PLACED + 100 * HOUR)
        if event.activity == "picked"
        else event
        for event in order.events
    ]
    order.event("delivered", 0, "schedule", due=60)
    decision = order.complain(110)
    assert Finding.DISORDERED in findings(decision)
    assert "warehouse" not in shares(decision)


def test_the_same_sent_again_under_another_id_counts_once(order: Order) -> None:
    """A copy with a new id changes the flags and nothing else."""
    order.usual(confirmed=120)
    once = order.complain(200)
    order.events.append(replace(order.events[4], event_id="again"))
    twice = order.complain(200)
    assert twice.digest() == once.digest()
    assert Finding.DUPLICATE in findings(twice)


def fault(
    order: Order,
    name: str,
    hour: float,
    activity: str = "packed",
    source: str | None = None,
    parcel: str | None = None,
    **said: str,
) -> Order:
    order.event(activity, hour, "fail", fault=name, **said)
    objects = {} if parcel is None else {"parcel": parcel}
    order.events[-1] = replace(order.events[-1], source=source, objects=objects)
    return order


def test_a_fault_told_twice_weighs_once(order: Order) -> None:
    """Damage in packing and damage on the way are as likely, however often packing's is told, by whomever and when."""
    fault(order.usual(), "damaged_in_packing", 15)
    fault(order, "damaged_in_transit", 60, "delivered")
    once = order.complain(90, "damaged_item")
    fault(order, "damaged_in_packing", 15, source="courier-api")
    fault(order, "damaged_in_packing", 40)
    fault(order, "damaged_in_packing", 80, source="care-desk", entered="manual")
    again = order.complain(90, "damaged_item")
    assert [(c.department, c.parts) for c in again.causes] == [
        (c.department, c.parts) for c in once.causes
    ]
    assert shares(again)["packing"] == shares(again)["courier"]
    assert again.digest() == once.digest()
    assert again.confidence_parts == once.confidence_parts
    packing = next(cause for cause in again.causes if cause.department == "packing")
    assert len(packing.events) == 4, "each telling is named"
    said = [s for s in again.explanation["en"] if "damaged in packing" in s.text]
    assert [set(s.events) for s in said] == [set(packing.events)], "and told as one"


def test_what_went_wrong_with_two_parcels_weighs_twice(order: Order) -> None:
    """Damage of B is not damage of A told again; who names no parcel tells one of the two again."""
    alone = shares(
        fault(order.usual(), "damaged_in_packing", 15, parcel="A").complain(90, "damaged_item")
    )
    both = shares(fault(order, "damaged_in_packing", 15, parcel="B").complain(90, "damaged_item"))
    assert both["packing"] > alone["packing"]
    assert shares(fault(order, "damaged_in_packing", 14).complain(90, "damaged_item")) == both


def test_what_went_wrong_again_when_it_was_done_again_weighs_twice(order: Order) -> None:
    """Packed and damaged, packed anew a day later and damaged again."""
    fault(order.usual(), "damaged_in_packing", 15).event("packed", 46).event("handed_over", 50)
    alone = shares(order.complain(120, "damaged_item"))
    assert shares(fault(order, "damaged_in_packing", 16.5).complain(120, "damaged_item")) == alone
    again = shares(fault(order, "damaged_in_packing", 45).complain(120, "damaged_item"))
    assert again["packing"] > alone["packing"]


def test_two_things_that_went_wrong_weigh_both(order: Order) -> None:
    """A visit that was made up, and how the courier behaved at the next moment."""
    order.usual(until="handed_over")
    alone = shares(fault(order, "forged_attempt", 60, "delivered").complain(75, "staff_conduct"))
    both = shares(fault(order, "courier_conduct", 60, "delivered").complain(75, "staff_conduct"))
    assert both["courier"] > alone["courier"]


def test_each_attempt_that_failed_is_a_fault_of_its_own(order: Order) -> None:
    """Twice nobody came: two; the same visit dated twenty minutes later by the care desk is one."""
    order.usual(until="handed_over")
    alone = shares(fault(order, "forged_attempt", 60, "delivered").complain(75, "staff_conduct"))
    fault(order, "forged_attempt", 60.3, "delivered", "care-desk")
    assert shares(order.complain(75, "staff_conduct")) == alone
    twice = shares(fault(order, "forged_attempt", 70, "delivered").complain(75, "staff_conduct"))
    assert twice["courier"] > alone["courier"]


def test_a_fault_told_without_end_is_told_in_a_few_sentences(order: Order) -> None:
    """A machine that reports the same attempt every minute: all events are named, and nobody reads hundreds of lines."""
    order.usual(until="handed_over")
    for minute in range(300):
        fault(order, "forged_attempt", 40 + minute / 60, "delivered")
    decision = order.complain(75, "staff_conduct")
    assert len(decision.causes[0].events) == 300
    said = [s for s in decision.explanation["en"] if "an attempt recorded" in s.text]
    assert len(said) == 20
    assert sum(len(s.events) for s in said) == 300


def test_what_is_told_once_it_is_over_is_no_further_attempt(order: Order) -> None:
    """A parcel that came damaged, reported on the day and again the day after."""
    order.usual()
    alone = shares(
        fault(order, "damaged_in_transit", 73, "delivered").complain(120, "damaged_item")
    )
    fault(order, "damaged_in_transit", 97, "delivered")
    assert shares(order.complain(120, "damaged_item")) == alone


# -- hand-overs, attempts, parts --------------------------------------------------------------------------


def told_by(order: Order, activity: str, hour: float, source: str) -> Order:
    order.event(activity, hour)
    order.events[-1] = replace(order.events[-1], source=source)
    return order


def test_a_gap_between_giver_and_receiver_is_charged_to_neither(order: Order) -> None:
    """Packing says handed over at 25 h, the courier says received at 150 h: a person has to ask."""
    order.usual(until="handed_over")
    told_by(order, "handed_over", 150, "courier-api")
    decision = order.complain(200)
    assert Finding.DISPUTED in findings(decision)
    assert not {"packing", "courier"} & set(shares(decision))
    assert Finding.DISPUTED in {fact.finding for fact in decision.missing}


def test_a_receiver_s_word_against_its_own_interest_counts(order: Order) -> None:
    """The courier says it had the parcel since hour 25; packing only recorded it at hour 90."""
    order.usual(until="packed").event("handed_over", 90)
    told_by(order, "handed_over", 25, "courier-api")
    decision = order.complain(200)
    assert decision.causes[0].department == "courier"
    assert "packing" not in shares(decision)


def test_the_first_attempt_s_reason_explains_the_time_after_it(shop: Rules) -> None:
    """An address nobody finds at the first attempt, in time: the delay after it is the customer's."""
    repeats = replace(shop.activities["delivered"], repeats=True)
    rules = replace(shop, activities={**shop.activities, "delivered": repeats})
    order = Order(rules).usual(until="handed_over")
    order.event("delivered", 60, "fail", fault="address_incomplete")
    order.event("delivered", 100, "fail", fault="forged_attempt")
    decision = order.event("delivered", 180).complain(200)
    assert decision.causes[0].department == "customer"
    assert Finding.ATTEMPT in findings(decision)


def test_the_last_part_decides_by_its_own_way(order: Order) -> None:
    """Two parcels: A came in time, B was picked five days late; the warehouse, and nobody of A's way."""
    order.usual(until="confirmed")
    for part, late in (("A", 0.0), ("B", 120.0)):
        hour = 5.0 + late
        for activity, takes in (
            ("picked", 8),
            ("packed", 4),
            ("handed_over", 8),
            ("delivered", 48),
        ):
            hour += takes
            order.event(activity, hour)
            order.events[-1] = replace(order.events[-1], objects={"parcel": part})
    decision = order.complain(220)
    assert decision.causes[0].department == "warehouse"
    assert set(shares(decision)) == {"warehouse"}


# -- words given afterwards ---------------------------------------------------------------------------------


def by_hand(order: Order, activity: str, hour: float, recorded: float, by: str) -> Order:
    order.event(activity, hour, answered_by=by)
    order.events[-1] = replace(
        order.events[-1],
        event_id=f"{activity}-by-{by}",
        recorded_at=PLACED + round(recorded * HOUR),
    )
    return order


def test_who_clears_themselves_afterwards_blames_nobody_else(order: Order) -> None:
    """Once the customer has complained, packing enters that it had handed over long ago."""
    order.usual(until="packed")
    before = order.complain(200)
    assert before.causes[0].department == "packing"
    by_hand(order, "handed_over", 25, 201, "packing")
    after = order.complain(200, as_of=202)
    assert Finding.SELF_SERVING in findings(after)
    assert "courier" not in shares(after)
    assert after.outcome is Outcome.ASKED
    assert after.question is not None
    assert (after.question.fact, after.question.department) == ("confirm", "logistics")
    by_hand(order, "handed_over", 25, 203, "logistics")
    confirmed = order.complain(200, as_of=204)
    assert confirmed.causes[0].department == "courier"


def test_a_replay_of_history_is_nobody_s_late_word(order: Order) -> None:
    """A case that was imported as a whole after the complaint is judged as if it had been known then."""
    order.usual(until="delivered", delivered=100).event("refund_requested", 160)
    order.event("refund_approved", 170)
    known = order.complain(280, "refund_overdue")
    order.events = [replace(event, recorded_at=PLACED + 900 * HOUR) for event in order.events]
    replayed = order.complain(280, "refund_overdue")
    assert replayed.causes == known.causes
    assert replayed.outcome is Outcome.ASSIGNED


def test_nobody_speaks_with_a_complaint_in_mind_before_it_is_received(order: Order) -> None:
    """A history told again: entered in March after the complaint was written, before it came in. Later, it counts for doubt."""
    order.usual(until="packed")
    by_hand(order, "handed_over", 25, 900, "packing")
    at = PLACED + 200 * HOUR
    case = Case("o1", tuple(order.events))
    for received, doubted in ((None, True), (201, True), (901, False)):
        complaint = Complaint(
            "c1",
            at,
            "id",
            (SymptomScore("late_delivery", 0.9),),
            None if received is None else PLACED + received * HOUR,
        )
        decision = trace(complaint, case, order.rules, PLACED + 902 * HOUR)
        assert (Finding.SELF_SERVING in findings(decision)) is doubted
        assert (decision.causes[0].department == "packing") is doubted


def test_an_answer_against_one_s_own_interest_decides(order: Order) -> None:
    """Asked when the goods were picked, the warehouse says: four days later than planned."""
    order.usual(until="confirmed").event("packed", 120).event("handed_over", 126)
    order.event("delivered", 190)
    asked = order.complain(200)
    assert asked.question is not None
    assert (asked.question.activity, asked.question.department) == ("picked", "warehouse")
    assert asked.question.text["en"]
    by_hand(order, "picked", 116, 204, "warehouse")
    answered = order.complain(200, as_of=205)
    assert answered.outcome is Outcome.ASSIGNED
    assert answered.causes[0].department == "warehouse"
    assert {Finding.ANSWERED, Finding.BACKDATED} <= set(findings(answered))
    assert Finding.SELF_SERVING not in findings(answered)


def test_a_question_is_not_waited_for_for_ever(order: Order) -> None:
    """A day after the last news a person decides without the answer."""
    order.usual(until="confirmed").event("packed", 120).event("handed_over", 126)
    order.event("delivered", 190)
    asked = order.complain(200)
    assert asked.waiting_until == PLACED + 224 * HOUR
    assert order.complain(200, as_of=224).outcome is Outcome.TRIAGE


def test_an_answer_has_as_long_as_ever_when_the_news_itself_came_late(order: Order) -> None:
    """Told at 300 h of a delivery at 190 h: a day from then, which lies behind what the decision is about."""
    order.usual(until="confirmed").event("packed", 120).event("handed_over", 126)
    order.event("delivered", 190)
    order.events[-1] = replace(order.events[-1], recorded_at=PLACED + 300 * HOUR)
    asked = order.complain(200)
    assert asked.outcome is Outcome.ASKED
    assert asked.waiting_until == PLACED + 324 * HOUR


def test_a_question_waits_for_the_working_hours_of_whoever_is_asked(order: Order) -> None:
    """Asked on Saturday at 19:00, with Sunday free: the answer is waited for until 15:00 on Monday."""
    warehouse = replace(order.rules.departments["warehouse"], calendar="finance")
    order.rules = replace(
        order.rules, departments={**order.rules.departments, "warehouse": warehouse}
    )
    order.usual(until="confirmed").event("packed", 110).event("handed_over", 116)
    order.event("delivered", 150)
    asked = order.complain(154)
    assert asked.outcome is Outcome.ASKED
    assert asked.waiting_until == PLACED + 198 * HOUR
    assert order.complain(154, as_of=197).outcome is Outcome.ASKED
    assert order.complain(154, as_of=198).outcome is Outcome.TRIAGE


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 190),
    st.sampled_from(["picked", "packed", "handed_over", "confirmed"]),
    st.sampled_from(["back-office", "warehouse", "packing"]),
    st.sampled_from(["confirmed", "picked", "packed"]),
)
def test_a_self_serving_event_alone_never_moves_blame(
    hour: int, activity: str, sender: str, until: str
) -> None:
    """What a department enters afterwards never raises another's share by more than its own."""
    order = Order(SHOP).usual(until=until)
    before = shares(order.complain(200))
    after = shares(by_hand(order, activity, hour, 201, sender).complain(200, as_of=202))
    own = max(0, after.get(sender, 0) - before.get(sender, 0))
    for department in set(after) - {sender, None}:
        assert after[department] - before.get(department, 0) <= own + 100


@settings(max_examples=60, deadline=None)
@given(st.integers(20, 180), st.sampled_from(["wms", "courier-api", "storefront"]), st.booleans())
def test_an_export_or_an_outage_never_adds_blame(hour: int, source: str, nightly: bool) -> None:
    """Hearing of what a source did only later charges nobody more than hearing all of it."""
    rules = change(SHOP, source, assumed=False, every=24 * HOUR if nightly else None)
    full = Order(SHOP).usual(picked=20, delivered=60)
    at = PLACED + hour * HOUR
    heard = tuple(
        event
        for event in full.events
        if event.at <= at or SHOP.activities[event.activity].source != source
    )
    said = Complaint("c1", PLACED + 190 * HOUR, "id", (SymptomScore("late_delivery", 0.9),))
    part = trace(said, Case("o1", heard, {source: at}), rules, said.occurred_at)
    whole = trace(said, Case("o1", tuple(full.events)), SHOP, said.occurred_at)
    owners = {
        rule.owner
        for rule in SHOP.activities.values()
        if rule.source == source and rule.owner != "customer"
    }
    charged = {c.department: c.hours for c in whole.causes}
    for cause in part.causes:
        if cause.department in owners:
            assert cause.hours <= charged.get(cause.department, 0.0) + 0.01


# -- the promise, contradictions, candidates, which case -----------------------------------------------------


def undated(shop: Rules, **changes: object) -> Order:
    """An order of a company whose promises are dates in events, confirmed five days late; no date is on record."""
    promise = replace(shop.promises["delivery"], start=None, within=None, withins=(), **changes)  # type: ignore[arg-type]
    rules = replace(shop, promises={**shop.promises, "delivery": promise})
    return Order(rules).usual(confirmed=120)


def dated(order: Order, due: float, by: str, recorded: float = 202) -> Order:
    order.event("delivered", recorded, "schedule", due=due, answered_by=by)
    return order


def test_a_promise_without_a_date_is_asked_of_whoever_publishes_it(shop: Rules) -> None:
    """Nobody knows whether it was late: its publisher is asked by when it was due, and the answer decides."""
    order = undated(shop)
    asked = order.complain(200)
    assert asked.outcome is Outcome.ASKED
    assert asked.question is not None
    assert (asked.question.activity, asked.question.department) == ("delivered", "digital")
    assert asked.question.fact == "due"
    assert asked.question.text["en"] == "By when was delivery promised to the customer?"
    assert {cause.kind for cause in asked.causes} == {CauseKind.UNKNOWN}

    late = dated(order, 148, "digital").complain(200, as_of=203)
    assert late.causes[0].department == "back-office"
    assert late.outcome is Outcome.ASSIGNED
    assert Finding.ANSWERED in findings(late)
    assert late.question is None


def test_a_due_date_answered_that_was_kept_names_nobody(shop: Rules) -> None:
    """Delivered in time by what was promised: a person reads the words, and nobody is asked again."""
    decision = dated(undated(shop), 300, "digital").complain(200, as_of=203)
    assert decision.outcome is Outcome.TRIAGE
    assert {cause.kind for cause in decision.causes} == {CauseKind.UNKNOWN}


def test_who_has_a_part_in_the_way_moves_nobody_else_by_a_due_date(shop: Rules) -> None:
    """A promise that the warehouse publishes: that it was missed names others, so its word alone is set aside."""
    order = undated(shop, publisher="warehouse")
    assert order.complain(200, as_of=201).question is None, "a useless answer is not asked for"
    decision = dated(order, 148, "warehouse").complain(200, as_of=203)
    assert Finding.SELF_SERVING in findings(decision)
    assert "back-office" not in shares(decision)


def test_a_promise_whose_beginning_nothing_shows_is_not_asked_for(shop: Rules) -> None:
    """It may never have been given."""
    order = undated(shop)
    promise = replace(order.rules.promises["delivery"], start="refund_requested")
    order.rules = replace(order.rules, promises={**order.rules.promises, "delivery": promise})
    assert order.complain(200).question is None


def test_a_due_date_answered_is_no_word_of_its_source(shop: Rules) -> None:
    """A courier that tells every other night is as silent as before about a parcel whose date was asked."""
    rules = change(shop, "courier-api", assumed=False, every=48 * HOUR)
    order = undated(rules)
    order.events.pop()
    order.watermarks = {"courier-api": PLACED + 150 * HOUR}
    decision = dated(order, 148, "digital", recorded=262).complain(260, as_of=265)
    assert "courier" not in shares(decision)


def test_a_date_that_is_answered_moves_none_on_record(order: Order) -> None:
    """Not even one that is said to have been given before the complaint."""
    order.usual(confirmed=120).event("delivered", 0, "schedule", due=148)
    before = order.complain(200, as_of=203)
    assert before.causes[0].department == "back-office"
    dated(order, 300, "digital", recorded=100)
    order.events[-1] = replace(order.events[-1], recorded_at=PLACED + 202 * HOUR)
    assert order.complain(200, as_of=203).causes == before.causes


def test_each_date_that_may_be_answered_is_looked_at(shop: Rules) -> None:
    """Two answers that differ in nothing but the date are two cases."""
    order = undated(shop)
    at = PLACED + 200 * HOUR
    complaint = Complaint("c1", at, "id", (SymptomScore("late_delivery", 0.9),))
    looks = Looks(complaint, Case("o1", tuple(order.events)), order.rules, at)
    one, other = (dated(Order(shop), due, "digital", 200).events[0] for due in (148, 300))
    assert looks.told(one).named == PARTS
    assert looks.told(other).named == 0


def test_who_publishes_a_promise_that_cannot_be_kept_is_named_with_it(order: Order) -> None:
    """Promised in 20 h by an event: the promise is the cause, and its publisher can prevent the next."""
    order.event("delivered", 0, "schedule", due=20).usual(until="handed_over")
    cause = order.complain(40).causes[0]
    assert (cause.kind, cause.department, cause.publisher) == (CauseKind.PROMISE, None, "digital")


def test_events_that_do_not_go_together_are_a_cause(order: Order) -> None:
    """The invoice holds another amount than the order."""
    order.event("order_placed", 0, amount=100_000).usual(until="confirmed")
    order.event("invoice_issued", 10, invoiced_amount=120_000)
    decision = order.complain(60, "wrong_charge")
    assert decision.causes[0].department == "finance"
    assert decision.causes[0].kind is CauseKind.CONTRADICTION


def test_where_nobody_is_named_a_person_learns_where_to_begin(order: Order) -> None:
    """Words alone: candidates by the company's priors, and no cause."""
    decision = order.usual().complain(90, "wrong_item")
    assert decision.outcome is Outcome.TRIAGE
    assert [c.kind for c in decision.causes] == [CauseKind.UNKNOWN]
    assert decision.candidates
    assert sum(each.parts for each in decision.candidates) == PARTS


def test_the_case_that_explains_the_words_is_the_most_plausible(shop: Rules) -> None:
    """Of a late order, one delivered in time and one placed later, the late one is meant."""
    at = PLACED + 170 * HOUR
    words = Complaint("c1", at, "id", (SymptomScore("late_delivery", 0.9),))
    late = Case("late", tuple(Order(shop).usual(until="packed").events))
    fine = Case("fine", tuple(Order(shop).usual().events))
    later = Case(
        "later",
        tuple(replace(event, at=event.at + 300 * HOUR) for event in Order(shop).usual().events),
    )
    values = [plausibility(words, case, shop, at) for case in (late, fine, later)]
    assert values[0] > values[1] > values[2] == 0
    assert values[0] <= PARTS
