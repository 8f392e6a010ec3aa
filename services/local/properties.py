"""The settings of the embedded broker, as text: one broker, one disk, one machine.

It stands apart so that every setting has its reason beside it.  Measured: with Kafka's defaults a power cut lost every
acknowledged record of 12 s on one disk, since nothing is flushed; and a broker that was killed was back after 25 s.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from services.chassis.errors import ConfigurationError

BROKER_OPTIONS: Mapping[str, str] = {
    # One disk has no replica to fall back on: an acknowledgement means "on the disk".  The internal topics
    # (__transaction_state, __consumer_offsets) have no settings of their own at creation and take this one too; a topic
    # that may lose its last second says flush.messages=9223372036854775807 for itself.
    "log.flush.interval.messages": "1",
    # Every topic is declared; a misspelt one is an error, not a new topic.
    "auto.create.topics.enable": "false",
    # Nobody takes over from the only broker: to fence one that stood still for some seconds only tears transactions
    # (fencing.py, which ends the session of one that was killed).
    "broker.session.timeout.ms": "86400000",
    "broker.heartbeat.interval.ms": "400",
    # A transaction that its producer left open holds back all read_committed readers until it is aborted: look for
    # those each second, not each ten.
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    # One broker holds each internal topic alone, and needs few partitions: each is flushed and recovered by itself.
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    # Nobody else is about to join: a group starts at once.
    "group.initial.rebalance.delay.ms": "0",
    # A worker that was killed may be noticed sooner than after 6 s, if its client asks for that.
    "group.min.session.timeout.ms": "1000",
    # A pipeline that was stopped for a month goes on where it stood; by default its offsets are dropped after a week.
    "offsets.retention.minutes": "525600",
    # Small heap, few partitions: by default the cleaner alone reserves 128 MB, and each partition 20 MB of index files.
    "log.cleaner.dedupe.buffer.size": "16777216",
    "log.segment.bytes": "134217728",
    "log.index.size.max.bytes": "1048576",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "num.recovery.threads.per.data.dir": "2",
}

LOG4J = """\
# Warnings, and of the server what it says about its own life.
status = warn
rootLogger.level = warn
rootLogger.appenderRef.out.ref = OUT
appender.out.type = Console
appender.out.name = OUT
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{yyyy-MM-dd'T'HH:mm:ss.SSSX}{UTC} %-5p %c{1}: %m%n
logger.server.name = kafka.server
logger.server.level = info
logger.config.name = kafka.server.KafkaConfig
logger.config.level = warn
logger.topics.name = kafka.server.metadata
logger.topics.level = warn
logger.registration.name = kafka.server.ControllerRegistrationManager
logger.registration.level = warn
logger.recovery.name = kafka.log.LogManager
logger.recovery.level = info
"""


def server_properties(
    port: int, controller_port: int, log_dir: Path, overrides: Mapping[str, str]
) -> str:
    """The text of `server.properties` for a broker and controller in one process, on 127.0.0.1 only.

    Args:
        port: For clients.
        controller_port: For the quorum of one, which talks to itself.
        log_dir: Where the formatted storage is, absolute.
        overrides: Broker settings to use instead of, or besides, `BROKER_OPTIONS`.
    """
    settings = {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "log.dirs": _escaped(log_dir),
        **BROKER_OPTIONS,
        **overrides,
    }
    return "".join(f"{key}={value}\n" for key, value in settings.items())


def controller_properties(controller_port: int, log_dir: Path) -> str:
    """The same storage's controller alone, which waits for no broker (fencing.py)."""
    settings = {
        "process.roles": "controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "listeners": f"CONTROLLER://127.0.0.1:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "CONTROLLER:PLAINTEXT",
        "log.dirs": _escaped(log_dir),
        "broker.session.timeout.ms": "100",
        "broker.heartbeat.interval.ms": "50",
        "controller.quorum.append.linger.ms": "0",
    }
    return "".join(f"{key}={value}\n" for key, value in settings.items())


def _escaped(path: Path) -> str:
    # A backslash begins an escape in Java's properties, and a comma separates log directories.
    text = str(path)
    if "," in text:
        raise ConfigurationError(
            f"Kafka cannot keep its data below a folder with a comma in its name: {text}"
        )
    return text.replace("\\", "\\\\")
