"""What the report says about standing still is measured right."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.chaos.journal import Answer, Call, ClientLog, Request
from tests.chaos.load import HALF, LATE, order
from tests.chaos.nemesis import Blow, standstills, stood, summary
from tests.chaos.report import Line, lines, note, table


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


def test_silence_beyond_the_next_blow_is_the_next_ones() -> None:
    """Of a blow that was waited out, only what lies before the next blow counts; the next one has all of its own."""
    blows = [Blow("SIGTERM console", 10.0, until=12.0), Blow("kill -9 kafka", 20.0, until=32.0)]
    times = [9.0, 11.0, 19.5, 31.0]

    first, second = standstills(blows, accepted(times), calls(times))

    assert (first.accepted, first.delivered) == (8.5, 8.5)
    assert (second.accepted, second.delivered) == (11.5, 11.5)


def test_silence_from_the_first_blow_on_counts() -> None:
    """Where nothing had come out before, the blow is where waiting begins."""
    (stood,) = standstills([Blow("kill -9 kafka", 10.0)], accepted([1.0, 12.0]), calls([22.0]))

    assert (stood.accepted, stood.delivered) == (11.0, 12.0)


def test_a_bound_grows_with_the_load_and_needs_a_blow_that_was_waited_out() -> None:
    """Ten seconds where nothing else runs, twenty with two processes per core; none where two silences may run together."""
    quiet = Blow("a", 10.0, promise=10.0, until=15.0, load=0.3)
    busy = replace(quiet, at=20.0, until=25.0, load=2.0)
    hasty = replace(quiet, at=30.0, until=None)
    behind = replace(quiet, at=31.0, until=40.0)
    asked_for = Blow("b", 50.0, until=60.0)

    found = stood(
        standstills([quiet, busy, hasty, behind, asked_for], accepted([1.0, 99.0]), calls([1.0]))
    )

    assert [each.bound for each in found] == [10.0, 20.0, None, None, None]


def test_the_report_keeps_the_last_run_of_each_scenario(tmp_path: Path) -> None:
    """Runs of different days make one table; what was lost is added up below it."""
    line = Line("zombies", 1, "2026-01-01", 1.0, 0.5, 3, 10, 12, 1, 0, 0, 0, 2.0, 3.0)
    note(line, tmp_path)
    note(replace(line, lost=2), tmp_path)
    note(replace(line, scenario="power cut", accepted=5), tmp_path)

    assert [each.scenario for each in lines(tmp_path)] == ["power cut", "zombies"]
    assert "15 complaints answered 202: 3 lost, 0 repeated." in table(lines(tmp_path))
    assert (tmp_path / "report.md").read_text().startswith("| scenario |")


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
