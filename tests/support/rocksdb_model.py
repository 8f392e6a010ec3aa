"""RocksDB, as far as the store uses it, in memory: so that a process may end between any two writes."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from tests.support.kafka_model import Crash


class Rows:
    """RocksDB, as far as the store uses it, in memory: what was written outlives the process that wrote it."""

    disk: ClassVar[dict[str, dict[bytes, bytes]]] = {}
    writes_left: ClassVar[int | None] = None
    """The process ends before the write after so many."""

    def __init__(self, path: str, _options: object = None) -> None:
        Path(path).mkdir(exist_ok=True)
        self._rows = self.disk.setdefault(path, {})
        if not (Path(path) / "CURRENT").exists():
            # The folder was removed.
            self._rows.clear()
            (Path(path) / "CURRENT").touch()

    def get(self, key: bytes) -> bytes | None:
        return self._rows.get(key)

    def put(self, key: bytes, value: bytes) -> None:
        self._rows[key] = value

    def write(self, batch: Batched, _how: object = None) -> None:
        if Rows.writes_left is not None:
            Rows.writes_left -= 1
            if Rows.writes_left < 0:
                Rows.writes_left = None
                raise Crash("write")
        for key, value in batch.rows:
            if value is None:
                self._rows.pop(key, None)
            else:
                self._rows[key] = value

    def close(self) -> None:
        """Nothing is lost by it."""


class Batched:
    """A write batch."""

    def __init__(self, *, raw_mode: bool = True) -> None:
        self.rows: list[tuple[bytes, bytes | None]] = []

    def put(self, key: bytes, value: bytes) -> None:
        self.rows.append((key, value))

    def delete(self, key: bytes) -> None:
        self.rows.append((key, None))
