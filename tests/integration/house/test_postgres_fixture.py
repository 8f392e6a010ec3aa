"""The PostgreSQL that other tests stand on."""

from __future__ import annotations

import sqlalchemy as sa


def test_each_test_gets_an_empty_database(postgres: str) -> None:
    """The URL opens a real PostgreSQL without any table of ours."""
    engine = sa.create_engine(postgres)
    try:
        assert sa.inspect(engine).get_table_names() == []
        with engine.begin() as connection:
            version = connection.execute(sa.text("show server_version_num")).scalar_one()
    finally:
        engine.dispose()
    assert int(version) >= 130000
