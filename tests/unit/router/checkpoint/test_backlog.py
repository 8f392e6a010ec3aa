"""Questions wait while the events of their partition are behind, and not for ever."""

from __future__ import annotations

from services.router.checkpoint.backlog import LONGEST_SECONDS, Backlog


class Wall:
    """A clock to set: seconds."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_what_is_not_known_is_behind() -> None:
    """Before the first fetch nobody knows how much there is to read."""
    assert Backlog(Wall()).behind(0)


def test_at_the_end_nothing_waits() -> None:
    """With nothing left to fetch and nothing unhandled, questions go on."""
    backlog = Backlog(Wall())
    backlog.fetched({0: 0})

    assert not backlog.behind(0)


def test_fetched_is_not_handled() -> None:
    """The last batch has been fetched but not handled: its events are not known yet."""
    wall = Wall()
    backlog = Backlog(wall)
    backlog.fetched({0: 0})
    backlog.delivered(0, oldest_ms=500)
    assert backlog.behind(0)

    backlog.handled(0, newest_ms=1_000)
    assert not backlog.behind(0)


def test_a_busy_topic_is_no_backlog() -> None:
    """Events that are younger than the question come all the time, and may; older ones are a backlog."""
    backlog = Backlog(Wall())
    backlog.fetched({0: 500})
    backlog.delivered(0, oldest_ms=500)
    backlog.handled(0, newest_ms=999_800)

    assert not backlog.behind(0, asked_ms=999_700)
    assert backlog.behind(0, asked_ms=1_005_000)


def test_what_is_older_than_the_question_has_to_be_known() -> None:
    """An open transaction hides events that were there before the question: it waits for them, however young they are."""
    wall = Wall()
    backlog = Backlog(wall)
    backlog.fetched({0: 8})
    backlog.delivered(0, oldest_ms=999_100)
    backlog.handled(0, newest_ms=999_800)

    assert backlog.behind(0, asked_ms=999_900)
    assert not backlog.behind(0, asked_ms=999_799)


def test_batches_that_are_younger_than_the_question_do_not_count() -> None:
    """In a busy partition something always waits; the question is held up by what is older than itself."""
    backlog = Backlog(Wall())
    backlog.fetched({0: 0})
    backlog.delivered(0, oldest_ms=999_500)
    backlog.handled(0, newest_ms=999_600)
    backlog.delivered(0, oldest_ms=999_800)

    assert not backlog.behind(0, asked_ms=999_700)
    assert backlog.behind(0, asked_ms=999_900)


def test_waiting_ends_when_nothing_moves() -> None:
    """A backlog that is being read is waited for, however long that takes; one that stands still is not."""
    wall = Wall()
    backlog = Backlog(wall)
    backlog.fetched({0: 500})
    for minute in range(10):
        wall.now += LONGEST_SECONDS - 1
        backlog.delivered(0, oldest_ms=minute)
        backlog.handled(0, newest_ms=minute)
        assert backlog.behind(0, asked_ms=5_000)

    wall.now += LONGEST_SECONDS + 1
    assert not backlog.behind(0, asked_ms=5_000)


def test_a_new_generation_knows_nothing() -> None:
    """After a rebalance the partition may be another worker's backlog."""
    backlog = Backlog(Wall())
    backlog.fetched({0: 0})
    backlog.reset()

    assert backlog.behind(0)
