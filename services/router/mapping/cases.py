"""Finding the case: how its questions are worded on the wire, and how a decision says that the case was not given."""

from __future__ import annotations

import hashlib
from datetime import datetime

from schemas.case import CaseSearchedV1
from schemas.tracing import Decision
from schemas.vocabulary import LocatedBy, Outcome
from services.chassis.clock import from_microseconds
from services.router.lifecycle import which
from services.router.lifecycle.model import Life


def case_search(life: Life, customer: str) -> CaseSearchedV1:
    """The question for a customer's cases."""
    return CaseSearchedV1(
        customer=customer,
        complaint_id=life.complaint_id,
        occurred_at=from_microseconds(life.occurred_at),
    )


def of_this_case(decision: Decision, life: Life) -> Decision:
    """A decision whose digest tells cases apart, where the case was not given: another case is another decision."""
    if life.case_id is not None and life.located in (None, LocatedBy.GIVEN):
        return decision
    return _told_apart(decision, life.case_id or "")


def which_one(decision: Decision, options: tuple[str, ...], *, until: datetime) -> Decision:
    """The decision to ask the customer which case is meant: nobody is named, and nobody told, before they answer."""
    languages = tuple(decision.explanation) or ("en",)
    asked = decision.model_copy(
        update={
            "outcome": Outcome.ASKED,
            "recovery": None,
            "missing": (),
            "waiting_until": until,
            "explanation": dict(which.explanation(options, languages)),
            "grounds": ((),),
            "customer_words": dict(which.question(options, languages)),
        }
    )
    return _told_apart(asked, "\0".join(options))


def _told_apart(decision: Decision, by: str) -> Decision:
    digest = hashlib.sha256(f"{by}\0{decision.material}".encode()).hexdigest()
    return decision.model_copy(update={"material": digest})
