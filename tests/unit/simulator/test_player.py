"""The outside world over HTTP: in order, patient, and never silent about a refusal."""

import json
from datetime import UTC, datetime

import httpx
import pytest

from services.chassis.clock import FixedClock
from services.chassis.errors import PermanentError, TransientError
from services.simulator.model import Grievance, Observed, Play
from services.simulator.player import Intake, grouped, play
from services.simulator.simulation import simulate

END = datetime(2026, 3, 20, 12, tzinfo=UTC)


class FakeIntake:
    """Answers as intake does; the first answers can be given."""

    def __init__(self, *first: httpx.Response) -> None:
        self.first = list(first)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.first:
            return self.first.pop(0)
        if request.url.path == "/v1/complaints":
            return httpx.Response(
                202, json={"complaint_id": "c-" + request.headers["idempotency-key"]}
            )
        count = len(request.content.splitlines())
        lines = [json.dumps({"line": n + 1, "status": 202, "event_id": "e"}) for n in range(count)]
        return httpx.Response(200, text="\n".join(lines))


def connect(fake: FakeIntake) -> tuple[Intake, FixedClock]:
    clock = FixedClock(END)
    intake = Intake(
        "http://intake",
        "key",
        clock=clock,
        sleep=clock.advance,
        transport=httpx.MockTransport(fake),
    )
    return intake, clock


@pytest.fixture(scope="module")
def run() -> Play:
    return simulate(orders=30, seed=2, end=END)


def test_everything_is_posted_in_order_and_each_complaint_gets_its_id(run: Play) -> None:
    """What intake sees, request by request, is the run."""
    fake = FakeIntake()
    intake, clock = connect(fake)
    sent = play(run, intake, seconds=30, clock=clock, sleep=clock.advance)
    seen = []
    for request in fake.requests:
        assert request.headers["authorization"] == "Bearer key"
        if request.url.path == "/v1/complaints":
            seen.append(request.headers["idempotency-key"])
        else:
            seen += [json.loads(line)["event_id"] for line in request.content.splitlines()]
    assert seen == [item.event_id if isinstance(item, Observed) else item.key for item in run.items]
    assert [one.complaint_id for one in sent] == [f"c-{one.key}" for one in run.complaints]


def test_a_run_is_spread_over_the_given_time(run: Play) -> None:
    """The last item goes out near the end of it, not before."""
    intake, clock = connect(FakeIntake())
    play(run, intake, seconds=30, clock=clock, sleep=clock.advance)
    assert 25 < clock.monotonic() <= 30


def test_a_busy_intake_is_asked_again_with_the_same_key() -> None:
    """Retry-After is kept to, and the id is the one of the first try."""
    fake = FakeIntake(httpx.Response(503, headers={"retry-after": "2"}))
    intake, clock = connect(fake)
    assert intake.complaint({"text": "x"}, "key-0001") == "c-key-0001"
    assert [request.headers["idempotency-key"] for request in fake.requests] == ["key-0001"] * 2
    assert clock.monotonic() == 2


def test_a_batch_with_lines_that_were_not_stored_goes_again() -> None:
    """Answered 200 as a whole, 503 for a line."""
    partly = httpx.Response(200, text='{"line": 1, "status": 202}\n{"line": 2, "status": 503}\n')
    fake = FakeIntake(partly)
    intake, _ = connect(fake)
    intake.events([{"event_id": "1"}, {"event_id": "2"}])
    assert len(fake.requests) == 2


def test_a_refusal_is_told_at_once() -> None:
    """Whether of a complaint or of one line of a batch."""
    intake, _ = connect(FakeIntake(httpx.Response(401, text="no key")))
    with pytest.raises(PermanentError, match="401 no key"):
        intake.complaint({"text": "x"}, "key-0001")
    bad = httpx.Response(
        200, text='{"line": 1, "status": 503}\n{"line": 2, "status": 422, "problem": {}}\n'
    )
    intake, _ = connect(FakeIntake(bad))
    with pytest.raises(PermanentError, match="422"):
        intake.events([{"event_id": "1"}, {"event_id": "2"}])


def test_patience_ends_after_a_minute() -> None:
    """An intake that stays away is an error, not a wait without end."""
    fake = FakeIntake(*[httpx.Response(503) for _ in range(500)])
    intake, clock = connect(fake)
    with pytest.raises(TransientError, match="503"):
        intake.complaint({"text": "x"}, "key-0001")
    assert 55 < clock.monotonic() <= 60


def test_batches_hold_events_only_and_keep_the_order(run: Play) -> None:
    """A complaint stands alone; no batch is larger than asked for."""
    groups = list(grouped(run.items, largest=7))
    assert [item for group in groups for item in group] == list(run.items)
    assert all(len(group) == 1 for group in groups if isinstance(group[0], Grievance))
    assert max(map(len, groups)) == 7
