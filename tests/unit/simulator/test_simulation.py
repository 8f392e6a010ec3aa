"""The imaginary shop keeps its own rules, or its planted truth would be none."""

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta

import pytest

from services.simulator import shop
from services.simulator.faults import EXTRA_HOURS, HALF_HOURS
from services.simulator.model import Fault, Grievance, Observed, Play
from services.simulator.simulation import RIDE_HOURS, simulate

END = datetime(2026, 3, 20, 12, tzinfo=UTC)
PREDECESSOR = {
    "payment_received": "order_placed",
    "payment_verified": "payment_received",
    "confirmed": "payment_verified",
    "picked": "confirmed",
    "packed": "picked",
    "handed_over": "packed",
    "delivered": "handed_over",
    "invoice_issued": "confirmed",
}


@pytest.fixture(scope="module")
def run() -> Play:
    return simulate(orders=200, seed=11, end=END)


def completed(run: Play) -> dict[str, dict[str, Observed]]:
    found: dict[str, dict[str, Observed]] = defaultdict(dict)
    for event in run.events:
        if event.transition == "complete":
            found[event.case_id][event.activity] = event
    return found


def placed_with(run: Play, case_id: str) -> dict[str, object]:
    return next(
        e.attributes for e in run.events if e.case_id == case_id and e.activity == "order_placed"
    )


def allowed_hours(run: Play, case_id: str, activity: str) -> float:
    attributes = placed_with(run, case_id)
    if activity == "delivered" and attributes["region"] == "outer":
        return shop.OUTER_DELIVERY_HOURS
    if activity == "payment_verified" and attributes["payment_method"] == "bank_transfer":
        return shop.TRANSFER_VERIFIED_HOURS
    return shop.ALLOWED_HOURS[activity]


def overruns(run: Play) -> dict[str, set[str]]:
    """Case -> activities that took longer than allowed."""
    found: dict[str, set[str]] = defaultdict(set)
    for case_id, events in completed(run).items():
        for activity, before in PREDECESSOR.items():
            if activity in events and before in events:
                took = (events[activity].at - events[before].at).total_seconds() / 3600
                if took > allowed_hours(run, case_id, activity):
                    found[case_id].add(activity)
    return found


def test_the_same_seed_and_end_give_the_same_run_and_another_seed_another() -> None:
    """A run can be played again."""
    assert simulate(orders=40, seed=3, end=END) == simulate(orders=40, seed=3, end=END)
    assert simulate(orders=40, seed=3, end=END).items != simulate(orders=40, seed=4, end=END).items


def test_everything_comes_in_the_order_in_which_it_becomes_known_and_nothing_after_the_end(
    run: Play,
) -> None:
    """A complaint is told after every event that was known when it was made."""
    times = [item.known_at if isinstance(item, Observed) else item.at for item in run.items]
    assert times == sorted(times)
    assert times[-1] <= END
    assert all(event.at <= event.known_at for event in run.events)


def test_every_kind_of_fault_leads_to_complaints_and_each_complaint_has_its_truth(
    run: Play,
) -> None:
    """No planted fault goes unnoticed."""
    found = Counter(run.truths[complaint.key].fault for complaint in run.complaints)
    assert set(found) == set(Fault)
    assert sum(found.values()) == round(200 * 0.45)
    assert len({complaint.key for complaint in run.complaints}) == len(run.complaints)


@pytest.mark.parametrize("seed", range(5))
def test_only_what_was_planted_takes_longer_than_allowed(seed: int) -> None:
    """Truth: whoever overruns an allowance was made to."""
    run = simulate(orders=90, seed=seed, end=END)
    planted = {complaint.case_id: run.truths[complaint.key] for complaint in run.complaints}
    for case_id, activities in overruns(run).items():
        assert case_id in planted, f"{case_id} overran {activities} without a planted fault"
        assert activities <= set(planted[case_id].activities), case_id


