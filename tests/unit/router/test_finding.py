"""Complaints that come without a case: the three stages together find it, ask for it, or leave it to a person."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas import topics
from schemas.assignment import AssignmentOpenedV1
from schemas.complaint import CustomerRef
from schemas.vocabulary import ComplaintState, LocatedBy, MessageKind, Outcome
from services.router import mapping
from services.router.lifecycle import finding
from services.router.lifecycle.finding import PATIENCE
from services.router.stages.customers import MOST_CASES
from services.router.stages.evidence import ANNOUNCE_AGAIN
from tests.support.lives import a_life
from tests.support.stage_pipeline import NOW, SHOP, Pipeline, tick
from tests.unit.router.test_loopback import ShortPipeline, said

PHONE = CustomerRef(kind="phone", digest="aa11" * 16)
MAIL = CustomerRef(kind="email", digest="bb22" * 16)
IN_TIME = (
    ("order_placed", 60.0),
    ("payment_received", 59.5),
    ("payment_verified", 59.0),
    ("confirmed", 58.0),
    ("picked", 56.0),
    ("packed", 54.0),
    ("handed_over", 52.0),
    ("delivered", 30.0),
)
LATE = (
    ("order_placed", 300.0),
    ("payment_received", 299.5),
    ("payment_verified", 299.0),
    ("confirmed", 298.0),
    ("picked", 296.0),
    ("packed", 150.0),
    ("handed_over", 149.0),
    ("delivered", 100.0),
)


@pytest.fixture(params=[Pipeline, ShortPipeline], ids=["long way", "short way"])
def pipeline(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pipeline]:
    """Fresh rows; every test goes both ways."""
    made: Pipeline = request.param(tmp_path)
    yield made
    made.close()


def order(
    pipeline: Pipeline, case_id: str, steps: tuple[tuple[str, float], ...], *refs: CustomerRef
) -> None:
    """An order of the customer's; only its first event names them."""
    for place, (activity, hours_ago) in enumerate(steps):
        named: dict[str, Any] = {"customer_refs": refs} if place == 0 else {}
        pipeline.happens(
            activity, hours_ago, case_id=case_id, event_id=f"{case_id}-{activity}", **named
        )


def complains(pipeline: Pipeline, *refs: CustomerRef, **fields: Any) -> None:
    """The complaint, without a case."""
    pipeline.complains(**({"case_id": None, "customer_refs": refs} | fields))


def says(
    pipeline: Pipeline,
    text: str,
    kind: MessageKind = MessageKind.ANSWER,
    *,
    at: datetime = NOW + timedelta(minutes=5),
    message_id: str = "m1",
) -> None:
    """The customer writes again, some minutes later."""
    pipeline.says(kind, text, message_id=message_id, at=at)


def test_the_order_that_explains_the_complaint_is_found_by_telephone(pipeline: Pipeline) -> None:
    """Of two orders of one customer the late one is meant, and the department that made it late is told."""
    order(pipeline, "INV-20001", IN_TIME, PHONE)
    order(pipeline, "INV-20002", LATE, PHONE)
    order(pipeline, "INV-20003", LATE, MAIL)
    complains(pipeline, PHONE)

    (decision,) = pipeline.decisions
    assert decision.case_id == "INV-20002"
    assert decision.located_by is LocatedBy.CUSTOMER
    assert decision.outcome is Outcome.ASSIGNED
    assert decision.causes[0].department == "packing"
    assert pipeline.status.located_by is LocatedBy.CUSTOMER
    assert pipeline.status.case_id == "INV-20002"
    (opened,) = pipeline.inbox("packing")
    assert opened.case_id == "INV-20002"
    assert pipeline.dead_letters == []


def test_a_case_that_is_given_is_said_to_be_given(pipeline: Pipeline) -> None:
    """Nothing is searched for, and the decision says how the case came."""
    order(pipeline, "INV-1", LATE, PHONE)
    pipeline.complains(customer_refs=(PHONE,))

    assert pipeline.decisions[-1].located_by is LocatedBy.GIVEN
    assert pipeline.status.located_by is LocatedBy.GIVEN
    assert pipeline.events(topics.CASE_SEARCHED) == []


