"""Which trap each fence is for: the one list that docs/delivery.md, the tests and a reviewer read.

A trap is something that faust-streaming 0.15.3, aiokafka or this protocol itself would do to a record.  Each is *fenced* (code that
a test takes out, whereupon the harm is seen), *refused* at start, or *avoided*: the part that has it is not used, and the entry
says what is used instead.  `tests/unit/router/protocol/test_traps.py` holds the list complete; `python -m
services.router.checkpoint.traps` prints the table of docs/delivery.md.

Hazard: an entry says where its fence is by name.  Whoever moves the code moves the name; a test looks it up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["fenced", "refused", "avoided"]

TRAPS: Final[dict[str, str]] = {
    # Faust, at least once.
    "L1": "an exception in an agent acknowledges the record",
    "L2": "so it does under the crashing supervisor",
    "L3": "so it does under `noack`",
    "L4": "a commit jumps over a record that is still being handled",
    "L5": "commits creep behind by one record per transaction marker",
    "L6": "the flush before a commit gives up after 100 ms, and the commit goes on",
    "L7": "a failed produce is logged, and the commit goes on",
    "L8": "SIGTERM acknowledges the record in hand",
    "L9": "a record that cannot be decoded is acknowledged and ends the agent",
    "L10": "an agent that failed starts again after up to 5 s",
    "L11": "a revocation forgets acknowledgements before it commits",
    "L12": "a failed commit counts as done",
    "L13": "an exception acknowledges a whole batch",
    "L14": "the stream in pure Python acknowledges what it skipped",
    "L15": "the threaded producer cannot wait for a delivery",
    "L16": "publish on commit sends for a record that is not acknowledged",
    # Faust, exactly once.
    "E1": "an output is in another transaction than its input's offset",
    "E2": "topics that the app does not read are written outside any transaction",
    "E3": "an output for another worker's partition raises, and the input is acknowledged",
    "E4": "a transaction without offsets of its own is never committed",
    "E5": "changelog records of committed inputs fall into the next transaction",
    "E6": "RocksDB is written at once and never rolled back",
    "E7": "recovery takes a last stable offset that is not known yet for the end",
    "E8": "recovery waits for markers as if they were records",
    "E9": "errors of a transaction are logged, and offsets carry no generation",
    "E10": "without tables partitions are dealt out in turn, another number of each topic",
    # Membership.
    "R1": "a revocation waits for acknowledgements without a deadline",
    "R2": "aiokafka reads committed offsets without waiting for open transactions",
    "R3": "a worker that was stopped beyond its session goes on as if it owned its partitions",
    "R4": "a consumer stops reading for good after broker trouble",
    "R5": "full stream buffers stop all fetching for a second",
    "R6": "a worker killed is noticed after 60 s",
    "R7": "uncommitted records are read",
    # Tables.
    "T1": "joins with a table are not implemented, windows do not expire after a restart",
    "T2": "a table is read in the partition of the record in hand; with other counts it misses silently",
    "T3": "a GlobalTable stops following",
    "T4": "a stored object that is changed in place is not in the changelog",
    "T5": "2 GiB of cache for each partition",
    "T6": "after kill -9 the rows are ahead of the changelog",
    "T7": "recovery at 9,200 records/s; its errors are logged, and it goes on",
    "T8": "topics are created with one replica",
    # This protocol.
    "P1": "a commit offers a generation that was read after the assignment",
    "P2": "a takeover reads offsets that an open transaction is about to change",
    "P3": "a restore ends before rows whose marker has not arrived",
    "P4": "a restore applies rows of an aborted transaction",
    "P5": "rows reach RocksDB before their transaction has committed",
    "P6": "a record that fails leaves half of its rows",
    "P7": "records fetched before a seek are handled after it",
    "P8": "rows change in a partition of which no offset was read",
    "P9": "a record lies in a partition that is not its key's",
    "P10": "a worker goes on after a transaction that failed",
    "P11": "a commit waits without end for a broker that was killed",
    "P12": "buffers outlive the generation that filled them",
    "P13": "a batch waits in an agent's channel while the generation ends",
    "P14": "a record that was handled in the transaction that wrote it is handled again when it is read",
    "P15": "rows on the disk belong to another changelog, or to one that has been compacted meanwhile",
    "P16": "a changelog ends in markers, so that its end is never reached by counting records",
    "P17": "writers disagree which partition a key belongs to",
    "P18": "a worker that starts again waits for what it left open itself",
    "P19": "a batch that was fetched before a transaction was given up is handled when reading has begun anew",
}


@dataclass(frozen=True, slots=True)
class Fence:
    """One thing that is done about traps.

    Attributes:
        name: in tests and in docs/delivery.md.
        traps: keys of `TRAPS`.
        does: what is done.
        where: `module:qualified.name` below `services.router`.
        kind: see the module.
        on_the_broker: whether its tests take it out on a real broker too, and not only in memory.
    """

    name: str
    traps: tuple[str, ...]
    does: str
    where: str
    kind: Kind = "fenced"
    on_the_broker: bool = False


FENCES: Final[tuple[Fence, ...]] = (
    Fence(
        "nothing escapes an agent",
        ("L1", "L2", "L10", "L13"),
        "whatever a stage raises ends the process before the offset can be committed",
        "agents:bind",
        on_the_broker=True,
    ),
    Fence(
        "Faust does not commit",
        ("L3", "L4", "L5", "L6", "L7", "L11", "L12"),
        "its commit does nothing; offsets are in the checkpoint's transaction",
        "checkpoint.fences:Consumer.commit",
        on_the_broker=True,
    ),
    Fence(
        "no waiting for acknowledgements",
        ("R1",),
        "a revocation waits for the checkpoint, which has a deadline",
        "checkpoint.fences:Consumer.wait_empty",
    ),
    Fence(
        "dead letter in the transaction",
        ("L9",),
        "records are bytes until the stage decodes them; what breaks its contract is put aside together with its offset",
        "stages.base:Stage.handle",
    ),
    Fence(
        "read_committed",
        ("R7",),
        "the reader passes over what was aborted",
        "checkpoint.reader:Reader",
        on_the_broker=True,
    ),
    Fence(
        "same numbers of every topic",
        ("E10",),
        "range assignor: a worker has the same partition numbers of every topic",
        "checkpoint.fences:ConsumerThread._create_worker_consumer",
        on_the_broker=True,
    ),
    Fence(
        "one transaction",
        ("E1", "E2", "E3", "E4", "E5"),
        "changelog, outputs and offsets of a checkpoint are one transaction of one producer",
        "checkpoint.transactions:TransactionalProducer.commit",
        on_the_broker=True,
    ),
    Fence(
        "generation of the assignment",
        ("P1", "R3", "E9"),
        "generation and member id are read once, in the assignment callback, and offered with every commit",
        "checkpoint.transactions:Membership.metadata",
        on_the_broker=True,
    ),
    Fence(
        "stable offsets",
        ("P2", "R2"),
        "a takeover waits until no open transaction holds an offset of its partitions",
        "checkpoint.restore:Restorer.positions",
        on_the_broker=True,
    ),
    Fence(
        "up to the high watermark",
        ("P3", "E7"),
        "the end of a changelog is asked for by a reader that sees undecided records too",
        "checkpoint.restore:Restorer._end",
        on_the_broker=True,
    ),
    Fence(
        "committed rows only",
        ("P4",),
        "the changelog itself is read read_committed",
        "checkpoint.restore:Restorer._apply",
        on_the_broker=True,
    ),
    Fence(
        "markers count",
        ("P16", "E8"),
        "the end of a partition, not its last record, moves the position",
        "checkpoint.restore:Restorer._apply",
        on_the_broker=True,
    ),
    Fence(
        "rows after the commit",
        ("P5", "E6", "T6"),
        "RocksDB receives rows when their transaction has committed, with the changelog offset in one batch",
        "checkpoint.store:PartitionStore.freeze",
        on_the_broker=True,
    ),
    Fence(
        "an offset of every partition touched",
        ("P8",),
        "a transaction stages an offset of each partition whose rows it changes",
        "checkpoint.buffer:Buffer._stage_touched",
        on_the_broker=True,
    ),
    Fence(
        "forget at revocation",
        ("P12",),
        "buffers that were not committed in their generation are dropped",
        "checkpoint.checkpointer:Checkpointer._forget",
    ),
    Fence(
        "batches have an epoch",
        ("P13",),
        "a batch that was fetched in another generation is dropped",
        "agents:take",
        on_the_broker=True,
    ),
    Fence(
        "undo of a record",
        ("P6",),
        "rows and outputs of the record in hand are taken back before it is put aside",
        "checkpoint.partition:Partition.roll_back",
    ),
    Fence(
        "the end after an error",
        ("P10",),
        "any error of a checkpoint ends the process at once, without Faust's shutdown",
        "checkpoint.fatal:die",
        on_the_broker=True,
    ),
    Fence(
        "a commit has a deadline",
        ("P11",),
        "a transaction that does not end within 6 s ends the process; 1.5 s after every broker was lost it is given up",
        "checkpoint.transaction_thread:LONGEST_COMMIT_SECONDS",
    ),
    Fence(
        "what is given up ends its epoch",
        ("P19",),
        "with a transaction that is given up its epoch is over and forgotten; a new client ends it, and reading begins anew",
        "checkpoint.checkpointer:Checkpointer._give_up",
    ),
    Fence(
        "the predecessor is fenced",
        ("P18",),
        "one transactional id per instance: its next start aborts what it left open",
        "checkpoint.transactions:TransactionalProducer.start",
        on_the_broker=True,
    ),
    Fence(
        "rows of another life are dropped",
        ("P15",),
        "local rows are rebuilt when their changelog is not the one they came from, or has forgotten deletions",
        "checkpoint.restore:Restorer._why_start_over",
        on_the_broker=True,
    ),
    Fence(
        "forward to its own partition",
        ("P9",),
        "a record in a wrong partition is sent on, once",
        "stages.base:Stage.handle",
    ),
    Fence(
        "handled once",
        ("P14",),
        "what is handled in the step that makes it is not written; what an earlier release wrote all the same is marked",
        "stages.base:Stage.handle",
    ),
    Fence(
        "murmur2",
        ("P17",),
        "every writer spreads keys as the Java client does",
        "checkpoint.transactions:TransactionalProducer",
        on_the_broker=True,
    ),
    Fence(
        "tested versions",
        ("E9", "L14"),
        "Faust, mode, aiokafka, confluent-kafka, librdkafka and rocksdict in versions that the tests ran with",
        "checkpoint.versions:refuse_untested",
        "refused",
    ),
    Fence(
        "compiled Faust",
        ("L14",),
        "a Faust without its compiled stream iterator",
        "checkpoint.versions:refuse_uncompiled",
        "refused",
    ),
    Fence(
        "Faust's settings",
        ("L15", "L16", "E1", "E2", "E3", "E4", "E5", "T8"),
        "settings that the environment has changed: Faust lets it overrule the code",
        "checkpoint.versions:refuse_settings",
        "refused",
    ),
    Fence(
        "partition counts",
        ("T2",),
        "topics that do not all have the configured number of partitions",
        "checkpoint.restore:Restorer.refuse_other_counts",
        "refused",
    ),
    Fence(
        "clean stop",
        ("L8",),
        "SIGTERM commits what was handled and ends the process; Faust's shutdown does not run",
        "checkpoint.checkpointer:Checkpointer.finish",
        "avoided",
    ),
    Fence(
        "no Faust tables",
        ("T1", "T3", "T4", "T7"),
        "rows are bytes in a store of our own, with a changelog that librdkafka restores",
        "checkpoint.store:PartitionStore",
        "avoided",
    ),
    Fence(
        "shared memory",
        ("T5",),
        "one cache and one budget for all partitions of a worker",
        "checkpoint.store:SharedMemory",
        "avoided",
    ),
    Fence(
        "a reader for each generation",
        ("P7",),
        "each generation reads with a client of its own, opened at the restored offsets: there is no seek",
        "checkpoint.reader:Reader.open",
        "avoided",
    ),
    Fence(
        "whole batches",
        ("R5",),
        "fetched batches wait in short channels; no stream buffers, futures or events per record",
        "checkpoint.feed:Feed",
        "avoided",
    ),
    Fence(
        "watched from outside",
        ("R4",),
        "the health check watches the loop and the position for whoever probes it (Kubernetes); "
        "`akar up` starts again what ends, not what hangs",
        "app:Worker.unready",
        "avoided",
    ),
    Fence(
        "short sessions",
        ("R6",),
        "10 s by default, with static membership: a restart keeps its partitions",
        "settings:RouterSettings.session_timeout_seconds",
        "avoided",
    ),
)


def table() -> str:
    """The table of docs/delivery.md: one row per fence, in Markdown."""
    rows = ["| fence | against | what it does | taken out | where |", "|---|---|---|---|---|"]
    for fence in FENCES:
        traps = ", ".join(fence.traps)
        does = fence.does if fence.kind == "fenced" else f"*{fence.kind}:* {fence.does}"
        out = ("on the broker" if fence.on_the_broker else "in memory") * (fence.kind == "fenced")
        module, _, name = fence.where.partition(":")
        path = f"services/router/{module.replace('.', '/')}.py"
        rows.append(f"| {fence.name} | {traps} | {does} | {out} | `{path}`: `{name}` |")
    return "\n".join(rows) + "\n"


def traps_table() -> str:
    """The list of traps of docs/delivery.md, in Markdown."""
    rows = ["| trap | what would happen |", "|---|---|"]
    rows += [f"| {trap} | {harm} |" for trap, harm in TRAPS.items()]
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    print(table())  # noqa: T201 - a command
    print(traps_table())  # noqa: T201 - a command
