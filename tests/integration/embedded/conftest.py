"""The broker of these tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.broker import RunningBroker, start_test_broker


@pytest.fixture(scope="package")
def own() -> Iterator[RunningBroker]:
    """A broker of this package's own, since it is killed here; whoever stops it starts it again."""
    with start_test_broker() as broker:
        yield broker
