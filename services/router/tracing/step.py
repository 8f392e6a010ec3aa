"""One activity of one case; filled while the timeline is laid out and not changed afterwards."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Step:
    """What events say of one activity; times in µs UTC, None where no event says so.

    ``earlier`` are the completions before the last one; ``attempts`` the tries that did not succeed;
    ``receipt`` is the receiver's word about a hand-over.
    """

    activity: str
    start: int | None = None
    finish: int | None = None
    finish_event: str | None = None
    due: int | None = None
    due_event: str | None = None
    skipped: str | None = None
    cancelled: str | None = None
    source: str | None = None
    earlier: tuple[tuple[int, str], ...] = ()
    attempts: tuple[tuple[int, str], ...] = ()
    receipt: tuple[int, str] | None = None
    receipt_source: str | None = None
    blur: int = 0
    """By how much the finish is uncertain, both ways."""
    gap: int = 0
    """How long after the finish the receiver says it came: charged to neither."""
    doubt: tuple[int, str] | None = None
    """A completion whose time cannot be right; not used."""

    @property
    def passed(self) -> bool:
        """Say whether the case went on without this activity being done."""
        return self.finish is None and (self.skipped is not None or self.cancelled is not None)
