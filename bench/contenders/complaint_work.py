"""The two stages of a complaint for the peers: the product's own cores, its rows and its three outputs.

By complaint (repeats, symptoms), then by case (the case's events, the trace, the decision with its assignments and status).  What
Akar does besides (a row for the complaint's life, the question's answer on a topic of its own) is left out, in the peers' favour.
It stands apart because every peer does the same work, whatever moves the records.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from schemas import codec, topics
from schemas.complaint import ComplaintReceivedV1
from schemas.envelope import Contract
from schemas.process import ProcessObservedV1
from services.chassis import ids
from services.chassis.clock import microseconds
from services.registry import load
from services.router import mapping
from services.router.lifecycle import machine
from services.router.lifecycle.model import Life, OpenAssignment, PublishDecision, PublishStatus
from services.router.lifecycle.targets import verdict_of
from services.router.rules import rules_from
from services.router.tracing import model, symptoms, tracer

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
    ) -> bytes | None:
        """A complaint -> the first state of its life, which carries the question; None for a repeat."""
        data = codec.decode(
            (ComplaintReceivedV1,), key=key, value=value, headers=headers or ()
        ).data
        if state.get_bytes("seen") is not None:
            return None
        state.set_bytes("seen", data.body_digest.encode())
        language = data.language or symptoms.detect(data.text, self.rules)
        found = symptoms.classify(data.text, language, self.rules)
        life, _effects = machine.received(mapping.life_from_complaint(data, found, language))
        return _QUESTION + mapping.life_row(life)

    def case(
        self, value: bytes, key: bytes, timestamp: int, headers: Any, state: State
    ) -> list[tuple[str, bytes, bytes]]:
        """An event is kept; a question is answered with what goes out: (topic, key, value)."""
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
        return list(self._outputs(life, mapping.wire_decision(decision)))

    def _events(self, state: State, timestamp: int) -> Iterator[model.ProcessEvent]:
        for row in (state.get_bytes("events") or b"").split(b"\n"):
            data = ProcessObservedV1.model_validate_json(row)
            recorded = data.recorded_at
            yield mapping.process_event(
                data, timestamp * 1000 if recorded is None else microseconds(recorded)
            )

    def _outputs(self, life: Life, decision: Any) -> Iterator[tuple[str, bytes, bytes]]:
        verdict = verdict_of(
            mapping.findings(decision),
            departments=self.departments,
            floor_parts=self.rules.policy.floor_parts,
        )
        after, effects = machine.decided(
            life, verdict, at=life.received_at, new_id=ids.assignment_id
        )
        traced: Any = None
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
                    yield topics.COMPLAINT_TRACED.name, *_encoded(traced)
                case OpenAssignment():
                    opened = mapping.opened(
                        effect.assignment, traced, updated=effect.updated, at=_AT
                    )
                    inbox = f"department.{effect.assignment.target.department}.inbox"
                    yield inbox, *_encoded(opened)
                case PublishStatus():
                    yield topics.COMPLAINT_STATUS.name, *_encoded(mapping.status(after, at=_AT))


def _encoded(data: Contract) -> tuple[bytes, bytes]:
    encoded = codec.encode(codec.wrap(data, id="0" * 36, source="/bench", time=_AT))
    return encoded.key or b"", encoded.value or b""
