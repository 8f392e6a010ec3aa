"""The calls, through the whole application without a socket."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from schemas.codec import decode
from schemas.complaint import ComplaintMessagedV1, ComplaintReceivedV1
from schemas.process import ProcessObservedV1
from services.chassis import ids
from services.chassis.errors import BrokerUnavailable, Overloaded, PermanentError
from services.intake.problems import CONTENT_TYPE
from tests.unit.intake.conftest import NOW, OTHER_KEY, KeepingPublisher

COMPLAINT = {"text": "Paket saya belum sampai", "case_id": "o1"}
EVENT = {"case_id": "o1", "activity": "pack", "transition": "start", "at": "2026-03-01T02:00:00Z"}
NDJSON = {"content-type": "application/x-ndjson"}


def ndjson(*lines: Any) -> bytes:
    return "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines).encode()


def results(response: httpx.Response) -> list[dict[str, Any]]:
    assert response.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in response.text.splitlines()]


async def test_complaint_is_answered_with_id_and_status_url(
    client: httpx.AsyncClient, publisher: KeepingPublisher
) -> None:
    """202 says where to look it up, and the record is on its topic."""
    response = await client.post(
        "/v1/complaints", json=COMPLAINT, headers={"idempotency-key": '"order-o1-late"'}
    )
    assert response.status_code == 202
    complaint_id = ids.complaint_id("web", "order-o1-late")
    url = f"/v1/complaints/{complaint_id}"
    assert response.json() == {"complaint_id": complaint_id, "status_url": url}
    assert response.headers["location"] == url
    (record,) = publisher.stored
    assert record.topic == "complaint.received"
    stored = decode(
        [ComplaintReceivedV1], key=record.key, value=record.value, headers=record.headers
    ).data
    assert (stored.channel, stored.text, stored.received_at) == ("web", COMPLAINT["text"], NOW)


async def test_without_a_key_every_request_is_another_complaint(client: httpx.AsyncClient) -> None:
    """There is nothing to recognise a repeat by."""
    answers = [(await client.post("/v1/complaints", json=COMPLAINT)).json() for _ in range(2)]
    assert answers[0]["complaint_id"] != answers[1]["complaint_id"]


async def test_repeat_of_a_stored_complaint_is_not_sent_again(
    client: httpx.AsyncClient, publisher: KeepingPublisher
) -> None:
    """The same answer, one record."""
    headers = {"idempotency-key": "order-o1-late"}
    first, second = [
        await client.post("/v1/complaints", json=COMPLAINT, headers=headers) for _ in range(2)
    ]
    assert first.json() == second.json()
    assert len(publisher.stored) == 1


async def test_key_with_other_content_is_refused(client: httpx.AsyncClient) -> None:
    """422, and the first stays as it is; another channel's key is its own."""
    headers = {"idempotency-key": "order-o1-late"}
    await client.post("/v1/complaints", json=COMPLAINT, headers=headers)
    response = await client.post("/v1/complaints", json={"text": "lain"}, headers=headers)
    assert response.status_code == 422
    assert response.json()["type"] == "urn:akar:problem:key-reused"
    headers["authorization"] = f"Bearer {OTHER_KEY}"
    other = await client.post("/v1/complaints", json={"text": "lain"}, headers=headers)
    assert other.status_code == 202


@pytest.mark.parametrize(
    ("failure", "status", "code", "retry_after"),
    [
        (BrokerUnavailable("no ack"), 503, "broker-unavailable", "2"),
        (Overloaded("500"), 503, "overloaded", "1"),
        (PermanentError("record_too_large"), 413, "record-too-large", None),
    ],
)
async def test_no_ack_is_never_202(
    client: httpx.AsyncClient,
    publisher: KeepingPublisher,
    failure: BrokerUnavailable | PermanentError,
    status: int,
    code: str,
    retry_after: str | None,
) -> None:
    """A record that Kafka has not confirmed is answered with a problem, and may be sent again under its key."""
    publisher.failure = failure
    headers = {"idempotency-key": "order-o1-late"}
    response = await client.post("/v1/complaints", json=COMPLAINT, headers=headers)
    assert response.status_code == status
    assert response.headers["content-type"] == CONTENT_TYPE
    assert response.json()["type"] == f"urn:akar:problem:{code}"
    assert response.headers.get("retry-after") == retry_after
    publisher.failure = None
    again = await client.post("/v1/complaints", json=COMPLAINT, headers=headers)
    assert again.status_code == 202


@pytest.mark.parametrize("key", ["short", '"unbalanced', "with a space in it", "x" * 129])
async def test_unusable_key_is_refused(client: httpx.AsyncClient, key: str) -> None:
    """A key that would not be kept as it is gets 400 and the rule."""
    response = await client.post("/v1/complaints", json=COMPLAINT, headers={"idempotency-key": key})
    assert response.status_code == 400
    assert "8 to 128" in response.json()["detail"]


async def test_two_keys_are_refused(client: httpx.AsyncClient) -> None:
    """Which of two counts would be a guess."""
    response = await client.post(
        "/v1/complaints",
        content=json.dumps(COMPLAINT),
        headers=[
            ("idempotency-key", "abcdefgh"),
            ("idempotency-key", "abcdefgi"),
            ("content-type", "application/json"),
        ],
    )
    assert response.status_code == 400


