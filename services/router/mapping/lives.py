"""The lifecycle's rows: JSON, since they outlive a release: fields may be added with a default, never renamed."""

from __future__ import annotations

import json

from schemas.vocabulary import CauseKind, ComplaintState, Role
from services.router.lifecycle.model import Assignment, Life, Target


def life_row(life: Life) -> bytes:
    """A complaint's state as stored."""
    return json.dumps(
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
        },
        separators=(",", ":"),
        ensure_ascii=False,
    ).encode()


def life_from_row(row: bytes) -> Life:
    """A complaint's state from its stored row."""
    stored = json.loads(row)
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
    return Life(**stored, assignments=assignments)
