"""A read model for whatever is in front of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from services.chassis import database
from services.console import readmodel


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A fresh database."""
    made = database.create(database.sqlite_url(tmp_path / "console.sqlite3"))
    with made.begin() as connection:
        readmodel.prepare(connection)
    yield made
    made.dispose()
