"""What must hold for every case, not only for the stories."""

import itertools
from dataclasses import replace

from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.vocabulary import CauseKind, Finding, Outcome, Transition
from services.registry import load_example
from services.router.rules import rules_from
from services.router.tracing.company import Rules
from services.router.tracing.lateness import measure
from services.router.tracing.mixing import largest_remainder
from services.router.tracing.model import (
    HOUR,
    PARTS,
    Case,
    Complaint,
    Decision,
    ProcessEvent,
    SymptomScore,
)
from services.router.tracing.timeline import build
from services.router.tracing.tracer import trace

PLACED = 1_772_330_400_000_000
SHOP = rules_from(load_example("shop"))
AGAIN = rules_from(load_example("shop"))
CHAIN = SHOP.promises["delivery"].chain
DEPARTMENTS = tuple(SHOP.departments)

minutes = st.integers(-300, 20_000)
faults = st.sampled_from([fault for found in SHOP.faults.values() for fault in found])


@st.composite
def events(draw: st.DrawFn) -> ProcessEvent:
    """Any event of the shop, sensible or not."""
    at = PLACED + draw(minutes) * HOUR // 60
    activity = draw(st.sampled_from(sorted(SHOP.activities)))
    transition = draw(st.sampled_from(list(Transition)))
    attributes = {}
    if draw(st.integers(0, 3)) == 0:
        fault = draw(faults)
        activity, transition, attributes = fault.activity, fault.transition, {"fault": fault.id}
    due = PLACED + draw(minutes) * HOUR // 60 if transition is Transition.SCHEDULE else None
    return ProcessEvent(
        event_id=str(draw(st.integers(0, 40))),
        activity=activity,
        transition=transition,
        at=at,
        recorded_at=at + draw(st.integers(0, 3)) * HOUR,
        due_at=due,
        attributes=attributes,
    )


scores = st.lists(
    st.builds(SymptomScore, st.sampled_from(sorted(SHOP.symptoms)), st.floats(0.05, 1.0)),
    max_size=3,
    unique_by=lambda score: score.symptom,
).map(tuple)


@st.composite
def companies(draw: st.DrawFn) -> Rules:
    """The shop, with some of its sources speaking only now and then."""
    sources = {
        key: replace(
            rule,
            assumed=draw(st.booleans()),
            every=draw(st.sampled_from([None, 24 * HOUR])),
        )
        for key, rule in SHOP.sources.items()
    }
    return replace(SHOP, sources=sources)


