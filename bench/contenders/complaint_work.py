"""The two stages of a complaint for the peers: the product's own cores, its rows and its outputs.

By complaint (repeats, symptoms, the first row of its life and the first word of where it stands), then by case (the case's
events, the trace, the decision with its assignments, where it stands now, the row of its life, the row of what was asked and
answered).  What Akar does besides is left out, in the peers' favour: the answer goes back to the complaint's partition, what
sources lose is counted, what falls due is kept.  It stands apart because every peer does the same work, whatever moves the records.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from pydantic_core import from_json

from schemas import codec, topics
from schemas.complaint import ComplaintReceivedV1
from schemas.envelope import Contract
from schemas.process import ProcessObservedV1
from services.chassis import ids
from services.registry import load
from services.router import mapping
from services.router.lifecycle import machine
from services.router.lifecycle.model import Life, OpenAssignment, PublishDecision, PublishStatus
from services.router.lifecycle.targets import verdict_of
from services.router.rules import rules_from
from services.router.tracing import model, symptoms, tracer

Made = tuple[str, bytes, bytes]
"""What goes out: topic, key, value."""
REQUESTED = topics.TRACE_REQUESTED.name
_QUESTION = b"?"
"""Begins a question's value, among events that begin with a brace."""
_COMPLAINT = re.compile(rb'"complaint_id":"([^"]+)"')
_AT = datetime(2026, 11, 16, tzinfo=UTC)


class State(Protocol):
    """What one key has."""

    def get_bytes(self, name: str) -> bytes | None:
        """None if there is nothing of that name."""

    def set_bytes(self, name: str, value: bytes) -> None:
        """Keep it."""


def case_of(question: bytes) -> bytes:
    """The key of a question."""
    return (mapping.life_from_row(question[1:]).case_id or "").encode()


def complaint_of(value: bytes) -> bytes:
    """The key of every output."""
    found = _COMPLAINT.search(value)
    assert found is not None
    return found[1]


class Work:
    """The two stages over a peer's state.

    Args:
        registry: Folder of the company.
    """

    def __init__(self, registry: Path) -> None:
        company = load(registry)
        self.rules = rules_from(company)
        self.departments = frozenset(company.inboxes())

    def received(
        self, value: bytes, key: bytes, _timestamp: int, headers: Any, state: State
    ) -> list[Made]:
        """A complaint -> its question about the case, and where it stands; nothing for a repeat."""
        data = codec.decode(
            (ComplaintReceivedV1,), key=key, value=value, headers=headers or ()
        ).data
        if state.get_bytes("life") is not None:
            return []
        (reading,) = symptoms.read(((data.text, data.language),), self.rules)
        life, _effects = machine.received(
            mapping.life_from_complaint(data, reading.symptoms, reading.language)
        )
        row = mapping.life_row(life)
        state.set_bytes("life", row)
        status = topics.COMPLAINT_STATUS.name, *_encoded(mapping.status(life, at=_AT))
        return [(REQUESTED, case_of(_QUESTION + row), _QUESTION + row), status]

    def case(
        self, value: bytes, key: bytes, timestamp: int, headers: Any, state: State
    ) -> list[Made]:
        """An event is kept; a question is answered with what goes out."""
        if not value.startswith(_QUESTION):
            event = codec.decode(
                (ProcessObservedV1,), key=key, value=value, headers=headers or ()
            ).data
            before = state.get_bytes("events")
            kept = before.split(b"\n") if before else []
            if not any(event.event_id.encode() in row for row in kept):
                kept.append(value)
                state.set_bytes("events", b"\n".join(kept))
            return []
        life = mapping.life_from_row(value[1:])
        events = tuple(self._events(state, timestamp))
        as_of = max(life.occurred_at, *(event.at for event in events))
        case = model.Case(life.case_id or "", events)
        decision = tracer.trace(mapping.complaint_from_life(life), case, self.rules, as_of)
        answer = mapping.wire_decision(decision)
        state.set_bytes(f"asked {life.complaint_id}", answer.material.encode() + b"\n" + value)
        made, after = self._outputs(life, answer)
        state.set_bytes(f"life {life.complaint_id}", mapping.life_row(after))
        return made

    def _events(self, state: State, timestamp: int) -> Iterator[model.ProcessEvent]:
        for row in (state.get_bytes("events") or b"").split(b"\n"):
            fields = from_json(row)
            recorded = fields.get("recorded_at")
            yield mapping.event_from_fields(
                fields, timestamp * 1000 if recorded is None else mapping.micros(recorded)
            )

    def _outputs(self, life: Life, decision: Any) -> tuple[list[Made], Life]:
        verdict = verdict_of(
            mapping.findings(decision),
            departments=self.departments,
            floor_parts=self.rules.policy.floor_parts,
        )
        after, effects = machine.decided(
            life, verdict, at=life.received_at, new_id=ids.assignment_id
        )
        traced: Any = None
        made: list[Made] = []
        for effect in effects:
            match effect:
                case PublishDecision():
                    traced = mapping.traced(
                        decision,
                        complaint_id=life.complaint_id,
                        case_id=life.case_id,
                        located_by=life.located,
                        revision=effect.revision,
                        traced_at=_AT,
                    )
                    made.append((topics.COMPLAINT_TRACED.name, *_encoded(traced)))
                case OpenAssignment():
                    opened = mapping.opened(
                        effect.assignment, traced, updated=effect.updated, at=_AT
                    )
                    inbox = f"department.{effect.assignment.target.department}.inbox"
                    made.append((inbox, *_encoded(opened)))
                case PublishStatus():
                    status = mapping.status(after, at=_AT)
                    made.append((topics.COMPLAINT_STATUS.name, *_encoded(status)))
        return made, after


def _encoded(data: Contract) -> tuple[bytes, bytes]:
    encoded = codec.encode(codec.wrap(data, id="0" * 36, source="/bench", time=_AT))
    return encoded.key or b"", encoded.value or b""
