"""Foreign exports become the pipeline's messages, with their times put right."""

from pathlib import Path

import pytest

from services.cli import olist

COMPLAINT = {
    "complaint_id": "C1",
    "order_id": "O1",
    "complained_at": "2018-03-20 10:00:00",
    "review_score": "1",
    "text": "ainda não chegou",
    "lang": "pt",
}
DEADLINE = {
    "complaint_id": "C1",
    "order_id": "O1",
    "pay": "boleto",
    "shipping_limit_date": "2018-03-05 09:30:00",
    "order_estimated_delivery_date": "2018-03-18",
}
PLACED = {
    "complaint_id": "C1",
    "order_id": "O1",
    "at": "2018-02-28 23:30:00",
    "event": "order_placed",
}


def test_local_times_become_utc_summer_time_included() -> None:
    """São Paulo is three hours behind UTC, two in its summer time until 18 February 2018."""
    assert olist.utc("2018-03-01 12:00:00") == "2018-03-01T15:00:00Z"
    assert olist.utc("2018-02-01 12:00:00") == "2018-02-01T14:00:00Z"


def test_the_end_of_a_day_is_the_first_instant_of_the_next() -> None:
    """Also when the next day begins an hour late, as summer time does in São Paulo."""
    assert olist.end_of_day("2018-03-18") == "2018-03-19T03:00:00Z"
    assert olist.end_of_day("2017-10-14") == "2017-10-15T03:00:00Z"


def test_a_complaint_brings_its_events_and_due_dates() -> None:
    """The schedules are known from the moment the order is placed."""
    (replay,) = olist.replays([COMPLAINT], [PLACED], [DEADLINE])
    assert replay.key == "C1"
    assert replay.complaint["case_id"] == "O1"
    assert replay.complaint["occurred_at"] == "2018-03-20T13:00:00Z"
    placed, seller, carrier = replay.events
    assert placed["attributes"] == {"payment_type": "boleto"}
    assert placed["at"] == seller["at"] == carrier["at"] == "2018-03-01T02:30:00Z"
    assert (seller["activity"], seller["due_at"]) == ("handed_to_carrier", "2018-03-05T12:30:00Z")
    assert (carrier["transition"], carrier["due_at"]) == ("schedule", "2018-03-19T03:00:00Z")
    assert len({event["event_id"] for event in replay.events}) == 3


def test_an_order_without_a_shipping_limit_has_no_due_date_for_it() -> None:
    """What the platform did not set is not made up."""
    (replay,) = olist.replays([COMPLAINT], [PLACED], [{**DEADLINE, "shipping_limit_date": ""}])
    assert [event["activity"] for event in replay.events] == [
        "order_placed",
        "delivered_to_customer",
    ]


def test_a_complaint_without_events_comes_alone() -> None:
    """No event is invented for it."""
    (replay,) = olist.replays([COMPLAINT], [], [DEADLINE])
    assert replay.events == ()


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    """A wrong folder does not look like an empty one."""
    with pytest.raises(FileNotFoundError, match=r"complaints\.csv"):
        olist.load(tmp_path)