def two_under_way(pipeline: Pipeline) -> None:
    """Two orders of one customer that are late alike; they differ by their sums and by when they began."""
    earlier = tuple((activity, hours) for activity, hours in LATE if hours > 140.0)
    later = tuple((activity, hours - 100.0) for activity, hours in earlier)
    order(pipeline, "INV-20001", earlier, PHONE)
    order(pipeline, "INV-20002", later, PHONE)
    for case_id, amount, hours_ago in (("INV-20001", 150_000, 298.0), ("INV-20002", 99_000, 198.0)):
        pipeline.happens(
            "invoice_issued",
            hours_ago,
            case_id=case_id,
            event_id=f"{case_id}-invoice",
            attributes={"invoiced_amount": amount},
        )


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("paket saya belum sampai, telat!", None),
        ("paket saya udah 12 hari belum sampai, telat!", "INV-20001"),
        ("paket saya udah 8 hari belum sampai, telat!", "INV-20002"),
        ("paket saya yang Rp 150.000 belum sampai, telat!", "INV-20001"),
    ],
)
def test_a_wait_or_a_sum_tells_two_late_orders_apart(
    pipeline: Pipeline, text: str, meant: str | None
) -> None:
    """Without either the customer is asked; with one nobody need be."""
    two_under_way(pipeline)
    complains(pipeline, PHONE, text=text)

    decision = pipeline.decisions[-1]
    assert decision.case_id == meant
    assert (decision.outcome is Outcome.ASKED) == (meant is None)


@pytest.mark.parametrize("spelling", ["INV-20002", "inv-20002"])
def test_a_reference_in_the_text_goes_before_the_telephone(
    pipeline: Pipeline, spelling: str
) -> None:
    """The customer's own word counts for more than what would fit better."""
    order(pipeline, "INV-20001", LATE, PHONE)
    order(pipeline, spelling, IN_TIME)
    complains(pipeline, PHONE, text="pesanan inv-20002 belum sampai juga, telat!")

    assert pipeline.decisions[-1].case_id == spelling
    assert pipeline.status.located_by is LocatedBy.TEXT


def test_a_reference_to_nothing_is_forgotten(pipeline: Pipeline) -> None:
    """What looked like a reference and is none names no case, and stays in no row."""
    order(pipeline, "INV-20001", LATE, PHONE)
    complains(pipeline, text="pesanan INV-99887766 belum sampai juga")

    assert pipeline.decisions[-1].outcome is Outcome.TRIAGE
    assert pipeline.status.located_by is None
    for partition in pipeline.partitions.values():
        assert all(b"99887766" not in (value or b"") for _key, value in partition.store.freeze())


def last_told(pipeline: Pipeline) -> list[AssignmentOpenedV1]:
    """The open assignments, as the inboxes tell them."""
    last = [
        pipeline.inbox(topic.split(".")[1])[-1]
        for topic in pipeline.written
        if topic.endswith(".inbox")
    ]
    return [each for each in last if isinstance(each, AssignmentOpenedV1)]


TWO_LATE = (("INV-20002", LATE), ("INV-20004", LATE))


def ambiguous(pipeline: Pipeline) -> None:
    for case_id, steps in TWO_LATE:
        order(pipeline, case_id, steps, PHONE)
    complains(pipeline, PHONE)


def test_what_is_not_clear_is_asked_once_and_nobody_is_told(pipeline: Pipeline) -> None:
    """Two late orders: the customer is asked which; no department hears of it, and only the ends of numbers are shown."""
    ambiguous(pipeline)

    (decision,) = pipeline.decisions
    assert decision.outcome is Outcome.ASKED
    assert decision.case_id is None
    assert pipeline.status.state is ComplaintState.ASKED
    assert pipeline.status.next_check_at == NOW + timedelta(microseconds=PATIENCE)
    for language in SHOP.rules.write_in:
        (words,) = pipeline.status.customer_words[language]
        assert "A (…0002)" in words
        assert "B (…0004)" in words
        assert "INV-2" not in words
    assert not [topic for topic in pipeline.written if topic.endswith(".inbox")]


@pytest.mark.parametrize(
    "answer", ["B", "b.", "yang INV-20004 kak", "20004", "nomor 0004", "inv-20004"]
)
def test_the_answer_locates_the_case(pipeline: Pipeline, answer: str) -> None:
    """By its letter, its number or the end of it."""
    ambiguous(pipeline)
    says(pipeline, answer)

    assert pipeline.status.case_id == "INV-20004"
    assert pipeline.status.located_by is LocatedBy.ANSWERED
    assert [each.outcome for each in pipeline.decisions] == [Outcome.ASKED, Outcome.ASSIGNED]
    assert [each.revision for each in pipeline.decisions] == [1, 2]
    assert pipeline.status.next_check_at is None
    says(pipeline, "A", message_id="m2")
    assert pipeline.status.case_id == "INV-20004"


def test_an_answer_that_names_none_of_them_changes_nothing(pipeline: Pipeline) -> None:
    """Nothing is guessed."""
    ambiguous(pipeline)
    says(pipeline, "tidak tahu, cek saja")
    says(pipeline, "0002 atau 0004", message_id="m2")

    assert len(pipeline.decisions) == 1
    assert pipeline.status.state is ComplaintState.ASKED


