"""A bare way from Kafka to a webhook: confluent-kafka, one POST after the other, offsets committed now and then."""

from __future__ import annotations

import json
import os

import httpx
from confluent_kafka import Consumer


def main() -> None:
    consumer = Consumer(
        {
            "bootstrap.servers": os.environ["BENCH_BOOTSTRAP"],
            "group.id": os.environ["BENCH_GROUP"],
            "isolation.level": "read_committed",
            "auto.offset.reset": "earliest",
            "auto.commit.interval.ms": 1_000,
            "fetch.wait.max.ms": 500,
        }
    )
    consumer.subscribe([os.environ["BENCH_TOPIC"]])
    with httpx.Client() as client:
        while True:
            message = consumer.poll(1.0)
            if message is None or message.error() is not None:
                continue
            complaint = json.loads(message.value())
            told = {"data": {"complaint_id": message.key().decode(), "text": complaint["text"]}}
            client.post(os.environ["BENCH_WEBHOOK"], json=told).raise_for_status()


if __name__ == "__main__":
    main()
