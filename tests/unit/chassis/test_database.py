"""SQL engines: a committed row is a stored row."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from services.chassis import database
from services.chassis.errors import ConfigurationError


def test_sqlite_is_durable_and_checks_keys(tmp_path: Path) -> None:
    """WAL with a full sync, a busy timeout, foreign keys; the folder is made."""
    engine = database.create(database.sqlite_url(tmp_path / "deep" / "ledger.db"))
    with engine.connect() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
        }
    engine.dispose()
    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,
        "busy_timeout": 10_000,
        "foreign_keys": 1,
    }


def test_failed_transaction_leaves_nothing(tmp_path: Path) -> None:
    """A transaction that fails half-way takes its first half with it, tables included."""
    engine = database.create(database.sqlite_url(tmp_path / "a.db"))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (n INTEGER PRIMARY KEY)"))
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(text("INSERT INTO t VALUES (1)"))
        connection.execute(text("INSERT INTO t VALUES (1)"))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM t")).scalar() == 0
    engine.dispose()


def test_postgresql_goes_through_psycopg_3() -> None:
    """The short URL that platforms hand out is enough."""
    engine = database.create("postgresql://u:p@db/akar")
    assert engine.url.drivername == "postgresql+psycopg"
    engine.dispose()


def test_other_databases_are_refused() -> None:
    """An unknown database is refused with those that are known."""
    with pytest.raises(ConfigurationError, match="sqlite"):
        database.create("mysql://u@h/d")
