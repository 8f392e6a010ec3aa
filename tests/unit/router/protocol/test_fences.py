"""Each fence of the protocol: with it the books balance, without it the harm is seen.

The product's own classes run over a broker in memory (tests/support/protocol_worker.py), so that a worker can be stopped between
any two calls.  Fences that need Faust or a real broker are in tests/integration/fences.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from unittest.mock import patch

import pytest

from services.router.checkpoint import transaction_thread
from tests.support.kafka_model import COMMITTING
from tests.support.protocol_stage import CHANGELOG, PARTITIONS
from tests.support.protocol_worker import Worker
from tests.support.protocol_world import World, in_memory
from tests.support.removals import without


@pytest.fixture
def world() -> Iterator[World]:
    """A broker and three workers that have not started."""
    with in_memory():
        made = World()
        yield made
        made.close()


def everything_balances(world: World) -> None:
    """Go on to the end; fails if anything was lost, repeated, undone or miscounted."""
    world.look()
    world.settle()


def at_work(world: World) -> Worker:
    """The first worker: it owns everything, and has handled a record that is not committed yet."""
    worker = world.workers[0]
    world.feed(0)
    worker.boot()
    world.all_to(worker)
    worker.work()
    return worker


def stopped_before(world: World, call: str) -> Worker:
    """The same, in its checkpoint, just before a call to the broker."""
    worker = at_work(world)
    worker.begin(worker.checkpointer.checkpoint())
    assert worker.until(call)
    return worker


def outputs_in_one_transaction_with_their_offsets(world: World) -> None:
    """A worker ends after its offsets and before its commit."""
    first = stopped_before(world, "commit")
    first.crash()
    everything_balances(world)


def a_worker_stopped_beyond_its_session(world: World) -> None:
    """It stands between its outputs and its offsets while another takes over, and goes on afterwards."""
    old, new, _ = world.workers
    world.feed(0)
    old.boot()
    world.all_to(old)
    old.work()
    old.begin(old.checkpointer.checkpoint())
    assert old.until("offsets")
    new.boot()
    world.all_to(new, left_out=(old,))
    new.work()
    new.commit()
    old.finish()
    everything_balances(world)


def a_commit_that_arrives_during_the_takeover(world: World) -> None:
    """A worker has sent its offsets and stops; another takes over; the first one's commit is still good."""
    old, new, _ = world.workers
    world.feed(0)
    old.boot()
    world.all_to(old)
    old.work()
    old.begin(old.checkpointer.checkpoint())
    assert old.until("commit")
    new.boot()
    world.rebalance(dict.fromkeys(range(PARTITIONS), new), left_out=(old,))
    for _ in range(40):
        new.step()
    old.finish()
    new.finish()
    new.work()
    new.commit()
    everything_balances(world)


def markers_that_arrive_one_by_one(world: World) -> None:
    """A transaction is decided and the offsets know it; the changelog does not know yet."""
    old, new, _ = world.workers
    world.feed(0)
    old.boot()
    world.all_to(old)
    old.work()
    old.commit()
    for transaction, place in world.broker.pending():
        if place[0] == "__consumer_offsets":
            world.broker.land(transaction, place)
    assert any(place[0] == CHANGELOG for _, place in world.broker.pending())
    old.crash()
    new.boot()
    world.all_to(new)
    everything_balances(world)


def an_aborted_transaction_in_the_changelog(world: World) -> None:
    """A worker ends with rows written and not committed; its successor restores."""
    old, new, _ = world.workers
    world.feed(0)
    old.boot()
    world.all_to(old)
    old.work()
    old.begin(old.checkpointer.checkpoint())
    assert old.until("commit")
    old.crash()
    new.boot()
    world.all_to(new)
    everything_balances(world)


def rows_that_were_never_committed(world: World) -> None:
    """A worker ends before its commit and starts again on the same folder."""
    worker = stopped_before(world, "commit")
    worker.crash()
    worker.boot()
    world.all_to(worker)
    everything_balances(world)


def rows_of_a_partition_of_which_nothing_was_read(world: World) -> None:
    """One input changes rows of two partitions; two workers take them over while its records are on the way."""
    old, left, right = world.workers
    world.feed(0)
    old.boot()
    world.all_to(old)
    old.work()
    old.begin(old.checkpointer.checkpoint())
    assert old.until("flush")
    left.boot()
    right.boot()
    world.rebalance({0: left, 1: right}, left_out=(old,))
    for _ in range(60):
        right.step()
    old.finish()
    world.time_passes()
    left.finish()
    right.finish()
    assert world.rows(right, 1) == world.fold(1), "a row came after the restore"
    everything_balances(world)


