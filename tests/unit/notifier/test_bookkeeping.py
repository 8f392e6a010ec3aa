"""The ledger's one writer where its database, or its topic, is not there."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import pytest
from sqlalchemy import text

from services.chassis import database
from services.chassis.errors import BrokerUnavailable
from services.chassis.settings import KafkaSettings
from services.notifier import replay
from services.notifier.bookkeeping import Bookkeeper


def test_who_waits_is_told_when_there_is_no_database() -> None:
    """Neither what was queued before nor what comes later waits for ever."""
    engine = database.create("postgresql+psycopg://nobody@127.0.0.1:1/nothing")
    bookkeeper = Bookkeeper(engine)
    before = bookkeeper.submit(lambda connection: connection.execute(text("SELECT 1")))
    bookkeeper.start()
    with pytest.raises(Exception, match="connection"):
        before.result(10)
    with pytest.raises(Exception, match="connection"):
        bookkeeper.submit(lambda connection: connection.execute(text("SELECT 1"))).result(10)
    engine.dispose()


def test_who_comes_after_the_end_is_told(tmp_path: Path) -> None:
    """What is queued when it is stopped is stored; what comes later is refused, and does not wait."""
    engine = database.create(database.sqlite_url(tmp_path / "ledger.sqlite3"))
    bookkeeper = Bookkeeper(engine)
    queued = bookkeeper.submit(lambda connection: connection.execute(text("SELECT 1")).scalar())
    bookkeeper.start().stop()
    assert queued.result(10) == 1
    with pytest.raises(RuntimeError, match="was stopped"):
        bookkeeper.submit(lambda connection: connection.execute(text("SELECT 1"))).result(10)
    engine.dispose()


def test_an_empty_ledger_is_not_taken_for_an_empty_topic(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A reader that could not be told what there is has learnt nothing: every alert would be sent once more."""

    class Untold:
        def __init__(self, *_args: object, **_more: object) -> None:
            pass

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_error: object) -> None:
            pass

        def end_offsets(self) -> dict[tuple[str, int], int]:
            return {}

    monkeypatch.setattr(replay, "PartitionReader", Untold)
    engine = database.create(database.sqlite_url(tmp_path / "ledger.sqlite3"))
    with pytest.raises(BrokerUnavailable):
        replay.catch_up(KafkaSettings(), Bookkeeper(engine), {}, waited=lambda: None)
    engine.dispose()
