"""The shop as a discrete-event simulation: orders queue for people, faults are planted, customers complain.

It stands apart from `faults` (what is planted) and `player` (how it is told).  Same seed, same end: the same run, event
by event.  Hazard: chance is drawn per order, or one more order would change all the others.
"""

from __future__ import annotations

import random
from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from typing import Any, Final

import simpy

from services.simulator import shop
from services.simulator.calendar import Hours
from services.simulator.faults import Plan, plan_for
from services.simulator.model import Fault, Grievance, Observed, Play, Truth
from services.simulator.shop import HOUR
from services.simulator.texts import Trouble, write

SPAN_DAYS: Final = 24
FAULTY_SHARE: Final = 0.45
RIDE_HOURS: Final = {"java": (22.0, 50.0), "outer": (60.0, 95.0)}
"""Region -> how long the parcel is on the way when nothing is planted."""

Steps = Generator[simpy.Event, Any, None]
Row = tuple[datetime, int, str, Observed | Grievance]


def simulate(
    *,
    orders: int,
    seed: int,
    end: datetime,
    faulty: float = FAULTY_SHARE,
    tag: str = "",
    missing: float = 0.0,
) -> Play:
    """Run the shop for 24 days up to `end`.

    Args:
        orders: How many are placed.
        seed: Of everything that chance decides.
        end: Aware; nothing is known or complained of after it.
        faulty: The share of orders with a planted fault, spread evenly over the kinds.
        missing: The share of process events that no system ever sends; the truth stays as it is.
        tag: Part of every order number, so that two runs can be played into one pipeline.

    Returns:
        Events and complaints in the order in which they become known, with the truth about each complaint.
    """
    start = end.astimezone(UTC) - timedelta(days=SPAN_DAYS)
    house = _House(start, tag)
    draw = random.Random(seed)
    count = round(orders * faulty)
    planted: list[Fault | None] = [*islice(cycle(Fault), count), *[None] * (orders - count)]
    draw.shuffle(planted)
    for number, fault in enumerate(planted):
        order = _Order(house, number, seed, fault)
        house.env.process(order.live())
    house.env.run(until=SPAN_DAYS * 86_400)
    if missing > 0:
        house.observed = [one for one in house.observed if not _lost(one, seed, missing)]
    return _in_order(house, end)


@dataclass(slots=True)
class _House:
    """The people and the van, the clock, and what they report."""

    start: datetime
    tag: str = ""
    env: simpy.Environment = field(default_factory=simpy.Environment)
    desk: simpy.Resource = field(init=False)
    pickers: simpy.Resource = field(init=False)
    packers: simpy.Resource = field(init=False)
    observed: list[Observed] = field(default_factory=list)
    grievances: list[Grievance] = field(default_factory=list)
    truths: dict[str, Truth] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.desk = simpy.Resource(self.env, shop.DESKS["back-office"])
        self.pickers = simpy.Resource(self.env, shop.DESKS["pickers"])
        self.packers = simpy.Resource(self.env, shop.DESKS["packers"])

    def at(self, seconds: float) -> datetime:
        """The instant of a simulated second, to the whole second."""
        return self.start + timedelta(seconds=round(seconds))

    def until_worked(self, hours: Hours, seconds: float) -> float:
        """How long from now until `seconds` of work within `hours` are done."""
        now = self.start.timestamp() + self.env.now
        return hours.after(now, seconds) - now

    def until_next_van(self) -> float:
        """How long until the courier's van comes again."""
        now = self.at(self.env.now).astimezone(shop.ZONE)
        times = (
            datetime.combine(now.date() + timedelta(days=day), slot, shop.ZONE)
            for day in range(2)
            for slot in shop.PICKUPS
        )
        return (next(slot for slot in times if slot > now) - now).total_seconds()


