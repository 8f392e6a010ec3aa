"""The four calls: authenticate, read, accept, send, and answer once Kafka has it.

Thin: what is accepted is decided in `bodies` and `acceptance`.  Hazard: an answer of 202 anywhere but after an
acknowledgement is a lie that costs a complaint.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

from fastapi import APIRouter, Request, Response

from schemas.topics import COMPLAINT_MESSAGED, COMPLAINT_RECEIVED, PROCESS_OBSERVED
from schemas.vocabulary import MessageKind
from services.chassis import ids, metrics
from services.chassis.clock import Clock
from services.chassis.errors import BrokerUnavailable, Overloaded, PermanentError
from services.chassis.records import Ack, Outgoing
from services.chassis.sender import Result
from services.intake import acceptance, openapi
from services.intake.acceptance import Receipt
from services.intake.batches import NDJSON, Batches, Item
from services.intake.bodies import (
    BatchComplaintBody,
    ComplaintBody,
    MessageBody,
    ProcessEventBody,
    invalid,
    parse,
)
from services.intake.channels import Channel, ChannelKeys
from services.intake.problems import Fault, Problem, Refusal
from services.intake.repeats import Repeats, Seen
from services.intake.settings import IntakeSettings

JSON: Final = "application/json"
NDJSON_NAMES: Final = frozenset({NDJSON, "application/ndjson", "application/jsonl"})


class Publisher(Protocol):
    """What the handlers need of an `EventPublisher`."""

    def publish(
        self, topic: str, key: bytes, value: bytes | None, headers: tuple[tuple[str, bytes], ...]
    ) -> Awaitable[Ack]:
        """Send one; raises BrokerUnavailable or PermanentError, at once or when awaited."""
        ...

    def publish_many(self, records: Sequence[Outgoing]) -> Awaitable[list[Result]]:
        """Send all, then wait for all."""
        ...


class Intake:
    """What the handlers share."""

    def __init__(
        self,
        settings: IntakeSettings,
        *,
        salt: bytes,
        keys: ChannelKeys,
        publisher: Publisher,
        clock: Clock,
    ) -> None:
        self.settings = settings
        self._salt = salt
        self._keys = keys
        self._publisher = publisher
        self._clock = clock
        self._repeats = Repeats()

    def receipt(self, request: Request) -> tuple[Channel, Receipt]:
        """Who sends, and when; before the body is read.

        Raises:
            Refusal: 401 without a valid key.
        """
        channel = self._keys.authenticate(request.headers.get("authorization"))
        if channel is None:
            challenge = (("www-authenticate", "Bearer"),)
            detail = "send Authorization: Bearer with a valid channel key"
            raise Refusal(Problem("unauthorized", 401, detail, headers=challenge))
        return channel, Receipt(
            channel=channel.name,
            received_at=self._clock.now(),
            salt=self._salt,
            phone_country=self.settings.phone_country,
            traceparent=acceptance.traceparent(request.headers.get("traceparent")),
        )

    def complaint(self, body: ComplaintBody, receipt: Receipt, key: str | None) -> Item:
        """A complaint under `key`, or under a random one.

        Raises:
            Refusal: 422 when it is dated in the future.
        """
        if body.occurred_at is not None:
            ahead = (body.occurred_at - receipt.received_at).total_seconds()
            if ahead > self.settings.future_tolerance_seconds:
                fault = Fault("/occurred_at", "is in the future", "check its offset and its year")
                raise Refusal(invalid([fault]))
        accepted = acceptance.complaint(body, receipt, key or ids.random_id())
        return Item(
            topic=COMPLAINT_RECEIVED.name,
            record=acceptance.complaint_record(accepted, receipt),
            identity=accepted.complaint_id if key else "",
            digest=accepted.body_digest,
            answer={
                "complaint_id": accepted.complaint_id,
                "status_url": self.status_url(accepted.complaint_id),
            },
            count=metrics.COMPLAINTS_RECEIVED.labels(receipt.channel).inc,
        )

    def message(self, body: MessageBody, receipt: Receipt, complaint: str, key: str | None) -> Item:
        """A message about `complaint`.

        Raises:
            Refusal: 422 when its kind needs text and it has none.
        """
        if body.text is None and body.kind in (MessageKind.FOLLOW_UP, MessageKind.ANSWER):
            fault = Fault("/text", "is needed for this kind", "send the customer's words")
            raise Refusal(invalid([fault]))
        accepted = acceptance.message(body, receipt, complaint, key or ids.random_id())
        return Item(
            topic=COMPLAINT_MESSAGED.name,
            record=acceptance.message_record(accepted, receipt),
            identity=accepted.message_id if key else "",
            digest=acceptance.message_digest(body),
            answer={
                "complaint_id": complaint,
                "message_id": accepted.message_id,
                "status_url": self.status_url(complaint),
            },
            count=lambda: None,
        )

    def process_event(self, body: ProcessEventBody, receipt: Receipt) -> Item:
        """A process event."""
        accepted = acceptance.process_event(body, receipt)
        return Item(
            topic=PROCESS_OBSERVED.name,
            record=acceptance.process_record(accepted, receipt),
            identity="",
            digest="",
            answer={"event_id": accepted.event_id},
            count=metrics.PROCESS_EVENTS_RECEIVED.labels(receipt.channel).inc,
        )

    def now(self) -> datetime:
        """The time of receipt, now."""
        return self._clock.now()

    async def answer(self, body: ProcessEventBody, channel: str) -> Problem | None:
        """Store a person's answer to a question; None once Kafka has it, or has had one to the same question."""
        accepted = Receipt(channel=channel, received_at=self._clock.now(), salt=self._salt)
        # One digest for all answers: the first counts, and a second tap is no conflict.
        item = replace(self.process_event(body, accepted), identity=str(body.event_id), digest="")
        (problem,) = await self.store([item])
        return problem

    def status_url(self, complaint: str) -> str:
        """Where the complaint can be looked up."""
        return self.settings.status_url_template.replace("{complaint_id}", complaint)

    async def store(self, items: Sequence[Item]) -> list[Problem | None]:
        """Send all, then wait for all; None for each that Kafka has, in the same order."""
        problems: list[Problem | None] = [None] * len(items)
        sending: list[int] = []
        for index, item in enumerate(items):
            # Without a key there is nothing to recognise a repeat by; process events are told apart by readers.
            seen = self._repeats.look(item.identity, item.digest) if item.identity else Seen.NEW
            if seen is Seen.CONFLICT:
                detail = "it stands for another body; use a new key for new content"
                problems[index] = Problem("key_reused", 422, detail)
            elif seen is Seen.NEW:
                sending.append(index)
        records = [Outgoing.of(items[index].topic, items[index].record) for index in sending]
        for index, result in zip(sending, await self._send(records), strict=True):
            problems[index] = self._stored(items[index], result)
        return problems

    async def _send(self, records: list[Outgoing]) -> list[Result]:
        if len(records) != 1:
            return await self._publisher.publish_many(records)
        record = records[0]
        try:
            return [
                await self._publisher.publish(
                    record.topic, record.key, record.value, record.headers
                )
            ]
        except (PermanentError, BrokerUnavailable) as error:
            return [error]

    def _stored(self, item: Item, result: Result) -> Problem | None:
        if isinstance(result, Ack):
            if item.identity:
                self._repeats.stored(item.identity, item.digest)
            item.count()
            return None
        if isinstance(result, PermanentError):
            self._repeats.not_sent(item.identity)
            return Problem("record_too_large", 413, "not stored; send less")
        if isinstance(result, Overloaded):
            self._repeats.not_sent(item.identity)
            return Problem(
                "overloaded", 503, "not stored; send it again with the same key", retry_after=1
            )
        detail = (
            "the broker has not confirmed it; send it again with the same key, it will not double"
        )
        return Problem("broker_unavailable", 503, detail, retry_after=2)


