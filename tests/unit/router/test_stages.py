"""Both stages together, record by record, over real rows but without a broker."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from schemas import codec, topics
from schemas.assignment import AssignmentOpenedV1, AssignmentWithdrawnV1
from schemas.clock import ClockTickedV1
from schemas.complaint import ComplaintMessagedV1, ComplaintReceivedV1, ComplaintStatusV1
from schemas.dead_letter import DeadLetterV1
from schemas.envelope import LATEST, Contract, Envelope
from schemas.process import ProcessObservedV1
from schemas.tracing import ComplaintTracedV1
from schemas.vocabulary import ComplaintState, MessageKind, Outcome, Transition
from services.chassis.partitioner import partition_for
from services.router.checkpoint import partition as partitions
from services.router.checkpoint.partition import Partition
from services.router.checkpoint.store import PartitionStore, SharedMemory
from services.router.checkpoint.transactions import Output
from services.router.stages.base import FORWARDED, keyed
from services.router.stages.customers import CustomerStage
from services.router.stages.evidence import EvidenceStage
from services.router.stages.lifecycle import LifecycleStage
from tests.support import companies

PARTITIONS = 4
NOW = datetime(2026, 3, 20, 5, 0, tzinfo=UTC)
PREFIX = "t-"


@dataclass(frozen=True)
class FakeRecord:
    """What the stages read of a consumed record."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    timestamp: int


SHOP = companies.company("shop")


@dataclass
class Pipeline:
    """The router's stages with a loop back for their own topics: a broker that is always up."""

    folder: Path
    outputs: list[Output] = field(default_factory=list)
    written: dict[str, list[Output]] = field(default_factory=lambda: defaultdict(list))
    partitions: dict[int, Partition] = field(default_factory=dict)
    offsets: Any = field(default_factory=lambda: defaultdict(count))

    def __post_init__(self) -> None:
        memory = SharedMemory(1 << 20, 1 << 20)
        self.stages = keyed(
            stage(SHOP, physical=lambda name: PREFIX + name, partitions=PARTITIONS)
            for stage in (LifecycleStage, EvidenceStage, CustomerStage)
        )
        for number in range(PARTITIONS):
            store = PartitionStore(self.folder / str(number), memory)
            self.partitions[number] = Partition(number, store, self.outputs)

    def close(self) -> None:
        """Close the databases."""
        for partition in self.partitions.values():
            partition.store.close()

    def raw(
        self,
        topic: topics.Topic,
        key: bytes | None,
        value: bytes | None,
        headers: tuple[tuple[str, bytes | None], ...] = (),
        *,
        partition: int | None = None,
        at: datetime = NOW,
    ) -> None:
        """Write any bytes into a topic, and handle what follows from them."""
        self._handle(PREFIX + topic.name, key, value, headers, partition, at)
        while self.outputs:
            output = self.outputs.pop(0)
            self.written[output.topic].append(output)
            if output.topic in self.stages:
                self._handle(
                    output.topic, output.key, output.value, tuple(output.headers), None, at
                )

    def _handle(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: tuple[tuple[str, bytes | None], ...],
        partition: int | None,
        at: datetime,
    ) -> None:
        number = partition if partition is not None else partition_for(key or b"", PARTITIONS)
        record = FakeRecord(
            topic,
            number,
            next(self.offsets[topic, number]),
            key,
            value,
            headers,
            int(at.timestamp() * 1000),
        )
        self.stages[topic].handle(self.partitions[number], record)

    def send(
        self,
        topic: topics.Topic,
        data: Contract,
        event_id: str,
        *,
        partition: int | None = None,
        at: datetime = NOW,
    ) -> None:
        """Write one event."""
        record = codec.encode(codec.wrap(data, id=event_id, source="/test", time=at))
        self.raw(topic, record.key, record.value, record.headers, partition=partition, at=at)

    def happens(self, activity: str, hours_ago: float, **fields: Any) -> None:
        """A process event of the one order."""
        at = NOW - timedelta(hours=hours_ago)
        values: dict[str, Any] = {
            "event_id": f"{activity}-{hours_ago}",
            "case_id": "INV-1",
            "activity": activity,
            "transition": Transition.COMPLETE,
            "at": at,
            "recorded_at": at,
        }
        data = ProcessObservedV1(**(values | fields))
        self.send(topics.PROCESS_OBSERVED, data, data.event_id)

    def complains(self, text: str = "paket saya belum sampai juga, telat!", **fields: Any) -> None:
        """The one complaint."""
        values: dict[str, Any] = {
            "complaint_id": "C-1",
            "channel": "web",
            "text": text,
            "case_id": "INV-1",
            "occurred_at": NOW,
            "received_at": NOW,
            "body_digest": "d1",
        }
        data = ComplaintReceivedV1(**(values | fields))
        self.send(topics.COMPLAINT_RECEIVED, data, "received-1")

    def events(self, topic: topics.Topic) -> list[Envelope[Any]]:
        """What was written to a topic, decoded."""
        return [
            codec.decode(
                topic.contracts, key=output.key, value=output.value, headers=output.headers
            )
            for output in self.written[PREFIX + topic.name]
        ]

    @property
    def decisions(self) -> list[ComplaintTracedV1]:
        """All decisions, in order."""
        return [event.data for event in self.events(topics.COMPLAINT_TRACED)]

    def inbox(self, department: str) -> list[AssignmentOpenedV1 | AssignmentWithdrawnV1]:
        """What a department was told, in order."""
        return [
            event.data for event in self.events(topics.DEPARTMENT_INBOX.for_department(department))
        ]

    @property
    def status(self) -> ComplaintStatusV1:
        """Where the complaint stands."""
        last: ComplaintStatusV1 = self.events(topics.COMPLAINT_STATUS)[-1].data
        return last

    @property
    def dead_letters(self) -> list[DeadLetterV1]:
        """What was put aside."""
        return [event.data for event in self.events(topics.ROUTER_DLQ)]


