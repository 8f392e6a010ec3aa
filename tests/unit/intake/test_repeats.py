"""The memory of repeats."""

from __future__ import annotations

from services.intake.repeats import Repeats, Seen


def test_stored_content_need_not_be_sent_again() -> None:
    """Before the acknowledgement a repeat is sent too: nobody knows yet whether the first will be stored."""
    repeats = Repeats()
    assert repeats.look("c1", "d1") is Seen.NEW
    assert repeats.look("c1", "d1") is Seen.NEW
    repeats.stored("c1", "d1")
    assert repeats.look("c1", "d1") is Seen.STORED


def test_other_content_is_a_conflict() -> None:
    """Also while the first is on its way: it may be stored."""
    repeats = Repeats()
    repeats.look("c1", "d1")
    assert repeats.look("c1", "d2") is Seen.CONFLICT


def test_what_was_not_sent_is_forgotten() -> None:
    """After an overload the key is free for other content; after an acknowledgement it never is."""
    repeats = Repeats()
    repeats.look("c1", "d1")
    repeats.not_sent("c1")
    assert repeats.look("c1", "d2") is Seen.NEW
    repeats.stored("c1", "d2")
    repeats.not_sent("c1")
    assert repeats.look("c1", "d2") is Seen.STORED


def test_memory_is_bounded() -> None:
    """The one not asked for the longest is forgotten first."""
    repeats = Repeats(capacity=2)
    repeats.look("a", "1")
    repeats.look("b", "1")
    repeats.look("a", "1")
    repeats.look("c", "1")
    assert repeats.look("a", "2") is Seen.CONFLICT
    assert repeats.look("b", "2") is Seen.NEW
