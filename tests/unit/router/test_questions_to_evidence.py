"""The question that the lifecycle stage asks of the evidence stage, there and back."""

from __future__ import annotations

from services.router import mapping
from tests.support.lives import a_life


def test_a_question_says_when_the_complaint_was_received() -> None:
    """The core sees the receipt beside the customer's own time; an older question without it is as good as before."""
    asked = a_life(sequence=1)
    request = mapping.trace_request(asked, as_of=asked.received_at, reason="received")
    complaint = mapping.complaint_from_request(request)
    assert complaint == mapping.complaint_from_life(asked)
    assert complaint.heard_at == asked.received_at
    older = request.model_copy(update={"received_at": None})
    assert mapping.complaint_from_request(older).heard_at == asked.occurred_at
