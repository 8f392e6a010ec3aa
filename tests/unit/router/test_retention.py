"""What is old is forgotten: by the partition's clock, a step at a time, and the same whenever checkpoints fall."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from schemas import topics
from schemas.clock import ClockTickedV1
from schemas.vocabulary import CauseKind, MessageKind, Outcome
from services.chassis.clock import microseconds
from services.router import mapping
from services.router.checkpoint.partition import Partition
from services.router.checkpoint.store import PartitionStore, SharedMemory
from services.router.stages import companies, retention, rows
from services.router.stages.lifecycle import LifecycleStage
from services.router.stages.retention import DAY, Keep, Retention
from tests.support.stage_pipeline import NOW, PARTITIONS, Pipeline, late_packing

T0 = microseconds(NOW)


@pytest.fixture
def partition(tmp_path: Path) -> Iterator[Partition]:
    """A partition without rows."""
    store = PartitionStore(tmp_path / "0", SharedMemory(1 << 20, 1 << 20))
    yield Partition(0, store, [])
    store.close()


def settle(partition: Partition) -> None:
    """A checkpoint."""
    store = partition.store
    store.freeze()
    store.applied(store.next_offset + 1, touched=1)


def case(partition: Partition, name: str, *days_old: float) -> None:
    """A case with an event of each of these ages."""
    for number, age in enumerate(days_old):
        row = mapping.event_row(T0 - int(age * DAY), b"{}")
        partition.store.put(rows.EVENTS + name.encode(), b"%d" % number, row)


def cases(partition: Partition) -> set[str]:
    """The cases that are still known."""
    return {
        group[2:].decode()
        for group in partition.store.groups(most=10_000)
        if group.startswith(rows.EVENTS)
    }


def sweep(
    partition: Partition, kept: Retention, *, steps: int = 10, every: int = 1, since: int = T0
) -> None:
    """Let a day and some ticks go by, with a checkpoint after `every` of them."""
    for number, now in enumerate((since, *(since + DAY + n * 1_000_000 for n in range(steps)))):
        partition.begin()
        kept.tick(partition, now)
        if number % every == 0:
            settle(partition)
    settle(partition)


def test_cases_are_as_old_as_their_last_event(partition: Partition) -> None:
    """One young event keeps all the events of a case; a case of old ones goes whole."""
    case(partition, "old", 500, 450)
    case(partition, "living", 500, 10)
    settle(partition)
    sweep(partition, Retention(Keep(cases=400)))
    assert cases(partition) == {"living"}
    assert len(partition.store.items(rows.EVENTS + b"living")) == 2


def test_a_complaint_keeps_its_case(partition: Partition) -> None:
    """A case that somebody complained about lately is kept, however old its events; a question without events goes too."""
    for name, asked in (("asked", 10), ("asked-long-ago", 450)):
        case(partition, name, 500)
        partition.store.put(rows.TRACES + name.encode(), b"", rows.asked(T0 - asked * DAY))
    partition.store.put(rows.TRACES + b"unheard-of", b"", rows.asked(T0 - 450 * DAY))
    partition.store.put(rows.TRACES + b"unheard-of", b"C-1", b"question")
    settle(partition)
    sweep(partition, Retention(Keep(cases=400)))
    assert cases(partition) == {"asked"}
    assert partition.store.items(rows.TRACES + b"asked-long-ago") == []
    assert partition.store.items(rows.TRACES + b"unheard-of") == []


def test_nothing_is_forgotten_by_default(partition: Partition) -> None:
    """0 days keep for ever, and cost no row."""
    case(partition, "old", 5_000)
    settle(partition)
    sweep(partition, Retention(Keep()))
    assert cases(partition) == {"old"}
    assert partition.store.get(rows.SWEEP) is None


def test_a_step_is_bounded(partition: Partition) -> None:
    """However much is old, a tick looks at so many groups; the next one goes on where it was."""
    for number in range(3 * retention.GROUPS_A_TICK):
        case(partition, f"old-{number:03}", 500)
    settle(partition)
    sweep(partition, Retention(Keep(cases=400)), steps=1)
    assert len(cases(partition)) >= 2 * retention.GROUPS_A_TICK
    sweep(partition, Retention(Keep(cases=400)), steps=4, since=T0 + 1_000_000)
    assert cases(partition) == set()


def test_large_cases_end_a_step(partition: Partition) -> None:
    """A few cases with very many events are enough for one tick."""
    for name in "abc":
        case(partition, name, *(500 for _ in range(retention.ROWS_A_TICK)))
    settle(partition)
    sweep(partition, Retention(Keep(cases=400)), steps=1)
    assert len(cases(partition)) == 2


def test_a_clock_that_leaps_forgets_nothing(partition: Partition) -> None:
    """A clock that is suddenly years ahead, and is set right within a day, has done no harm."""
    case(partition, "living", 1)
    settle(partition)
    kept = Retention(Keep(cases=400))
    sweep(partition, kept)
    ahead = T0 + 1_000 * DAY
    for now in (ahead, ahead + DAY // 2, T0 + 2 * DAY, T0 + 2 * DAY + 1_000_000):
        kept.tick(partition, now)
        settle(partition)
    sweep(partition, kept, since=T0 + 3 * DAY + 2_000_000)
    assert cases(partition) == {"living"}


@pytest.mark.parametrize("every", [1, 2, 5, 1_000])
def test_checkpoints_do_not_show(tmp_path: Path, every: int) -> None:
    """The same ticks leave the same rows, whether each is committed by itself or many together, and after a restart."""
    left = []
    for folder, between in ((tmp_path / "a", 1), (tmp_path / "b", every)):
        store = PartitionStore(folder, SharedMemory(1 << 20, 1 << 20))
        one = Partition(0, store, [])
        for number in range(120):
            case(one, f"case-{number:03}", 380 + number % 40)
        settle(one)
        kept = Retention(Keep(cases=400))
        sweep(one, kept, steps=6, every=between)
        store.close()
        store = PartitionStore(folder, SharedMemory(1 << 20, 1 << 20))
        one = Partition(0, store, [])
        sweep(one, Retention(Keep(cases=400)), steps=6, every=between, since=T0 + DAY + 7_000_000)
        left.append((cases(one), store.get(rows.SWEEP)))
        store.close()
    assert left[0] == left[1]
    assert 0 < len(left[0][0]) < 120


@pytest.fixture
def pipeline(tmp_path: Path) -> Iterator[Pipeline]:
    """Both stages; cases and complaints are kept for 400 days."""
    made = Pipeline(tmp_path)
    for stage in made.stages.values():
        if isinstance(stage, LifecycleStage):
            stage.retention = Retention(Keep(cases=400, complaints=400))
    yield made
    made.close()


def pass_by(pipeline: Pipeline, days: float) -> None:
    """Let so much time go by in every partition, as many ticks as a sweep needs."""
    for number in range(PARTITIONS):
        for second in range(5):
            at = NOW + timedelta(days=days, seconds=second)
            pipeline.send(
                topics.CLOCK_TICK,
                ClockTickedV1(partition=number, at=at),
                f"tick-{number}-{at}",
                partition=number,
                at=at,
            )
            settle(pipeline.partitions[number])


def test_a_closed_complaint_is_forgotten_by_both_stages(pipeline: Pipeline) -> None:
    """Its row goes, and so does its question: no event of the case leads to an answer that nobody knows."""
    late_packing(pipeline)
    pipeline.complains()
    pipeline.says(MessageKind.SATISFIED)
    for days in (0, 1.1):
        pass_by(pipeline, days)
    kept = [p for p in pipeline.partitions.values() if p.store.get(rows.LIVES + b"C-1")]
    assert kept
    # The clock leaps over the year, so it is watched for a day first.
    for days in (401, 402.1, 403.2):
        pass_by(pipeline, days)
    assert not [p for p in pipeline.partitions.values() if p.store.get(rows.LIVES + b"C-1")]
    assert not [p for p in pipeline.partitions.values() if p.store.items(rows.TRACES + b"INV-1")]
    assert pipeline.dead_letters == []


def test_a_forgotten_case_blames_nobody(pipeline: Pipeline) -> None:
    """A complaint about a case that was forgotten is traced with nothing known: evidence is missing, and nobody is blamed."""
    late_packing(pipeline)
    for number in range(PARTITIONS):
        settle(pipeline.partitions[number])
    for days in (0, 450, 451.1, 452.2):
        pass_by(pipeline, days)
    assert not [p for p in pipeline.partitions.values() if p.store.items(rows.EVENTS + b"INV-1")]
    late = NOW + timedelta(days=453)
    pipeline.complains(occurred_at=late, received_at=late)
    assert pipeline.decisions[-1].outcome is not Outcome.ASSIGNED
    assert {cause.kind for cause in pipeline.decisions[-1].causes} <= {CauseKind.UNKNOWN}
    # What comes in now begins the case anew.
    pipeline.happens("order_placed", -24 * 453)
    found = [p.store.items(rows.EVENTS + b"INV-1") for p in pipeline.partitions.values()]
    assert sorted(len(each) for each in found) == [0] * (PARTITIONS - 1) + [1]


def test_every_row_has_a_home(pipeline: Pipeline) -> None:
    """Whatever the stages write is declared, so that retention and raising partitions know it."""
    late_packing(pipeline)
    pipeline.complains()
    pipeline.says(MessageKind.FOLLOW_UP, complaint_id="C-9", message_id="m9")
    pass_by(pipeline, 0)
    seen = set()
    for partition in pipeline.partitions.values():
        for group in partition.store.groups(most=1_000):
            for item, _row in partition.store.items(group):
                key = rows.key_of(group, item)
                seen.add(key)
                assert (key is None) == (group in rows.OF_PARTITION)
    assert {b"INV-1", b"C-1", b"C-9", None} <= seen
    assert companies.ROW in rows.OF_PARTITION


def test_an_unknown_row_is_refused() -> None:
    """A kind of row that nobody declared cannot be moved by guessing."""
    with pytest.raises(rows.UnknownGroup, match="not declared"):
        rows.key_of(b"q:C-1", b"")


def test_customers_and_searches_are_forgotten_by_their_age(partition: Partition) -> None:
    """A customer's old cases and old searches go, young ones stay; with a case goes what it had announced."""
    case(partition, "old", 500)
    partition.store.put(rows.NAMED + b"old", b"customer", rows.number(T0 - 500 * DAY))
    for group in (rows.CUSTOMERS, rows.SEARCHES):
        for name, age in ((b"old", 450), (b"young", 10)):
            partition.store.put(group + b"customer", name, rows.number(T0 - age * DAY))
    settle(partition)
    sweep(partition, Retention(Keep(cases=400)))
    assert partition.store.items(rows.NAMED + b"old") == []
    for group in (rows.CUSTOMERS, rows.SEARCHES):
        assert [item for item, _row in partition.store.items(group + b"customer")] == [b"young"]