@pytest.mark.parametrize("authorization", ["", "Bearer wrong", "Basic d2ViOng="])
async def test_without_a_valid_key_nothing_is_read(
    client: httpx.AsyncClient, authorization: str
) -> None:
    """401 with a challenge, whatever the body is."""
    response = await client.post(
        "/v1/complaints", content=b"not json", headers={"authorization": authorization}
    )
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.json()["status"] == 401


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/complaints", 405),
        ("PUT", "/v1/process-events", 405),
        ("POST", "/v1/complaint", 404),
        ("POST", "/v1/complaints/", 404),
        ("GET", "/docs", 404),
        ("POST", "/v1/complaints/not-a-uuid/messages", 404),
    ],
)
async def test_wrong_path_or_method_is_a_problem_too(
    client: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    """Every refusal has the same shape."""
    response = await client.request(method, path, content=b'{"kind": "satisfied"}')
    assert response.status_code == status
    assert response.headers["content-type"] == CONTENT_TYPE
    assert response.json()["status"] == status
    if status == 405:
        assert response.headers["allow"] == "POST"


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=utf-16",
        "application/x-ndjson",
        "multipart/form-data; boundary=x",
    ],
)
async def test_other_content_types_are_refused(
    client: httpx.AsyncClient, content_type: str
) -> None:
    """415 names what is taken."""
    response = await client.post(
        "/v1/complaints", content=b'{"text": "x"}', headers={"content-type": content_type}
    )
    assert response.status_code == 415
    assert "application/json" in response.json()["detail"]


async def test_json_with_its_charset_is_taken(client: httpx.AsyncClient) -> None:
    """Naming UTF-8 changes nothing."""
    response = await client.post(
        "/v1/complaints",
        content=b'{"text": "x"}',
        headers={"content-type": 'Application/JSON; charset="UTF-8"'},
    )
    assert response.status_code == 202


async def test_large_body_is_refused(client: httpx.AsyncClient) -> None:
    """Beyond the limit it is 413, also where batches may be larger."""
    text = {"text": "x" * 9000}
    assert (await client.post("/v1/complaints", json=text)).status_code == 413
    event = {**EVENT, "attributes": {f"a{n}": "x" * 1000 for n in range(10)}}
    response = await client.post("/v1/process-events", json=event)
    assert response.status_code == 413


async def test_message_about_a_complaint(
    client: httpx.AsyncClient, publisher: KeepingPublisher
) -> None:
    """It is stored under its complaint, the same key is the same message."""
    complaint_id = ids.complaint_id("web", "order-o1-late")
    path = f"/v1/complaints/{complaint_id}/messages"
    headers = {"idempotency-key": "answer-0001"}
    body = {"kind": "answer", "text": "Pesanan B"}
    response = await client.post(path, json=body, headers=headers)
    assert response.status_code == 202
    assert response.json()["message_id"] == ids.message_id(complaint_id, "web", "answer-0001")
    (record,) = publisher.stored
    assert (record.topic, record.key) == ("complaint.messaged", complaint_id.encode())
    envelope = decode(
        [ComplaintMessagedV1], key=record.key, value=record.value, headers=record.headers
    )
    assert envelope.data.text == "Pesanan B"
    conflict = await client.post(path, json={"kind": "satisfied"}, headers=headers)
    assert conflict.status_code == 422


async def test_answer_without_words_is_refused(client: httpx.AsyncClient) -> None:
    """An answer has to say something; satisfied needs no words."""
    path = f"/v1/complaints/{ids.complaint_id('web', 'x' * 8)}/messages"
    assert (await client.post(path, json={"kind": "answer"})).status_code == 422
    assert (await client.post(path, json={"kind": "satisfied"})).status_code == 202


async def test_one_process_event(client: httpx.AsyncClient, publisher: KeepingPublisher) -> None:
    """JSON is one event, answered with its id."""
    response = await client.post("/v1/process-events", json={**EVENT, "event_id": "wms-1"})
    assert (response.status_code, response.json()) == (202, {"event_id": "wms-1"})
    (record,) = publisher.stored
    assert (record.topic, record.key) == ("process.observed", b"o1")
    decode([ProcessObservedV1], key=record.key, value=record.value, headers=record.headers)


async def test_channel_without_the_right_sends_no_events(client: httpx.AsyncClient) -> None:
    """A chat widget may complain, and may not say what the warehouse did."""
    response = await client.post(
        "/v1/process-events", json=EVENT, headers={"authorization": f"Bearer {OTHER_KEY}"}
    )
    assert response.status_code == 403


