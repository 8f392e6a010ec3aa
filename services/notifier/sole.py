"""One notifier for one ledger: a second one stands by until the first is gone.

It stands apart because fencing in Kafka is not enough: it stops an older process from telling, not from sending.  The lock
belongs to a connection, so it ends with the process however that ends.  Hazard: over a PostgreSQL that fails over, both
could hold it for a moment; webhook ids are the same in both, so a receiver that keeps to them sees one message.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from services.chassis import database

_ADVISORY: Final = 0x616B6172_6E6F7469
"""`akarnoti`: what PostgreSQL knows the lock by, within the ledger's database."""


class Sole:
    """The right to work on a ledger.

    Args:
        engine: The ledger's database.
    """

    def __init__(self, engine: Engine) -> None:
        self._ledger = engine
        self._engine: Engine | None = None
        self._connection: Connection | None = None

    def take(self) -> bool:
        """Try to get it; may wait for some seconds.  True if this process has it now."""
        if self._connection is not None:
            return True
        if self._ledger.dialect.name == "sqlite":
            return self._of_sqlite()
        return self._of_postgresql()

    def release(self) -> None:
        """Let another process have it."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def _of_sqlite(self) -> bool:
        # A database of its own: a write transaction that stays open would lock everyone out of the ledger itself.
        self._engine = database.create(f"sqlite:///{self._ledger.url.database}.lock")
        connection = self._engine.connect()
        try:
            connection.begin()
        except OperationalError:
            connection.close()
            self.release()
            return False
        self._connection = connection
        return True

    def _of_postgresql(self) -> bool:
        connection = self._ledger.connect().execution_options(isolation_level="AUTOCOMMIT")
        if connection.scalar(text("select pg_try_advisory_lock(:key)"), {"key": _ADVISORY}):
            self._connection = connection
            return True
        connection.close()
        return False
