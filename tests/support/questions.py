"""A question to a department, as its link holds it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from services.chassis.answers import OpenQuestion

ASKED: Final = OpenQuestion(
    assignment_id="a1",
    department="packing",
    case_id="INV/1 ü",
    activity="packed",
    claimed=datetime(2026, 3, 1, 2, 0, tzinfo=UTC),
    answer_by=datetime(2026, 3, 3, 2, 0, tzinfo=UTC),
    text="Sudah dikemas, dan kapan?",
    language="id",
    zone="Asia/Jakarta",
)
