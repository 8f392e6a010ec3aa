"""Makes the topics of `schemas.topics` on a cluster, and tells where a cluster differs from them.

It stands apart because no service may create a topic on the way: a name with a typing error in it would become one.
Hazard: a wrong partition count cannot be put right without moving every key, so it is reported and never changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Any, Final

from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError, TopicAlreadyExistsError

from schemas.topics import topics_for
from services.chassis.clients import close_quietly, make_admin
from services.chassis.clock import Clock, SystemClock
from services.chassis.errors import BrokerUnavailable, ConfigurationError
from services.chassis.logs import get_logger
from services.chassis.settings import KafkaSettings

CALL_SECONDS: Final = 10.0

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Plan:
    """One topic as it should be on the cluster; `name` has the prefix."""

    name: str
    partitions: int
    replication_factor: int
    configs: tuple[tuple[str, str], ...]
    leaf: bool = False
    """See `schemas.topics.Topic`."""


@unique
class DriftKind(StrEnum):
    """In what a topic differs."""

    MISSING = "missing"
    PARTITIONS = "partitions"
    REPLICATION = "replication"
    CONFIG = "config"


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference between what is declared and what is there."""

    topic: str
    kind: DriftKind
    wanted: str
    found: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.kind.value} should be {self.wanted}, is {self.found}"


def plan(settings: KafkaSettings, departments: Iterable[str]) -> tuple[Plan, ...]:
    """Every topic of a company with these departments, as this cluster should have it."""
    one_disk = settings.replication_factor == 1
    plans = []
    for topic in topics_for(departments):
        configs = topic.configs(one_disk=one_disk)
        if settings.replication_factor >= 3:
            # One replica may be away and an acknowledged record still lies on two.
            configs["min.insync.replicas"] = str(settings.replication_factor - 1)
            configs["unclean.leader.election.enable"] = "false"
        plans.append(
            Plan(
                name=settings.topic(topic.name),
                partitions=settings.leaf_partitions if topic.leaf else settings.partitions,
                leaf=topic.leaf,
                replication_factor=settings.replication_factor,
                configs=tuple(sorted(configs.items())),
            )
        )
    return tuple(plans)


def provision(
    settings: KafkaSettings,
    departments: Iterable[str],
    *,
    patience_seconds: float = 60.0,
    clock: Clock | None = None,
) -> list[str]:
    """Create what is missing and set right what may be changed; waits until the broker is up.

    Returns:
        The names of the topics that were created.

    Raises:
        BrokerUnavailable: The cluster did not answer in time.
        ConfigurationError: A topic has another partition count or replication than declared.
    """
    wanted = plan(settings, departments)
    timer: Clock = clock or SystemClock()
    ends = timer.monotonic() + patience_seconds
    while True:
        try:
            admin = make_admin(
                settings, name="provision", seconds=min(CALL_SECONDS, patience_seconds)
            )
            try:
                return _ensure(admin, wanted)
            finally:
                close_quietly(admin)
        except (KafkaError, OSError) as error:
            if timer.monotonic() >= ends:
                detail = f"no answer from {settings.bootstrap_servers} in {patience_seconds:g} s ({error})"
                raise BrokerUnavailable(detail) from error
            log.info("waiting for kafka", error=str(error) or type(error).__name__)


def check(settings: KafkaSettings, departments: Iterable[str]) -> list[Drift]:
    """Where the cluster differs from the declaration; nothing is changed.

    Raises:
        BrokerUnavailable: The cluster does not answer.
    """
    try:
        admin = make_admin(settings, name="provision-check", seconds=CALL_SECONDS)
        try:
            return _differences(admin, plan(settings, departments))
        finally:
            close_quietly(admin)
    except (KafkaError, OSError) as error:
        raise BrokerUnavailable(str(error) or type(error).__name__) from error


def _ensure(admin: Any, wanted: tuple[Plan, ...]) -> list[str]:
    drifts = _differences(admin, wanted)
    unalterable = [d for d in drifts if d.kind in (DriftKind.PARTITIONS, DriftKind.REPLICATION)]
    if unalterable:
        told = "; ".join(str(drift) for drift in unalterable)
        raise ConfigurationError(
            f"{told}. Set KAFKA_PARTITIONS, KAFKA_LEAF_PARTITIONS and KAFKA_REPLICATION_FACTOR to what is there, or use another "
            "KAFKA_TOPIC_PREFIX: keys cannot be moved to other partitions."
        )
    by_name = {topic.name: topic for topic in wanted}
    created = [drift.topic for drift in drifts if drift.kind is DriftKind.MISSING]
    if created:
        try:
            admin.create_topics(
                {
                    name: {
                        "num_partitions": by_name[name].partitions,
                        "replication_factor": by_name[name].replication_factor,
                        "configs": dict(by_name[name].configs),
                    }
                    for name in created
                }
            )
        except TopicAlreadyExistsError:
            # Another process provisions at the same time; what it left out is not ours to guess: compare again.
            return _ensure(admin, wanted)
        admin.wait_for_topics(created, timeout_ms=int(CALL_SECONDS * 1000))
    changed = sorted({drift.topic for drift in drifts if drift.kind is DriftKind.CONFIG})
    if changed:
        admin.alter_configs(
            [
                ConfigResource(ConfigResourceType.TOPIC, name, dict(by_name[name].configs))
                for name in changed
            ]
        )
        log.info("topic configuration set right", topics=changed)
    return created


def _differences(admin: Any, wanted: tuple[Plan, ...]) -> list[Drift]:
    described = {
        str(topic["name"]): topic for topic in admin.describe_topics([p.name for p in wanted])
    }
    present = [p for p in wanted if described.get(p.name, {"error_code": 3})["error_code"] == 0]
    found_configs = _configs(admin, [p.name for p in present])
    drifts = [
        Drift(p.name, DriftKind.MISSING, "there", "absent") for p in wanted if p not in present
    ]
    for topic in present:
        partitions = described[topic.name]["partitions"]
        # More of a leaf do no harm: no partition number of it means anything to us.
        if len(partitions) < topic.partitions or (
            len(partitions) > topic.partitions and not topic.leaf
        ):
            drifts.append(
                Drift(topic.name, DriftKind.PARTITIONS, str(topic.partitions), str(len(partitions)))
            )
        replicas = min(len(partition["replica_nodes"]) for partition in partitions)
        if replicas != topic.replication_factor:
            drifts.append(
                Drift(
                    topic.name, DriftKind.REPLICATION, str(topic.replication_factor), str(replicas)
                )
            )
        for name, value in topic.configs:
            found = found_configs[topic.name].get(name, "absent")
            if found != value:
                drifts.append(
                    Drift(topic.name, DriftKind.CONFIG, f"{name}={value}", f"{name}={found}")
                )
    return drifts


def _configs(admin: Any, names: list[str]) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    described = admin.describe_configs(resources, config_filter="all")
    found: dict[str, dict[str, str]] = {}
    for name in names:
        entries = (
            described[ConfigResourceType.TOPIC.name.lower()][name]
            if isinstance(described, dict)
            else {}
        )
        found[name] = {key: str(entry["value"]) for key, entry in entries.items()}
    return found
