"""State of one partition: buffers over RocksDB, in the order of the protocol."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.router.checkpoint.store import PartitionStore, SharedMemory, row_key

GROUPS = (b"a", b"ab", b"b\x00", b"c" * 300)
ITEMS = (b"", b"1", b"2", b"\xff")


def test_a_group_is_read_alone(tmp_path: Path) -> None:
    """Rows of a group whose name begins like another's are not mixed with it."""
    store = PartitionStore(tmp_path / "p", SharedMemory(1 << 20, 1 << 20))
    store.put(b"case", b"1", b"x")
    store.put(b"case1", b"", b"y")
    store.freeze()
    store.applied(7, touched=1)

    assert store.items(b"case") == [(b"1", b"x")]
    assert store.items(b"case1") == [(b"", b"y")]
    assert store.next_offset == 7


def test_filters_and_indexes_are_read_in_pieces(tmp_path: Path) -> None:
    """A filter as large as its file fits no shard of the cache and would be read anew at each look-up (70 times slower)."""
    PartitionStore(tmp_path / "p", SharedMemory(1 << 20, 1 << 20)).close()
    said = max((tmp_path / "p").glob("OPTIONS-*")).read_text()

    assert "partition_filters=true" in said
    assert "index_type=kTwoLevelIndexSearch" in said
    assert "cache_index_and_filter_blocks=true" in said
    assert "metadata_block_size=4096" in said


def test_an_empty_group_is_refused() -> None:
    """A group names what is read together; without a name there is nothing to read."""
    with pytest.raises(ValueError, match="1 to"):
        row_key(b"", b"x")


def test_freezing_twice_is_refused(tmp_path: Path) -> None:
    """A second transaction cannot begin before the first was applied or discarded."""
    store = PartitionStore(tmp_path / "p", SharedMemory(1 << 20, 1 << 20))
    store.put(b"a", b"", b"1")
    store.freeze()

    with pytest.raises(RuntimeError, match="neither applied"):
        store.freeze()


def test_a_record_is_rolled_back_whole(tmp_path: Path) -> None:
    """What a record wrote, overwrote or deleted is as before; what came before it stays."""
    store = PartitionStore(tmp_path / "p", SharedMemory(1 << 20, 1 << 20))
    store.put(b"a", b"kept", b"1")
    store.begin()
    store.put(b"a", b"kept", b"2")
    store.delete(b"a", b"kept")
    store.put(b"b", b"new", b"3")

    store.roll_back()

    assert store.items(b"a") == [(b"kept", b"1")]
    assert store.items(b"b") == []


class StoreMachine(RuleBasedStateMachine):
    """The store against three dictionaries: committed, under way, and open."""

    def __init__(self) -> None:
        super().__init__()
        self.committed: dict[tuple[bytes, bytes], bytes] = {}
        self.frozen: dict[tuple[bytes, bytes], bytes | None] = {}
        self.open: dict[tuple[bytes, bytes], bytes | None] = {}
        self.offset = 0

    @initialize()
    def begin(self) -> None:
        """A new folder for each run."""
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "p"
        self.memory = SharedMemory(1 << 20, 1 << 20)
        self.store = PartitionStore(self.path, self.memory)

    @rule(group=st.sampled_from(GROUPS), item=st.sampled_from(ITEMS), value=st.binary(max_size=3))
    def put(self, group: bytes, item: bytes, value: bytes) -> None:
        """Write into the open buffer."""
        self.store.put(group, item, value)
        self.open[group, item] = value

    @rule(group=st.sampled_from(GROUPS), item=st.sampled_from(ITEMS))
    def delete(self, group: bytes, item: bytes) -> None:
        """Delete in the open buffer."""
        self.store.delete(group, item)
        self.open[group, item] = None

    @precondition(lambda self: not self.frozen and self.open)
    @rule()
    def freeze(self) -> None:
        """A transaction begins."""
        self.store.freeze()
        self.frozen, self.open = self.open, {}

    @precondition(lambda self: self.frozen)
    @rule()
    def commit(self) -> None:
        """The transaction has committed."""
        self.offset += len(self.frozen)
        self.store.applied(self.offset, touched=1)
        for key, value in self.frozen.items():
            if value is None:
                self.committed.pop(key, None)
            else:
                self.committed[key] = value
        self.frozen = {}

    @rule()
    def revoke(self) -> None:
        """The partition is taken away: only what was applied stays."""
        self.store.discard()
        self.open, self.frozen = {}, {}

    @rule()
    def die_and_come_back(self) -> None:
        """Everything in memory is gone; RocksDB and its offset agree."""
        self.store.close()
        self.store = PartitionStore(self.path, self.memory)
        self.open, self.frozen = {}, {}
        assert self.store.next_offset == self.offset

    @invariant()
    def reads_agree(self) -> None:
        """Every read sees the newest write, wherever it lies."""
        if not hasattr(self, "store"):
            return
        merged: dict[tuple[bytes, bytes], bytes | None] = {
            **self.committed,
            **self.frozen,
            **self.open,
        }
        for group in GROUPS:
            expected = sorted(
                (item, value)
                for (of, item), value in merged.items()
                if of == group and value is not None
            )
            assert self.store.items(group) == expected
            for item in ITEMS:
                assert self.store.get(group, item) == merged.get((group, item))
            below = [pair for pair in expected if pair[0] < b"2"]
            assert self.store.items(group, below=b"2") == below
            assert self.store.items(group, most=2) == expected[:2]

    def teardown(self) -> None:
        """Close and remove the folder."""
        if hasattr(self, "store"):
            self.store.close()
            self.folder.cleanup()


StoreMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestStoreAgainstModel = StoreMachine.TestCase
