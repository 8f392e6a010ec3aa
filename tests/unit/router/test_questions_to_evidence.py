"""The question that the lifecycle stage asks of the evidence stage, there and back."""

from __future__ import annotations

from schemas.vocabulary import ComplaintState
from services.router import mapping
from services.router.lifecycle.model import Life


def test_a_question_says_when_the_complaint_was_received() -> None:
    """The core sees the receipt beside the customer's own time; an older question without it is as good as before."""
    asked = Life(
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
        sequence=1,
    )
    request = mapping.trace_request(asked, as_of=asked.received_at, reason="received")
    complaint = mapping.complaint_from_request(request)
    assert complaint == mapping.complaint_from_life(asked)
    assert complaint.heard_at == asked.received_at
    older = request.model_copy(update={"received_at": None})
    assert mapping.complaint_from_request(older).heard_at == asked.occurred_at
