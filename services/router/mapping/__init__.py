"""Wire <-> core: the only package that knows both.

Contracts carry aware times and shares of one; the cores carry microseconds and parts of ten thousand.  Each pair of functions
is each other's inverse for what it carries, which the tests check.
"""

from services.router.mapping.cases import case_search, of_this_case, which_one
from services.router.mapping.complaints import (
    clues_from_request,
    complaint_from_life,
    complaint_from_request,
    life_from_complaint,
    text_of,
    trace_request,
)
from services.router.mapping.decisions import (
    decision_fields,
    findings,
    trace_answer,
    traced,
    wire_decision,
)
from services.router.mapping.events import (
    event_from_fields,
    event_from_row,
    event_row,
    micros,
    process_event,
    recorded_at,
    same_event,
)
from services.router.mapping.lives import life_from_row, life_row
from services.router.mapping.losses import losses_from_row, losses_row
from services.router.mapping.messages import opened, status, withdrawn

__all__ = [
    "case_search",
    "clues_from_request",
    "complaint_from_life",
    "complaint_from_request",
    "decision_fields",
    "event_from_fields",
    "event_from_row",
    "event_row",
    "findings",
    "life_from_complaint",
    "life_from_row",
    "life_row",
    "losses_from_row",
    "losses_row",
    "micros",
    "of_this_case",
    "opened",
    "process_event",
    "recorded_at",
    "same_event",
    "status",
    "text_of",
    "trace_answer",
    "trace_request",
    "traced",
    "which_one",
    "wire_decision",
    "withdrawn",
]
