"""Every id that Akar gives, and the one place that draws a random one.

Ids are derived (UUIDv5) from what they name, so that a repeat, a retry or a replay gives the same id, in whichever process
and without a shared database.  Hazard: a change of any function here makes old records unrecognisable; never change one.
"""

from __future__ import annotations

from uuid import UUID, uuid4, uuid5

NAMESPACE = UUID("5b1f7a52-6b0c-5a0e-9d0a-7f3c5e2a41c8")
"""The root of all derived ids; fixed for ever."""


def complaint_id(channel: str, idempotency_key: str) -> str:
    """The complaint that `channel` sent under `idempotency_key`."""
    return str(uuid5(NAMESPACE, f"{channel}\0{idempotency_key}"))


def message_id(complaint: str, channel: str, idempotency_key: str) -> str:
    """A later message about `complaint`."""
    return _derive(complaint, "message", channel, idempotency_key)


def decision_id(complaint: str, revision: int) -> str:
    """The `revision`-th decision about `complaint`."""
    return _derive(complaint, "decision", str(revision))


def assignment_id(complaint: str, department: str, opening_revision: int) -> str:
    """The assignment of `complaint` to `department` that `opening_revision` opened."""
    return _derive(complaint, "assignment", department, str(opening_revision))


def notification_id(assignment: str, revision: int, receiver: str, stage: str) -> str:
    """One alert about `assignment` to one `receiver`; the same over all attempts."""
    return _derive(assignment, "notification", str(revision), receiver, stage)


def event_id(*parts: str) -> str:
    """An event that is recognised by `parts`, in this order."""
    return str(uuid5(NAMESPACE, "event\0" + "\0".join(parts)))


def random_id() -> str:
    """An id that nothing else has: for what may not be recognised when it comes again."""
    return str(uuid4())


def _derive(parent: str, *parts: str) -> str:
    # The parent becomes part of the name: it need not be a UUID itself (department systems give ids of their own).
    return str(uuid5(NAMESPACE, "\0".join((parent, *parts))))