@pytest.mark.parametrize(
    ("answer", "days_later", "meant"),
    [
        ("yang 99rb kak", 0, "INV-20002"),
        ("yang sudah 12 hari", 0, "INV-20001"),
        ("yang sudah 13 hari", 1, "INV-20001"),
        ("udah 10 hari nih", 0, None),
        ("yang Rp 75.000", 0, None),
    ],
)
def test_an_answer_may_tell_them_apart_without_naming_one(
    pipeline: Pipeline, answer: str, days_later: int, meant: str | None
) -> None:
    """By its sum, or how long the customer has waited by then; what fits both alike, or neither, is a person's."""
    two_under_way(pipeline)
    complains(pipeline, PHONE)
    assert pipeline.status.state is ComplaintState.ASKED
    says(pipeline, answer, at=NOW + timedelta(days=days_later, minutes=5))

    assert pipeline.status.case_id == meant
    if meant is None:
        assert pipeline.decisions[-1].outcome is Outcome.TRIAGE
        says(pipeline, "yang 20002", message_id="m2")
        assert pipeline.status.located_by is LocatedBy.ANSWERED
    else:
        assert pipeline.decisions[-1].outcome is Outcome.ASSIGNED
        assert pipeline.status.located_by is LocatedBy.CUSTOMER


def test_the_same_told_again_asks_nobody_again(pipeline: Pipeline) -> None:
    """A customer who repeats what the complaint said changes nothing."""
    two_under_way(pipeline)
    complains(pipeline, PHONE, text="udah 10 hari paket belum sampai, telat!")
    before = len(pipeline.decisions)
    assert pipeline.status.state is ComplaintState.ASKED
    says(pipeline, "udah 10 hari lho")

    assert len(pipeline.decisions) == before
    assert pipeline.status.state is ComplaintState.ASKED


def test_an_answer_may_name_another_case(pipeline: Pipeline) -> None:
    """A third order, which nobody knew to be theirs, is looked up like any reference."""
    ambiguous(pipeline)
    order(pipeline, "INV-30009", LATE)
    says(pipeline, "bukan, pesanan INV-30009")

    assert pipeline.status.case_id == "INV-30009"
    assert pipeline.status.located_by is LocatedBy.ANSWERED


def test_without_an_answer_a_person_decides_and_the_question_is_not_repeated(
    pipeline: Pipeline,
) -> None:
    """At the deadline the triage desk gets it, by itself; an answer after that still counts."""
    ambiguous(pipeline)
    until = pipeline.status.next_check_at
    assert until is not None
    tick(pipeline, until - timedelta(seconds=1))
    assert len(pipeline.decisions) == 1

    tick(pipeline, until + timedelta(seconds=1))
    assert [each.outcome for each in pipeline.decisions] == [Outcome.ASKED, Outcome.TRIAGE]
    (opened,) = pipeline.inbox(SHOP.rules.policy.triage)
    assert isinstance(opened, AssignmentOpenedV1)
    assert pipeline.status.next_check_at is None

    says(pipeline, "A", at=until + timedelta(hours=1))
    assert pipeline.status.case_id == "INV-20002"
    assert pipeline.decisions[-1].outcome is Outcome.ASSIGNED


def test_a_case_that_is_heard_of_later_is_found_all_the_same(pipeline: Pipeline) -> None:
    """The complaint was read before its order: a person had it for a moment, then the order is found and taken over."""
    complains(pipeline, PHONE)
    assert pipeline.status.state is ComplaintState.TRIAGE
    order(pipeline, "INV-20002", LATE, PHONE)

    assert pipeline.status.case_id == "INV-20002"
    assert pipeline.decisions[-1].outcome is Outcome.ASSIGNED
    last = pipeline.inbox("packing")[-1]
    assert isinstance(last, AssignmentOpenedV1)
    told = {each.department for each in last_told(pipeline)}
    assert told == set(pipeline.status.departments)
    materials = [each.material for each in pipeline.decisions]
    assert len(set(materials)) == len(materials)


def test_a_better_case_takes_the_place_of_one_that_only_fitted(pipeline: Pipeline) -> None:
    """Found by telephone is not for ever: when the order that is really late is heard of, it is that one."""
    order(pipeline, "INV-20001", IN_TIME, PHONE)
    complains(pipeline, PHONE)
    assert pipeline.status.case_id == "INV-20001"
    order(pipeline, "INV-20002", LATE, PHONE)

    assert pipeline.status.case_id == "INV-20002"
    assert pipeline.decisions[-1].case_id == "INV-20002"
    assert pipeline.decisions[-1].causes[0].department == "packing"
    before = len(pipeline.decisions)
    pipeline.happens("delivered", 20, case_id="INV-20001", event_id="again")
    assert len(pipeline.decisions) == before, "the first order is no longer asked about"


