"""The embedded broker as users meet it: killed, started twice, its port taken, its parent gone."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic  # type: ignore[attr-defined]

from services.chassis.errors import ConfigurationError
from services.local.folder import Layout, obtain, read_address
from services.local.kafka import EmbeddedKafka
from services.local.ports import HOST, free_port
from services.local.registration import Registration
from services.local.report import Progress
from services.local.supervisor import Supervisor
from tests.support.broker import RunningBroker, start_test_broker
from tests.support.disk import make_disk, mounted, photograph
from tests.support.following import end_of

BACK_SECONDS = 10.0
"""From kill -9 to serving again, supervised."""
DEADLINE = 60.0

PARENT = """
import sys, time
from pathlib import Path
from services.local.kafka import EmbeddedKafka
kafka = EmbeddedKafka(Path(sys.argv[1])).start()
print(kafka.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def own() -> Iterator[RunningBroker]:
    """A broker of this module's, since it is killed here."""
    with start_test_broker() as broker:
        yield broker


def client(bootstrap: str, **config: str | float | bool) -> dict[str, str | float | bool]:
    """Settings for librdkafka, without its lines on stderr about a broker that is meant to be away."""
    return {
        "bootstrap.servers": bootstrap,
        "log_level": 0,
        "reconnect.backoff.max.ms": 200,
        **config,
    }


def create_topic(bootstrap: str, name: str, **configs: str) -> None:
    """A topic of one partition."""
    admin = AdminClient(client(bootstrap))
    admin.create_topics([NewTopic(name, 1, 1, config=configs)])[name].result(30)


def send(producer: Producer, topic: str, values: list[bytes]) -> None:
    """Send and wait for every acknowledgement."""
    failed: list[KafkaError] = []

    def acknowledged(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            failed.append(error)

    for value in values:
        producer.produce(topic, value, partition=0, on_delivery=acknowledged)
    assert producer.flush(60) == 0
    assert not failed


def producer_for(bootstrap: str) -> Producer:
    """An idempotent producer that waits for the disk."""
    return Producer(client(bootstrap, **{"enable.idempotence": True}))


def high_watermark(bootstrap: str, topic: str) -> int:
    """Where a topic ends for whoever reads what is undecided too."""
    settings = client(bootstrap, **{"group.id": "end", "isolation.level": "read_uncommitted"})
    consumer = Consumer(settings)
    try:
        return end_of(consumer, TopicPartition(topic, 0))
    finally:
        consumer.close()


def read(bootstrap: str, topic: str) -> list[bytes | None]:
    """All committed records of a topic; waits for the markers of transactions that are decided.

    After a cut a coordinator has to write them first, and until then a reader's end lies before them.
    """
    end = high_watermark(bootstrap, topic)
    consumer = Consumer(
        client(
            bootstrap,
            **{"group.id": "read", "isolation.level": "read_committed"},
            **{"enable.partition.eof": True},
        )
    )
    try:
        consumer.assign([TopicPartition(topic, 0, 0)])
        values: list[bytes | None] = []
        until = time.monotonic() + 30
        while time.monotonic() < until:
            message = consumer.poll(0.5)
            if message is None:
                continue
            error = message.error()
            if error is None:
                values.append(message.value())
            elif error.code() == KafkaError._PARTITION_EOF and (message.offset() or 0) >= end:
                return values
        pytest.fail(f"the end of {topic} was not reached; {len(values)} records")
    finally:
        consumer.close()


def ended(pid: int) -> bool:
    """Whether a process is gone, or waits only for its parent to notice."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_ended(pid: int, deadline: float = DEADLINE) -> None:
    """Return once `pid` is gone."""
    until = time.monotonic() + deadline
    while not ended(pid):
        assert time.monotonic() < until, f"process {pid} still runs after {deadline} s"
        time.sleep(0.05)


@contextmanager
def whole_log(data_dir: Path) -> Iterator[None]:
    """Everything that the broker has said, for the report of a test that fails: its disk is unmounted by then."""
    try:
        yield
    except BaseException:
        print(Layout(data_dir).output.read_text(errors="replace"))
        raise


def command(data_dir: Path, *more: str) -> list[str]:
    """The broker as its own process."""
    return [sys.executable, "-m", "services.local.kafka", "--data-dir", str(data_dir), *more]


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


def test_a_second_start_on_the_same_folder_is_refused(own: RunningBroker) -> None:
    """While one runs, another is told the process that has the folder, and the first one is not disturbed."""
    second = subprocess.run(
        command(own.kafka.data_dir, "--patience", "0.2"),
        capture_output=True,
        text=True,
        check=False,
        timeout=DEADLINE,
    )
    assert second.returncode == 2
    assert f"in use by a Kafka that runs as process {own.kafka.pid}" in second.stderr
    assert own.kafka.ready()
    with pytest.raises(ConfigurationError, match=f"process {own.kafka.pid}"):
        EmbeddedKafka(own.kafka.data_dir).start()


def test_a_port_in_use_is_an_error_only_if_it_was_asked_for(own: RunningBroker) -> None:
    """With `--port` a used port is refused by number; a remembered one is replaced, with a notice."""
    own.kafka.stop()
    remembered = own.kafka.port
    notices: list[str] = []

    def report(line: str, *, last: bool = True) -> None:
        notices.append(line)

    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind((HOST, remembered))
        squatter.listen()
        with pytest.raises(ConfigurationError, match=f"port {remembered} on {HOST} is in use"):
            EmbeddedKafka(own.kafka.data_dir, port=remembered).start()
        elsewhere = EmbeddedKafka(own.kafka.data_dir)
        assert elsewhere.prepare(report) != own.bootstrap
        assert notices == [
            f"Port {remembered} is in use by another program; Kafka now listens on {elsewhere.bootstrap}"
        ]
        elsewhere.start()
        assert elsewhere.ready()
        elsewhere.stop()
    EmbeddedKafka(own.kafka.data_dir, port=remembered).prepare()
    own.kafka.start()
    assert own.kafka.bootstrap == own.bootstrap


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


def test_no_orphan_when_its_parent_is_killed(tmp_path: Path) -> None:
    """After kill -9 of the parent the broker stops cleanly, and the folder serves the next one."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    with parent.stdout:
        broker = int(parent.stdout.readline())
    assert not ended(broker)
    parent.kill()
    parent.wait()
    begin = time.monotonic()
    with EmbeddedKafka(tmp_path) as next_one:  # at once: it waits for the one that is just ending
        assert ended(broker)
        assert next_one.ready()
        assert time.monotonic() - begin < DEADLINE


def test_killed_while_it_prepares(tmp_path: Path) -> None:
    """A start that is killed at any early moment, formatting included, leaves a folder that the next start can use."""
    for tenths in range(0, 16, 3):
        first = subprocess.Popen(
            command(tmp_path),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        time.sleep(tenths / 10)  # not a wait for a condition: the moment of the kill
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
    with EmbeddedKafka(tmp_path) as kafka:
        assert kafka.ready()


def test_stale_files_do_not_matter(tmp_path: Path) -> None:
    """A lock file that names a living process but is not held, and half an address, are no obstacle."""
    layout = Layout(tmp_path)
    layout.lock.write_text(f"{os.getpid()}\n")
    layout.address.write_text('{"port": 29')
    assert read_address(tmp_path) is None
    with EmbeddedKafka(tmp_path) as kafka:
        assert kafka.ready()
        assert read_address(tmp_path) is not None


def test_a_broken_start_up_archive_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An archive that Java cannot use, or that could not be made, costs time and nothing else."""
    runtime = obtain(Progress())
    copy = tmp_path / "cache" / "akar" / runtime.classpath[0].parent.name
    copy.mkdir(parents=True)
    for path in runtime.classpath[0].parent.iterdir():
        if path != runtime.archive:
            os.link(path, copy / path.name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    if runtime.archive is not None:
        (copy / runtime.archive.name).write_bytes(runtime.archive.read_bytes()[:100_000])
    with EmbeddedKafka(tmp_path / "one") as kafka:
        assert kafka.ready()
    if runtime.archive is not None:
        (copy / runtime.archive.name).write_bytes(b"")
        assert obtain(Progress()).archive is None


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
