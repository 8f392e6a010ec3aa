"""State of one partition: rows in RocksDB under changes that are not committed yet.

A row is addressed by a group (whatever is read together: one case, one complaint, the due index) and an item within it.  Reads
see the open buffer first, then the one whose transaction is under way, then RocksDB.  RocksDB receives a buffer only after
its transaction has committed, in one write batch with the changelog offset, so it is never ahead of the changelog.

Hazard: `freeze`, `applied` and `discard` have to be called in the order of the protocol (checkpointer.py); a row written after
`freeze` belongs to the next transaction.
"""

from __future__ import annotations

import shutil
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rocksdict import (
    BlockBasedIndexType,
    BlockBasedOptions,
    Cache,
    DBCompressionType,
    Options,
    Rdict,
    ReadOptions,
    WriteBatch,
    WriteBufferManager,
    WriteOptions,
)

from services.chassis.errors import PermanentError

LARGEST_ROW: Final = 950_000
"""Bytes of one row.  A larger one would not fit into the changelog, and no checkpoint could be made with it."""

Rows = dict[bytes, dict[bytes, bytes | None]]
"""group -> item -> value; None deletes."""
Records = list[tuple[bytes, bytes | None]]
"""The same as (row key, value): as they go into the changelog and into RocksDB."""

META_OFFSET: Final = b"\x00offset"
META_ORIGIN: Final = b"\x00origin"
META_TOUCHED: Final = b"\x00touched"
# Row keys begin with the two bytes of the group's length.  A meta key read as a row key would promise a group of over 100
# bytes and is shorter than that, so no row can have it.
_LENGTH: Final = struct.Struct(">H")
_MAX_GROUP: Final = 16_384
_WRITE_BUFFER: Final = 8 << 20
_LOAD_BUFFER: Final = 16 << 20


def row_key(group: bytes, item: bytes) -> bytes:
    """The key of a row in RocksDB and in the changelog.

    Raises:
        ValueError: the group is empty or longer than 16,384 bytes.
    """
    size = len(group)
    if not 0 < size <= _MAX_GROUP:
        raise ValueError(f"a group has 1 to {_MAX_GROUP} bytes, not {size}")
    return _LENGTH.pack(size) + group + item


def _group_of(key: bytes) -> bytes | None:
    """The group of a row key; None for a meta key."""
    size = _LENGTH.unpack_from(key)[0] if len(key) >= _LENGTH.size else 0
    group = key[_LENGTH.size : _LENGTH.size + size]
    return group if 0 < size == len(group) else None


def _beyond(prefix: bytes) -> bytes:
    """The first key after all that begin with `prefix`."""
    cut = prefix.rstrip(b"\xff")
    return cut[:-1] + bytes((cut[-1] + 1,))


class SharedMemory:
    """One budget for the memory of all partitions of a worker, however many they are.

    Blocks, indexes, filters and what is not yet flushed are all charged to one cache.  RocksDB's defaults would hold
    them per partition, and the indexes and filters beside the cache without any bound.

    Args:
        cache_bytes: of everything together.
        write_buffer_bytes: of these, for rows that are not flushed to files yet.
    """

    def __init__(self, cache_bytes: int = 40 << 20, write_buffer_bytes: int = 12 << 20) -> None:
        self.cache = Cache(cache_bytes)
        # Never stalls a write: one that did would hold up the event loop.
        self.write_buffers = WriteBufferManager.new_write_buffer_manager_with_cache(
            write_buffer_bytes, allow_stall=False, cache=self.cache
        )

    def options(self) -> Options:
        """Options of one partition's database."""
        options = Options(raw_mode=True)
        options.create_if_missing(True)
        options.set_write_buffer_manager(self.write_buffers)
        options.set_write_buffer_size(_WRITE_BUFFER)
        options.set_max_write_buffer_number(2)
        options.set_max_open_files(256)
        options.set_keep_log_file_num(2)
        options.set_compression_type(DBCompressionType.lz4())
        options.set_level_compaction_dynamic_level_bytes(True)
        # Above what a load leaves behind (see `loading`): the first writes after it must not be held up.
        options.set_level_zero_slowdown_writes_trigger(200)
        options.set_level_zero_stop_writes_trigger(400)
        table = BlockBasedOptions()
        table.set_block_cache(self.cache)
        # A quarter of the index of 4 KB blocks, which would not stay in the cache at a million cases.
        table.set_block_size(16 << 10)
        table.set_format_version(5)
        table.set_bloom_filter(10, False)
        # In pieces.  A filter in one piece grows with its file (1.8 MB at 64 MB), and a piece larger than a shard of the cache
        # (0.6 MB of 40) is never kept: it was read, checked and thrown away at each look-up, 240 µs instead of 4.
        table.set_index_type(BlockBasedIndexType.two_level_index_search())
        table.set_partition_filters(True)
        table.set_metadata_block_size(4 << 10)
        table.set_pin_top_level_index_and_filter(True)
        table.set_cache_index_and_filter_blocks(True)
        table.set_pin_l0_filter_and_index_blocks_in_cache(True)
        options.set_block_based_table_factory(table)
        return options


