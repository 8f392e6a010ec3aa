"""The real brokers.  They end with the last test of this folder: those after it start pipelines of their own and need the cores."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.support.broker import RunningBroker, start_test_broker


@pytest.fixture(scope="package")
def broker() -> Iterator[str]:
    """`host:port` of a real Apache Kafka, shared by all tests here; they keep apart by `topic_prefix`.

    `AKAR_TEST_BOOTSTRAP` names a running one to use instead.
    """
    running = os.environ.get("AKAR_TEST_BOOTSTRAP")
    if running:
        yield running
        return
    started = start_test_broker()
    try:
        yield started.bootstrap_servers
    finally:
        started.stop()


@pytest.fixture(scope="package")
def _victims() -> Iterator[RunningBroker]:
    with start_test_broker() as started:
        yield started


@pytest.fixture
def victim(_victims: RunningBroker) -> RunningBroker:
    """A real broker that a test may stop, wake and kill; whoever comes after finds it running, at the same address.

    What it holds of earlier tests lies under other prefixes.
    """
    if not (_victims.kafka.pid and _victims.kafka.ready()):
        _victims.kafka.kill()
        _victims.kafka.start(deadline=120)
    return _victims
