"""Writes straight to the topics, as an operational system with its own producer may: sound events, and what breaks every rule.

It stands apart from load.py because nobody answers 202 here: what Kafka has acknowledged is written down, with its place.

Hazard: it writes what was planted down only after it was acknowledged; do not kill the broker while it plants.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from confluent_kafka import KafkaError, Message, Producer

from tests.chaos.checks.base import MESSAGED, NOTIFIED, OBSERVED, RECEIVED
from tests.chaos.checks.state import partition_of
from tests.chaos.journal import Journal

MOST_BYTES: Final = 1_000_000
"""Of a record, as the broker's default allows, less what the headers take."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A record to be written."""

    topic: str
    key: str
    headers: dict[str, str]
    value: bytes | None


def event(case: str, identity: str, **more: Any) -> dict[str, Any]:
    """A process event that keeps its contract."""
    at = datetime.now(UTC).isoformat(timespec="seconds")
    return {
        "event_id": identity,
        "case_id": case,
        "activity": "packed",
        "transition": "complete",
        "at": at,
        **more,
    }


def letter(topic: str, key: str, identity: str, data: dict[str, Any], **headers: str) -> Letter:
    """A record in CloudEvents' binary mode."""
    return Letter(
        topic,
        key,
        {
            "ce_specversion": "1.0",
            "ce_id": identity,
            "ce_source": "/chaos",
            "ce_type": topic,
            "ce_time": datetime.now(UTC).isoformat(),
            **headers,
        },
        json.dumps(data).encode(),
    )


def broken(number: int, run: str) -> tuple[str, Letter]:
    """One of the ways to break a contract, in turn."""
    topic = (OBSERVED, RECEIVED, MESSAGED, NOTIFIED)[number // len(_WAYS) % 4]
    case, identity = f"poison-{run}-{number}", f"poison-{run}-{number}"
    kind, spoil = _WAYS[number % len(_WAYS)]
    return f"{kind} in {topic}", spoil(letter(topic, case, identity, event(case, identity)))


def _with(spoilt: Letter, **changes: Any) -> Letter:
    fields = {name: getattr(spoilt, name) for name in ("topic", "key", "headers", "value")}
    return Letter(**{**fields, **changes})


def _huge(sound: Letter) -> Letter:
    data = {**json.loads(sound.value or b"{}"), "unheard_of": "x" * (MOST_BYTES - 2_000)}
    return _with(sound, value=json.dumps(data).encode())


_WAYS: Final[tuple[tuple[str, Callable[[Letter], Letter]], ...]] = (
    ("noise", lambda sound: _with(sound, value=b"\xff\xfe\x00{[")),
    ("truncated", lambda sound: _with(sound, value=(sound.value or b"")[:-9])),
    ("tombstone", lambda sound: _with(sound, value=None)),
    ("empty", lambda sound: _with(sound, value=b"")),
    ("oversized", _huge),
    ("no headers", lambda sound: _with(sound, headers={})),
    (
        "wrong version",
        lambda sound: _with(sound, headers={**sound.headers, "ce_dataschema": "urn:akar:v99"}),
    ),
    (
        "unknown type",
        lambda sound: _with(sound, headers={**sound.headers, "ce_type": "parcel.flew"}),
    ),
    ("wrong key", lambda sound: _with(sound, key=f"other-{sound.key}")),
    (
        "wrong field",
        lambda sound: _with(sound, value=b'{"case_id": 7, "event_id": [], "at": "now"}'),
    ),
)


class Writer:
    """Writes, and notes what was acknowledged."""

    def __init__(self, bootstrap: str, prefix: str, partitions: int, journal: Journal) -> None:
        self._prefix = prefix
        self._partitions = partitions
        self._journal = journal
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "message.max.bytes": 2_000_000,
                "log_level": 0,
            }
        )

    def plant(self, number: int, run: str) -> None:
        """Write something broken, in the partition of its key."""
        kind, written = broken(number, run)
        partition = partition_of(written.key, self._partitions)
        offset = self._write(written, partition)
        self._note(kind, written.topic, partition, offset, misplaced=False)

    def misplace(self, number: int, run: str) -> None:
        """Write a sound event into a partition that is not its case's."""
        case, identity = f"INV-{run}-lost-{number}", f"{run}-lost-{number}"
        body = event(case, identity)
        self._journal.write(row="request", what="events", key=identity, at=time.time(), body=[body])
        wrong = (partition_of(case, self._partitions) + 1) % self._partitions
        offset = self._write(letter(OBSERVED, case, identity, body), wrong)
        self._journal.write(
            row="answer", key=identity, at=time.time(), status=202, stored=[identity]
        )
        self._note("wrong partition", OBSERVED, wrong, offset, misplaced=True)

    def _note(self, kind: str, topic: str, partition: int, offset: int, *, misplaced: bool) -> None:
        self._journal.write(
            row="planted",
            kind=kind,
            topic=topic,
            partition=partition,
            offset=offset,
            misplaced=misplaced,
        )

    def _write(self, written: Letter, partition: int) -> int:
        """The offset.

        Raises:
            AssertionError: Kafka did not take it.
        """
        done = threading.Event()
        found: list[int | None] = []

        def acknowledged(error: KafkaError | None, message: Message) -> None:
            assert error is None, error
            found.append(message.offset())
            done.set()

        self._producer.produce(
            self._prefix + written.topic,
            written.value,
            written.key.encode(),
            partition=partition,
            headers=list(written.headers.items()),
            on_delivery=acknowledged,
        )
        assert self._producer.flush(60) == 0
        (offset,) = found
        assert offset is not None
        return offset

    def bulk(self, prefix: str, cases: int, each: int) -> float:
        """Write very many sound events of cases of their own, as fast as the broker takes them.

        Returns:
            How many a second.

        Raises:
            AssertionError: Kafka did not take all of them.
        """
        failed: list[KafkaError] = []
        taken = 0

        def acknowledged(error: KafkaError | None, _: Message) -> None:
            nonlocal taken
            if error is None:
                taken += 1
            else:
                failed.append(error)

        at = datetime.now(UTC).isoformat(timespec="seconds")
        began = time.monotonic()
        names = [f"{prefix}{number:07d}" for number in range(cases)]
        # Worked out once for each case: in Python it costs more than everything else here.
        places = [partition_of(case, self._partitions) for case in names]
        for number in range(cases * each):
            case = names[number % cases]
            identity = f"{case}-{number // cases}"
            value = (
                f'{{"event_id":"{identity}","case_id":"{case}","activity":"packed",'
                f'"transition":"complete","at":"{at}"}}'
            )
            headers: list[tuple[str, str | bytes | None]] = [
                ("ce_specversion", "1.0"),
                ("ce_id", identity),
                ("ce_source", "/chaos"),
                ("ce_type", OBSERVED),
                ("ce_time", at),
            ]
            partition = places[number % cases]
            while True:
                try:
                    self._producer.produce(
                        self._prefix + OBSERVED,
                        value.encode(),
                        case.encode(),
                        partition=partition,
                        headers=headers,
                        on_delivery=acknowledged,
                    )
                except BufferError:
                    self._producer.poll(0.1)
                else:
                    break
            if number % 1000 == 0:
                self._producer.poll(0)
        assert self._producer.flush(300) == 0
        assert not failed, failed[0]
        assert taken == cases * each
        self._journal.write(row="bulk", prefix=prefix, events=taken)
        return taken / (time.monotonic() - began)