def router(intake: Intake) -> APIRouter:
    """The routes."""
    routes = APIRouter()
    batches = Batches(intake.settings, intake.store)

    @routes.post("/v1/complaints", **openapi.operation("complaint"))
    async def post_complaint(request: Request) -> Response:
        _, receipt = intake.receipt(request)
        key = _key(request)
        _content_type(request, {JSON})
        body = parse(ComplaintBody, await request.body())
        return await _one(intake, intake.complaint(body, receipt, key))

    @routes.post("/v1/complaints/batch", **openapi.operation("complaint_batch"))
    async def post_complaints(request: Request) -> Response:
        _, receipt = intake.receipt(request)
        _content_type(request, NDJSON_NAMES)

        def read(line: bytes) -> Item:
            body = parse(BatchComplaintBody, line)
            return intake.complaint(body, receipt, body.idempotency_key)

        return await batches.answer(request, read)

    @routes.post("/v1/complaints/{complaint_id}/messages", **openapi.operation("message"))
    async def post_message(request: Request, complaint_id: str) -> Response:
        _, receipt = intake.receipt(request)
        key = _key(request)
        _content_type(request, {JSON})
        body = parse(MessageBody, await request.body())
        return await _one(intake, intake.message(body, receipt, _uuid(complaint_id), key))

    @routes.post("/v1/process-events", **openapi.operation("process_event"))
    async def post_process_events(request: Request) -> Response:
        channel, receipt = intake.receipt(request)
        if not channel.process_events:
            detail = (
                "its key is not for process events; set process_events = true in the channels file"
            )
            raise Refusal(Problem("forbidden", 403, detail))

        def read(line: bytes) -> Item:
            return intake.process_event(parse(ProcessEventBody, line), receipt)

        if _content_type(request, {JSON, *NDJSON_NAMES}) == JSON:
            raw = await request.body()
            if len(raw) > intake.settings.max_body_bytes:
                detail = f"one event has at most {intake.settings.max_body_bytes} bytes"
                raise Refusal(Problem("body_too_large", 413, detail))
            return await _one(intake, read(raw))
        return await batches.answer(request, read)

    return routes


async def _one(intake: Intake, item: Item) -> Response:
    (problem,) = await intake.store([item])
    if problem is not None:
        raise Refusal(problem)
    headers = {"cache-control": "no-store"}
    if "status_url" in item.answer:
        headers["location"] = item.answer["status_url"]
    return Response(json.dumps(item.answer), 202, headers, JSON)


def _key(request: Request) -> str | None:
    given = request.headers.getlist("idempotency-key")
    if not given:
        return None
    key = acceptance.idempotency_key(given[0]) if len(given) == 1 else None
    if key is None:
        detail = "send one Idempotency-Key of 8 to 128 printable ASCII characters without spaces"
        raise Refusal(Problem("invalid_key", 400, detail))
    return key


def _content_type(request: Request, known: set[str] | frozenset[str]) -> str:
    given = request.headers.get("content-type", "")
    name, _, parameters = given.partition(";")
    name = name.strip().lower()
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if name not in known or charset not in ("", "utf-8", "utf8"):
        taken = " or ".join(sorted(known & {JSON, NDJSON}))
        raise Refusal(Problem("content_type", 415, f"send Content-Type: {taken} in UTF-8"))
    return name


def _uuid(value: str) -> str:
    try:
        return str(UUID(value))
    except ValueError:
        raise Refusal(Problem("not_found", 404, "a complaint's id is a UUID")) from None
