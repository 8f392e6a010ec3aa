"""Plays the outside world against intake and writes down all of it: `python -m tests.chaos.load --intake URL --key KEY ...`.

One order per complaint, in the words of examples/shop/README.md: one department is far too late, everybody else in time, and
the parcel arrives after its promise, so that the cause is certain and somebody is always assigned.  A part of the orders keeps
the second half of its evidence until after the complaint; a part of the customers writes once more.

Hazard: a request whose answer got lost is sent again under the same key until it is answered, however long that takes; only so
is a 202 a fact.  Stop it with SIGTERM: it begins nothing new and ends once every request has its answer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import httpx

from tests.chaos.journal import Journal

# activity -> (hours after the one before it, when nobody is late); the allowances are in examples/shop/README.md.
IN_TIME: Final = (
    ("order_placed", 0.0),
    ("payment_received", 1.0),
    ("payment_verified", 0.5),
    ("confirmed", 2.0),
    ("picked", 5.0),
    ("packed", 3.0),
    ("handed_over", 6.0),
    ("delivered", 48.0),
)
LATE: Final = {"confirmed": "back-office", "picked": "warehouse", "packed": "packing"}
LATE_HOURS: Final = 110.0
HALF: Final = 5
"""Events that an order with late evidence has before its complaint."""
WORDS: Final = (
    "Paket saya terlambat sekali, sudah lewat dari tanggal yang dijanjikan",
    "pesanan telat sampai, kecewa",
    "My order arrived days late, what happened?",
    "Barang datang terlambat, kenapa lama sekali pengirimannya?",
)
RETRY_SECONDS: Final = (0.1, 0.5)
REQUEST_SECONDS: Final = 8.0
MOST_CUSTOMERS: Final = 120
"""At one time: a pipeline that stands still is not buried under those that wait for it."""
MOST_REQUESTS: Final = 32
MOST_BATCHES: Final = 4
"""As many as intake takes at one time (INTAKE_MAX_BATCHES)."""


@dataclass(frozen=True, slots=True)
class Order:
    """One customer's story."""

    case_id: str
    events: list[dict[str, Any]]
    complaint: dict[str, Any]
    expect: str | None
    """The department behind it; None where the evidence comes late, and so may be doubted."""
    later: bool
    satisfied: bool


def order(number: int, *, run: str, chance: random.Random, now: datetime) -> Order:
    """The order of one complaint; the same for the same arguments."""
    case_id = f"INV-{run}-{number:06d}"
    culprit = chance.choice(sorted(LATE))
    at = now - timedelta(hours=200, minutes=chance.randrange(600))
    events = []
    for activity, hours in IN_TIME:
        late = LATE_HOURS if activity == culprit else 0.0
        at += timedelta(hours=hours + late, seconds=chance.randrange(60))
        event = {
            "case_id": case_id,
            "event_id": f"{case_id}-{activity}",
            "activity": activity,
            "transition": "complete",
            "at": at.isoformat(timespec="seconds"),
        }
        if activity == "order_placed":
            event["attributes"] = {"payment_method": "ewallet", "region": "java"}
        events.append(event)
    later = chance.random() < 0.15
    key = f"{run}-{number:06d}"
    complaint = {
        "text": chance.choice(WORDS),
        "case_id": case_id,
        "channel_ref": key,
        "attributes": {"number": number},
    }
    return Order(
        case_id=case_id,
        events=events,
        complaint=complaint,
        expect=None if later else LATE[culprit],
        later=later,
        satisfied=chance.random() < 0.05,
    )