@pytest.fixture
def pipeline(tmp_path: Path) -> Any:
    """Fresh rows for each test."""
    made = Pipeline(tmp_path)
    yield made
    made.close()


def late_packing(pipeline: Pipeline) -> None:
    """An order that everybody but packing handled in time."""
    for activity, hours_ago in (
        ("order_placed", 300),
        ("payment_received", 299.5),
        ("payment_verified", 299),
        ("confirmed", 298),
        ("picked", 296),
        ("packed", 150),
        ("handed_over", 149),
        ("delivered", 100),
    ):
        pipeline.happens(activity, hours_ago)


def test_a_late_order_is_traced_to_its_department(pipeline: Pipeline) -> None:
    """The department whose own delay made the order late gets the assignment, with the evidence."""
    late_packing(pipeline)
    pipeline.complains()

    (decision,) = pipeline.decisions
    assert decision.outcome is Outcome.ASSIGNED
    assert [(cause.department, cause.share) for cause in decision.causes] == [("packing", 1.0)]
    assert decision.revision == 1
    # With what it was made: the company, and within it the version of what verdicts taught.
    assert decision.registry_digest == SHOP.rules.digest
    assert decision.learned == SHOP.rules.learned != {}
    (opened,) = pipeline.inbox("packing")
    assert isinstance(opened, AssignmentOpenedV1)
    assert opened.share == 1.0
    assert any(each.event_id == "packed-150" for each in opened.evidence)
    assert pipeline.status.state is ComplaintState.ASSIGNED
    assert pipeline.dead_letters == []


def test_the_order_of_arrival_makes_no_difference(tmp_path: Path) -> None:
    """Complaint first or events first, the last decision is the same in all that matters."""
    first, second = Pipeline(tmp_path / "a"), Pipeline(tmp_path / "b")
    late_packing(first)
    first.complains()
    second.complains()
    late_packing(second)

    assert second.decisions[-1].material == first.decisions[-1].material
    assert second.decisions[-1].causes == first.decisions[-1].causes
    revisions = [decision.revision for decision in second.decisions]
    assert revisions == list(range(1, len(revisions) + 1))
    first.close()
    second.close()


