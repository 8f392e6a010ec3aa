"""The protocol as a state machine: a crash at any step, any order of recovery, zombies, power cuts, markers in any order.

What runs are the product's own classes (tests/support/protocol_worker.py).  It stands apart from its tests so that a process that
they start can import it.
"""

from __future__ import annotations

import resource
import sys
from contextlib import ExitStack

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.support.kafka_model import OFFSETS
from tests.support.protocol_stage import PARTITIONS
from tests.support.protocol_worker import Worker
from tests.support.protocol_world import World, in_memory
from tests.support.rocksdb_model import Rows

WORKERS = 3
WHO = st.integers(0, WORKERS - 1)
CALLS = ("begin", "offsets", "flush", "commit", "answer")
"""The broker calls of a checkpoint: a worker may be stopped or end before each."""


class ProtocolMachine(RuleBasedStateMachine):
    """Three workers, two partitions, one broker."""

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        self._stack.enter_context(in_memory())
        self.world = World(WORKERS)
        first = self.world.workers[0]
        first.boot()
        self.world.all_to(first)

    def _living(self, who: int) -> Worker | None:
        worker = self.world.workers[who]
        return worker if worker.alive else None

    # -- what comes in, and what is done with it --------------------------------------

    @rule(
        inputs=st.lists(
            st.tuples(st.integers(0, PARTITIONS - 1), st.sampled_from("aabp")),
            min_size=1,
            max_size=4,
        )
    )
    def feed(self, inputs: list[tuple[int, str]]) -> None:
        """A few inputs, perhaps one that fails."""
        for number, key in inputs:
            self.world.feed(number, key, poison=key == "p")

    @rule(who=WHO)
    def handle(self, who: int) -> None:
        """A worker handles what it fetched, however long ago, and fetches more, which it does not handle yet."""
        worker = self._living(who)
        if worker is not None:
            worker.handle()
            if worker.alive:
                worker.fetch(3)

    @rule(
        who=WHO,
        call=st.sampled_from(("", "", "", *CALLS)),
        fate=st.sampled_from(("stop", "crash", "fail")),
    )
    def checkpoint(self, who: int, call: str, fate: str) -> None:
        """A worker reads, handles, and begins a checkpoint: to its end, or to a call before which it stops, ends or fails."""
        worker = self._living(who)
        if worker is None or worker.task is not None:
            return
        self.world.feed(len(self.world.deaths) % PARTITIONS)
        worker.work(3)
        if not worker.alive:
            return
        self.world.broker.trouble = call if fate == "fail" else ""
        worker.begin(worker.checkpointer.checkpoint())
        if not call or fate == "fail":
            worker.finish()
        elif worker.until(call) and fate == "crash":
            worker.crash()
        self.world.broker.trouble = ""

    @rule(
        who=WHO,
        call=st.sampled_from(CALLS),
        calls=st.sampled_from((0, 3, 1000)),
        twice=st.booleans(),
    )
    def lose_broker(self, who: int, call: str, calls: int, *, twice: bool) -> None:
        """The broker ends in a checkpoint and comes back, perhaps twice; the worker starts over, as far as it gets."""
        worker = self._living(who)
        if worker is None or worker.task is not None:
            return
        self.world.feed(calls % PARTITIONS)
        worker.work(3)
        if not worker.alive:
            return
        worker.begin(worker.checkpointer.checkpoint())
        if worker.until(call):
            self.world.feed(calls % PARTITIONS)
            worker.fetch(1)
            worker.lose_broker()
            if twice and worker.until("init"):
                worker.lose_broker()
            self.go_on(who, calls)
            # What was fetched before it.
            self.handle(who)

    @rule(who=WHO)
    def late(self, who: int) -> None:
        """A call of a transaction that was given up reaches the broker after all."""
        self.world.workers[who].late()

    @rule(who=WHO, writes=st.integers(0, 1))
    def crash_while_applying(self, who: int, writes: int) -> None:
        """A worker ends behind its commit, with the rows of none or only one of its partitions in RocksDB."""
        worker = self._living(who)
        if worker is None or worker.task is not None:
            return
        self.world.feed(writes)
        worker.work(3)
        if not worker.alive:
            return
        Rows.writes_left = writes
        worker.begin(worker.checkpointer.checkpoint())
        worker.finish()
        Rows.writes_left = None

    @rule(who=WHO, calls=st.sampled_from((1, 4, 1000)))
    def go_on(self, who: int, calls: int) -> None:
        """What a worker was doing goes on by some calls, or to its end."""
        worker = self._living(who)
        if worker is not None and calls == 1000:
            worker.finish()
        for _ in range(calls if calls < 1000 else 0):
            if worker is not None and worker.alive:
                worker.step()

    @rule(
        who=WHO,
        call=st.sampled_from(CALLS),
        markers=st.lists(st.integers(0, 20), max_size=3),
        heirs=st.tuples(*[WHO] * PARTITIONS),
        calls=st.integers(0, 60),
    )
    def stopped_beyond_its_session(
        self, who: int, call: str, markers: list[int], heirs: tuple[int, ...], calls: int
    ) -> None:
        """A worker is stopped in a checkpoint; others take over and work; it is woken before, between or after."""
        self.start(who)
        old = self.world.workers[who]
        old.finish()
        if not old.alive:
            return
        if not old.checkpointer.positioned or not old.assigned:
            self.rebalance((who,) * PARTITIONS, [n != who for n in range(WORKERS)], 0)
            old.finish()
        self.world.feed(markers[0] % PARTITIONS if markers else 0)
        old.work(3)
        if not old.alive:
            return
        old.begin(old.checkpointer.checkpoint())
        if not old.until(call):
            return
        for which in markers:
            self.marker(which)
        for heir in heirs:
            if heir != who:
                self.start(heir)
        self.rebalance(heirs, [n == who for n in range(WORKERS)], 0)
        others = [w for w in self.world.workers if w is not old and w.alive and w.taking_over]
        for worker in others:
            for _ in range(calls):
                worker.step()
        if calls % 2:
            old.finish()
        for worker in others:
            if worker.alive:
                worker.finish()
        for worker in others:
            if worker.alive:
                worker.work(5)
        for worker in others:
            if worker.alive:
                worker.commit()
        if calls % 3 == 0:
            self.world.time_passes()

    # -- what goes wrong -------------------------------------------------------------------

    @rule(who=WHO)
    def crash(self, who: int) -> None:
        """kill -9, wherever the worker stands."""
        self.world.workers[who].crash()

    @rule(who=WHO)
    def start(self, who: int) -> None:
        """The supervisor starts a worker again; it owns nothing until the next rebalance."""
        if self._living(who) is None:
            self.world.workers[who].boot()

    @rule()
    def power_cut(self) -> None:
        """Every worker ends at once; what was open is open on the broker's disk."""
        for worker in self.world.workers:
            worker.crash()

    # -- what the broker does -----------------------------------------------------------------

    @rule(
        owners=st.tuples(*[WHO] * PARTITIONS),
        stopped=st.lists(st.booleans(), min_size=WORKERS, max_size=WORKERS),
        calls=st.sampled_from((0, 8, 100, 100)),
    )
    def rebalance(self, owners: tuple[int, ...], stopped: list[bool], calls: int) -> None:
        """A new generation; who is stopped in the middle of something may miss it; takeovers go on as far as they go."""
        workers = self.world.workers
        left_out = tuple(
            worker
            for worker, is_stopped in zip(workers, stopped, strict=True)
            if worker.alive and (is_stopped or (worker.task is not None and not worker.taking_over))
        )
        for worker in workers:
            # Batches on the way to an agent while the generation ends.
            if worker.alive:
                worker.fetch(2)
        living = [worker for worker in workers if worker.alive and worker not in left_out]
        if not living:
            return
        self.world.rebalance(
            {number: living[who % len(living)] for number, who in enumerate(owners)}, left_out
        )
        for _ in range(calls):
            for worker in living:
                if worker.alive:
                    worker.step()

    @rule(which=st.integers(0, 20))
    def marker(self, which: int) -> None:
        """One partition learns how a transaction ended; the offsets' partition twice as often."""
        pending = self.world.broker.pending()
        offsets = [one for one in pending if one[1] == OFFSETS]
        if offsets and which % 3 == 0:
            pending = offsets
        if pending:
            self.world.broker.land(*pending[which % len(pending)])

    @rule(which=st.integers(0, 20))
    def time_out(self, which: int) -> None:
        """The coordinator aborts one transaction that has been open for too long."""
        # No precondition: the threads of a worker may differ by a step between two runs, and what is drawn may not.
        open_ones = self.world.broker.transactions
        if open_ones:
            self.world.broker.expire(open_ones[which % len(open_ones)].tid)

    # -- what must be true ----------------------------------------------------------------------

    @invariant()
    def nothing_is_undone(self) -> None:
        """A reader of the outputs sees each input's effect at most once, in order, and never less than before."""
        self.world.look()

    @invariant()
    def rows_are_what_was_committed(self) -> None:
        """Whoever owns a partition, and has nothing under way, has the rows of the committed inputs and no others."""
        if self.world.broker.transactions:
            return
        for worker in self.world.workers:
            if worker.alive and worker.task is None and not worker.checkpointer._buffer._offsets:
                self.world.owned_rows(worker)

    def teardown(self) -> None:
        """In the end every input's effect is there exactly once, and the rows are what the inputs add up to."""
        try:
            self.world.settle()
        finally:
            self.world.close()
            self._stack.close()


def bounded(examples: int, steps: int = 25) -> settings:
    """The same examples each time."""
    return settings(
        max_examples=examples,
        stateful_step_count=steps,
        derandomize=True,
        report_multiple_bugs=False,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


def play(number: int, stories: int, steps: int) -> int:
    """Play stories that this number gives, in a process of their own; its largest memory in megabytes.

    Hypothesis remembers every choice of a run, so that it makes none twice: thousands of stories in one run were 1.4 GB.
    """
    how = settings(bounded(stories, steps), derandomize=False, print_blob=True)
    run_state_machine_as_test(seed(number)(ProtocolMachine), settings=how)  # type: ignore[arg-type]
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest // (1 << 20 if sys.platform == "darwin" else 1 << 10)
