"""`akar send`: one complaint, followed until someone is asked to help."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any, Final

from services.chassis.clock import SystemClock
from services.chassis.errors import ConfigurationError
from services.chassis.ids import random_id
from services.cli.connection import ConsoleClient, console_address, intake_address
from services.cli.story import decisions, sentences, unknowns, who
from services.simulator.player import Intake

_POLL_SECONDS: Final = 0.2


def run(
    *,
    text: str,
    case_id: str | None,
    wait: float,
    intake: str | None,
    key: str | None,
    console: str | None,
    data_dir: Path | None,
    as_json: bool,
) -> None:
    """Post it and print who was asked and why.

    Raises:
        ConfigurationError: The text is empty, or no pipeline is known.
        AkarError: Intake refuses or does not answer.
    """
    if not text.strip():
        raise ConfigurationError("TEXT is empty: write what the customer says")
    address = intake_address(data_dir, intake, key)
    asking = ConsoleClient(console_address(data_dir, console)) if wait > 0 else None
    client = Intake(address.url, address.key or "")
    body = {"text": text} | ({"case_id": case_id} if case_id else {})
    try:
        complaint_id = client.complaint(body, random_id())
        if not as_json:
            print(f"Accepted as {complaint_id}")
        decision = None if asking is None else _decided(asking, complaint_id, wait)
    finally:
        client.close()
        if asking is not None:
            asking.close()
    if as_json:
        print(json.dumps({"complaint_id": complaint_id, "decision": decision}, ensure_ascii=False))
    elif decision is not None:
        print(describe(decision))
        print(f"The whole story: akar trace {complaint_id}")
    elif wait > 0:
        print(f"Not decided within {wait:g} s. Look again: akar trace {complaint_id}")


def _decided(console: ConsoleClient, complaint_id: str, wait: float) -> dict[str, Any] | None:
    clock = SystemClock()
    until = clock.monotonic() + wait
    while True:
        found = decisions(console.story(complaint_id))
        if found or clock.monotonic() >= until:
            return found[-1] if found else None
        time.sleep(_POLL_SECONDS)


def describe(decision: dict[str, Any]) -> str:
    """A decision in a few lines: outcome, causes, who can help now, why."""
    lines = [
        f"{decision['outcome'].capitalize()}: {who(decision)} (confidence {decision['confidence']:.0%})"
    ]
    recovery = decision.get("recovery")
    if recovery:
        lines.append(f"Can help now: {recovery['department']} ({recovery['action']})")
    lines += [f"  - {sentence}" for sentence in sentences(decision.get("explanation"))]
    lines += [f"  {unknown}" for unknown in unknowns(decision)]
    return "\n".join(lines)
