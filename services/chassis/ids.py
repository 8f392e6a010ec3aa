"""Every id that Akar gives, and the one place that draws a random one.

Ids are derived (UUIDv5) from what they name, so that a repeat, a retry or a replay gives the same id, in whichever process
and without a shared database.  Hazard: a change of any function here makes old records unrecognisable; never change one.
"""

from __future__ import annotations

from hashlib import sha1
from uuid import UUID, uuid4

NAMESPACE = UUID("5b1f7a52-6b0c-5a0e-9d0a-7f3c5e2a41c8")
"""The root of all derived ids; fixed for ever."""
_ROOT = NAMESPACE.bytes
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
"""A hexadecimal digit, with its first two bits as RFC 9562 wants them there."""


def complaint_id(channel: str, idempotency_key: str) -> str:
    """The complaint that `channel` sent under `idempotency_key`."""
    return _uuid5(f"{channel}\0{idempotency_key}")


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
    return _uuid5("event\0" + "\0".join(parts))


def random_id() -> str:
    """An id that nothing else has: for what may not be recognised when it comes again."""
    return str(uuid4())


def _derive(parent: str, *parts: str) -> str:
    # The parent becomes part of the name: it need not be a UUID itself (department systems give ids of their own).
    return _uuid5("\0".join((parent, *parts)))


def _uuid5(name: str) -> str:
    """As `str(uuid.uuid5(NAMESPACE, name))`, in a fifth of its time: a decision needs nine."""
    found = sha1(_ROOT + name.encode(), usedforsecurity=False).hexdigest()
    variant = _VARIANT[found[16]]
    return f"{found[:8]}-{found[8:12]}-5{found[13:16]}-{variant}{found[17:20]}-{found[20:32]}"
