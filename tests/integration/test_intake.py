"""Intake as a process in front of a real broker: what it promises when things go wrong."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from schemas.codec import decode
from schemas.complaint import ComplaintReceivedV1
from services.chassis import ids
from services.chassis.consumer import PartitionReader
from services.chassis.provision import provision
from services.chassis.records import Received
from services.chassis.settings import KafkaSettings
from services.intake.channels import key_digest
from services.local.ports import free_port
from tests.support.broker import RunningBroker

KEY = "ck_live_abcdefgh_one"
HEADERS = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
COMPLAINT = {"text": "Paket saya belum sampai", "case_id": "o1"}


@dataclass
class Intake:
    """A running process."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=15)


@contextmanager
def running(
    kafka: KafkaSettings, folder: Path, *, probe: str = "/readyz", **environment: str
) -> Iterator[Intake]:
    """An intake of its own, ready; ended with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    channels = folder / "channels.toml"
    channels.write_text(
        f'[channels.web]\nkey_sha256 = "{key_digest(KEY)}"\nprocess_events = true\n'
    )
    intake = start(kafka, folder, INTAKE_CHANNELS_FILE=str(channels), **environment)
    try:
        wait_until_good(intake, probe)
        yield intake
    finally:
        intake.process.kill()
        intake.process.wait(15)


def start(kafka: KafkaSettings, folder: Path, **environment: str) -> Intake:
    port = free_port(str(folder))
    log = folder / "intake.log"
    variables = {
        **os.environ,
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "KAFKA_TOPIC_PREFIX": kafka.topic_prefix,
        "AKAR_CUSTOMER_SALT": "sixteen bytes of salt",
        "INTAKE_PORT": str(port),
        **environment,
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "services.intake"], env=variables, stderr=output
        )
    return Intake(process, port, log)


def wait_until_good(intake: Intake, probe: str, seconds: float = 60) -> None:
    ends = time.monotonic() + seconds
    while True:
        assert intake.process.poll() is None, intake.log.read_text()
        try:
            if httpx.get(f"{intake.url}{probe}", timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < ends, intake.log.read_text()
        time.sleep(0.1)


def read_all(kafka: KafkaSettings, topic: str) -> list[Received]:
    found: list[Received] = []
    with PartitionReader(kafka, [topic], name="test-reader") as reader:
        ends = time.monotonic() + 20
        while reader.lag() > 0:
            assert time.monotonic() < ends
            found += reader.poll(0.5)
    return found


def complaints(kafka: KafkaSettings) -> list[ComplaintReceivedV1]:
    return [
        decode([ComplaintReceivedV1], key=r.key, value=r.value, headers=r.headers).data
        for r in read_all(kafka, "complaint.received")
    ]


@pytest.fixture(scope="module")
def shared(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Intake]:
    """One intake for the tests that leave it as it was; with limits that a test reaches soon."""
    kafka = KafkaSettings(bootstrap_servers=broker, topic_prefix="intake-shared-", partitions=2)
    provision(kafka, [])
    with running(
        kafka,
        tmp_path_factory.mktemp("intake"),
        INTAKE_BODY_TIMEOUT_SECONDS="1",
        INTAKE_HEADER_TIMEOUT_SECONDS="1",
        INTAKE_MAX_CONNECTIONS="120",
    ) as intake:
        yield intake


@pytest.fixture
async def http(shared: Intake) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=shared.url, headers=HEADERS, timeout=20) as client:
        yield client


@pytest.fixture
def kafka(broker: str, topic_prefix: str) -> KafkaSettings:
    found = KafkaSettings(bootstrap_servers=broker, topic_prefix=topic_prefix, partitions=2)
    provision(found, [])
    return found


async def test_202_means_that_it_is_in_kafka(http: httpx.AsyncClient, broker: str) -> None:
    """What was answered 202 is read from the topic, as it was sent."""
    body = {**COMPLAINT, "attributes": {"nota": "kunci-202"}}
    response = await http.post("/v1/complaints", json=body)
    assert response.status_code == 202
    kafka = KafkaSettings(bootstrap_servers=broker, topic_prefix="intake-shared-")
    stored = {c.complaint_id: c for c in complaints(kafka)}[response.json()["complaint_id"]]
    assert stored.text == COMPLAINT["text"]
    assert stored.attributes == {"nota": "kunci-202"}


async def test_fifty_at_once_with_one_key_are_one_complaint(
    kafka: KafkaSettings, tmp_path: Path
) -> None:
    """Through two processes at a time: one id, one digest, whatever each of them had seen."""
    with running(kafka, tmp_path / "a") as first, running(kafka, tmp_path / "b") as second:
        async with httpx.AsyncClient(timeout=20) as client:
            posts = [
                client.post(
                    f"{intake.url}/v1/complaints",
                    json=COMPLAINT,
                    headers={**HEADERS, "idempotency-key": "order-o1-late"},
                )
                for intake in [first, second] * 25
            ]
            responses = await asyncio.gather(*posts)
    assert {r.status_code for r in responses} == {202}
    assert {r.json()["complaint_id"] for r in responses} == {
        ids.complaint_id("web", "order-o1-late")
    }
    stored = complaints(kafka)
    assert stored
    assert {(c.complaint_id, c.body_digest) for c in stored} == {
        (ids.complaint_id("web", "order-o1-late"), stored[0].body_digest)
    }


async def test_batch_is_pipelined(http: httpx.AsyncClient) -> None:
    """Two thousand events go in together: a wait for each acknowledgement would take longer than this."""
    lines = "".join(
        json.dumps(
            {
                "case_id": f"o{n % 50}",
                "activity": "pack",
                "transition": "complete",
                "at": "2026-03-01T09:00:00+07:00",
                "event_id": f"batch-{n}",
            }
        )
        + "\n"
        for n in range(2000)
    )
    began = time.monotonic()
    response = await http.post(
        "/v1/process-events", content=lines, headers={"content-type": "application/x-ndjson"}
    )
    took = time.monotonic() - began
    results = [json.loads(line) for line in response.text.splitlines()]
    assert [r["line"] for r in results] == list(range(1, 2001))
    assert {r["status"] for r in results} == {202}
    assert took < 10, f"{took:.1f} s: at least one wait of 5 ms per line"


async def test_broker_that_stands_still_is_503_in_time(
    victim: RunningBroker, topic_prefix: str, tmp_path: Path
) -> None:
    """Within 5.5 s each caller knows that nothing is promised; afterwards the same keys are taken, each once."""
    kafka = KafkaSettings(
        bootstrap_servers=victim.bootstrap, topic_prefix=topic_prefix, partitions=2
    )
    provision(kafka, [])
    with running(kafka, tmp_path) as intake:
        async with httpx.AsyncClient(base_url=intake.url, headers=HEADERS, timeout=20) as client:

            async def post(n: int) -> tuple[httpx.Response, float]:
                began = time.monotonic()
                response = await client.post(
                    "/v1/complaints", json=COMPLAINT, headers={"idempotency-key": f"order-{n:04}"}
                )
                return response, time.monotonic() - began

            await until_accepted(client)
            pid = victim.kafka.pid
            assert pid is not None
            os.kill(pid, signal.SIGSTOP)
            try:
                answers = await asyncio.gather(*(post(n) for n in range(20)))
            finally:
                os.kill(pid, signal.SIGCONT)
            for response, seconds in answers:
                assert response.status_code == 503
                assert int(response.headers["retry-after"]) >= 1
                assert response.json()["type"] == "urn:akar:problem:broker-unavailable"
                assert seconds <= 5.5
            await until_accepted(client)
            again = [(await post(n))[0] for n in range(20)]
            assert [r.status_code for r in again] == [202] * 20
            assert (await client.get("/livez")).status_code == 200
    stored = {c.complaint_id for c in complaints(kafka)}
    assert {ids.complaint_id("web", f"order-{n:04}") for n in range(20)} <= stored


def test_starts_before_its_broker(tmp_path: Path) -> None:
    """Without a broker it is live, not ready, and refuses in time; it does not wait for Kafka to start."""
    kafka = KafkaSettings(bootstrap_servers=f"127.0.0.1:{free_port(f'nobody {tmp_path}')}")
    with running(kafka, tmp_path, probe="/livez", INTAKE_ACK_DEADLINE_SECONDS="1") as intake:
        ready = httpx.get(f"{intake.url}/readyz")
        assert ready.status_code == 503
        assert "kafka" in ready.json()["checks"]
        began = time.monotonic()
        response = httpx.post(
            f"{intake.url}/v1/complaints", json=COMPLAINT, headers=HEADERS, timeout=10
        )
        assert response.status_code == 503
        assert time.monotonic() - began < 2.5


async def test_stops_cleanly_under_load(kafka: KafkaSettings, tmp_path: Path) -> None:
    """SIGTERM: what was taken is finished, each 202 is in Kafka, and the exit code is 0."""
    accepted: set[str] = set()
    enough = asyncio.Event()
    with running(kafka, tmp_path) as intake:
        async with httpx.AsyncClient(base_url=intake.url, headers=HEADERS, timeout=20) as client:

            async def keep_posting(name: str) -> None:
                for n in range(1000):
                    try:
                        response = await client.post(
                            "/v1/complaints",
                            json=COMPLAINT,
                            headers={"idempotency-key": f"{name}-{n:06}"},
                        )
                    except httpx.TransportError:
                        return
                    if response.status_code == 202:
                        accepted.add(response.json()["complaint_id"])
                    if len(accepted) >= 30:
                        enough.set()

            posting = [asyncio.create_task(keep_posting(f"w{n}")) for n in range(4)]
            await enough.wait()
            intake.process.send_signal(signal.SIGTERM)
            await asyncio.gather(*posting)
            assert await asyncio.to_thread(intake.process.wait, 25) == 0
    assert accepted <= {c.complaint_id for c in complaints(kafka)}
    assert "Traceback" not in intake.log.read_text()


def test_port_in_use_ends_the_start(shared: Intake, kafka: KafkaSettings, tmp_path: Path) -> None:
    """It does not run on without one: the exit code is an error (uvicorn says 3), and the log names the address."""
    channels = tmp_path / "channels.toml"
    channels.write_text(f'[channels.web]\nkey_sha256 = "{key_digest(KEY)}"\n')
    second = start(
        kafka, tmp_path, INTAKE_CHANNELS_FILE=str(channels), INTAKE_PORT=str(shared.port)
    )
    assert second.process.wait(60) == 3
    assert str(shared.port) in second.log.read_text()


def exchange(intake: Intake, request: bytes, seconds: float = 15) -> tuple[bytes, float]:
    """Send bytes as they are; everything until the other side closes, and how long that took."""
    began = time.monotonic()
    found = b""
    with intake.connect() as connection:
        connection.settimeout(seconds)
        if request:
            connection.sendall(request)
        while chunk := connection.recv(65536):
            found += chunk
    return found, time.monotonic() - began


def head(path: str, *lines: str) -> bytes:
    told = [f"POST {path} HTTP/1.1", "host: intake", f"authorization: Bearer {KEY}", *lines]
    return "\r\n".join(told).encode() + b"\r\n\r\n"


def test_oversized_chunked_body_is_cut_off(shared: Intake) -> None:
    """Without a declared size, too: 413 with a problem, and the connection is closed."""
    chunk = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
    request = head("/v1/complaints", "content-type: application/json", "transfer-encoding: chunked")
    answer, _ = exchange(shared, request + chunk * 5)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"urn:akar:problem:body-too-large" in answer


def test_declared_size_is_refused_before_it_is_sent(shared: Intake) -> None:
    """A Content-Length beyond the limit is answered at once."""
    request = head("/v1/complaints", "content-type: application/json", "content-length: 1000000000")
    answer, _ = exchange(shared, request)
    assert answer.startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    "request_bytes",
    [
        pytest.param(b"", id="says nothing"),
        pytest.param(b"POST /v1/complaints HTTP/1.1\r\nhost: in", id="half a head"),
        pytest.param(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\nPOST /v1", id="half a second head"),
    ],
)
def test_connection_without_a_request_is_closed(shared: Intake, request_bytes: bytes) -> None:
    """A head that never ends does not hold a connection."""
    _, seconds = exchange(shared, request_bytes)
    assert seconds < 5


def test_half_a_body_is_408(shared: Intake) -> None:
    """A body that stops half-way is given up with a problem, and the connection is closed."""
    request = head("/v1/complaints", "content-type: application/json", "content-length: 100")
    answer, seconds = exchange(shared, request + b'{"text": "ha')
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"urn:akar:problem:body-timeout" in answer
    assert seconds < 5


def test_request_that_is_being_answered_is_not_cut_off(shared: Intake) -> None:
    """The deadline is for heads: a kept connection with requests at work goes on."""
    with httpx.Client(base_url=shared.url, headers=HEADERS) as client:
        for _ in range(5):
            assert client.post("/v1/complaints", json=COMPLAINT).status_code == 202
            time.sleep(0.3)


def test_crowd_of_silent_connections_does_not_keep_others_out(shared: Intake) -> None:
    """More connections than may be: those beyond are closed at once, and all of them after a moment."""
    crowd = [shared.connect() for _ in range(150)]
    try:
        ends = time.monotonic() + 15
        while True:
            try:
                answer = httpx.post(f"{shared.url}/v1/complaints", json=COMPLAINT, headers=HEADERS)
                assert answer.status_code == 202
                break
            except httpx.TransportError:
                assert time.monotonic() < ends
                time.sleep(0.1)
        for connection in crowd:
            connection.settimeout(10)
            assert connection.recv(1) == b""
    finally:
        for connection in crowd:
            connection.close()


def test_line_breaks_in_headers_reach_nothing(shared: Intake) -> None:
    """A key or trace context cannot carry another header into Kafka or the answer."""
    body = b'{"text": "x"}'
    request = head(
        "/v1/complaints",
        "content-type: application/json",
        f"content-length: {len(body)}",
        "connection: close",
        "idempotency-key: abcdefgh\r\n evil: 1",
    )
    answer, _ = exchange(shared, request + body)
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 202"))
    assert b"evil" not in answer


def test_log_holds_no_customer_text(shared: Intake) -> None:
    """Neither accepted nor refused words, references or keys get into the log."""
    canary = "kenari-4711"
    for body in (
        {"text": canary, "customer_refs": [{"kind": "phone", "value": "0899-4711-4711"}]},
        {"text": canary, "surplus": canary},
        {"text": 5, "case_id": canary},
    ):
        httpx.post(f"{shared.url}/v1/complaints", json=body, headers=HEADERS)
    log = shared.log.read_text()
    assert canary not in log
    assert "4711-4711" not in log
    assert KEY not in log


def test_metrics_count_what_was_taken(shared: Intake) -> None:
    """The exposition has the channel's count and the route's answers, without ids."""
    httpx.post(f"{shared.url}/v1/complaints", json=COMPLAINT, headers=HEADERS)
    exposition = httpx.get(f"{shared.url}/metrics").text
    assert 'akar_complaints_received_total{channel="web"}' in exposition
    assert 'akar_http_requests_total{route="/v1/complaints",status="202"}' in exposition


async def until_accepted(client: httpx.AsyncClient, seconds: float = 20) -> Any:
    """The first 202 within `seconds`: a fresh topic, and a broker that woke up, take a moment."""
    ends = time.monotonic() + seconds
    while True:
        response = await client.post("/v1/complaints", json=COMPLAINT)
        if response.status_code == 202:
            return response
        assert time.monotonic() < ends, response.text
        await asyncio.sleep(0.1)
