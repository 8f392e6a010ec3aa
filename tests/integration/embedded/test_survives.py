"""The embedded broker killed, stopped, cut from its power: what was acknowledged is there, and what was open is ended."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from services.local.folder import Layout
from services.local.kafka import EmbeddedKafka
from services.local.ports import free_port
from services.local.registration import Registration
from services.local.supervisor import Supervisor
from tests.support.broker import RunningBroker
from tests.support.disk import make_disk, mounted, photograph
from tests.support.embedded import (
    DEADLINE,
    client,
    create_topic,
    ended,
    producer_for,
    read,
    send,
    whole_log,
)

BACK_SECONDS = 10.0
"""From kill -9 to serving again, supervised."""


def test_acknowledged_records_outlive_kill_minus_nine(own: RunningBroker) -> None:
    """What was acknowledged before kill -9 is there afterwards, at the same address."""
    create_topic(own.bootstrap, "outlives")
    values = [str(n).encode() for n in range(500)]
    send(producer_for(own.bootstrap), "outlives", values)
    own.kafka.kill()
    assert own.kafka.pid is None
    logs = Layout(own.kafka.data_dir).logs
    assert Registration(logs).ended() is False, "nobody has told the controller"
    own.kafka.start()
    assert Registration(logs).ended() is False, "it is registered anew"
    assert own.kafka.bootstrap == own.bootstrap
    assert read(own.bootstrap, "outlives") == values


def test_what_a_killed_broker_unpacked_is_gone_with_its_next_start(own: RunningBroker) -> None:
    """Java unpacks a library for each compression that it meets; those of a life that was killed do not pile up anywhere."""
    scratch = Layout(own.kafka.data_dir).scratch
    create_topic(own.bootstrap, "compressed")
    producer = Producer(client(own.bootstrap, **{"compression.type": "lz4"}))
    send(producer, "compressed", [b"the same again and again"] * 100)
    unpacked = set(scratch.iterdir())
    assert unpacked
    own.kafka.kill()
    assert set(scratch.iterdir()) == unpacked
    own.kafka.start()
    assert not unpacked & set(scratch.iterdir())


@pytest.mark.timeout(120)
def test_a_transaction_of_the_last_life_is_ended_everywhere(own: RunningBroker) -> None:
    """What timed out while the broker was dead is aborted in every partition it touched: readers go on behind it."""
    partitions, topic = 8, f"torn-{time.monotonic_ns()}"
    connection: dict[str, Any] = {"bootstrap.servers": own.bootstrap}
    admin = AdminClient(connection)
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(30)
    open_one = Producer(
        {**connection, "transactional.id": topic, "transaction.timeout.ms": 1000, "log_level": 0}
    )
    open_one.init_transactions(30)
    open_one.begin_transaction()
    for number in range(partitions):
        open_one.produce(topic, b"undone", partition=number)
    assert open_one.flush(30) == 0
    own.kafka.kill()
    time.sleep(1.0)  # not a wait for a condition: the transaction's time runs out
    own.kafka.start()

    writer = Producer({**connection, "acks": "all"})
    for number in range(partitions):
        writer.produce(topic, b"behind it", partition=number)
    assert writer.flush(30) == 0
    reader = Consumer(
        {**connection, "group.id": topic, "isolation.level": "read_committed", "log_level": 0}
    )
    reader.assign([TopicPartition(topic, number, 0) for number in range(partitions)])
    seen: dict[int, bytes | None] = {}
    until = time.monotonic() + 20.0
    while len(seen) < partitions and time.monotonic() < until:
        message = reader.poll(0.5)
        if message is not None and message.error() is None:
            seen[message.partition() or 0] = message.value()
    reader.close()
    assert seen == dict.fromkeys(range(partitions), b"behind it")


@pytest.mark.timeout(120)
def test_a_broker_that_stood_still_is_not_fenced(own: RunningBroker) -> None:
    """For some seconds: its partitions keep their leader, and its transactions get the end that was asked for."""
    create_topic(own.bootstrap, "stood")
    writer = Producer(client(own.bootstrap, **{"transactional.id": "stood"}))
    writer.init_transactions(30)
    writer.begin_transaction()
    writer.produce("stood", b"one", partition=0)
    assert writer.flush(30) == 0
    registration = Registration(Layout(own.kafka.data_dir).logs)
    assert registration.ended() is False
    pid = own.kafka.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    time.sleep(4.0)  # not a wait for a condition: the time that it stands still
    os.kill(pid, signal.SIGCONT)
    writer.commit_transaction(30)
    assert read(own.bootstrap, "stood") == [b"one"]
    assert list(registration.changes()) == []


def test_small_files_that_a_power_cut_broke_are_mended(own: RunningBroker) -> None:
    """Each of these alone ends the broker at its start, or has it put the records aside; mended, it serves all of them."""
    create_topic(own.bootstrap, "mended")
    values = [str(n).encode() for n in range(20)]
    send(producer_for(own.bootstrap), "mended", values)
    own.kafka.kill()
    logs = Layout(own.kafka.data_dir).logs
    broken = {
        "replication-offset-checkpoint": b"0\n2\nmended 0 20\nmen",
        "recovery-point-offset-checkpoint": bytes(40),
        "log-start-offset-checkpoint": bytes(40),
        "cleaner-offset-checkpoint": bytes(40),
        "mended-0/leader-epoch-checkpoint": bytes(8),
        "mended-0/partition.metadata": None,
        "__cluster_metadata-0/leader-epoch-checkpoint": b"0\n1\n",
        "__cluster_metadata-0/partition.metadata": b"",
        "__cluster_metadata-0/quorum-state": b"",
    }
    kept = (logs / "mended-0" / "partition.metadata").read_bytes()
    for name, content in broken.items():
        if content is None:
            (logs / name).unlink()
        else:
            (logs / name).write_bytes(content)
    output = Layout(own.kafka.data_dir).output
    before = len(output.read_text())
    own.kafka.start()
    assert (logs / "mended-0" / "partition.metadata").read_bytes() == kept
    assert read(own.bootstrap, "mended") == values
    said = output.read_text()[before:]
    assert [name for name in broken if "/".join((logs / name).parts[-2:]) not in said] == []


@pytest.mark.slow
def test_a_power_cut_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """What the disk holds at any moment is enough: records and transactions acknowledged before it are all there.

    The disk is a file; its copy, made while the broker stands still, is what a power cut would leave.  Without the flush
    (`log.flush.interval.messages` at Kafka's default) every record is missing.
    """
    disk, cut = make_disk(tmp_path / "disk", 600_000_000), tmp_path / "cut"
    acknowledged: list[bytes] = []
    with mounted(disk, tmp_path / "before") as folder:
        kafka = EmbeddedKafka(folder / "kafka").start()
        try:
            create_topic(kafka.bootstrap, "plain")
            create_topic(kafka.bootstrap, "transactional")
            plain = producer_for(kafka.bootstrap)
            transactional = Producer(client(kafka.bootstrap, **{"transactional.id": "cut"}))
            transactional.init_transactions(30)
            for number in range(30):
                value = str(number).encode()
                send(plain, "plain", [value])
                transactional.begin_transaction()
                transactional.produce("transactional", value, partition=0)
                transactional.commit_transaction(30)
                acknowledged.append(value)
            assert kafka.pid is not None
            os.kill(kafka.pid, signal.SIGSTOP)
            photograph(disk, cut)
        finally:
            kafka.kill()
    with (
        mounted(cut, tmp_path / "after") as folder,
        whole_log(folder / "kafka"),
        EmbeddedKafka(folder / "kafka") as kafka,
    ):
        assert read(kafka.bootstrap, "plain") == acknowledged
        assert read(kafka.bootstrap, "transactional") == acknowledged


def test_supervised_it_is_back_in_time_after_kill_minus_nine(tmp_path: Path) -> None:
    """A producer that never stopped trying has its acknowledgement within 10 s of kill -9, from the same address."""
    kafka = EmbeddedKafka(tmp_path / "kafka", port=free_port(str(tmp_path)))
    bootstrap = kafka.prepare()
    with Supervisor([kafka.spec()], tmp_path) as supervisor:
        supervisor.wait_ready(DEADLINE)
        create_topic(bootstrap, "back")
        producer = producer_for(bootstrap)
        send(producer, "back", [b"before"])
        pid = int((tmp_path / "run" / "kafka.pid").read_text())
        begin = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        send(producer, "back", [b"during"])
        took = time.monotonic() - begin
        assert supervisor.restarts["kafka"] == 1
        assert read(bootstrap, "back") == [b"before", b"during"]
        last = supervisor.pids["kafka"]
    assert ended(last)
    assert (tmp_path / "kafka" / "log" / ".kafka_cleanshutdown").exists(), (
        "SIGTERM stops it cleanly"
    )
    # The limit is for a machine with work for no more than twice its cores; other people's work stretches it.
    busy = max(1.0, os.getloadavg()[0] / (2 * (os.cpu_count() or 1)))
    assert took < BACK_SECONDS * busy, f"{took:.1f} s at a load of {os.getloadavg()[0]:.0f}"
