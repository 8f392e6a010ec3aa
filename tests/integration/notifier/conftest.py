"""A bench for each test of the notifier."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.notifier_bench import Bench


@pytest.fixture
def bench(broker: str, topic_prefix: str, tmp_path: Path) -> Iterator[Bench]:
    """A fresh one for each test."""
    made = Bench(broker, topic_prefix, tmp_path)
    yield made
    made.close()
