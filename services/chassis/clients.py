"""kafka-python's clients, made and thrown away without leaving anything behind.

It stands apart because a constructor that fails (kafka-python 3.0, measured) leaves its I/O thread and five descriptors: an
hour without a broker would take a service down by its own limits.  And because a producer that cannot flush raises from
`close` before it has stopped its thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.errors import KafkaError

from services.chassis.logs import get_logger
from services.chassis.settings import KafkaSettings

log = get_logger(__name__)


def make_producer(settings: KafkaSettings, *, name: str, seconds: float, **options: Any) -> Any:
    """A producer; its constructor takes at most about `seconds`.

    Raises:
        KafkaError: The cluster does not answer.
    """
    return _make(KafkaProducer, settings, name, seconds, metrics_enabled=False, **options)


def make_consumer(settings: KafkaSettings, *, name: str, seconds: float, **options: Any) -> Any:
    """A consumer; its constructor takes at most about `seconds`.

    Raises:
        KafkaError: The cluster does not answer.
    """
    return _make(KafkaConsumer, settings, name, seconds, metrics_enabled=False, **options)


def make_admin(settings: KafkaSettings, *, name: str, seconds: float) -> Any:
    """An admin client whose every call, its constructor too, ends within about `seconds`.

    Raises:
        KafkaError: The cluster does not answer.
    """
    return _make(KafkaAdminClient, settings, name, seconds, request_timeout_ms=int(seconds * 1000))


def close_producer(producer: Any, *, seconds: float) -> None:
    """Close a producer whose records do not matter any more; what is open fails at once.

    `close` waits for every open batch in turn and, on a time-out, raises before it has stopped its own thread; forcing the
    sender first fails them all.  There is no public way to do that.
    """
    producer._sender.force_close()  # noqa: SLF001
    try:
        producer.close(timeout=seconds)
    except KafkaError as error:
        log.warning("kafka client did not close in time", error=type(error).__name__)


def close_quietly(client: Any) -> None:
    """Close an admin client or a consumer that may have lost its cluster; None is closed already."""
    if client is None:
        return
    try:
        client.close()
    except (KafkaError, OSError) as error:
        log.debug("kafka client closed with an error", error=type(error).__name__)


def _make(
    kind: Callable[..., Any], settings: KafkaSettings, name: str, seconds: float, **options: Any
) -> Any:
    networks: list[Any] = []
    network: Callable[..., Any] = kind.DEFAULT_CONFIG["kafka_client"]  # type: ignore[attr-defined]

    def remember(*args: Any, **config: Any) -> Any:
        networks.append(network(*args, **config))
        return networks[-1]

    try:
        return kind(
            **{
                **settings.for_kafka_python(),
                "client_id": name,
                "kafka_client": remember,
                "bootstrap_timeout_ms": int(seconds * 1000),
                **options,
            }
        )
    except BaseException:
        for opened in networks:
            opened.close()
        raise
