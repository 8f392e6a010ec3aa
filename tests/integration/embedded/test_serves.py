"""What the embedded broker offers while it runs, and to whom."""

from __future__ import annotations

import psutil
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, ConfigResource  # type: ignore[attr-defined]

from services.local.ports import HOST
from tests.support.broker import RunningBroker
from tests.support.embedded import client, create_topic, producer_for, read, send


def test_listens_on_loopback_only(own: RunningBroker) -> None:
    """No port of the broker can be reached from another machine."""
    assert own.kafka.pid is not None
    listening = [
        c.laddr
        for c in psutil.Process(own.kafka.pid).net_connections()
        if c.status == psutil.CONN_LISTEN
    ]
    assert len(listening) == 2
    assert {address.ip.removeprefix("::ffff:") for address in listening} == {HOST}


def test_what_is_acknowledged_is_flushed(own: RunningBroker) -> None:
    """Every topic, Kafka's own for transactions and offsets included, is on the disk before the acknowledgement."""
    create_topic(own.bootstrap, "flushed")
    transactional = Producer(client(own.bootstrap, **{"transactional.id": "flushed"}))
    transactional.init_transactions(
        30
    )  # makes __transaction_state; reading makes __consumer_offsets
    assert read(own.bootstrap, "flushed") == []
    resources = [
        ConfigResource(ConfigResource.Type.TOPIC, name)
        for name in ("flushed", "__transaction_state", "__consumer_offsets")
    ]
    admin = AdminClient(client(own.bootstrap))
    described = admin.describe_configs(resources)
    flushes = {
        resource.name: future.result(30)["flush.messages"].value
        for resource, future in described.items()
    }
    assert flushes == {"flushed": "1", "__transaction_state": "1", "__consumer_offsets": "1"}


@pytest.mark.parametrize("compression", ["zstd", "snappy", "gzip", "lz4"])
def test_every_compression_works(own: RunningBroker, compression: str) -> None:
    """The pinned jars have all that the broker needs to compress by itself."""
    topic = f"compressed-{compression}"
    create_topic(own.bootstrap, topic, **{"compression.type": compression})
    values = [b"x" * 2000] * 5
    send(producer_for(own.bootstrap), topic, values)
    assert read(own.bootstrap, topic) == values