@pytest.mark.parametrize("first", ["orders", "complaint"])
def test_arrival_makes_no_difference_to_the_end(tmp_path: Path, first: str) -> None:
    """Orders before the complaint or after it: the same case, the same causes."""
    pipeline = Pipeline(tmp_path)
    if first == "complaint":
        complains(pipeline, PHONE, MAIL)
    order(pipeline, "INV-20001", IN_TIME, PHONE)
    order(pipeline, "INV-20002", LATE, MAIL)
    if first == "orders":
        complains(pipeline, PHONE, MAIL)

    assert pipeline.status.case_id == "INV-20002"
    assert pipeline.decisions[-1].causes[0].department == "packing"
    pipeline.close()


def test_an_end_before_the_case_is_found_waits_for_the_decision(pipeline: Pipeline) -> None:
    """A complaint that its customer took back is decided too, once, and told to nobody."""
    order(pipeline, "INV-20002", LATE, PHONE)
    says(pipeline, "tidak jadi", MessageKind.WITHDRAW)
    complains(pipeline, PHONE)

    assert len(pipeline.decisions) == 1
    assert pipeline.status.state is ComplaintState.WITHDRAWN


def test_a_complaint_lives_again_without_its_case(pipeline: Pipeline) -> None:
    """Reopened, it is decided anew, by its words or by the case that is known by now."""
    complains(pipeline)
    says(pipeline, "selesai", MessageKind.SATISFIED)
    says(pipeline, "masih belum", MessageKind.REOPEN, message_id="m2")

    states = [each.data.state for each in pipeline.events(topics.COMPLAINT_STATUS)]
    assert states[-3:] == [ComplaintState.CLOSED, ComplaintState.REOPENED, ComplaintState.TRIAGE]


def test_both_ways_write_the_same(tmp_path: Path) -> None:
    """What others read does not depend on which partitions a worker owns."""
    long, short, part = (
        Pipeline(tmp_path / "long"),
        ShortPipeline(tmp_path / "short"),
        ShortPipeline(tmp_path / "part"),
    )
    part.owned = frozenset({0, 3})
    for pipeline in (long, short, part):
        order(pipeline, "INV-20001", IN_TIME, PHONE)
        ambiguous(pipeline)
        says(pipeline, "A")
    ours = {f"t-{name}" for name in ("case.opened", "case.searched", "case.found")}

    def others(pipeline: Pipeline) -> dict[str, Any]:
        return {topic: each for topic, each in said(pipeline).items() if topic not in ours}

    assert others(short) == others(long) == others(part)
    for pipeline in (long, short, part):
        pipeline.close()


def test_a_reference_that_many_share_stays_bounded(tmp_path: Path) -> None:
    """Only the cases last seen are kept of a customer, and a person decides among too many."""
    pipeline = Pipeline(tmp_path)
    for number in range(MOST_CASES + 5):
        order(pipeline, f"INV-{30000 + number}", LATE, PHONE)
    complains(pipeline, PHONE)

    kept = [
        item
        for partition in pipeline.partitions.values()
        for item, _row in partition.store.items(b"u:" + PHONE.digest.encode())
    ]
    assert len(kept) == MOST_CASES
    assert pipeline.status.state is ComplaintState.TRIAGE
    pipeline.close()


def test_a_case_is_announced_once_and_again_when_there_is_late_news(tmp_path: Path) -> None:
    """Every event names the customer; the customer's row hears of the case once, and after a week again."""
    pipeline = Pipeline(tmp_path)
    pipeline.happens("order_placed", 300, customer_refs=(PHONE,))
    pipeline.happens("confirmed", 299, customer_refs=(PHONE,))
    pipeline.happens("order_placed", 300, customer_refs=(PHONE,))
    assert len(pipeline.events(topics.CASE_OPENED)) == 1
    later = 300 - ANNOUNCE_AGAIN / 3_600_000_000
    pipeline.happens("delivered", later, customer_refs=(PHONE,))
    assert len(pipeline.events(topics.CASE_OPENED)) == 2
    pipeline.close()


def test_a_search_read_from_its_row_asks_as_one_that_was_not() -> None:
    """Whether a worker has started anew in between makes no difference: the same questions by the same numbers."""
    life, _ = finding.begin(a_life(case_id=None), ["telephone"], [])
    # The newest comes first, whatever its id.
    life, _ = finding.found(life, "telephone", ["Z", "A"], at=2)
    stored = mapping.life_from_row(mapping.life_row(life))
    assert stored == life
    for going_on in (
        lambda one: finding.found(one, "telephone", ["Z", "A", "M"], at=3),
        finding.again,
        lambda one: finding.due(replace(one, due=4), as_of=5),
    ):
        assert going_on(stored) == going_on(life)