class Client:
    """Sends with patience, and writes down each attempt and each answer."""

    def __init__(self, intake: str, channel_key: str, journal: Journal, seed: int) -> None:
        self._journal = journal
        self._chance = random.Random(seed)
        self._http = httpx.AsyncClient(
            base_url=intake,
            headers={"authorization": f"Bearer {channel_key}"},
            timeout=REQUEST_SECONDS,
            # More connections than requests: none ever waits for another's, which httpx is slow at.
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=MOST_REQUESTS),
            trust_env=False,
        )
        self._turn = asyncio.Semaphore(MOST_REQUESTS)
        self._batch = asyncio.Semaphore(MOST_BATCHES)

    async def close(self) -> None:
        """Close connections."""
        await self._http.aclose()

    async def complaint(self, placed: Order) -> str:
        """Post the complaint until it is accepted; its id."""
        key = placed.complaint["channel_ref"]
        while True:
            await self._turn.acquire()
            self._journal.write(
                row="request",
                what="complaint",
                key=key,
                at=time.time(),
                body=placed.complaint,
                expect=placed.expect,
            )
            answer = await self._post("/v1/complaints", key, json_body=placed.complaint)
            body = self._note(key, answer)
            if body is not None:
                return str(body["complaint_id"])
            await self._pause()

    async def message(self, complaint: str, key: str) -> None:
        """Tell that the customer is content."""
        body = {"kind": "satisfied"}
        while True:
            await self._turn.acquire()
            self._journal.write(
                row="request",
                what="message",
                key=key,
                at=time.time(),
                body=body,
                complaint_id=complaint,
            )
            answer = await self._post(f"/v1/complaints/{complaint}/messages", key, json_body=body)
            if self._note(key, answer) is not None:
                return
            await self._pause()

    async def events(self, key: str, events: list[dict[str, Any]]) -> None:
        """Post process events until each is accepted."""
        content = "".join(json.dumps(event) + "\n" for event in events).encode()
        while True:
            async with self._batch:
                await self._turn.acquire()
                self._journal.write(
                    row="request", what="events", key=key, at=time.time(), body=events
                )
                answer = await self._post("/v1/process-events", None, content=content)
            stored: list[str] = []
            error = answer if isinstance(answer, str) else None
            if not isinstance(answer, str) and answer.status_code in (200, 202):
                lines = [json.loads(line) for line in answer.text.splitlines()]
                stored = [line["event_id"] for line in lines if line["status"] == 202]
            status = None if isinstance(answer, str) else answer.status_code
            self._journal.write(
                row="answer", key=key, at=time.time(), status=status, error=error, stored=stored
            )
            if len(stored) == len(events):
                return
            await self._pause()

    async def _post(
        self,
        path: str,
        key: str | None,
        *,
        json_body: Mapping[str, Any] | None = None,
        content: bytes | None = None,
    ) -> httpx.Response | str:
        headers = {} if key is None else {"idempotency-key": key}
        if content is not None:
            headers["content-type"] = "application/x-ndjson"
        try:
            return await self._http.post(path, json=json_body, content=content, headers=headers)
        except httpx.HTTPError as error:
            return type(error).__name__
        finally:
            self._turn.release()

    def _note(self, key: str, answer: httpx.Response | str) -> dict[str, Any] | None:
        if isinstance(answer, str):
            self._journal.write(row="answer", key=key, at=time.time(), error=answer)
            return None
        body: dict[str, Any] = answer.json() if answer.status_code == 202 else {}
        self._journal.write(
            row="answer",
            key=key,
            at=time.time(),
            status=answer.status_code,
            complaint_id=body.get("complaint_id"),
            message_id=body.get("message_id"),
        )
        if answer.status_code not in (202, 503):
            raise RuntimeError(f"{key}: {answer.status_code} {answer.text}")
        return body if answer.status_code == 202 else None

    async def _pause(self) -> None:
        await asyncio.sleep(self._chance.uniform(*RETRY_SECONDS))


async def play(
    client: Client, placed: Order, *, patience: float, disorder: random.Random | None = None
) -> None:
    """One customer from the order to the last word."""
    first = placed.events[:HALF] if placed.later else placed.events
    if disorder is not None:
        # In any order, in two parts at once, and some of it in both.
        mixed = disorder.sample(first, len(first))
        half = len(mixed) // 2
        again = disorder.sample(mixed[:half], 2)
        await asyncio.gather(
            client.events(f"{placed.case_id}/0", mixed[:half]),
            client.events(f"{placed.case_id}/1", [*mixed[half:], *again]),
        )
    else:
        await client.events(f"{placed.case_id}/1", first)
    complaint = await client.complaint(placed)
    if placed.later:
        await asyncio.sleep(patience)
        await client.events(f"{placed.case_id}/2", placed.events[HALF:])
    if placed.satisfied:
        await asyncio.sleep(patience)
        await client.message(complaint, f"{placed.complaint['channel_ref']}-satisfied")


async def run(options: argparse.Namespace) -> None:
    """Customers come at their rate, however slowly they are served, up to `MOST_CUSTOMERS` at one time."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    journal = Journal(options.log)
    chance = random.Random(options.seed)
    key = options.key_file.read_text(encoding="utf-8").strip()
    client = Client(options.intake, key, journal, options.seed)
    disorder = random.Random(options.seed) if options.disorder else None
    begin = coming = loop.time()
    room = asyncio.Semaphore(MOST_CUSTOMERS)
    async with asyncio.TaskGroup() as customers:
        number = 0
        while not stop.is_set() and loop.time() - begin < options.seconds:
            await room.acquire()
            placed = order(number, run=options.run, chance=chance, now=datetime.now(UTC))
            patience = chance.uniform(1.0, 4.0)
            task = customers.create_task(play(client, placed, patience=patience, disorder=disorder))
            task.add_done_callback(lambda _: room.release())
            number += 1
            coming = max(coming + 1 / options.rate, loop.time() - 1.0)
            await asyncio.sleep(max(0.0, coming - loop.time()))
    await client.close()
    journal.close()


def main() -> None:
    """Send until told to stop, and then until everything is answered."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.load", description=main.__doc__)
    parser.add_argument("--intake", required=True, metavar="URL")
    parser.add_argument("--key-file", type=Path, required=True, help="holds the channel's key")
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--rate", type=float, default=20.0, help="complaints a second")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--run", default="c", help="part of every key: two runs are two worlds")
    parser.add_argument(
        "--disorder", action="store_true", help="events in any order, and some of them twice"
    )
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
