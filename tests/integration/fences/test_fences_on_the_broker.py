"""Fences whose trap needs the real broker, each with it and without it: without, the loss or the repeat is seen.

All stories run side by side in one go, on topics of their own; each test then looks at its own story.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess

import pytest
from confluent_kafka import Producer

from services.chassis.partitioner import partition_for
from tests.support.fence_story import KEY, Play, Story, Told, counted, side_by_side

# -- the stories; each returns what came out, and what should have --------------------------------


def a_stage_that_fails_once(story: Story) -> Told:
    """L1: an exception in an agent."""
    story.feed(["v0", "boom", "v2"])
    first = story.start()
    story.until("the failure", (story.folder / "w0" / "failed").exists)
    if not story.without:
        story.until_ended(first, 70)
        story.start()
    # A second fetch: what Faust would go on with.
    story.feed(["v3"])
    return story.until_out("v3"), counted(["v0", "boom", "v2", "v3"])


def an_aborted_input(story: Story) -> Told:
    """R7: a writer whose transaction was aborted."""
    writer = Producer(
        {
            **story.kafka.for_librdkafka(),
            "transactional.id": f"{story.prefix}writer",
            "partitioner": "murmur2_random",
        }
    )
    writer.init_transactions(30)
    writer.begin_transaction()
    writer.produce(story.kafka.topic("process.observed"), "undone", KEY)
    writer.flush(30)
    writer.abort_transaction(30)
    story.feed(["v0"])
    story.start()
    return story.until_out("v0"), counted(["v0"])


def keys_of_every_kind(story: Story) -> Told:
    """P17: outputs lie where a reader of another library looks for them."""
    keys = [b"key-%d" % number for number in range(12)]
    for key in keys:
        story.feed(["v"], key=key)
    story.start()
    story.until("all come out", lambda: len(story.outputs()) >= len(keys))
    found = {key: partition for partition, key, _ in story.outputs()}
    return found, {key: partition_for(key, story.partitions) for key in keys}


def a_worker_that_ends_inside_its_transaction(story: Story) -> Told:
    """P4, P5: rows were written to the changelog, and never committed."""
    story.feed(["v0"])
    story.until_ended(story.start(fault="transaction.offsets_sent:1"), 137)
    story.start()
    return story.until_out("v0"), counted(["v0"])


def wake(worker: BaseProcess) -> None:
    """Let a stopped process go on."""
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGCONT)


def stopped(story: Story, point: str, fault: str = "") -> BaseProcess:
    """A worker that has read two records and has stopped itself at a point of its first transaction."""
    story.feed(["v0", "v1"])
    worker = story.start("w0", stop=point, fault=fault)
    story.until("it stops", (story.folder / "w0" / "stopped").exists)
    return worker


def woken_before_its_offsets(story: Story) -> Told:
    """P1, R3: stopped beyond its session with a transaction to finish; another has done the work meanwhile."""
    old = stopped(story, "transaction.begun")
    story.start("w1")
    story.until_out("v1")
    wake(old)
    if story.without:
        story.until("the repeat", lambda: len(story.values()) > 2)
    else:
        story.until_ended(old, 70)
    return story.values(), counted(["v0", "v1"])


def woken_before_its_commit(story: Story) -> Told:
    """P2, R2: stopped with its offsets sent; its commit is still good while another takes over."""
    # It ends behind its commit: back in the group, it would begin another takeover, which reads the offsets anew.
    old = stopped(story, "transaction.offsets_sent", fault="transaction.committed:1")
    story.start("w1")
    story.until("the takeover", (story.folder / "w1" / "asked").exists)
    if story.without:
        story.until("its answer", (story.folder / "w1" / "answered").exists)
    else:
        # The question itself takes milliseconds; it has no answer as long as the first worker is stopped.
        time.sleep(0.7)
        assert not (story.folder / "w1" / "answered").exists()
    wake(old)
    story.until_out("v1")
    story.feed(["v2"])
    return story.until_out("v2"), counted(["v0", "v1", "v2"])


def two_topics_and_two_workers(story: Story) -> Told:
    """E10: three partitions of two topics; one key in both."""
    # Whoever loses its session on a busy machine leaves all of it to the other, and nothing goes wrong.
    story.session_seconds = 30.0
    story.start("w0")
    story.start("w1")
    # Fed before both are members of one generation, one worker would do it all.
    story.until_shared(("w0", "w1"))
    keys = [b"a", b"b", b"c", b"d", b"e", b"f"]
    for key in keys:
        story.feed(["v0"], key=key)
        story.feed(["v1"], key=key, topic="complaint.received")
    story.until("all come out", lambda: len(story.outputs()) >= 2 * len(keys))
    found = {key: sorted(int(v.split()[1]) for v in story.values(key)) for key in keys}
    return found, {key: [1, 2] for key in keys}


def batches_that_wait_through_a_rebalance(story: Story) -> Told:
    """P13: fetched in one generation, handled in the next, which has fetched the same again."""
    story.session_seconds = 30.0
    keys = [b"a", b"b", b"c", b"d", b"e", b"f"]
    assert {partition_for(key, story.partitions) for key in keys} == set(range(story.partitions))
    for key in keys:
        story.feed(["v0"], key=key)
    story.start("w0", hold=True)
    story.until("batches wait", (story.folder / "w0" / "held").exists)
    # Some partitions go to another worker, the others come back in another generation.
    story.start("w1")
    story.until_shared(("w0", "w1"))
    (story.folder / "w0" / "released").touch()
    for key in keys:
        story.feed(["v1"], key=key)
    story.until("all come out", lambda: all(len(story.values(key)) >= 2 for key in keys))
    return {key: story.values(key) for key in keys}, {key: counted(["v0", "v1"]) for key in keys}


def a_row_on_its_way_to_another_partition(story: Story) -> Told:
    """P8: stopped with a row of a partition of which it had read nothing; two others take its partitions over."""
    here, there = (
        next(key for key in (b"a", b"b", b"c", b"d") if partition_for(key, 2) == number)
        for number in range(2)
    )
    story.feed([f"for:{there.decode()}"], key=here)
    old = story.start(
        "w0", stop="transaction.offsets_sent", fault="transaction.committed:1", late=True
    )
    story.until("it stops", (story.folder / "w0" / "stopped").exists)
    # Only the first one is to lose its session.
    story.session_seconds = 30.0
    story.start("w1")
    story.start("w2")
    story.until_shared(("w1", "w2"))
    if story.without:
        # Whoever has the other partition is told at once where to read on, and looks for rows that are not there yet.
        story.until("a restore", lambda: story.restored(("w1", "w2"), 1))
    else:
        time.sleep(0.7)
        assert not any((story.folder / name / "answered").exists() for name in ("w1", "w2"))
    wake(old)
    story.until_ended(old, 137)
    story.feed(["v1"], key=there)
    story.until("v1 comes out", lambda: story.values(there))
    return story.values(there), ["v1 2"]


STORIES: dict[str, tuple[Play, int]] = {
    "nothing escapes an agent": (a_stage_that_fails_once, 4),
    "read_committed": (an_aborted_input, 4),
    "murmur2": (keys_of_every_kind, 4),
    "committed rows only": (a_worker_that_ends_inside_its_transaction, 4),
    "rows after the commit": (a_worker_that_ends_inside_its_transaction, 4),
    "generation of the assignment": (woken_before_its_offsets, 4),
    "stable offsets": (woken_before_its_commit, 1),
    "same numbers of every topic": (two_topics_and_two_workers, 3),
    "batches have an epoch": (batches_that_wait_through_a_rebalance, 3),
    "an offset of every partition touched": (a_row_on_its_way_to_another_partition, 2),
}


@pytest.fixture(scope="module")
def told(
    broker: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str, bool], Told]]:
    """What each story came to, with and without its fence."""
    with side_by_side(broker, tmp_path_factory.mktemp("fences"), STORIES) as tell:
        yield tell


@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", STORIES)
def test_with_the_fence(name: str, told: Callable[[str, bool], Told]) -> None:
    """Every input comes out once, counted once."""
    found, wanted = told(name, True)

    assert found == wanted


@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", STORIES)
def test_without_the_fence(name: str, told: Callable[[str, bool], Told]) -> None:
    """The same story without it loses, repeats or miscounts: the trap is real, and the fence is what holds."""
    found, wanted = told(name, False)

    assert found != wanted
