"""SQL engines, set so that a committed row is a stored row.

It stands apart because the notifier's ledger and the console's read model need the same care.  Hazard: SQLite's own
defaults wait for nothing, check no foreign keys and, in WAL mode, may lose the last commits in a power cut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Delete, Engine, Insert, Update, create_engine, event
from sqlalchemy.engine import URL, make_url

from services.chassis.errors import ConfigurationError

BUSY_TIMEOUT_MS = 10_000


class ForEach:
    """A statement that is run for many rows, compiled once and given to the driver as it is.

    SQLAlchemy prepares the parameters of each row in Python, which takes as long as SQLite takes for the row.

    Hazard: values reach the driver unconverted, so it is for text, bytes, whole numbers and truth values only.

    Args:
        statement: With a column, or a `bindparam`, for each name of its rows.
    """

    def __init__(self, statement: Insert | Update | Delete) -> None:
        self._statement = statement
        self._compiled: dict[tuple[str, ...], tuple[str, Sequence[str] | None]] = {}

    def run(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run it for each of `rows`, all of which have the same names, within the caller's transaction."""
        if not rows:
            return
        key = (connection.dialect.name, *rows[0])
        found = self._compiled.get(key)
        if found is None:
            compiled = self._statement.compile(
                dialect=connection.dialect, column_keys=list(rows[0])
            )
            found = self._compiled[key] = (str(compiled), compiled.positiontup)
        text, order = found
        if order is None:
            connection.exec_driver_sql(text, list(rows))
        else:
            connection.exec_driver_sql(text, [tuple(row[name] for name in order) for row in rows])


def sqlite_url(path: Path) -> str:
    """The URL of a SQLite file."""
    return f"sqlite:///{path}"


def create(url: str) -> Engine:
    """An engine for SQLite (a file, made with its folder) or PostgreSQL (through psycopg 3).

    Raises:
        ConfigurationError: The URL names another database.
    """
    parsed = make_url(url)
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        return _sqlite(parsed)
    if backend == "postgresql":
        return create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
    raise ConfigurationError(f"database {backend!r} is not known: use sqlite:/// or postgresql://")


def _sqlite(url: URL) -> Engine:
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: object) -> None:
        # The driver would begin transactions by itself, late and deferred; we begin them (below).
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        # A deferred transaction that turns into a writing one fails at once when another has written meanwhile,
        # without waiting for the busy timeout; readers that must not take the write lock ask for it by this option.
        if connection.get_execution_options().get("readonly"):
            connection.exec_driver_sql("BEGIN")
        else:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
