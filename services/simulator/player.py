"""Plays the outside world through the public HTTP interface only: posts process events and complaints, in order.

It stands apart so that demo, end-to-end test and load use the way that a real shop would.  Hazard: a complaint may go out
only after the events known at its time were answered 202, or the pipeline would be judged on what it could not know.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import httpx

from services.chassis.clock import Clock, SystemClock
from services.chassis.errors import PermanentError, TransientError
from services.simulator.model import Grievance, Observed, Play

BATCH: Final = 200
"""Process events in one NDJSON request."""
RETRIED: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses after which the same request may be stored the next time."""
PATIENCE_SECONDS: Final = 60.0
"""For how long one request is tried again while intake is away or the broker does not answer."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A complaint that was answered with 202."""

    grievance: Grievance
    complaint_id: str
    posted: float
    """Monotonic seconds when the POST began."""
    accepted: float
    """Monotonic seconds when the 202 was there."""


class Intake:
    """A channel's connection to intake; repeats a request safely until it is answered."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        clock: Clock | None = None,
        sleep: Callable[[float], None] = time.sleep,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._clock: Clock = clock or SystemClock()
        self._sleep = sleep
        self._client = httpx.Client(
            base_url=url.rstrip("/"),
            headers={"Authorization": f"Bearer {key}"},
            timeout=30.0,
            transport=transport,
            trust_env=False,
        )

    def close(self) -> None:
        """Free the connections."""
        self._client.close()

    def complaint(self, body: dict[str, Any], idempotency_key: str) -> str:
        """Post one complaint; its id.

        Raises:
            PermanentError: Intake refused it.
            TransientError: It was not answered within a minute; it may or may not be stored.
        """
        answer = self._post(
            "/v1/complaints",
            json.dumps(body).encode(),
            {"Content-Type": "application/json", "Idempotency-Key": idempotency_key},
        )
        return str(answer.json()["complaint_id"])

    def events(self, bodies: Iterable[dict[str, Any]]) -> None:
        """Post process events as NDJSON; all are stored when it returns.

        Raises:
            PermanentError: Intake refused the batch or a line of it.
            TransientError: It was not answered within a minute; repeating it is safe, events carry their ids.
        """
        lines = "\n".join(json.dumps(body) for body in bodies)
        if not lines:
            return
        deadline = self._clock.monotonic() + PATIENCE_SECONDS
        while True:
            headers = {"Content-Type": "application/x-ndjson"}
            answer = self._post("/v1/process-events", lines.encode(), headers)
            unstored = _unstored(answer.text)
            if unstored is None:
                return
            status, told = unstored
            if status not in RETRIED:
                raise PermanentError("refused", f"/v1/process-events: {told}")
            if self._clock.monotonic() > deadline:
                raise TransientError("unanswered", f"/v1/process-events: {told}")
            self._sleep(0.5)

    def _post(self, path: str, content: bytes, headers: dict[str, str]) -> httpx.Response:
        deadline = self._clock.monotonic() + PATIENCE_SECONDS
        while True:
            wait = 0.5
            try:
                answer = self._client.post(path, content=content, headers=headers)
            except httpx.TransportError as error:
                reason = f"{type(error).__name__}: {error}"
            else:
                if answer.is_success:
                    return answer
                reason = f"{answer.status_code} {answer.text[:300]}"
                if answer.status_code not in RETRIED:
                    raise PermanentError("refused", f"{path}: {reason}")
                wait = _retry_after(answer) or wait
            if self._clock.monotonic() + wait > deadline:
                raise TransientError("unanswered", f"{path}: {reason}")
            self._sleep(wait)


def _ignore(_: object) -> None:
    """For who does not want to know."""


def play(
    run: Play,
    intake: Intake,
    *,
    seconds: float,
    on_sent: Callable[[Sent], None] = _ignore,
    on_events: Callable[[int], None] = _ignore,
    clock: Clock | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Sent]:
    """Post a whole run, evenly over `seconds` (0: as fast as answers come), and return the accepted complaints.

    Raises:
        PermanentError: Something was refused.
        TransientError: Intake did not answer for a minute.
    """
    clock = clock or SystemClock()
    begun = clock.monotonic()
    sent: list[Sent] = []
    done = 0
    for group in grouped(run.items):
        ahead = begun + seconds * done / max(1, len(run.items)) - clock.monotonic()
        if ahead > 0:
            sleep(ahead)
        first = group[0]
        if isinstance(first, Grievance):
            posted = clock.monotonic()
            complaint_id = intake.complaint(first.payload(), first.key)
            sent.append(Sent(first, complaint_id, posted, clock.monotonic()))
            on_sent(sent[-1])
        else:
            intake.events(item.payload() for item in group if isinstance(item, Observed))
            on_events(len(group))
        done += len(group)
    return sent


def grouped(
    items: Iterable[Observed | Grievance], largest: int = BATCH
) -> Iterator[list[Observed | Grievance]]:
    """Neighbouring process events as one batch, each complaint by itself; the order stays."""
    batch: list[Observed | Grievance] = []
    for item in items:
        if isinstance(item, Grievance):
            if batch:
                yield batch
            yield [item]
            batch = []
            continue
        batch.append(item)
        if len(batch) >= largest:
            yield batch
            batch = []
    if batch:
        yield batch


def _retry_after(answer: httpx.Response) -> float | None:
    value = answer.headers.get("retry-after", "")
    return min(10.0, float(value)) if value.isdigit() else None


def _unstored(text: str) -> tuple[int, str] | None:
    """Of a batch's answer, the line to act on: a refused one first, else one to be sent again; None when all are stored."""
    results = [json.loads(line) for line in text.splitlines() if line.strip()]
    bad = [result for result in results if int(result["status"]) >= 300]
    if not bad:
        return None
    worst = min(bad, key=lambda result: int(result["status"]) in RETRIED)
    return int(worst["status"]), json.dumps(worst)[:400]