def buffers_of_a_generation_that_is_over(world: World) -> None:
    """A worker that was stopped takes part again: what it had buffered was done by another meanwhile."""
    old, new, _ = world.workers
    world.feed(0)
    old.boot()
    world.all_to(old)
    old.work()
    # Nothing consumed, but rows and outputs: as if the revocation came between a record and its batch's end.
    old.checkpointer._buffer._offsets = {}
    new.boot()
    world.all_to(new)
    new.work()
    new.commit()
    world.all_to(old)
    world.feed(0)
    old.work()
    old.commit()
    everything_balances(world)


def a_batch_that_waited_through_a_rebalance(world: World) -> None:
    """Records are fetched, the partition goes away and comes back, and then they are handled."""
    worker, other, _ = world.workers
    world.feed(0)
    worker.boot()
    world.all_to(worker)
    worker.fetch(10)
    other.boot()
    world.all_to(other)
    other.work()
    other.commit()
    world.all_to(worker)
    worker.handle()
    worker.commit()
    everything_balances(world)


def a_poisoned_record(world: World) -> None:
    """A record fails after it has written a row and an output."""
    worker = world.workers[0]
    world.feed(0, poison=True)
    world.feed(0)
    worker.boot()
    world.all_to(worker)
    worker.work()
    worker.commit()
    everything_balances(world)


def a_transaction_that_fails(world: World) -> None:
    """The coordinator has aborted a transaction that took too long; more records come."""
    worker = stopped_before(world, "offsets")
    world.broker.members.clear()
    worker.finish()
    world.broker.members.add("w0-id")
    world.feed(0)
    if worker.alive:
        worker.work()
        worker.commit()
    everything_balances(world)


def a_changelog_of_another_life(world: World) -> None:
    """The broker was replaced: the rows on the disk are ahead of a changelog that begins anew."""
    worker = world.workers[0]
    for _ in range(3):
        world.feed(0)
    worker.boot()
    world.all_to(worker)
    worker.work()
    worker.commit()
    worker.crash()
    for log in (*world.broker.logs.values(), world.broker.committed, world.broker.transactions):
        log.clear()
    world.inputs.clear()
    for seen in world._seen.values():
        seen.clear()
    world._fed = 0
    world.feed(0)
    everything_balances(world)


def a_broker_lost_in_a_transaction(world: World) -> None:
    """More is fetched behind it, and lies in a channel while the worker starts over."""
    worker = stopped_before(world, "flush")
    world.feed(0)
    worker.fetch(1)
    worker.lose_broker()
    worker.finish()
    assert worker.alive, world.deaths
    worker.handle()
    worker.work()
    worker.commit()
    everything_balances(world)


SCENARIOS: dict[str, Callable[[World], None]] = {
    "one transaction": outputs_in_one_transaction_with_their_offsets,
    "generation of the assignment": a_worker_stopped_beyond_its_session,
    "stable offsets": a_commit_that_arrives_during_the_takeover,
    "up to the high watermark": markers_that_arrive_one_by_one,
    "committed rows only": an_aborted_transaction_in_the_changelog,
    "rows after the commit": rows_that_were_never_committed,
    "an offset of every partition touched": rows_of_a_partition_of_which_nothing_was_read,
    "forget at revocation": buffers_of_a_generation_that_is_over,
    "batches have an epoch": a_batch_that_waited_through_a_rebalance,
    "what is given up ends its epoch": a_broker_lost_in_a_transaction,
    "undo of a record": a_poisoned_record,
    "the end after an error": a_transaction_that_fails,
    "rows of another life are dropped": a_changelog_of_another_life,
}


@pytest.mark.parametrize("fence", SCENARIOS)
def test_with_the_fence_the_books_balance(fence: str, world: World) -> None:
    """Every input's effect is there once, in the outputs and in the rows, and nothing that was seen is undone."""
    SCENARIOS[fence](world)


@pytest.mark.parametrize("fence", SCENARIOS)
def test_without_the_fence_the_harm_is_seen(fence: str, world: World) -> None:
    """The same story without the fence loses, repeats or miscounts: the fence is not there for nothing."""
    with without(fence), pytest.raises(AssertionError):
        SCENARIOS[fence](world)


def restore_over_markers(world: World) -> bool:
    """Restore a changelog that ends in a marker; whether it came to an end."""
    worker = at_work(world)
    worker.commit()
    world.time_passes()
    worker.crash()
    worker.boot()
    world.rebalance(dict.fromkeys(range(PARTITIONS), worker))
    for _ in range(60):
        worker.step()
    return worker.checkpointer.positioned


def test_markers_are_passed(world: World) -> None:
    """A restore that counted records only would wait for one that never comes."""
    assert restore_over_markers(world)


def test_without_counting_markers_a_restore_waits(world: World) -> None:
    """It does: after sixty calls it is not done."""
    with without("markers count"):
        assert not restore_over_markers(world)


