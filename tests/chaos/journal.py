"""What the outside world wrote down: the client's requests, the receiver's calls, the reader's records; as JSON lines.

It stands apart because it is the evidence: a line is written before what it tells of goes on, so that a process killed at any
moment leaves at worst one line too much about what it wanted, never one too little about what it did.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from tests.chaos.checks.state import State

What = Literal["complaint", "events", "message"]


class Journal:
    """Appends rows to a file, each whole and handed to the operating system at once."""

    def __init__(self, path: Path) -> None:
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._lock = threading.Lock()

    def write(self, **row: Any) -> None:
        """Append one row; survives this process, not the machine."""
        line = json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        with self._lock:
            os.write(self._handle, line)

    def close(self) -> None:
        """End it."""
        os.close(self._handle)


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a journal; a last line that was cut off by a crash is left out."""
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield json.loads(line)


@dataclass(frozen=True, slots=True)
class Answer:
    """How one attempt ended: a status, or what there was instead of one."""

    at: float
    status: int | None
    error: str | None = None
    complaint_id: str | None = None
    message_id: str | None = None
    stored: tuple[str, ...] = ()
    """Ids of the process events that were answered 202, one by one."""


@dataclass(slots=True)
class Request:
    """Everything that was done under one key."""

    key: str
    what: What
    body: Any
    """One object; for process events the list of them."""
    expect: str | None = None
    """The department that the load planted as the cause, where it is certain."""
    complaint_id: str | None = None
    """For a message: whose."""
    sent_at: list[float] = field(default_factory=list)
    """Epoch seconds of each attempt's begin."""
    answers: list[Answer] = field(default_factory=list)

    @property
    def attempts(self) -> int:
        """How often it was sent."""
        return len(self.sent_at)

    @property
    def accepted(self) -> list[Answer]:
        """Answers that promised storage."""
        return [answer for answer in self.answers if answer.status == 202]

    @property
    def outcome(self) -> Literal["ok", "fail", "info"]:
        """Jepsen's words: accepted; surely not stored; or nobody can know from here."""
        if self.accepted:
            return "ok"
        refused = [answer for answer in self.answers if answer.status and answer.status < 500]
        return "fail" if len(refused) == self.attempts else "info"


@dataclass(frozen=True, slots=True)
class Planted:
    """A record that a scenario wrote straight to a topic although it breaks a rule."""

    kind: str
    topic: str
    partition: int
    offset: int
    misplaced: bool = False
    """It breaks no contract, but lies in a partition that is not its key's."""

    @property
    def origin(self) -> str:
        """As a dead letter names it."""
        return f"{self.topic}:{self.partition}:{self.offset}"


@dataclass(frozen=True, slots=True)
class Bulk:
    """Very many process events that were written straight to their topic, and acknowledged."""

    prefix: str
    """Of their cases."""
    events: int


@dataclass(slots=True)
class ClientLog:
    """The client's side of the story."""

    requests: dict[str, Request] = field(default_factory=dict)
    """By key, in order of first sending."""
    planted: list[Planted] = field(default_factory=list)
    bulk: list[Bulk] = field(default_factory=list)

    def of(self, what: What) -> list[Request]:
        """Those of one kind."""
        return [request for request in self.requests.values() if request.what == what]


def read_client_log(paths: Iterable[Path]) -> ClientLog:
    """One or several clients' journals."""
    log = ClientLog()
    for path in paths:
        for row in rows(path):
            if row["row"] == "planted":
                log.planted.append(
                    Planted(
                        row["kind"], row["topic"], row["partition"], row["offset"], row["misplaced"]
                    )
                )
            elif row["row"] == "bulk":
                log.bulk.append(Bulk(row["prefix"], row["events"]))
            elif row["row"] == "request":
                request = log.requests.get(row["key"])
                if request is None:
                    request = Request(row["key"], row["what"], row["body"])
                    log.requests[row["key"]] = request
                    request.expect = row.get("expect")
                    request.complaint_id = row.get("complaint_id")
                request.sent_at.append(row["at"])
            elif row["row"] == "answer":
                log.requests[row["key"]].answers.append(
                    Answer(
                        row["at"],
                        row.get("status"),
                        row.get("error"),
                        row.get("complaint_id"),
                        row.get("message_id"),
                        tuple(row.get("stored", ())),
                    )
                )
    return log


@dataclass(frozen=True)
class Call:
    """One call of a department's webhook."""

    webhook_id: str
    at: float
    path: str
    status: int
    """What it was answered with."""
    body: str

    @cached_property
    def message(self) -> dict[str, Any]:
        """The body as JSON."""
        content: dict[str, Any] = json.loads(self.body)
        return content

    @property
    def accepted(self) -> bool:
        """Whether the department took it."""
        return 200 <= self.status < 300