def test_later_evidence_withdraws_the_wrong_assignment(pipeline: Pipeline) -> None:
    """When the missing scan arrives and clears packing, its assignment is taken back with the reason."""
    for activity, hours_ago in (
        ("order_placed", 300),
        ("payment_received", 299.5),
        ("payment_verified", 299),
        ("confirmed", 298),
        ("packed", 150),
        ("handed_over", 149),
        ("delivered", 100),
    ):
        pipeline.happens(activity, hours_ago)
    pipeline.happens("picked", 297, event_id="picked-early")
    pipeline.complains()
    assert {cause.department for cause in pipeline.decisions[0].causes} == {"packing"}

    # The warehouse's export corrects it: picking was done only shortly before packing.
    pipeline.happens(
        "picked",
        151,
        event_id="picked-wrong",
        transition=Transition.FAIL,
        attributes={"fault": "wrong_item_picked"},
    )
    pipeline.happens("picked", 150.5, event_id="picked-again")

    last = pipeline.decisions[-1]
    told = pipeline.inbox("packing")
    if last.causes[0].department == "packing":
        assert not any(isinstance(each, AssignmentWithdrawnV1) for each in told)
    else:
        assert isinstance(told[-1], AssignmentWithdrawnV1)
        assert told[-1].assignment_id == told[0].assignment_id
        assert told[-1].reason == "retraced"


def test_a_decision_is_dated_by_when_its_cause_was_heard_of(pipeline: Pipeline) -> None:
    """An event that happened days ago and is recorded now makes a decision of now, not of then."""
    for activity, hours_ago in (
        ("order_placed", 300),
        ("payment_received", 299.5),
        ("payment_verified", 299),
        ("confirmed", 298),
        ("picked", 296),
    ):
        pipeline.happens(activity, hours_ago)
    pipeline.complains()
    heard = NOW + timedelta(hours=1)
    for activity, hours_ago in (("packed", 150), ("handed_over", 149), ("delivered", 100)):
        pipeline.happens(activity, hours_ago, recorded_at=heard)

    assert len(pipeline.decisions) > 1
    assert pipeline.decisions[0].traced_at == NOW
    assert {decision.traced_at for decision in pipeline.decisions[1:]} == {heard}


def test_repeats_change_nothing(pipeline: Pipeline) -> None:
    """The same event, question or complaint again writes nothing at all."""
    late_packing(pipeline)
    pipeline.complains()
    before = {topic: len(outputs) for topic, outputs in pipeline.written.items()}

    late_packing(pipeline)
    pipeline.complains()

    assert {topic: len(outputs) for topic, outputs in pipeline.written.items()} == before


def test_an_event_recorded_twice_is_the_same_event(pipeline: Pipeline) -> None:
    """A repeat that was recorded at another time is still a repeat, not a conflict."""
    pipeline.happens("packed", 10)
    pipeline.happens("packed", 10, recorded_at=NOW)

    assert pipeline.dead_letters == []


@pytest.mark.parametrize("what", ["complaint", "event"])
def test_one_id_with_two_contents_is_a_conflict(pipeline: Pipeline, what: str) -> None:
    """The first content stands; the second lies whole among the dead letters."""
    if what == "complaint":
        pipeline.complains()
        pipeline.complains(body_digest="another")
    else:
        pipeline.happens("packed", 10)
        pipeline.happens("packed", 10, attributes={"by": "someone else"})

    (letter,) = pipeline.dead_letters
    assert letter.reason == "conflict"


def test_without_a_case_a_person_decides(pipeline: Pipeline) -> None:
    """No case, no blame: a triage desk gets it, and no department is named as the cause."""
    late_packing(pipeline)
    pipeline.complains(case_id=None)

    (decision,) = pipeline.decisions
    assert decision.outcome is Outcome.TRIAGE
    assert pipeline.inbox("packing") == []
    (opened,) = pipeline.inbox(SHOP.rules.policy.triage)
    assert isinstance(opened, AssignmentOpenedV1)
    assert opened.share == 0.0


