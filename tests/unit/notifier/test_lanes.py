"""Who waits for whom: one lane for each receiver, order within an assignment, patience with what is broken."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from schemas.vocabulary import NotificationOutcome, NotificationStage
from services.chassis.clock import FixedClock, microseconds
from services.chassis.retry import RetryPolicy
from services.notifier.delivery import Alert, Answer
from services.notifier.lanes import TRIP_AFTER, Attempt, Lanes
from services.notifier.ledger import Delivery
from services.notifier.receivers import Receiver
from services.notifier.signing import Secret

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def delivery(
    n: int,
    *,
    receiver: str = "packing",
    assignment: str | None = None,
    attempts: int = 0,
    due: float = 0.0,
) -> Delivery:
    """The n-th delivery, due so many seconds after `AT`."""
    alert = Alert(assignment or f"a{n}", f"c{n}", receiver, n + 1, NotificationStage.OPENED)
    return Delivery(
        notification_id=f"n{n}",
        alert=alert,
        receiver=receiver,
        causation_id=None,
        traceparent=None,
        number=n,
        attempts=attempts,
        due_at=microseconds(AT) + int(due * 1e6),
        body=b"{}",
    )


class House:
    """Lanes on a clock that stands, receivers that answer as told, and a record of what was stored."""

    def __init__(self, answer: Callable[[str, int], Answer], *, parallel: int = 8) -> None:
        self.clock = FixedClock(AT)
        self.posted: list[str] = []
        self.stored: list[Attempt] = []
        self.under_way = 0
        self.most_under_way = 0
        self.held: dict[str, asyncio.Event] = {}
        self.gone: set[str] = set()
        self.receivers = {
            name: Receiver(name, f"https://{name}.example", (Secret(b"k" * 32),))
            for name in ("packing", "finance")
        }
        self._answer = answer
        self.lanes = Lanes(
            post=self._post,
            receivers=lambda: self.receivers,
            is_gone=lambda receiver: receiver.name in self.gone,
            record=self._record,
            policy=RetryPolicy((10.0, 10.0)),
            clock=self.clock,
            parallel=parallel,
        )

    async def _post(self, receiver: Receiver, id_: str, _body: bytes) -> Answer:
        self.posted.append(id_)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        if receiver.name in self.held:
            await self.held[receiver.name].wait()
        await asyncio.sleep(0)
        self.under_way -= 1
        return self._answer(id_, self.posted.count(id_))

    async def _record(self, attempt: Attempt) -> None:
        await asyncio.sleep(0)
        self.stored.append(attempt)
        if attempt.gone_fingerprint is not None:
            self.gone.add(attempt.delivery.receiver)

    def outcomes(self) -> list[tuple[str, str, int]]:
        """What was stored, in order."""
        return [
            (one.delivery.notification_id, one.verdict.outcome.value, one.number)
            for one in self.stored
        ]

    async def settle(self) -> None:
        """Let everything happen that can happen at this moment."""
        for _ in range(200):
            await asyncio.sleep(0)

    async def later(self, seconds: float) -> None:
        """Let time go on, wake the lanes, and let things happen."""
        self.clock.advance(seconds)
        for lane in self.lanes._lanes.values():
            lane._changed.set()
        await self.settle()


def well(_id: str, _nth: int) -> Answer:
    """A receiver in good health."""
    return Answer(204)


def test_what_is_due_is_sent_and_stored() -> None:
    """One attempt, one stored delivery."""

    async def scene() -> None:
        house = House(well)
        house.lanes.add([delivery(1)])
        await house.settle()
        assert house.outcomes() == [("n1", "delivered", 1)]
        assert house.lanes.waiting() == 0
        await house.lanes.drain(0)

    asyncio.run(scene())


def test_a_clock_that_was_wrong_delays_nothing() -> None:
    """What was planned, or failed, while the wall clock was an hour ahead goes out when it would have gone out."""

    async def scene() -> None:
        house = House(lambda _id, nth: Answer(503 if nth == 1 else 204))
        right = house.clock._now
        house.clock._now = right + timedelta(hours=1)
        house.lanes.add([delivery(1, due=3_600)])
        await house.settle()
        assert house.outcomes() == [("n1", "attempted", 1)]
        house.clock._now = right
        house.lanes.add([delivery(2, due=3_600)])
        await house.settle()
        assert ("n2", "attempted", 1) in house.outcomes()
        await house.later(11)
        assert house.lanes.waiting() == 0
        await house.lanes.drain(0)

    asyncio.run(scene())


def test_nothing_is_sent_before_its_time() -> None:
    """A retry that an earlier life scheduled waits for its hour, and counts on."""

    async def scene() -> None:
        house = House(well)
        house.lanes.add([delivery(1, attempts=1, due=60)])
        await house.settle()
        await house.later(59)
        assert house.posted == []
        await house.later(2)
        assert house.outcomes() == [("n1", "delivered", 2)]
        await house.lanes.drain(0)

    asyncio.run(scene())


def test_a_receiver_that_hangs_holds_up_its_own_lane_only() -> None:
    """Another receiver's messages go out while the first one's places are all taken."""

    async def scene() -> None:
        house = House(well, parallel=4)
        house.held["packing"] = asyncio.Event()
        house.lanes.add([delivery(n) for n in range(20)])
        house.lanes.add([delivery(n, receiver="finance") for n in range(100, 110)])
        await house.settle()
        assert {id_ for id_, _, _ in house.outcomes()} == {f"n{n}" for n in range(100, 110)}
        assert sum(id_ in {f"n{n}" for n in range(20)} for id_ in house.posted) == 4
        house.held["packing"].set()
        await house.settle()
        assert len(house.outcomes()) == 30
        await house.lanes.drain(0)

    asyncio.run(scene())


def test_messages_about_one_assignment_go_out_in_order() -> None:
    """The second waits until the first is stored, however many places are free."""

    async def scene() -> None:
        house = House(well)
        house.held["packing"] = asyncio.Event()
        house.lanes.add(
            [delivery(1, assignment="a"), delivery(2, assignment="a"), delivery(3, assignment="a")]
        )
        await house.settle()
        assert house.posted == ["n1"]
        house.held["packing"].set()
        await house.settle()
        assert house.outcomes() == [
            ("n1", "delivered", 1),
            ("n2", "delivered", 1),
            ("n3", "delivered", 1),
        ]
        await house.lanes.drain(0)

    asyncio.run(scene())


def test_of_messages_that_failed_only_the_newest_is_tried_again() -> None:
    """A newer word about the same assignment replaces one that waits for its retry, and goes out at once."""

    async def scene() -> None:
        house = House(lambda id_, _nth: Answer(503 if id_ == "n1" else 204))
        house.lanes.add([delivery(1, assignment="a")])
        await house.settle()
        house.lanes.add([delivery(2, assignment="a")])
        await house.settle()
        assert house.outcomes() == [
            ("n1", "attempted", 1),
            ("n1", "suppressed", 1),
            ("n2", "delivered", 1),
        ]
        assert house.stored[1].verdict.detail == "superseded"
        await house.lanes.drain(0)

    asyncio.run(scene())


def test_attempts_end_with_the_schedule() -> None:
    """Two waits are three attempts; then it is given up, and said so."""

    async def scene() -> None:
        house = House(lambda _id, _nth: Answer(500))
        house.lanes.add([delivery(1)])
        await house.settle()
        await house.later(10)
        await house.later(10)
        await house.later(1000)
        assert house.outcomes() == [
            ("n1", "attempted", 1),
            ("n1", "attempted", 2),
            ("n1", "abandoned", 3),
        ]
        assert house.lanes.waiting() == 0
        await house.lanes.drain(0)

    asyncio.run(scene())


def test_gone_ends_all_that_waits_without_another_call() -> None:
    """After 410 the rest of the lane is recorded as abandoned; the receiver is not called again."""

    async def scene() -> None:
        house = House(lambda _id, _nth: Answer(410), parallel=1)
        house.lanes.add([delivery(n) for n in range(5)] + [delivery(5, due=3600)])
        await house.settle()
        assert house.posted == ["n0"]
        assert [one.verdict.outcome for one in house.stored] == [NotificationOutcome.ABANDONED] * 6
        await house.lanes.drain(0)

    asyncio.run(scene())


def test_a_receiver_that_was_taken_out_of_the_file_is_given_up() -> None:
    """What waits for a receiver that is configured no more is recorded as abandoned."""

    async def scene() -> None:
        house = House(well)
        house.lanes.add([delivery(1, attempts=1, due=10)])
        await house.settle()
        del house.receivers["packing"]
        await house.later(11)
        assert house.outcomes() == [("n1", "abandoned", 1)]
        assert house.posted == []
        await house.lanes.drain(0)

    asyncio.run(scene())


def test_a_broken_receiver_is_probed_by_one_message_at_a_time() -> None:
    """After ten failures in a row nobody storms it; when a probe succeeds, everything flows."""

    async def scene() -> None:
        broken = True
        house = House(lambda _id, _nth: Answer(503 if broken else 204), parallel=4)
        house.lanes.add([delivery(n) for n in range(40)])
        await house.settle()
        first = len(house.posted)
        assert TRIP_AFTER <= first <= TRIP_AFTER + 3
        house.most_under_way = 0
        await house.later(32)
        assert (len(house.posted), house.most_under_way) == (first + 1, 1)
        broken = False
        await house.later(32)
        await house.later(32)
        assert (
            sum(one.verdict.outcome is NotificationOutcome.DELIVERED for one in house.stored) == 40
        )
        await house.lanes.drain(0)

    asyncio.run(scene())


def test_a_delivery_that_is_added_twice_is_sent_once() -> None:
    """The same notification in the lane already is left alone."""

    async def scene() -> None:
        house = House(well)
        house.lanes.add([delivery(1), delivery(1)])
        await house.settle()
        assert house.posted == ["n1"]
        await house.lanes.drain(0)

    asyncio.run(scene())


def test_stopping_lets_what_is_under_way_be_stored() -> None:
    """Nothing new starts; an attempt that was made is recorded before the end."""

    async def scene() -> None:
        house = House(well, parallel=1)
        house.held["packing"] = asyncio.Event()
        house.lanes.add([delivery(1), delivery(2)])
        await house.settle()
        asyncio.get_running_loop().call_later(0.01, house.held["packing"].set)
        await house.lanes.drain(5)
        assert house.outcomes() == [("n1", "delivered", 1)]

    asyncio.run(scene())