class PartitionStore:
    """The rows of one partition."""

    def __init__(self, path: Path, memory: SharedMemory) -> None:
        self._path = path
        self._memory = memory
        self._open: Rows = {}
        self._frozen: Rows = {}
        self._records: Records = []
        self._undo: list[tuple[dict[bytes, bytes | None], bytes, bytes | None, bool]] = []
        self._written = 0
        self._how = WriteOptions()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = Rdict(str(path), memory.options())

    # -- reading ------------------------------------------------------------

    def get(self, group: bytes, item: bytes = b"") -> bytes | None:
        """The value of a row, or None."""
        rows = self._open.get(group)
        if rows is not None and item in rows:
            return rows[item]
        rows = self._frozen.get(group)
        if rows is not None and item in rows:
            return rows[item]
        value: bytes | None = self._db.get(row_key(group, item))
        return value

    def items(
        self, group: bytes, *, below: bytes | None = None, most: int | None = None
    ) -> list[tuple[bytes, bytes]]:
        """The rows of a group in the order of their items.

        Args:
            group: which.
            below: only items before this one.
            most: only so many, the first ones.
        """
        merged: dict[bytes, bytes | None] = dict(self._stored(group, below, most))
        for buffer in (self._frozen, self._open):
            rows = buffer.get(group)
            if rows is not None:
                merged.update(
                    (item, value) for item, value in rows.items() if below is None or item < below
                )
        found = sorted((item, value) for item, value in merged.items() if value is not None)
        return found if most is None else found[:most]

    def _stored(
        self, group: bytes, below: bytes | None, most: int | None
    ) -> Iterator[tuple[bytes, bytes]]:
        prefix = row_key(group, b"")
        cut = len(prefix)
        iterator = self._db.iter(ReadOptions())
        iterator.seek(prefix)
        # Rows that a buffer deletes count too here: read as many more as buffers may take away.
        hidden = sum(len(buffer.get(group, ())) for buffer in (self._open, self._frozen))
        left = None if most is None else most + hidden
        while iterator.valid() and (left is None or left > 0):
            if left is not None:
                left -= 1
            key = iterator.key()
            if not key.startswith(prefix):
                return
            item = key[cut:]
            if below is not None and item >= below:
                return
            yield item, iterator.value()
            iterator.next()

    def groups(self, *, after: bytes = b"", most: int) -> list[bytes]:
        """The next groups that have rows in RocksDB, in the order of their keys; for whoever passes over all rows in steps.

        Rows that are buffered only are not seen, and ones whose deletion is buffered still are: look at each group again.

        Args:
            after: the last group of the step before; empty for the first.
            most: only so many.
        """
        found: list[bytes] = []
        # What is looked at once a day should not drive out what is looked at now.
        reading = ReadOptions()
        reading.fill_cache(False)  # type: ignore[call-arg]  # its stub forgets the argument
        iterator = self._db.iter(reading)
        iterator.seek(_beyond(row_key(after, b"")) if after else b"")
        while iterator.valid() and len(found) < most:
            key = iterator.key()
            group = _group_of(key)
            if group is None:
                iterator.next()
                continue
            found.append(group)
            iterator.seek(_beyond(row_key(group, b"")))
        return found

    def rows(self) -> Iterator[tuple[bytes, bytes, bytes]]:
        """Every row in RocksDB as (group, item, value), in the order of the keys; buffers are not seen."""
        reading = ReadOptions()
        reading.fill_cache(False)  # type: ignore[call-arg]  # its stub forgets the argument
        iterator = self._db.iter(reading)
        iterator.seek(b"")
        while iterator.valid():
            key = iterator.key()
            group = _group_of(key)
            if group is not None:
                yield group, key[_LENGTH.size + len(group) :], iterator.value()
            iterator.next()

    # -- writing ------------------------------------------------------------

    def put(self, group: bytes, item: bytes, value: bytes) -> None:
        """Write a row into the open buffer.

        Raises:
            PermanentError: it is larger than a row may be.
        """
        size = len(group) + len(item) + len(value)
        if size > LARGEST_ROW:
            raise PermanentError("row_too_large", f"{size} bytes; a row may have {LARGEST_ROW}")
        self._written += size
        self._set(group, item, value)

    def delete(self, group: bytes, item: bytes = b"") -> None:
        """Delete a row in the open buffer."""
        self._set(group, item, None)

    def _set(self, group: bytes, item: bytes, value: bytes | None) -> None:
        rows = self._open.get(group)
        if rows is None:
            rows = self._open[group] = {}
        self._undo.append((rows, item, rows.get(item), item in rows))
        rows[item] = value

    def begin(self) -> None:
        """A record begins: `roll_back` takes back what is written from here on."""
        self._undo.clear()

    def roll_back(self) -> None:
        """Take back everything since `begin`."""
        while self._undo:
            rows, item, value, existed = self._undo.pop()
            if existed:
                rows[item] = value
            else:
                del rows[item]

    # -- the protocol ---------------------------------------------------------

    @property
    def dirty(self) -> bool:
        """Whether the open buffer holds changes."""
        return any(self._open.values())

    @property
    def written(self) -> int:
        """Bytes put into the open buffer, each version of a row counted: at least what the buffer holds."""
        return self._written

    def freeze(self) -> Records:
        """Hand over the open buffer to a transaction; it stays readable until `applied` or `discard`."""
        if self._frozen:
            raise RuntimeError(
                "the last checkpoint of this partition was neither applied nor discarded"
            )
        self._frozen, self._open = self._open, {}
        self._written = 0
        self._undo.clear()
        self._records = [
            (row_key(group, item), value)
            for group, rows in self._frozen.items()
            for item, value in rows.items()
        ]
        return self._records

    def applied(self, next_offset: int, *, touched: int) -> None:
        """Write the frozen rows, whose transaction has committed, with the changelog offset after them."""
        self.write(self._records, next_offset, touched=touched)
        self._frozen = {}
        self._records = []

    def discard(self) -> None:
        """Forget everything that is not in RocksDB: the partition was taken away."""
        self._open = {}
        self._written = 0
        self._frozen = {}
        self._records = []
        self._undo.clear()

    # -- restoring --------------------------------------------------------------

    def write(
        self, rows: Iterable[tuple[bytes, bytes | None]], next_offset: int, *, touched: int
    ) -> None:
        """Write changelog records (key, value or None) and the offset after them, atomically."""
        batch = WriteBatch(raw_mode=True)
        for key, value in rows:
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        batch.put(META_OFFSET, str(next_offset).encode())
        batch.put(META_TOUCHED, str(touched).encode())
        self._db.write(batch, self._how)

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Take many rows in: nothing is logged, nor compacted, until the end; then all of it is flushed.

        A crash in between loses the rows of the last few batches together with their offset, which is as good as never
        having read them.  Compaction follows in the background.
        """
        self._how = WriteOptions()
        self._how.disable_wal = True  # type: ignore[method-assign, assignment]  # a property; the stub is wrong
        self._db.set_options(
            {"disable_auto_compactions": "true", "write_buffer_size": str(_LOAD_BUFFER)}
        )
        try:
            yield
        finally:
            self._db.flush()
            self._db.set_options(
                {"disable_auto_compactions": "false", "write_buffer_size": str(_WRITE_BUFFER)}
            )
            self._how = WriteOptions()

    @property
    def next_offset(self) -> int:
        """The first changelog offset that is not in RocksDB; 0 for a new database."""
        value = self._db.get(META_OFFSET)
        return int(value) if value else 0

    @property
    def touched(self) -> int:
        """Epoch seconds of the last write; 0 for a new database."""
        value = self._db.get(META_TOUCHED)
        return int(value) if value else 0

    @property
    def origin(self) -> bytes | None:
        """Which changelog the rows came from; None for a new database."""
        value: bytes | None = self._db.get(META_ORIGIN)
        return value

    def start_over(self, origin: bytes) -> None:
        """Drop every row and remember where the next ones come from."""
        self._db.close()
        shutil.rmtree(self._path)
        self._db = Rdict(str(self._path), self._memory.options())
        self._db.put(META_ORIGIN, origin)

    def close(self) -> None:
        """Close the database."""
        self._db.close()
