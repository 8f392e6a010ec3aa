"""SQL engines: a committed row is a stored row."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    LargeBinary,
    MetaData,
    String,
    Table,
    bindparam,
    delete,
    insert,
    null,
    select,
    text,
    update,
)
from sqlalchemy.exc import IntegrityError

from services.chassis import database
from services.chassis.database import ForEach
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


def test_a_statement_is_run_for_each_row(tmp_path: Path) -> None:
    """Whatever SQLAlchemy would have done with text, bytes, numbers, truth and nothing; none for no rows."""
    things = Table(
        "things",
        MetaData(),
        Column("name", String(10), primary_key=True),
        Column("number", BigInteger),
        Column("flag", Boolean),
        Column("raw", LargeBinary),
    )
    put = ForEach(insert(things))
    change = ForEach(
        update(things)
        .where(things.c.name == bindparam("of"))
        .values(number=bindparam("to"), raw=null())
    )
    forget = ForEach(delete(things).where(things.c.name == bindparam("of")))
    engine = database.create(database.sqlite_url(tmp_path / "some.sqlite3"))
    with engine.begin() as connection:
        things.create(connection)
        put.run(connection, [])
        put.run(
            connection,
            [
                {"raw": b"x", "name": "one", "number": 2**40, "flag": True},
                {"raw": None, "name": "it's", "number": None, "flag": False},
                {"raw": b"\0\xff", "name": "\u00fc", "number": -1, "flag": True},
            ],
        )
        # Fewer columns, in another order: a statement of its own.
        put.run(connection, [{"flag": False, "name": "few"}])
        change.run(connection, [{"to": 7, "of": "one"}, {"to": 8, "of": "nobody"}])
        forget.run(connection, [{"of": "it's"}])
    with engine.connect() as connection:
        rows = connection.execute(select(things).order_by(things.c.name)).all()
    engine.dispose()
    assert [tuple(row) for row in rows] == [
        ("few", None, False, None),
        ("one", 7, True, None),
        ("\u00fc", -1, True, b"\0\xff"),
    ]
