"""A cluster of the company's own, with TLS and passwords: every client of the pipeline reaches it, and none without them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from services.local.kafka import EmbeddedKafka

USER, PASSWORD = "akar", "a-password-of-this-test"


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()


def write_keystore(authority: trustme.CA, path: Path) -> None:
    """The broker's key and certificate; Java reads keys in PKCS #8 only."""
    certificate = authority.issue_cert("127.0.0.1", key_type=trustme.KeyType.RSA)
    key = serialization.load_pem_private_key(certificate.private_key_pem.bytes(), None)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(pem + b"".join(each.bytes() for each in certificate.cert_chain_pems))


@pytest.fixture(scope="module")
def secured() -> Iterator[dict[str, str]]:
    """Environment of a cluster that speaks SASL_SSL on the listener for clients."""
    with tempfile.TemporaryDirectory(prefix="akar-secured-") as name:
        folder = Path(name)
        authority = trustme.CA(key_type=trustme.KeyType.RSA)
        authority.cert_pem.write_to_path(folder / "ca.pem")
        write_keystore(authority, folder / "broker.pem")
        plain, secure, controller = free_ports(3)
        login = "org.apache.kafka.common.security.plain.PlainLoginModule required"
        kafka = EmbeddedKafka(
            folder / "kafka",
            port=plain,
            overrides={
                "listeners": f"PLAINTEXT://127.0.0.1:{plain},SECURE://127.0.0.1:{secure},"
                f"CONTROLLER://127.0.0.1:{controller}",
                "advertised.listeners": f"PLAINTEXT://127.0.0.1:{plain},SECURE://127.0.0.1:{secure}",
                "controller.quorum.voters": f"1@127.0.0.1:{controller}",
                "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL",
                "sasl.enabled.mechanisms": "PLAIN",
                "listener.name.secure.plain.sasl.jaas.config": f'{login} user_{USER}="{PASSWORD}";',
                "ssl.keystore.type": "PEM",
                "ssl.keystore.location": str(folder / "broker.pem"),
            },
        )
        (folder / "password").write_text(PASSWORD + "\n")
        kafka.start(deadline=120)
        try:
            yield {
                "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{secure}",
                "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
                "KAFKA_SASL_MECHANISM": "PLAIN",
                "KAFKA_SASL_USERNAME": USER,
                "KAFKA_SASL_PASSWORD_FILE": str(folder / "password"),
                "KAFKA_SSL_CAFILE": str(folder / "ca.pem"),
            }
        finally:
            kafka.stop()


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_complaint_travels_over_tls(secured: dict[str, str], tmp_path: Path) -> None:
    """With the six settings alone, intake, router, ticker, notifier and console work on a secured cluster."""
    command = [
        sys.executable,
        "-m",
        "services.cli",
        "up",
        "--data-dir",
        str(tmp_path),
        "--ready-json",
    ]
    with (
        (tmp_path / "up.log").open("wb") as log,
        subprocess.Popen(
            command, env={**os.environ, **secured}, stdout=subprocess.PIPE, stderr=log
        ) as process,
    ):
        try:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            decided = post_and_follow(ready)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)

    assert decided["outcome"] == "assigned"
    assert [cause["department"] for cause in decided["causes"]] == ["packing"]
    assert process.returncode == 0


def post_and_follow(ready: dict[str, str]) -> dict[str, Any]:
    """A late order and its complaint; the status once it is decided."""
    now = datetime.now(UTC)
    hours = {
        "order_placed": 300,
        "payment_received": 299.5,
        "payment_verified": 299,
        "confirmed": 298,
        "picked": 296,
        "packed": 150,
        "handed_over": 149,
        "delivered": 100,
    }
    events = [
        {
            "case_id": "INV-TLS",
            "activity": activity,
            "transition": "complete",
            "at": (now - timedelta(hours=ago)).isoformat(),
        }
        for activity, ago in hours.items()
    ]
    channel = {"Authorization": f"Bearer {ready['channel_key']}"}
    reader = {"Authorization": f"Bearer {ready['console_key']}"}
    with httpx.Client(timeout=20, trust_env=False) as client:
        posted = client.post(
            f"{ready['intake']}/v1/process-events",
            headers={**channel, "Content-Type": "application/x-ndjson"},
            content="\n".join(json.dumps(event) for event in events),
        )
        assert posted.is_success, posted.text
        answer = client.post(
            f"{ready['intake']}/v1/complaints",
            headers={**channel, "Idempotency-Key": "secured-0001"},
            json={"text": "paket saya telat sampai", "case_id": "INV-TLS"},
        )
        assert answer.status_code == 202, answer.text
        url = f"{ready['console']}/v1/complaints/{answer.json()['complaint_id']}"
        ends = time.monotonic() + 60
        while True:
            status = client.get(url, headers=reader)
            if status.status_code == 200 and status.json().get("outcome") == "assigned":
                found: dict[str, Any] = status.json()
                return found
            assert time.monotonic() < ends, status.text
            time.sleep(0.2)
