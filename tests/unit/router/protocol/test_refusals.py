"""What is refused at start, and would go wrong otherwise."""

from __future__ import annotations

from pathlib import Path

import faust
import pytest
from faust import streams

from services.chassis.errors import ConfigurationError
from services.chassis.settings import KafkaSettings
from services.router.app import Worker
from services.router.checkpoint import versions
from services.router.checkpoint.restore import Restorer
from services.router.settings import RouterSettings
from tests.support.kafka_model import Broker, Client, Stepper
from tests.support.protocol_world import in_memory


def build(folder: Path) -> Worker:
    """A worker as `python -m services.router` builds it, without a broker."""
    with in_memory():
        return Worker(
            KafkaSettings(bootstrap_servers="127.0.0.1:1"),
            RouterSettings(instance="w0"),
            [],
            state_dir=folder,
        )


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients that would connect at once are built over a broker in memory."""
    client = Client(Broker(4), Stepper())
    monkeypatch.setattr(KafkaSettings, "for_librdkafka", lambda _self: client.connection())


@pytest.mark.usefixtures("offline")
def test_the_product_is_not_refused(tmp_path: Path) -> None:
    """What is installed and set here is what was tested."""
    build(tmp_path)
    versions.refuse_untested()


@pytest.mark.usefixtures("offline")
def test_a_faust_without_compiled_streams_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """L14: the stream in Python acknowledges what it skipped; the worker does not start with it."""
    monkeypatch.setattr(streams, "_CStreamIterator", None)

    with pytest.raises(ConfigurationError, match="no compiled extensions"):
        build(tmp_path)


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("PROCESSING_GUARANTEE", "exactly_once", "processing_guarantee"),
        ("PRODUCER_THREADED", "1", "producer_threaded"),
        ("STREAM_WAIT_EMPTY", "1", "stream_wait_empty"),
        ("TOPIC_ALLOW_DECLARE", "1", "topic_allow_declare"),
        ("APP_WEB_ENABLED", "1", "web_enabled"),
        ("APP_STORE", "rocksdb://", "store"),
        ("TABLE_STANDBY_REPLICAS", "1", "table_standby_replicas"),
    ],
)
def test_the_environment_cannot_change_faust(
    variable: str, value: str, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Faust lets a variable overrule the code: the start is refused, and the variable named."""
    monkeypatch.setenv(variable, value)

    with pytest.raises(ConfigurationError, match=f"{named}.*unset {variable}"):
        build(tmp_path)


def test_without_the_check_the_environment_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Faust itself prefers the variable to the argument: that is why there is a check."""
    monkeypatch.setenv("PROCESSING_GUARANTEE", "exactly_once")

    app = faust.App("unfenced", processing_guarantee="at_least_once", store="memory://")

    assert app.conf.processing_guarantee.value == "exactly_once"


@pytest.mark.parametrize("loaded", ["2.1.1", "3.0.0"])
def test_the_loaded_librdkafka_counts(loaded: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not what confluent-kafka came with but what is loaded: a system's own may take its place."""
    monkeypatch.setattr(versions, "libversion", lambda: (loaded, 0))

    with pytest.raises(ConfigurationError, match=f"librdkafka {loaded} was not tested"):
        versions.refuse_untested()


def test_topics_with_other_counts_are_refused() -> None:
    """T2: with another number of partitions a row would be looked for where it is not."""
    with in_memory():
        restorer = Restorer(
            Client(Broker(3), Stepper()).connection(),
            group="router",
            changelog_topic="state",
            wall_seconds=lambda: 0,
        )
        restorer.refuse_other_counts(["in", "state"], 3)
        with pytest.raises(ConfigurationError, match="set it to 3"):
            restorer.refuse_other_counts(["in", "state"], 4)


def test_a_commit_may_not_outlast_a_restart() -> None:
    """A worker whose commit is stuck has ended before the broker gives its transaction up."""
    from services.router.checkpoint.transaction_thread import LONGEST_COMMIT_SECONDS
    from services.router.checkpoint.transactions import TRANSACTION_TIMEOUT_MS

    assert LONGEST_COMMIT_SECONDS * 1000 < TRANSACTION_TIMEOUT_MS
