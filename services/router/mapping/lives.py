"""The lifecycle's rows: JSON, since they outlive a release: fields may be added with a default, never renamed."""

from __future__ import annotations

from typing import Any

from pydantic_core import from_json, to_json

from schemas.vocabulary import CauseKind, ComplaintState, LocatedBy, Role
from services.router.lifecycle.cases import Possible, Search
from services.router.lifecycle.model import Assignment, Life, Target
from services.router.tracing.model import NO_CLUES, Clues


def life_row(life: Life) -> bytes:
    """A complaint's state as stored."""
    return to_json(
        {
            "complaint_id": life.complaint_id,
            "channel": life.channel,
            "body_digest": life.body_digest,
            "occurred_at": life.occurred_at,
            "received_at": life.received_at,
            "case_id": life.case_id,
            "language": life.language,
            "symptoms": life.symptoms,
            "state": life.state,
            "since": life.since,
            "sequence": life.sequence,
            "revision": life.revision,
            "material": life.material,
            "due": life.due,
            "who_can_help": life.who_can_help,
            "customer_words": dict(life.customer_words),
            "assignments": [
                {
                    "assignment_id": each.assignment_id,
                    "opened_revision": each.opened_revision,
                    "department": each.target.department,
                    "roles": each.target.roles,
                    "lead": each.target.lead,
                    "parts": each.target.parts,
                    "kind": each.target.kind,
                    "activity": each.target.activity,
                    "action": each.target.action,
                }
                for _department, each in sorted(life.assignments.items())
            ],
            **({} if life.ending is None else {"ending": life.ending}),
            **({} if life.located is None else {"located": life.located}),
            **({"unanswered": True} if life.unanswered else {}),
            **({} if life.search is None else {"search": _search_row(life.search)}),
        }
    )


def life_from_row(row: bytes) -> Life:
    """A complaint's state from its stored row."""
    stored = from_json(row)
    assignments = {
        each["department"]: Assignment(
            each["assignment_id"],
            each["opened_revision"],
            Target(
                each["department"],
                tuple(Role(role) for role in each["roles"]),
                each["lead"],
                each["parts"],
                None if each["kind"] is None else CauseKind(each["kind"]),
                each["activity"],
                each["action"],
            ),
        )
        for each in stored.pop("assignments")
    }
    stored["symptoms"] = tuple(
        (symptom, probability) for symptom, probability in stored["symptoms"]
    )
    stored["customer_words"] = {k: tuple(v) for k, v in stored["customer_words"].items()}
    stored["state"] = ComplaintState(stored["state"])
    if "ending" in stored:
        stored["ending"] = ComplaintState(stored["ending"])
    if "located" in stored:
        stored["located"] = LocatedBy(stored["located"])
    if "search" in stored:
        stored["search"] = _search_from(stored["search"])
    return Life(**stored, assignments=assignments)


def _search_row(search: Search) -> dict[str, Any]:
    return {
        "customers": search.customers,
        "awaited": search.awaited,
        "possible": [
            [case, each.sequence, each.named, each.parts]
            for case, each in sorted(search.possible.items())
        ],
        "options": search.options,
        "expired": search.expired,
        **({} if search.clues == NO_CLUES else {"clues": search.clues}),
    }


def _search_from(stored: dict[str, Any]) -> Search:
    return Search(
        tuple(stored["customers"]),
        tuple(stored["awaited"]),
        {
            case: Possible(sequence, None if named is None else LocatedBy(named), parts)
            for case, sequence, named, parts in stored["possible"]
        },
        tuple(stored["options"]),
        stored["expired"],
        _clues_from(stored.get("clues", {})),
    )


def _clues_from(stored: dict[str, Any]) -> Clues:
    return Clues(stored.get("waited"), tuple(stored.get("amounts", ())))