@st.composite
def situations(draw: st.DrawFn) -> tuple[Complaint, Case, Rules, int]:
    """A complaint about any case, asked about at or after it was written."""
    rules = draw(companies())
    at = PLACED + draw(minutes) * HOUR // 60
    case = Case(
        "o1",
        tuple(draw(st.lists(events(), max_size=14))),
        {key: PLACED + draw(minutes) * HOUR // 60 for key in rules.sources},
    )
    complaint = Complaint("c1", at, "id", draw(scores))
    return complaint, case, rules, at + draw(st.integers(0, 200)) * HOUR


@st.composite
def orders(draw: st.DrawFn) -> tuple[int, list[tuple[str, int]]]:
    """A clean order up to some activity: how long each step took, and when the customer wrote."""
    length = draw(st.integers(1, len(CHAIN)))
    durations = draw(st.lists(st.integers(0, 9_000), min_size=length - 1, max_size=length - 1))
    at, steps = PLACED, [(CHAIN[0], PLACED)]
    for activity, took in zip(CHAIN[1:length], durations, strict=True):
        at += took * HOUR // 60
        steps.append((activity, at))
    return at + draw(st.integers(0, 12_000)) * HOUR // 60, steps


def case_of(steps: list[tuple[str, int]]) -> Case:
    return Case(
        "o1",
        tuple(
            ProcessEvent(activity, activity, Transition.COMPLETE, at, at) for activity, at in steps
        ),
    )


def late(case: Case, at: int, rules: Rules = SHOP) -> Decision:
    symptoms = (SymptomScore("late_delivery", 0.9),)
    return trace(Complaint("c1", at, "id", symptoms), case, rules, at)


def share(decision: Decision, department: str) -> int:
    return sum(c.parts for c in decision.causes if c.department == department)


@settings(max_examples=120)
@given(situations())
def test_every_decision_is_whole(situation: tuple[Complaint, Case, Rules, int]) -> None:
    """Shares sum to 1, confidence is in 0..1, and each outcome has what it promises."""
    decision = trace(*situation)
    rules = situation[2]
    assert sum(cause.parts for cause in decision.causes) == PARTS
    assert all(cause.parts > 0 for cause in decision.causes)
    assert 0 <= decision.confidence <= 1
    assert decision.recovery is not None
    assert not rules.departments[decision.recovery.department].outside
    later = decision.outcome in {Outcome.WAITING, Outcome.ASKED}
    assert (decision.waiting_until is not None) == later
    assert (decision.question is not None) == (decision.outcome is Outcome.ASKED)
    if later:
        assert decision.waiting_until is not None
        assert decision.waiting_until > decision.as_of
    if decision.outcome in {Outcome.ASSIGNED, Outcome.EXTERNAL}:
        first = decision.causes[0]
        outside = first.department is not None and rules.departments[first.department].outside
        assert first.kind is not CauseKind.UNKNOWN
        assert outside == (decision.outcome is Outcome.EXTERNAL)
    known = {event.event_id for event in situation[1].events}
    for sentences in decision.explanation.values():
        assert sentences
        assert {event for s in sentences for event in s.events} <= known


@settings(max_examples=100)
@given(situations(), st.randoms(use_true_random=False))
def test_order_of_arrival_does_not_matter(
    situation: tuple[Complaint, Case, Rules, int], random
) -> None:
    """Shuffled and repeated events, shuffled symptoms: the same bytes."""
    complaint, case, rules, as_of = situation
    shuffled = [*case.events, *random.sample(case.events, len(case.events) // 2)]
    random.shuffle(shuffled)
    turned = replace(complaint, symptoms=tuple(reversed(complaint.symptoms)))
    other = trace(turned, replace(case, events=tuple(shuffled)), rules, as_of)
    assert other.canonical() == trace(complaint, case, rules, as_of).canonical()


@settings(max_examples=100)
@given(situations())
def test_the_same_inputs_give_the_same_bytes(situation: tuple[Complaint, Case, Rules, int]) -> None:
    """Nothing but the arguments decides, not even rules compiled again."""
    complaint, case, rules, as_of = situation
    again = replace(AGAIN, sources=rules.sources)
    first, second = trace(complaint, case, rules, as_of), trace(complaint, case, again, as_of)
    assert first.canonical() == second.canonical()
    assert first.digest() == second.digest()
    wordless = trace(complaint, case, rules, as_of, words=False)
    assert wordless.digest() == first.digest()
    question = first.question and replace(first.question, text={})
    bare = replace(first, explanation={}, customer_words={}, timeline=(), question=question)
    assert bare == replace(
        wordless, question=wordless.question and replace(wordless.question, text={})
    )


@settings(max_examples=120)
@given(orders(), st.data())
def test_more_delay_never_lowers_the_share(order, data: st.DataObject) -> None:
    """A step that took longer, all the rest as before, never ends with a smaller share."""
    at, steps = order
    at += 9_000 * HOUR // 60  # so that the order is late before and after
    if len(steps) < 2:
        return
    position = data.draw(st.integers(1, len(steps) - 1))
    more = data.draw(st.integers(1, 6_000)) * HOUR // 60
    delayed = [(a, t + more if i >= position else t) for i, (a, t) in enumerate(steps)]
    owner = SHOP.activities[steps[position][0]].owner
    # What follows keeps its durations; an open activity keeps its own as well.
    before, after = late(case_of(steps), at), late(case_of(delayed), at + more)
    assert share(after, owner) >= share(before, owner) - 1  # the last ten-thousandth is rounding


@settings(max_examples=120)
@given(orders())
def test_nobody_is_blamed_for_a_met_allowance(order) -> None:
    """Whoever kept every allowance has no share of the delay."""
    at, steps = order
    decision = late(case_of(steps), at)
    times = dict(steps)
    over: set[str] = set()
    for before, activity in itertools.pairwise(CHAIN):
        if before not in times:
            break
        rule = SHOP.activities[activity]
        assert rule.allowance is not None
        if times.get(activity, at) - times[before] > rule.allowance:
            over.add(rule.owner)
    charged = {
        c.department for c in decision.causes if c.hours > 0 and c.kind is not CauseKind.PROMISE
    }
    assert charged <= over
    if decision.outcome is Outcome.WAITING:
        assert not charged


@settings(max_examples=120)
@given(orders(), st.sampled_from(sorted(SHOP.sources)), st.integers(0, 30_000))
@example(  # a minute's delay beside days of silence is no half of a minute's lateness
    (
        PLACED + 148 * HOUR + HOUR // 60,
        [(key, PLACED) for key in CHAIN[:4]] + [("picked", PLACED + 12 * HOUR + HOUR // 60)],
    ),
    "wms",
    0,
)
@example(  # heard up to this moment is more than to be assumed from its other words
    (PLACED + 40 * HOUR + HOUR // 60, [(key, PLACED) for key in CHAIN[:2]]),
    "payment-gateway",
    2401,
)
def test_a_silent_source_never_adds_blame(order, source: str, spoken: int) -> None:
    """Hearing from a source only up to some time, or only assuming so, charges nobody more than hearing it all."""
    at, steps = order
    strict = replace(SHOP.sources[source], assumed=False, every=24 * HOUR)
    rules = replace(SHOP, sources={**SHOP.sources, source: strict})
    silent = replace(case_of(steps), watermarks={source: PLACED + spoken * HOUR // 60})
    whole = replace(silent, watermarks={source: max(at, PLACED + spoken * HOUR // 60)})
    promise, timeline = SHOP.promises["delivery"], build(silent, SHOP, at, at)
    heard = measure(promise, whole, timeline, rules, at, denied=True)
    unheard = measure(promise, silent, timeline, rules, at, denied=True)
    assumed = measure(promise, case_of(steps), timeline, SHOP, at, denied=True)
    said = [at for activity, at in steps if SHOP.activities[activity].source == source]
    last_word = max([PLACED + spoken * HOUR // 60, *said])
    for full, part, guess in zip(heard.path, unheard.path, assumed.path, strict=True):
        assert part.charged <= full.charged
        assert guess.charged <= full.charged
        if part.unfinished and SHOP.activities[part.members[-1]].source == source:
            assert part.end <= max(part.begin, last_word)
    for department in DEPARTMENTS:
        if department in {rules.activities[a].owner for a in rules.activities} and all(
            rules.activities[a].source == source
            for a in CHAIN
            if rules.activities[a].owner == department
        ):
            most = share(late(whole, at, rules), department)
            assert share(late(silent, at, rules), department) <= most
            assert share(late(case_of(steps), at), department) <= most


@settings(max_examples=120)
@given(orders())
def test_signed_own_delays_add_up_to_the_lateness(order) -> None:
    """Along a delivered order, own delays sum to the lateness against the planned time."""
    at, steps = order
    case = case_of(steps)
    lateness = measure(
        SHOP.promises["delivery"], case, build(case, SHOP, at, at), SHOP, at, denied=True
    )
    if lateness.finished_at is None:
        return
    allowances = sum(SHOP.activities[a].allowance or 0 for a in CHAIN)
    total = sum(stretch.own or 0 for stretch in lateness.path)
    assert total == lateness.finished_at - (PLACED + allowances)


@given(
    orders(),
    st.lists(st.integers(0, 20_000), min_size=len(CHAIN), max_size=len(CHAIN)),
)
def test_due_dates_telescope_exactly(order, dues: list[int]) -> None:
    """With a due date on every step, signed own delays add up exactly to the lateness."""
    at, steps = order
    last = replace(SHOP.activities["delivered"], allowance=None, allowances=())
    rules = replace(SHOP, activities={**SHOP.activities, "delivered": last})
    if len(steps) < len(CHAIN):
        return
    schedule = tuple(
        ProcessEvent(
            f"due-{activity}",
            activity,
            Transition.SCHEDULE,
            PLACED,
            PLACED,
            due_at=PLACED + due * HOUR // 60,
        )
        for activity, due in zip(CHAIN, dues, strict=True)
    )
    case = case_of(steps)
    case = replace(case, events=(*case.events, *schedule))
    at = max(at, steps[-1][1])
    lateness = measure(
        rules.promises["delivery"], case, build(case, rules, at, at), rules, at, denied=True
    )
    assert lateness.late is not None
    assert sum(stretch.own or 0 for stretch in lateness.path) == lateness.late
    for stretch in lateness.path:
        assert stretch.own is not None
        assert stretch.charged <= max(0, stretch.own)  # upstream delay stays upstream
        if stretch.allowed_until is not None and stretch.end <= stretch.allowed_until:
            assert stretch.charged == 0


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=12).filter(lambda a: sum(a) > 1e-3))
def test_largest_remainder_is_exact_and_fair(amounts: list[float]) -> None:
    """Parts add up, and none is a whole part away from its exact share."""
    parts = largest_remainder(amounts)
    assert sum(parts) == PARTS
    for part, amount in zip(parts, amounts, strict=True):
        assert abs(part - amount * PARTS / sum(amounts)) < 1.001


@settings(max_examples=100)
@given(situations())
def test_findings_of_time_never_precede_what_was_known(
    situation: tuple[Complaint, Case, Rules, int],
) -> None:
    """No evidence rests on an event from after the moment asked about."""
    decision = trace(*situation)
    complaint, case, _, as_of = situation
    copies: dict[str, list[int]] = {}
    for event in case.events:
        copies.setdefault(event.event_id, []).append(event.at)
    for evidence in decision.evidence:
        if evidence.event_id is not None:
            assert min(copies[evidence.event_id]) <= as_of
        if evidence.finding is Finding.OVERDUE:
            assert evidence.hours is not None
    assert decision.as_of >= complaint.occurred_at
