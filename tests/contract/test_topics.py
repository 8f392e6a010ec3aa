"""The declaration of all topics is itself under test."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from schemas.topics import (
    PIPELINE,
    ROUTER_STATE,
    Cleanup,
    Party,
    Topic,
    topics_for,
)
from services.chassis.partitioner import partition_for

OUR_SERVICES = {Party.ROUTER, Party.NOTIFIER, Party.CONSOLE}
NAME = re.compile(r"^[a-z]+(\.({department}|[a-z]+))+$")
BY_NAME = {topic.name: topic for topic in PIPELINE}

each_topic = pytest.mark.parametrize("topic", PIPELINE, ids=lambda topic: topic.name)


def test_names_are_unique() -> None:
    """No two declarations have one name."""
    assert len(BY_NAME) == len(PIPELINE)


@each_topic
def test_names_keep_one_pattern(topic: Topic) -> None:
    """Lower-case words joined by dots: an underscore would collide with the dot in Kafka's metric names."""
    assert NAME.fullmatch(topic.name)


@each_topic
def test_the_key_is_a_required_text_field_of_each_contract(topic: Topic) -> None:
    """What decides the partition is in the data, and is what `ce_subject` is made from."""
    for contract in topic.contracts:
        assert contract.subject_field == topic.key
        assert topic.key in contract.model_fields
        assert contract.model_fields[topic.key].annotation is str


@each_topic
def test_kept_for_ever_if_and_only_if_compacted(topic: Topic) -> None:
    """Only the last record of each key may be kept without an end."""
    assert (topic.retention is None) == (topic.cleanup is Cleanup.COMPACT)
    assert topic.retention is None or topic.retention >= timedelta(hours=1)


def test_topics_that_a_stage_joins_have_one_partition_count() -> None:
    """The router's two stages find each other's records in their own partition numbers."""
    read_by_router = [topic for topic in PIPELINE if Party.ROUTER in topic.readers]

    assert ROUTER_STATE in read_by_router
    assert len({topic.default_partitions for topic in read_by_router}) == 1


def test_a_leaf_is_read_by_nobody_who_joins() -> None:
    """Only what no stage reads may have a partition count of its own, and what a stage reads may not."""
    for topic in PIPELINE:
        assert topic.leaf == (Party.ROUTER not in topic.readers), topic.name


@each_topic
def test_what_a_service_of_ours_reads_has_a_dead_letter_topic(topic: Topic) -> None:
    """A record that cannot be processed has a place to go, and that place is declared."""
    if topic.contracts and topic.readers & OUR_SERVICES:
        assert topic.dead_letter is not None
        assert topic.dead_letter in BY_NAME
        assert BY_NAME[topic.dead_letter].key == "origin"


def test_no_dead_letter_topic_is_an_orphan() -> None:
    """Each dead-letter topic belongs to a service that reads something, and is written by that service alone."""
    readers = {party for topic in PIPELINE for party in topic.readers}
    for topic in PIPELINE:
        if topic.name.endswith(".dlq"):
            assert {party.value for party in topic.writers} == {topic.name.removesuffix(".dlq")}
            assert topic.writers <= readers


@each_topic
def test_one_writer_unless_the_declaration_says_why(topic: Topic) -> None:
    """One party is responsible for what lies in a topic."""
    assert (len(topic.writers) == 1) == (topic.shared_writers is None)


@each_topic
def test_somebody_reads_it_and_it_says_what_for(topic: Topic) -> None:
    """No topic is written for nobody, and each has a sentence for people."""
    assert topic.readers
    assert topic.purpose.endswith(".")


def test_each_contract_lies_in_one_topic_and_event_types_are_unique() -> None:
    """One event type, one topic; only dead letters lie in several."""
    places: dict[str, list[str]] = {}
    for topic in PIPELINE:
        for contract in topic.contracts:
            places.setdefault(contract.dataschema(), []).append(topic.name)
    for name, topics in places.items():
        assert len(topics) == 1 or all(topic.endswith(".dlq") for topic in topics), name


@each_topic
def test_broker_settings_say_what_the_declaration_promises(topic: Topic) -> None:
    """Cleanup, retention and the flush that survives a power cut reach the broker."""
    configs = topic.configs(one_disk=True)

    assert configs["cleanup.policy"] == topic.cleanup.value
    # On one disk the broker's own default may be either, so each topic says it.
    assert (configs["flush.messages"] == "1") == topic.durable
    assert topic.durable or int(configs["flush.messages"]) == 2**63 - 1
    assert "flush.messages" not in topic.configs(one_disk=False)
    if topic.retention is None:
        assert configs["retention.ms"] == "-1"
        lag = int(configs["max.compaction.lag.ms"]) - int(configs["min.compaction.lag.ms"])
        assert 0 < lag < int(configs["delete.retention.ms"])
    else:
        assert int(configs["retention.ms"]) == topic.retention / timedelta(milliseconds=1)


def test_a_company_gets_one_inbox_for_each_department() -> None:
    """Departments become topics, each once, in a fixed order."""
    names = [topic.name for topic in topics_for(["shipping", "packing", "packing"])]

    inboxes = [name for name in names if name.endswith(".inbox")]
    assert inboxes == ["department.packing.inbox", "department.shipping.inbox"]
    assert len(names) == len(PIPELINE) + 1
    assert not any("{" in name for name in names)


@pytest.mark.parametrize(
    ("key", "hashed"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_partitions_agree_with_kafkas_own_test_vectors(key: bytes, hashed: int) -> None:
    """The values that Apache Kafka's own test of `Utils.murmur2` expects."""
    for count in (1, 4, 7, 12, 1000):
        assert partition_for(key, count) == (hashed & 0x7FFFFFFF) % count
