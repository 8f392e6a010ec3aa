"""Topics made on a real broker, and told where they differ."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from services.chassis.errors import BrokerUnavailable, ConfigurationError
from services.chassis.probe import BrokerProbe
from services.chassis.provision import DriftKind, check, plan, provision
from services.chassis.settings import KafkaSettings

DEPARTMENTS = ("back-office", "packing")


@pytest.fixture
def settings(broker: str, topic_prefix: str) -> KafkaSettings:
    return KafkaSettings(bootstrap_servers=broker, topic_prefix=topic_prefix, partitions=2)


def test_every_declared_topic_is_made_once(settings: KafkaSettings) -> None:
    """The first run makes all, the second none, and nothing differs from the declaration then."""
    missing = check(settings, DEPARTMENTS)
    assert {drift.kind for drift in missing} == {DriftKind.MISSING}
    created = provision(settings, DEPARTMENTS)
    assert set(created) == {planned.name for planned in plan(settings, DEPARTMENTS)}
    assert provision(settings, DEPARTMENTS) == []
    assert check(settings, DEPARTMENTS) == []


def test_new_department_gets_its_topics_beside_the_old(settings: KafkaSettings) -> None:
    """Provisioning again with one department more makes only what it needs."""
    provision(settings, DEPARTMENTS)
    created = provision(settings, [*DEPARTMENTS, "courier"])
    assert created == [settings.topic("department.courier.inbox")]


def test_changed_configuration_is_told_and_set_right(settings: KafkaSettings) -> None:
    """Someone turned the flush off by hand: the promise of a 202 would be gone, so it comes back."""
    provision(settings, DEPARTMENTS)
    topic = settings.topic("complaint.received")
    admin = KafkaAdminClient(**settings.for_kafka_python())
    try:
        admin.alter_configs(
            [ConfigResource(ConfigResourceType.TOPIC, topic, {"flush.messages": "1000"})]
        )
    finally:
        admin.close()
    # The broker shows a change a moment after it has taken it.
    _until(lambda: check(settings, DEPARTMENTS) != [])
    (drift,) = check(settings, DEPARTMENTS)
    assert (drift.topic, drift.kind) == (topic, DriftKind.CONFIG)
    assert str(drift).endswith("config should be flush.messages=1, is flush.messages=1000")
    provision(settings, DEPARTMENTS)
    _until(lambda: check(settings, DEPARTMENTS) == [])


def test_wrong_partition_count_is_refused_with_the_remedy(settings: KafkaSettings) -> None:
    """Keys would move: it is said, and nothing is changed."""
    provision(settings, DEPARTMENTS)
    other = settings.model_copy(update={"partitions": 3})
    with pytest.raises(ConfigurationError, match=r"partitions should be 3, is 2.*KAFKA_PARTITIONS"):
        provision(other, DEPARTMENTS)
    assert {drift.kind for drift in check(other, DEPARTMENTS)} == {DriftKind.PARTITIONS}
    assert check(settings, DEPARTMENTS) == []


def test_more_partitions_of_a_leaf_are_left_alone(settings: KafkaSettings) -> None:
    """Nobody of ours joins a leaf: a pipeline that was made with more goes on; fewer than wanted are said."""
    provision(settings.model_copy(update={"leaf_partitions": 2}), DEPARTMENTS)
    assert provision(settings, DEPARTMENTS) == []
    more = settings.model_copy(update={"leaf_partitions": 3})
    with pytest.raises(ConfigurationError, match=r"should be 3, is 2.*KAFKA_LEAF_PARTITIONS"):
        provision(more, DEPARTMENTS)


def test_two_at_once_do_not_disturb_each_other(settings: KafkaSettings) -> None:
    """Services that start together may all provision."""
    with ThreadPoolExecutor(3) as pool:
        made = [pool.submit(provision, settings, DEPARTMENTS) for _ in range(3)]
        for future in made:
            future.result(timeout=60)
    assert check(settings, DEPARTMENTS) == []


def test_broker_that_stays_away_is_named() -> None:
    """After its patience it gives up with the address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    began = time.monotonic()
    with pytest.raises(BrokerUnavailable, match=address):
        provision(KafkaSettings(bootstrap_servers=address), DEPARTMENTS, patience_seconds=1.0)
    assert time.monotonic() - began < 15


def test_probe_tells_missing_topics_until_they_are_there(settings: KafkaSettings) -> None:
    """Readiness says which topic is missing, and turns good by itself."""
    probe = BrokerProbe(settings, ["complaint.received"], every_seconds=0.1).start()
    try:
        _until(lambda: "complaint.received" in (probe.check() or ""))
        provision(settings, DEPARTMENTS)
        _until(lambda: probe.check() is None)
    finally:
        probe.stop()


def _until(condition: object, seconds: float = 20) -> None:
    assert callable(condition)
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "the condition did not come true in time"
        time.sleep(0.05)