def start_after_a_crash(world: World) -> bool:
    """End a worker with its transaction open and start it again; whether it has to wait for its own past."""
    worker = stopped_before(world, "commit")
    worker.crash()
    worker.boot()
    world.rebalance(dict.fromkeys(range(PARTITIONS), worker))
    for _ in range(60):
        worker.step()
    return not worker.checkpointer.positioned


def test_a_new_start_ends_what_it_left_open(world: World) -> None:
    """The same transactional id aborts the transaction of the life before at once."""
    assert not start_after_a_crash(world)


def test_with_another_id_it_waits_for_itself(world: World) -> None:
    """With an id of its own each time, it would wait until the broker's time-out."""
    with without("the predecessor is fenced"):
        assert start_after_a_crash(world)


def commit_that_does_not_end(world: World) -> bool:
    """A broker that never answers a commit; whether the worker ended of itself within half a second."""
    worker = stopped_before(world, "commit")
    task = worker.task
    assert task is not None
    world.loop.run_until_complete(asyncio.wait({task}, timeout=0.5))
    ended = task.done()
    if ended:
        assert "did not end" in repr(task.exception())
    return ended


def test_a_stuck_commit_ends_the_process(world: World) -> None:
    """After the deadline the worker ends, and its next start finds out what became of the transaction."""
    with patch.object(transaction_thread, "LONGEST_COMMIT_SECONDS", 0.05):
        assert commit_that_does_not_end(world)
    world.workers[0].crash()
    everything_balances(world)


def test_without_a_deadline_it_waits_on(world: World) -> None:
    """librdkafka alone waits without end for a coordinator that was killed."""
    with without("a commit has a deadline"):
        assert not commit_that_does_not_end(world)


async def nothing_to_start_over() -> None:
    """No transaction is given up here."""
    raise AssertionError


def until(holds: Callable[[], bool], world: World) -> None:
    """Let the loop run until it holds."""
    ends = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < ends
        world.loop.run_until_complete(asyncio.sleep(0.01))


def bereft(world: World) -> asyncio.Task[None]:
    """The first worker's checkpoints, beginning with one for which it lost its broker before."""
    worker = at_work(world)
    world.broker.away = True
    running = world.loop.create_task(worker.checkpointer.run(nothing_to_start_over))
    world.loop.run_until_complete(asyncio.wait({running}, timeout=0.5))
    return running


def test_a_broker_that_is_lost_between_two_transactions_is_waited_for(world: World) -> None:
    """Nothing can hang then: the worker lives on for as long as it takes, and commits what it had buffered."""
    running = bereft(world)
    still = not running.done()
    world.broker.away = False
    assert still, running.exception()

    until(lambda: any(each.state == COMMITTING for each in world.broker.transactions), world)
    world.loop.run_until_complete(asyncio.wait_for(world.workers[0].checkpointer.finish(), 10))
    world.loop.run_until_complete(asyncio.wait_for(running, 10))
    world.workers[0].crash()
    everything_balances(world)


def test_a_broker_that_comes_back_and_refuses_ends_the_worker(world: World) -> None:
    """Only its absence is waited for: what it will not allow has to be told, not waited for in silence."""
    running = bereft(world)
    world.broker.refuses = True
    world.broker.away = False
    world.loop.run_until_complete(asyncio.wait({running}, timeout=10))
    assert running.done()
    assert "TOPIC_AUTHORIZATION_FAILED" in repr(running.exception())
    world.workers[0].crash()
    world.broker.refuses = False
    everything_balances(world)


def test_the_end_does_not_wait_for_a_broker_that_was_lost(world: World) -> None:
    """SIGTERM with the broker away: the last transaction is tried at once, and has its deadline."""
    running = bereft(world)
    finishing = world.loop.create_task(world.workers[0].checkpointer.finish())
    world.loop.run_until_complete(asyncio.wait({finishing, running}, timeout=10))
    # As the end of the process does: what waits in it does not go on.
    world.workers[0].crash()
    world.broker.away = False
    assert running.done()
    assert "did not end" in repr(finishing.exception())
    running.exception()
    everything_balances(world)


def test_a_transaction_that_is_given_up_may_arrive_late(world: World) -> None:
    """Whatever is left of it reaches the broker after its worker has started over, and is refused."""
    worker = stopped_before(world, "commit")
    worker.lose_broker()
    worker.finish()
    assert worker.alive, world.deaths
    for _ in range(4):
        worker.late()
        worker.work()
        worker.commit()
        world.look()
    everything_balances(world)


def test_a_broker_may_be_lost_again_before_the_worker_has_started_over(world: World) -> None:
    """What hung first hangs on by itself: nothing waits behind it."""
    worker = stopped_before(world, "commit")
    worker.lose_broker()
    for _ in range(2):
        assert worker.until("init")
        worker.lose_broker()
    worker.finish()
    assert worker.alive, world.deaths
    worker.work()
    worker.commit()
    worker.late()
    everything_balances(world)
