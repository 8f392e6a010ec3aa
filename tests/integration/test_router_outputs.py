"""What the broker would refuse to take from the router does not stop it: on a real broker, with the real stages."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from confluent_kafka import Message, Producer

from schemas import codec, topics
from schemas.complaint import ComplaintReceivedV1
from schemas.process import ProcessObservedV1
from schemas.vocabulary import Transition
from services.chassis.partitioner import partition_for
from services.chassis.provision import provision
from services.chassis.settings import KafkaSettings
from services.registry import load_example
from tests.support.following import Following

ROOT = Path(__file__).parents[2]
PARTITIONS = 2
NOW = datetime.now(UTC).replace(microsecond=0)
LARGE = b"x" * 900_000
"""As a header a broker takes it; in a dead letter, in base64, it would not."""


@pytest.fixture
def kafka(broker: str, topic_prefix: str) -> KafkaSettings:
    """Topics of this test's own."""
    found = KafkaSettings(
        bootstrap_servers=broker, topic_prefix=topic_prefix, partitions=PARTITIONS
    )
    provision(found, load_example("shop").inboxes())
    return found


@pytest.fixture
def router(kafka: KafkaSettings, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The real router; it is not started again when it ends."""
    environment = {
        **os.environ,
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "KAFKA_TOPIC_PREFIX": kafka.topic_prefix,
        "KAFKA_PARTITIONS": str(kafka.partitions),
        "AKAR_REGISTRY": str(ROOT / "examples" / "shop"),
        "AKAR_DATA_DIR": str(tmp_path),
        "ROUTER_INSTANCE": "w-0",
    }
    with (tmp_path / "router.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "services.router"], env=environment, stdout=log, stderr=log
        )
    yield process
    process.send_signal(signal.SIGKILL)
    process.wait(10)


@pytest.mark.timeout(180)
def test_headers_that_no_letter_could_hold_stop_nobody(
    kafka: KafkaSettings, router: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    """Broken, in a wrong partition, or sound: each is put aside or handled, and a complaint behind them is decided."""
    producer = Producer({**kafka.for_librdkafka(), "message.max.bytes": 1_000_000})
    refused: list[str] = []

    def delivered(error: object, _message: Message) -> None:
        if error is not None:
            refused.append(str(error))

    def write(topic: topics.Topic, record: codec.EncodedRecord, value: bytes, wrong: bool) -> None:
        own = partition_for(record.key, PARTITIONS)
        producer.produce(
            kafka.topic(topic.name),
            value,
            record.key,
            partition=(own + wrong) % PARTITIONS,
            headers=[*record.headers, ("note", LARGE)],
            on_delivery=delivered,
        )

    event = ProcessObservedV1(
        event_id="e-1",
        case_id="order-1",
        activity="picked",
        transition=Transition.COMPLETE,
        at=NOW - timedelta(days=3),
        recorded_at=NOW - timedelta(days=3),
    )
    sound = codec.encode(codec.wrap(event, id="e-1", source="/test", time=event.at))
    write(topics.PROCESS_OBSERVED, sound, b"{", wrong=False)
    write(topics.PROCESS_OBSERVED, sound, sound.value, wrong=True)
    write(topics.PROCESS_OBSERVED, sound, sound.value, wrong=False)
    complaint = ComplaintReceivedV1(
        complaint_id="complaint-1",
        channel="web",
        text="paket saya belum sampai juga, telat!",
        case_id="order-1",
        occurred_at=NOW,
        received_at=NOW,
        body_digest="1",
    )
    asked = codec.encode(codec.wrap(complaint, id="r-1", source="/test", time=NOW))
    write(topics.COMPLAINT_RECEIVED, asked, asked.value, wrong=False)
    assert producer.flush(60) == 0
    assert refused == []

    letters = Following(kafka.for_librdkafka(), kafka.topic(topics.ROUTER_DLQ.name))
    decided = Following(kafka.for_librdkafka(), kafka.topic(topics.COMPLAINT_TRACED.name))
    try:
        ends = time.monotonic() + 90
        while len(letters.messages()) < 2 or not decided.messages():
            assert router.poll() is None, (tmp_path / "router.log").read_text()[-3000:]
            assert time.monotonic() < ends, (tmp_path / "router.log").read_text()[-3000:]
            time.sleep(0.1)
        found = [json.loads(message.value() or b"") for message in letters.messages()]
        assert sorted(letter["reason"] for letter in found) == ["invalid_data", "too_large"]
        assert all("left out" in letter["detail"] for letter in found)
        assert all(letter["headers"] == [] for letter in found)
    finally:
        letters.close()
        decided.close()
