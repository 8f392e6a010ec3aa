"""A bare confluent-kafka loop, the limit: consume, parse, produce; output and offsets in one transaction per interval.

No contract is checked, no state is kept, nothing is looked up: what a client library alone costs in the same guarantee.
"""

from __future__ import annotations

import json
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from bench.contenders.settings import PRODUCER, read


def main() -> None:
    settings = read()
    consumer = Consumer(
        {
            "bootstrap.servers": settings.bootstrap,
            "group.id": settings.group,
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
        }
    )
    producer = Producer(
        {
            **PRODUCER,
            "bootstrap.servers": settings.bootstrap,
            "transactional.id": f"{settings.group}-0",
        }
    )
    producer.init_transactions(30.0)
    consumer.subscribe([settings.topic])
    offsets: dict[int, int] = {}
    began = 0.0
    while True:
        for message in consumer.consume(1_000, timeout=settings.commit_seconds / 4):
            error = message.error()
            if error is not None:
                raise KafkaException(error)
            if not offsets:
                producer.begin_transaction()
                began = time.monotonic()
            partition, value = message.partition(), message.value()
            event = json.loads(value)
            producer.produce(
                settings.output,
                value,
                f"{event['case_id']}/{event['event_id']}",
                partition=partition,
            )
            offsets[partition] = message.offset() + 1
        producer.poll(0)
        if offsets and time.monotonic() - began >= settings.commit_seconds:
            producer.send_offsets_to_transaction(
                [TopicPartition(settings.topic, number, at) for number, at in offsets.items()],
                consumer.consumer_group_metadata(),
                30.0,
            )
            producer.commit_transaction(30.0)
            offsets = {}


if __name__ == "__main__":
    main()