def test_waiting_ends_by_itself_at_its_time(pipeline: Pipeline) -> None:
    """An order that is still in time is looked at again when the promise runs out, as of that time."""
    for activity, hours_ago in (
        ("order_placed", 100),
        ("payment_received", 99.9),
        ("payment_verified", 99.5),
        ("confirmed", 99),
        ("picked", 98),
        ("packed", 97),
        ("handed_over", 96),
    ):
        pipeline.happens(activity, hours_ago)
    pipeline.complains()
    assert pipeline.decisions[-1].outcome is Outcome.WAITING
    due = pipeline.status.next_check_at
    assert due is not None

    before = due - timedelta(seconds=1)
    pipeline.send(topics.CLOCK_TICK, ClockTickedV1(partition=0, at=before), "t1", at=before)
    assert len(pipeline.decisions) == 1

    for number in range(PARTITIONS):
        later = due + timedelta(hours=1)
        pipeline.send(
            topics.CLOCK_TICK,
            ClockTickedV1(partition=number, at=later),
            f"t2-{number}",
            partition=number,
            at=later,
        )
    assert len(pipeline.decisions) == 2
    assert pipeline.decisions[-1].as_of == due


def test_what_cannot_go_on_when_it_falls_due_holds_up_nothing_behind_it(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two complaints that fall due at one tick the first leads to more than a record takes: it is one dead letter."""
    place = partition_for(b"C-1", PARTITIONS)
    behind = next(
        name for n in count(2) if partition_for((name := f"C-{n}").encode(), PARTITIONS) == place
    )
    long_case = "📦" * 250
    pipeline.happens("order_placed", 3, case_id=long_case)
    pipeline.complains(case_id=long_case)
    pipeline.happens("order_placed", 1)
    pipeline.complains(complaint_id=behind)
    assert [each.outcome for each in pipeline.decisions] == [Outcome.WAITING] * 2
    asked = pipeline.written[PREFIX + topics.TRACE_REQUESTED.name]
    large, small = (len(each.key or b"") + len(each.value or b"") for each in asked)

    later = NOW + timedelta(days=30)
    with monkeypatch.context() as patched:
        patched.setattr(partitions, "LARGEST_RECORD", (large + small) // 2)
        due = ClockTickedV1(partition=place, at=later)
        record = codec.encode(codec.wrap(due, id="due", source="/akar/ticker", time=later))
        name = PREFIX + topics.CLOCK_TICK.name
        pipeline._handle(name, record.key, record.value, record.headers, place, later)
    # What the tick led to is handled, and the next one is as any.
    tick(pipeline, later + timedelta(seconds=1))

    (letter,) = pipeline.dead_letters
    assert letter.reason == "output_too_large"
    assert "C-1" in letter.detail
    assert [each.complaint_id for each in pipeline.decisions[2:]] == [behind]


def test_a_tick_cannot_hasten_time(pipeline: Pipeline) -> None:
    """A tick that claims to come from the future counts as when it was written."""
    pipeline.happens("order_placed", 1)
    pipeline.complains()
    assert pipeline.decisions[-1].outcome is Outcome.WAITING

    future = NOW + timedelta(days=400)
    for number in range(PARTITIONS):
        tick = ClockTickedV1(partition=number, at=future)
        record = codec.encode(codec.wrap(tick, id=f"t{number}", source="/test", time=future))
        pipeline.raw(
            topics.CLOCK_TICK, record.key, record.value, record.headers, partition=number, at=NOW
        )

    assert len(pipeline.decisions) == 1


def test_the_customers_word_ends_it(pipeline: Pipeline) -> None:
    """Withdrawn by the customer: every department is told, and later evidence changes nothing."""
    late_packing(pipeline)
    pipeline.complains()

    message = ComplaintMessagedV1(
        complaint_id="C-1",
        message_id="m1",
        channel="web",
        kind=MessageKind.WITHDRAW,
        sent_at=NOW,
    )
    pipeline.send(topics.COMPLAINT_MESSAGED, message, "m1")

    assert pipeline.status.state is ComplaintState.WITHDRAWN
    assert isinstance(pipeline.inbox("packing")[-1], AssignmentWithdrawnV1)


SATISFIED = ComplaintMessagedV1(
    complaint_id="C-1",
    message_id="m1",
    channel="web",
    kind=MessageKind.SATISFIED,
    text="sudah sampai, CANARY",
    sent_at=NOW,
)


def tick(pipeline: Pipeline, at: datetime) -> None:
    """The clock, in every partition."""
    for number in range(PARTITIONS):
        data = ClockTickedV1(partition=number, at=at)
        record = codec.encode(
            codec.wrap(data, id=f"tick-{number}-{at}", source="/akar/ticker", time=at)
        )
        pipeline.raw(
            topics.CLOCK_TICK, record.key, record.value, record.headers, partition=number, at=at
        )


def test_a_message_that_is_read_before_its_complaint_takes_effect_all_the_same(
    pipeline: Pipeline,
) -> None:
    """Two topics, one worker that is behind: the message waits for its complaint, and counts once."""
    late_packing(pipeline)
    pipeline.send(topics.COMPLAINT_MESSAGED, SATISFIED, "m1")
    pipeline.send(topics.COMPLAINT_MESSAGED, SATISFIED, "m1")
    tick(pipeline, NOW + timedelta(minutes=59))
    for partition in pipeline.partitions.values():
        assert all(b"CANARY" not in (value or b"") for _key, value in partition.store.freeze())
        partition.store.applied(1, touched=1)

    pipeline.complains()

    assert pipeline.status.state is ComplaintState.CLOSED
    states = [event.data.state for event in pipeline.events(topics.COMPLAINT_STATUS)]
    assert states.count(ComplaintState.CLOSED) == 1
    tick(pipeline, NOW + timedelta(hours=2))
    assert pipeline.dead_letters == []


def test_a_message_about_no_complaint_is_put_aside_in_the_end(pipeline: Pipeline) -> None:
    """After an hour nobody waits any more: a dead letter with its place, and nothing stays behind."""
    pipeline.send(topics.COMPLAINT_MESSAGED, SATISFIED, "m1")
    assert pipeline.dead_letters == []

    tick(pipeline, NOW + timedelta(hours=1, seconds=1))

    (letter,) = pipeline.dead_letters
    assert (letter.reason, letter.offset) == ("unknown_complaint", 0)
    assert letter.topic == PREFIX + topics.COMPLAINT_MESSAGED.name
    pipeline.complains()
    tick(pipeline, NOW + timedelta(hours=3))
    assert pipeline.status.state is not ComplaintState.CLOSED
    assert len(pipeline.dead_letters) == 1


def test_another_channel_cannot_speak_for_the_customer(pipeline: Pipeline) -> None:
    """A message about a complaint of another channel changes nothing."""
    late_packing(pipeline)
    pipeline.complains()
    before = pipeline.status

    message = ComplaintMessagedV1(
        complaint_id="C-1",
        message_id="m1",
        channel="stranger",
        kind=MessageKind.WITHDRAW,
        sent_at=NOW,
    )
    pipeline.send(topics.COMPLAINT_MESSAGED, message, "m1")

    assert pipeline.status == before


def test_old_complaints_are_dated_by_their_receipt(pipeline: Pipeline) -> None:
    """A complaint of last month that is handed in now is decided as of then, and dated now."""
    late_packing(pipeline)
    pipeline.complains(occurred_at=NOW - timedelta(hours=20))

    (decision,) = pipeline.decisions
    assert decision.as_of == NOW - timedelta(hours=20)
    assert decision.traced_at == NOW


GOOD = codec.encode(
    codec.wrap(
        ProcessObservedV1(
            event_id="e",
            case_id="INV-1",
            activity="packed",
            transition=Transition.COMPLETE,
            at=NOW,
        ),
        id="e",
        source="/wms",
        time=NOW,
    )
)


@pytest.mark.parametrize(
    ("value", "headers", "reason"),
    [
        (None, GOOD.headers, "missing_value"),
        (b"\xff\xfe{", GOOD.headers, "invalid_data"),
        (GOOD.value[:40], GOOD.headers, "invalid_data"),
        (b'{"case_id": "INV-1"}', GOOD.headers, "invalid_data"),
        (GOOD.value, (), "missing_header"),
        (GOOD.value, (*GOOD.headers[:3], ("ce_type", b"refund.promised")), "unknown_type"),
        (
            GOOD.value,
            (
                *(pair for pair in GOOD.headers if pair[0] != "ce_dataschema"),
                ("ce_dataschema", b"process.observed.v9"),
            ),
            "unknown_version",
        ),
        (GOOD.value, (*GOOD.headers[:1], ("ce_id", b"\xff"), *GOOD.headers[2:]), "bad_header"),
        (GOOD.value.replace(b"INV-1", b"INV-2"), GOOD.headers, "wrong_key"),
    ],
)
def test_poison_is_kept_whole(
    pipeline: Pipeline,
    value: bytes | None,
    headers: tuple[tuple[str, bytes | None], ...],
    reason: str,
) -> None:
    """What breaks its contract lies among the dead letters with its place and the reason; nothing raises."""
    pipeline.raw(topics.PROCESS_OBSERVED, GOOD.key, value, headers)

    (letter,) = pipeline.dead_letters
    assert letter.reason == reason
    assert letter.topic == PREFIX + topics.PROCESS_OBSERVED.name
    assert (letter.value is None) == (value is None)


@pytest.mark.parametrize(("size", "kept"), [(600_000, True), (990_000, False)])
@pytest.mark.parametrize("misplaced", [False, True])
def test_a_record_that_no_row_could_hold_is_put_aside(
    pipeline: Pipeline, size: int, kept: bool, misplaced: bool
) -> None:
    """A megabyte fits neither into the changelog nor, in base64, into a dead letter: it stays where it lies."""
    more = b', "attributes": {"note": "' + b"x" * size + b'"}}'
    partition = (partition_for(GOOD.key, PARTITIONS) + misplaced) % PARTITIONS
    value = GOOD.value.removesuffix(b"}").replace(b',"attributes":{}', b"") + more
    pipeline.raw(topics.PROCESS_OBSERVED, GOOD.key, value, GOOD.headers, partition=partition)

    (letter,) = pipeline.dead_letters
    assert letter.reason == "too_large"
    assert (letter.value is not None) == kept
    assert letter.offset == 0
    assert PREFIX + topics.PROCESS_OBSERVED.name not in pipeline.written


def test_a_case_without_end_stays_bounded(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A source that repeats itself under new ids fills the case once; what follows is put aside, not traced."""
    monkeypatch.setattr("services.router.stages.evidence.MOST_EVENTS", 10)
    late_packing(pipeline)
    pipeline.complains()
    for number in range(5):
        pipeline.happens("delivered", 90 - number, event_id=f"again-{number}")

    assert [letter.reason for letter in pipeline.dead_letters] == ["case_full"] * 3


def test_a_record_in_the_wrong_partition_is_forwarded_once(pipeline: Pipeline) -> None:
    """It goes to its own partition and counts there; one that is wrong again is a dead letter."""
    wrong = (partition_for(GOOD.key, PARTITIONS) + 1) % PARTITIONS
    pipeline.raw(topics.PROCESS_OBSERVED, GOOD.key, GOOD.value, GOOD.headers, partition=wrong)

    (forwarded,) = pipeline.written[PREFIX + topics.PROCESS_OBSERVED.name]
    assert (FORWARDED, f"{wrong}:0".encode()) in forwarded.headers
    assert pipeline.dead_letters == []

    marked = (*GOOD.headers, (FORWARDED, b"0:0"))
    pipeline.raw(topics.PROCESS_OBSERVED, GOOD.key, GOOD.value, marked, partition=wrong)
    (letter,) = pipeline.dead_letters
    assert letter.reason == "wrong_partition"


def test_no_row_or_question_carries_the_customers_words(pipeline: Pipeline) -> None:
    """The text stays in complaint.received: neither the router's rows nor its outputs repeat it."""
    secret = "paket belum sampai hubungi 0812-CANARY"
    late_packing(pipeline)
    pipeline.complains(text=secret)

    for outputs in pipeline.written.values():
        assert all(b"CANARY" not in (output.value or b"") for output in outputs)
    for partition in pipeline.partitions.values():
        assert all(b"CANARY" not in (value or b"") for _key, value in partition.store.freeze())


def test_a_core_that_fails_costs_one_record(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record that the core cannot take is put aside without a trace of it in the rows; the next one counts."""
    late_packing(pipeline)
    pipeline.complains()
    before = len(pipeline.decisions)

    def fails(*_args: object) -> None:
        raise ZeroDivisionError("a defect")

    with monkeypatch.context() as patched:
        patched.setattr("services.router.stages.evidence.tracer.trace", fails)
        pipeline.happens("delivered", 90, event_id="poison")
    (letter,) = pipeline.dead_letters
    assert letter.reason == "core_failed"
    stored = [
        item
        for partition in pipeline.partitions.values()
        for item, _row in partition.store.items(b"e:INV-1")
    ]
    assert b"poison" not in stored

    pipeline.happens("delivered", 95, event_id="sound")
    assert len(pipeline.dead_letters) == 1
    assert len(pipeline.decisions) >= before


@pytest.mark.parametrize(
    "at",
    [
        '"0001-01-01T00:00:00+14:00"',
        '"9999-12-31T23:59:59-12:00"',
        '"2199-12-31T23:59:59-12:00"',
        '"1900-01-01T00:00:00+07:00"',
        "1772355600",
        '"1772355600"',
    ],
)
def test_times_that_no_clock_shows_are_put_aside(pipeline: Pipeline, at: str) -> None:
    """A time outside of 1900 to 2200, or a bare number, breaks the contract and stops nothing."""
    value = GOOD.value.replace(b'"2026-03-20T05:00:00Z"', at.encode(), 1)
    assert value != GOOD.value
    pipeline.raw(topics.PROCESS_OBSERVED, GOOD.key, value, GOOD.headers)

    (letter,) = pipeline.dead_letters
    assert letter.reason == "invalid_data"


@pytest.mark.parametrize("last", [datetime(2199, 12, 31, 23, 59, 59, tzinfo=UTC), NOW])
def test_what_follows_from_the_last_times_is_decided(pipeline: Pipeline, last: datetime) -> None:
    """A step that begins in the last second that a contract takes is allowed until then, and the complaint is decided."""
    for hours, activity in enumerate(("order_placed", "payment_received", "payment_verified")):
        at = last - timedelta(hours=3 - hours)
        pipeline.happens(activity, 0, event_id=activity, at=at, recorded_at=at, due_at=last)
    pipeline.complains(occurred_at=last, received_at=last)

    assert pipeline.dead_letters == []
    (decision,) = pipeline.decisions
    allowed = [bar.allowed_until for bar in decision.timeline]
    assert (LATEST in allowed) == (last != NOW)


def test_a_decision_that_breaks_its_contract_is_put_aside(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What we would say wrongly is a dead letter of what led to it; the worker lives, and says which field."""
    late_packing(pipeline)
    monkeypatch.setattr("services.router.mapping.decisions._time", lambda _value: "never")
    pipeline.complains()

    (letter,) = pipeline.dead_letters
    assert letter.reason == "invalid_output"
    assert "as_of" in letter.detail
    assert pipeline.decisions == []
