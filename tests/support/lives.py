"""A complaint's life, for whoever needs one."""

from __future__ import annotations

from dataclasses import replace

from schemas.vocabulary import ComplaintState
from services.router.lifecycle.model import Life


def a_life(**changes: object) -> Life:
    """A complaint that was just received, with its case known."""
    life = Life(
        complaint_id="c1",
        channel="web",
        body_digest="d",
        occurred_at=1_000,
        received_at=2_000,
        case_id="ORDER-1",
        language="id",
        symptoms=(("late_delivery", 0.9),),
        state=ComplaintState.RECEIVED,
        since=2_000,
    )
    return replace(life, **changes)  # type: ignore[arg-type]