@pytest.mark.parametrize("seed", range(5))
def test_who_complains_of_lateness_has_been_kept_waiting_beyond_the_promise(seed: int) -> None:
    """Only the impatient ask before it is due."""
    run = simulate(orders=90, seed=seed, end=END)
    due = {event.case_id: event.due_at for event in run.events if event.transition == "schedule"}
    late = {
        Fault.LATE_CONFIRMATION,
        Fault.LATE_PICKING,
        Fault.LATE_PACKING,
        Fault.LATE_HANDOVER,
        Fault.COURIER_LATE,
        Fault.SEVERAL_LATE,
        Fault.IMPOSSIBLE_PROMISE,
        Fault.CUSTOMER_OWN,
    }
    delivered = {
        case: events["delivered"].at
        for case, events in completed(run).items()
        if "delivered" in events
    }
    for complaint in run.complaints:
        fault = run.truths[complaint.key].fault
        promise = due[complaint.case_id]
        assert promise is not None
        if fault in late:
            assert complaint.at > promise, fault
            assert delivered.get(complaint.case_id, END) > promise, fault
        if fault is Fault.IMPATIENT:
            assert promise > END


def test_faults_of_the_goods_are_reported_as_events_and_known_in_the_run(run: Play) -> None:
    """What a department did wrong can be found in the case's own events."""
    expected = {
        Fault.WRONG_ITEM: {"wrong_item_picked"},
        Fault.SHORT: {"item_short", "packed_incomplete"},
        Fault.DAMAGED: {"damaged_in_packing"},
        Fault.INVOICE_MISMATCH: {"invoice_mismatch"},
    }
    told = defaultdict(set)
    for event in run.events:
        if event.transition == "fail":
            told[event.case_id].add(event.attributes["fault"])
    for complaint in run.complaints:
        fault = run.truths[complaint.key].fault
        if fault in expected:
            assert told[complaint.case_id] & expected[fault], fault


def test_an_approved_refund_is_still_unpaid_when_the_customer_complains(run: Play) -> None:
    """The refund promise has run out and no payment was told."""
    for complaint in run.complaints:
        if run.truths[complaint.key].fault is Fault.REFUND_UNPAID:
            events = completed(run)[complaint.case_id]
            waited = complaint.at - events["refund_requested"].at
            assert "refund_paid" not in events
            assert waited > timedelta(hours=shop.REFUND_PROMISE_HOURS)


def test_ordinary_orders_bring_no_complaint() -> None:
    """Without planted faults everything goes well."""
    run = simulate(orders=60, seed=1, end=END, faulty=0)
    assert run.complaints == ()
    assert not overruns(run)


def test_a_tag_keeps_the_orders_of_two_runs_apart() -> None:
    """Two runs can be played into one pipeline."""
    first = {event.case_id for event in simulate(orders=20, seed=1, end=END, tag="-a").events}
    second = {event.case_id for event in simulate(orders=20, seed=1, end=END, tag="-b").events}
    assert not first & second


def test_what_is_posted_never_holds_the_truth(run: Play) -> None:
    """A complaint's body has the customer's words, the time, and the order or who the customer is."""
    posted = {tuple(item.payload()) for item in run.items if isinstance(item, Grievance)}
    assert posted == {
        ("text", "occurred_at", "case_id"),
        ("text", "occurred_at", "customer_refs"),
    }


def test_missing_events_leave_complaints_and_truth_as_they_are() -> None:
    """A larger share drops more, and never brings one back."""
    whole = simulate(orders=60, seed=5, end=END)
    some = simulate(orders=60, seed=5, end=END, missing=0.2)
    more = simulate(orders=60, seed=5, end=END, missing=0.4)
    ids = [{event.event_id for event in run.events} for run in (whole, some, more)]
    assert ids[0] > ids[1] > ids[2]
    assert 0.7 < len(ids[1]) / len(ids[0]) < 0.9
    assert some.complaints == whole.complaints
    assert some.truths == whole.truths


def test_a_planted_delay_breaks_the_promise_even_with_the_shortest_ride() -> None:
    """By the bounds themselves: no draw of chance can make a late order arrive in time."""
    shortest = {region: hours[0] for region, hours in RIDE_HOURS.items()}
    for region, promise in shop.PROMISE_HOURS.items():
        assert EXTRA_HOURS[region][0] + shortest[region] > promise
        assert 2 * HALF_HOURS[0] + shortest[region] > promise