def read_webhook_log(paths: Iterable[Path]) -> list[Call]:
    """The receivers' journals, in order of arrival."""
    calls = [
        Call(row["webhook_id"], row["at"], row["path"], row["status"], row["body"])
        for path in paths
        for row in rows(path)
    ]
    return sorted(calls, key=lambda call: call.at)


@dataclass(frozen=True)
class Record:
    """One record of a topic, as a reader gets it."""

    topic: str
    """Without the prefix of this pipeline."""
    partition: int
    offset: int
    timestamp: int
    """Milliseconds: when its writer wrote it."""
    key: str
    headers: Mapping[str, str]
    value: bytes | None

    @cached_property
    def data(self) -> dict[str, Any]:
        """The value as JSON; empty when there is none."""
        content: dict[str, Any] = json.loads(self.value) if self.value else {}
        return content

    @property
    def id(self) -> str:
        """CloudEvents `id`."""
        return self.headers.get("ce_id", "")

    @property
    def type(self) -> str:
        """CloudEvents `type`."""
        return self.headers.get("ce_type", "")

    @property
    def place(self) -> str:
        """Where it lies, for people."""
        return f"{self.topic}[{self.partition}]@{self.offset}"

    @cached_property
    def digest(self) -> str:
        """Of key, id and value: two readers saw the same record, or not."""
        text = f"{self.key}\0{self.id}\0".encode() + (self.value or b"")
        return hashlib.sha256(text).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Seen:
    """One record as a reader saw it while things were failing."""

    topic: str
    partition: int
    offset: int
    digest: str


def read_seen_log(paths: Iterable[Path]) -> list[Seen]:
    """The reader's journal, in the order in which it read."""
    return [
        Seen(row["topic"], row["partition"], row["offset"], row["digest"])
        for path in paths
        for row in rows(path)
    ]


@dataclass(frozen=True, slots=True)
class Stood:
    """How long nothing came in, and nothing went out, for something that was done to the pipeline."""

    name: str
    accepted: float
    """Seconds between two complaints answered 202."""
    delivered: float
    """Seconds between two webhook calls that were answered 2xx."""
    bound: float | None = None
    """What is allowed; None where standing still is what was asked for."""


@dataclass(slots=True)
class Evidence:
    """All that a verdict rests on."""

    client: ClientLog
    calls: list[Call]
    topics: dict[str, list[Record]]
    """By name without prefix; each in order of partition and offset."""
    seen: list[Seen] = field(default_factory=list)
    open_transactions: list[str] = field(default_factory=list)
    """Partitions whose stable end stays behind their end."""
    raw: dict[str, int] = field(default_factory=dict)
    """Records by topic that a reader of uncommitted data would see; empty when nobody looked."""
    state: State | None = None
    """The router's rows, once the pipeline has come to rest; None when nobody looked."""
    partitions: int = 1
    """Of each keyed topic."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """activity -> the system that attests it, where an event names none."""
    stood: list[Stood] = field(default_factory=list)
    clocks_jump: bool = False
    """Whether the processes' clocks were set wrong on purpose."""
    forgetful: frozenset[str] = frozenset()
    """Topics that may lose records: those that promise no durability, where the power was cut."""

    @property
    def tolerance_ms(self) -> int:
        """By how much two writers' times may differ."""
        return 2 * 3_600_000 if self.clocks_jump else 2

    def sound(self) -> Evidence:
        """The same without what was planted broken, and without the dead letters of it."""
        broken = {each.origin for each in self.client.planted if not each.misplaced}
        if not broken:
            return self
        topics = {}
        for topic, records in self.topics.items():
            if topic.endswith(".dlq"):
                topics[topic] = [r for r in records if r.data.get("origin") not in broken]
            else:
                topics[topic] = [
                    r for r in records if f"{topic}:{r.partition}:{r.offset}" not in broken
                ]
        # The difference of both counts is what was aborted, here as there.
        raw = {
            topic: count - len(self.topics.get(topic, ())) + len(topics.get(topic, ()))
            for topic, count in self.raw.items()
        }
        return replace(self, topics=topics, raw=raw)

    def is_bulk(self, record: Record) -> bool:
        """Whether a record belongs to a bulk."""
        return any(record.key.startswith(bulk.prefix) for bulk in self.client.bulk)

    def inboxes(self) -> list[Record]:
        """Every record of every department's inbox."""
        return [
            record
            for topic, records in sorted(self.topics.items())
            if topic.startswith("department.") and topic.endswith(".inbox")
            for record in records
        ]

    def records(self) -> Iterator[Record]:
        """Every record there is."""
        for records in self.topics.values():
            yield from records
