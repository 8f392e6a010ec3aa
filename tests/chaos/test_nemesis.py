"""What the report says about standing still is measured right."""

from __future__ import annotations

from tests.chaos.journal import Answer, Call, ClientLog, Request
from tests.chaos.load import HALF, LATE, order
from tests.chaos.nemesis import Blow, standstills, summary


def accepted(times: list[float]) -> ClientLog:
    request = Request("k", "complaint", {}, sent_at=list(times))
    request.answers.extend(Answer(at, 202, complaint_id="c") for at in times)
    return ClientLog({"k": request})


def calls(times: list[float], status: int = 204) -> list[Call]:
    return [Call(f"w{at}", at, "/packing", status, "{}") for at in times]


def test_a_standstill_is_the_longest_silence_that_touches_its_blow() -> None:
    """Silence before a blow and after the next one belongs to others; refused calls are no sign of life."""
    blows = [Blow("kill -9 intake", 10.0), Blow("kill -9 router-0", 20.0)]
    client = accepted([1.0, 9.5, 14.5, 15.0, 19.0, 21.0, 40.0])

    first, second = standstills(blows, client, [*calls([9.0, 12.0, 30.0]), *calls([25.0], 503)])

    assert (first.accepted, first.delivered) == (5.0, 18.0)
    assert (second.accepted, second.delivered) == (19.0, 18.0)
    assert "kill -9 intake" in summary([first, second])


def test_silence_from_the_first_blow_on_counts() -> None:
    """Where nothing had come out before, the blow is where waiting begins."""
    (stood,) = standstills([Blow("kill -9 kafka", 10.0)], accepted([1.0, 12.0]), calls([22.0]))

    assert (stood.accepted, stood.delivered) == (11.0, 12.0)


def test_an_order_has_one_late_department_and_is_the_same_for_the_same_seed() -> None:
    """The planted cause is certain: one step takes days, all others keep their allowance; a repeat is the same order."""
    import random
    from datetime import UTC, datetime

    now = datetime(2026, 3, 1, tzinfo=UTC)
    orders = [order(n, run="r", chance=random.Random(n), now=now) for n in range(50)]

    assert orders == [order(n, run="r", chance=random.Random(n), now=now) for n in range(50)]
    assert {each.expect for each in orders} == {None, *LATE.values()}
    for each in orders:
        times = [datetime.fromisoformat(event["at"]) for event in each.events]
        assert times == sorted(times)
        assert times[-1] < now
        assert (each.expect is None) == each.later
        assert len(each.events) > HALF
        late = [
            event["activity"]
            for event, before, after in zip(each.events[1:], times, times[1:], strict=False)
            if (after - before).total_seconds() > 72 * 3600
        ]
        assert len(late) == 1
        assert each.expect in (None, LATE[late[0]])
