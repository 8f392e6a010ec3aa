"""What tests of the router share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.stage_pipeline import Pipeline


@pytest.fixture
def pipeline(tmp_path: Path) -> Iterator[Pipeline]:
    """The stages over fresh rows."""
    made = Pipeline(tmp_path)
    yield made
    made.close()