async def test_each_line_has_its_own_result(
    client: httpx.AsyncClient, publisher: KeepingPublisher
) -> None:
    """Bad lines are refused where they are, good ones stored in order, empty ones skipped."""
    body = ndjson(
        {**EVENT, "event_id": "e1"},
        "",
        "{oops",
        {**EVENT, "at": "2026-03-01T02:00:00"},
        {**EVENT, "event_id": "e2"},
        "x" * 9000,
        "",
    )
    response = await client.post("/v1/process-events", content=body, headers=NDJSON)
    assert response.status_code == 200
    found = results(response)
    assert [(r["line"], r["status"]) for r in found] == [
        (1, 202),
        (3, 400),
        (4, 422),
        (5, 202),
        (6, 413),
    ]
    assert found[2]["problem"]["errors"][0]["pointer"] == "#/at"
    assert [json.loads(r.value or b"")["event_id"] for r in publisher.stored] == ["e1", "e2"]


async def test_long_batch_keeps_its_order(
    client: httpx.AsyncClient, publisher: KeepingPublisher
) -> None:
    """Chunks overlap; records and results stay in the order of the lines."""
    body = ndjson(*({**EVENT, "event_id": f"e{n}"} for n in range(600)))
    response = await client.post("/v1/process-events", content=body, headers=NDJSON)
    assert [r["event_id"] for r in results(response)] == [f"e{n}" for n in range(600)]
    stored = [json.loads(r.value or b"")["event_id"] for r in publisher.stored]
    assert stored == [f"e{n}" for n in range(600)]


async def test_batch_of_complaints_uses_keys_of_its_lines(client: httpx.AsyncClient) -> None:
    """A line's key gives the same complaint as the header would, and a reused one is a conflict."""
    body = ndjson(
        {**COMPLAINT, "idempotency_key": "order-o1-late"},
        {"text": "lain", "idempotency_key": "order-o1-late"},
        {"text": "tanpa kunci"},
        {"text": "x", "idempotency_key": "short"},
    )
    response = await client.post("/v1/complaints/batch", content=body, headers=NDJSON)
    found = results(response)
    assert [r["status"] for r in found] == [202, 422, 202, 422]
    assert found[0]["complaint_id"] == ids.complaint_id("web", "order-o1-late")
    assert found[3]["problem"]["errors"][0]["pointer"] == "#/idempotency_key"


async def test_batch_says_when_nothing_was_stored(
    client: httpx.AsyncClient, publisher: KeepingPublisher
) -> None:
    """With the broker away each line says 503, and so does the response, with Retry-After."""
    publisher.failure = BrokerUnavailable("no ack")
    body = ndjson(*({**EVENT, "event_id": f"e{n}"} for n in range(600)))
    response = await client.post("/v1/process-events", content=body, headers=NDJSON)
    assert response.status_code == 503
    assert response.headers["retry-after"] == "2"
    assert {r["status"] for r in results(response)} == {503}
    assert len(results(response)) == 600


async def test_batch_with_too_many_lines_is_refused_whole(
    client: httpx.AsyncClient, publisher: KeepingPublisher
) -> None:
    """Nothing of it is stored."""
    response = await client.post("/v1/process-events", content=b"\n" * 601, headers=NDJSON)
    assert response.status_code == 413
    assert response.json()["type"] == "urn:akar:problem:too-many-lines"
    assert publisher.stored == []


async def test_batches_are_bounded(client: httpx.AsyncClient) -> None:
    """While one batch is still arriving, the next gets 503 and the single complaint its place."""
    sent = asyncio.Event()

    async def slow() -> Any:
        yield ndjson({**EVENT, "event_id": "e1"})
        sent.set()
        await asyncio.sleep(0.1)

    first = asyncio.create_task(client.post("/v1/process-events", content=slow(), headers=NDJSON))
    await sent.wait()
    second = await client.post("/v1/process-events", content=ndjson(EVENT), headers=NDJSON)
    single = await client.post("/v1/complaints", json=COMPLAINT)
    assert (second.status_code, second.headers["retry-after"]) == (503, "2")
    assert single.status_code == 202
    assert (await first).status_code == 202


async def test_description_has_bodies_and_problems(client: httpx.AsyncClient) -> None:
    """The document names every call's body and refusals, and each reference leads somewhere."""
    document = (await client.get("/openapi.json")).json()
    assert set(document["paths"]) == {
        "/v1/complaints",
        "/v1/complaints/batch",
        "/v1/complaints/{complaint_id}/messages",
        "/v1/process-events",
    }
    schemas = document["components"]["schemas"]
    text = json.dumps(document)
    for reference in set(text.split('"#/components/schemas/')[1:]):
        assert reference.split('"')[0] in schemas
    for path in document["paths"].values():
        assert path["post"]["requestBody"]["content"]
        assert {"401", "413", "415", "422", "503"} <= set(path["post"]["responses"])
    assert set(schemas["ComplaintBody"]["required"]) == {"text"}


async def test_start_needs_salt(channels_file: Path) -> None:
    """Without a salt customers' phones could be guessed from the stream: it does not start."""
    from services.chassis.errors import ConfigurationError
    from services.chassis.settings import AkarSettings, KafkaSettings
    from services.intake.app import create
    from services.intake.settings import IntakeSettings

    with pytest.raises(ConfigurationError, match="AKAR_CUSTOMER_SALT"):
        create(
            IntakeSettings(channels_file=channels_file),
            AkarSettings(customer_salt=None),
            KafkaSettings(),
        )