class _Order:
    """One order from the cart to the doorstep, and what its customer says."""

    def __init__(self, house: _House, number: int, seed: int, fault: Fault | None) -> None:
        self.house = house
        self.env = house.env
        self.draw = random.Random(f"{seed}/{number}")
        self.region = "outer" if self.draw.random() < 0.25 else "java"
        self.method = self.draw.choice(shop.METHODS)
        self.plan: Plan = plan_for(fault, self.region, self.draw)
        placed = self.draw.uniform(*self.plan.placed_between) * 86_400
        self.placed = placed
        self.case_id = (
            f"INV-{house.at(placed).astimezone(shop.ZONE):%Y%m%d}-{number:04d}{house.tag}"
        )
        self.promise = placed + self.plan.promise_hours * HOUR
        self.serial = 0

    def live(self) -> Steps:
        """Everything that happens to the order."""
        yield self.env.timeout(self.placed)
        self._tell(
            "order_placed", attributes={"payment_method": self.method, "region": self.region}
        )
        self._tell("delivered", "schedule", due=self.promise)
        self.env.process(self._complain_if_late())
        yield from self._pay()
        yield from self._confirm()
        self.env.process(self._invoice())
        yield from self._pick()
        yield from self._pack()
        yield from self._hand_over()
        yield from self._deliver()
        yield from self._afterwards()

    def _pay(self) -> Steps:
        yield self.env.timeout(
            self.draw.uniform(0.02, 3) * HOUR + self.plan.delay("payment_received")
        )
        self._tell("payment_received")
        yield self.env.timeout(self.draw.uniform(0.02, 1.5) * HOUR)
        self._tell("payment_verified")

    def _confirm(self) -> Steps:
        yield from self._work("confirmed", self.house.desk, shop.BACK_OFFICE, (2, 8))

    def _pick(self) -> Steps:
        yield from self._work("picked", self.house.pickers, shop.WAREHOUSE, (10, 35))

    def _pack(self) -> Steps:
        yield from self._work("packed", self.house.packers, shop.PACKING, (8, 25))

    def _hand_over(self) -> Steps:
        yield self.env.timeout(self.plan.delay("handed_over"))
        yield self.env.timeout(self.house.until_next_van())
        self._tell("handed_over", objects={"route": f"R{self.draw.randint(1, 9)}-{self.region}"})

    def _deliver(self) -> Steps:
        on_the_way = self.draw.uniform(*RIDE_HOURS[self.region]) * HOUR
        yield self.env.timeout(on_the_way / 2)
        self._tell("in_transit", objects={"hub": f"hub-{self.draw.randint(1, 4)}"})
        self._fault("delivered")
        yield self.env.timeout(on_the_way / 2 + self.plan.delay("delivered"))
        yield self.env.timeout(self.house.until_worked(shop.ROUND, self.draw.uniform(5, 40) * 60))
        self._tell("delivered")

    def _work(
        self, activity: str, who: simpy.Resource, hours: Hours, minutes: tuple[int, int]
    ) -> Steps:
        """Wait in the pile (longer when planted), then for a free pair of hands in working hours, then the work."""
        yield self.env.timeout(self.plan.delay(activity))
        with who.request() as turn:
            yield turn
            yield self.env.timeout(self.house.until_worked(hours, self.draw.uniform(*minutes) * 60))
        self._fault(activity)
        self._tell(activity)

    def _invoice(self) -> Steps:
        yield self.env.timeout(
            self.house.until_worked(shop.FINANCE, self.draw.uniform(0.2, 3) * HOUR)
        )
        self._fault("invoice_issued")
        self._tell("invoice_issued")
        if self.plan.trouble is Trouble.CHARGE:
            yield self.env.timeout(self.draw.uniform(1, 60) * HOUR)
            self._complain()

    def _afterwards(self) -> Steps:
        """What the customer finds on opening the parcel, or does not find at the door."""
        late = self.env.now > self.promise
        if self.plan.refund:
            yield from self._refund()
        elif self.plan.trouble is Trouble.LATE_BUT_HERE and late:
            yield self.env.timeout(self.draw.uniform(1, 40) * HOUR)
            self._complain()
        elif self.plan.on_delivery:
            yield self.env.timeout(self.draw.uniform(0.3, 48) * HOUR)
            self._complain()

    def _refund(self) -> Steps:
        yield self.env.timeout(self.draw.uniform(12, 48) * HOUR)
        self._tell("refund_requested")
        yield self.env.timeout(self.draw.uniform(2, 18) * HOUR)
        self._tell("refund_approved")
        yield self.env.timeout(self.draw.uniform(100, 150) * HOUR)
        self._complain(waited=5)

    def _complain_if_late(self) -> Steps:
        """While it is not there: after the promise has run out, or before it when the customer is impatient."""
        if self.plan.impatient:
            yield self.env.timeout(self.draw.uniform(20, 34) * HOUR)
            self._complain()
        elif self.plan.trouble in (Trouble.LATE, Trouble.OWN):
            yield self.env.timeout(self.promise - self.env.now + self.draw.uniform(0.5, 20) * HOUR)
            self._complain()

    def _fault(self, activity: str) -> None:
        """Report the planted fault of this activity: at once, or some hours later when a count finds it."""
        fault = self.plan.fault_event(activity)
        if fault is None:
            return
        later = self.draw.uniform(1, 12) * HOUR if self.draw.random() < 0.3 else 0.0
        self._tell(activity, "fail", attributes={"fault": fault}, known_later=later)

    def _tell(
        self,
        activity: str,
        transition: str = "complete",
        *,
        due: float | None = None,
        objects: dict[str, str] | None = None,
        attributes: dict[str, str | int | float | bool] | None = None,
        known_later: float = 0.0,
    ) -> None:
        self.serial += 1
        source = shop.SOURCES[activity]
        lag = self.draw.uniform(1, shop.LAG_SECONDS.get(source, 20.0))
        self.house.observed.append(
            Observed(
                event_id=f"{source}-{self.case_id}-{self.serial}",
                case_id=self.case_id,
                activity=activity,
                transition=transition,
                at=self.house.at(self.env.now),
                known_at=self.house.at(self.env.now + lag + known_later),
                due_at=None if due is None else self.house.at(due),
                source=source,
                objects=objects or {},
                attributes=attributes or {},
            )
        )

    def _complain(self, waited: int | None = None) -> None:
        assert self.plan.truth is not None
        assert self.plan.trouble is not None
        days = waited or max(2, int((self.env.now - self.placed) // 86_400))
        text, language = write(self.plan.trouble, case_id=self.case_id, days=days, draw=self.draw)
        key = f"chat-{self.case_id}"
        at = self.house.at(self.env.now)
        self.house.grievances.append(Grievance(key, self.case_id, text, language, at))
        self.house.truths[key] = self.plan.truth


def _lost(event: Observed, seed: int, share: float) -> bool:
    """Whether this event is among those never sent; drawn per event, so that a larger share only adds to them."""
    return random.Random(f"{seed}/lost/{event.event_id}").random() < share


def _in_order(house: _House, end: datetime) -> Play:
    """Everything known by `end`, events before the complaints of the same second."""
    known: list[Row] = [(one.known_at, 0, one.event_id, one) for one in house.observed]
    said: list[Row] = [(one.at, 1, one.key, one) for one in house.grievances]
    rows = sorted((row for row in [*known, *said] if row[0] <= end), key=lambda row: row[:3])
    return Play(tuple(row[3] for row in rows), house.truths)
