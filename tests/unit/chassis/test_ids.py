"""Ids: the same for ever, and different for what differs."""

from __future__ import annotations

from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from services.chassis import ids


def test_ids_never_change() -> None:
    """Stored records carry these very ids: a change here would make a repeat a new complaint."""
    complaint = ids.complaint_id("web", "order-4711-late")
    assert complaint == "3a86742a-0f33-5713-a6a0-61e737b90674"
    assert ids.message_id(complaint, "web", "answer-0001") == "3865bc1b-09e0-5d89-8717-488cca796c60"
    assert ids.decision_id(complaint, 2) == "fe7b89cf-9b19-5816-aac6-e3d4c7d25c64"
    assignment = ids.assignment_id(complaint, "packing", 1)
    assert assignment == "58ce6670-8141-5c3d-869d-6f986f632f72"
    assert (
        ids.notification_id(assignment, 1, "webhook", "opened")
        == "b8778524-3146-54eb-9e76-95a80f5cba9d"
    )
    assert ids.event_id("process", "abc") == "6af1c7a9-3283-5d43-a97c-0e33aa679799"


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_other_channel_or_key_is_another_complaint(a: str, key: str, b: str, other: str) -> None:
    """Two complaints share an id only when channel and key are equal (neither holds the separator)."""
    a, key, b, other = (text.replace("\0", "") for text in (a, key, b, other))
    same = ids.complaint_id(a, key) == ids.complaint_id(b, other)
    assert same == ((a, key) == (b, other))


def test_random_ids_are_uuids_and_differ() -> None:
    """What may not be recognised again gets a fresh UUID."""
    first, second = ids.random_id(), ids.random_id()
    assert first != second
    assert UUID(first).version == 4


@given(st.text(max_size=40))
def test_derived_ids_are_version_5(key: str) -> None:
    """They are what RFC 9562 says, as the standard library derives them."""
    assert ids.event_id(key) == str(uuid5(ids.NAMESPACE, f"event\0{key}"))
