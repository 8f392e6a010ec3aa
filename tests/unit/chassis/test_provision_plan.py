"""The plan of topics, before any broker is asked."""

from __future__ import annotations

from services.chassis.provision import plan
from services.chassis.settings import KafkaSettings


def test_one_disk_flushes_what_is_durable() -> None:
    """With one replica an acknowledgement survives a power cut only if each write is flushed; ticks need not."""
    plans = {p.name: p for p in plan(KafkaSettings(topic_prefix="x-"), ["packing"])}
    assert dict(plans["x-complaint.received"].configs)["flush.messages"] == "1"
    assert dict(plans["x-clock.tick"].configs)["flush.messages"] == str(2**63 - 1)
    assert "x-department.packing.inbox" in plans


def test_three_replicas_need_two_in_sync() -> None:
    """On a cluster durability comes from replicas, and one that lags never becomes leader."""
    settings = KafkaSettings(replication_factor=3, partitions=12)
    for planned in plan(settings, ["packing"]):
        configs = dict(planned.configs)
        assert configs["min.insync.replicas"] == "2"
        assert configs["unclean.leader.election.enable"] == "false"
        assert "flush.messages" not in configs
        assert planned.replication_factor == 3


def test_keyed_topics_have_one_partition_count() -> None:
    """Stages that meet are joined by partition number."""
    settings = KafkaSettings(partitions=7, leaf_partitions=3)
    planned = plan(settings, ["a", "b"])
    assert {p.partitions for p in planned if not p.leaf} == {7}
    assert {p.partitions for p in planned if p.leaf} == {3}
