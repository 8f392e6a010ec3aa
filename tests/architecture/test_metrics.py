"""Operators find every metric on one page."""

from __future__ import annotations

import re
from pathlib import Path

from services.chassis import metrics

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
ROW = re.compile(r"^\| `(akar_\w+)` \|", re.MULTILINE)


def test_the_page_lists_every_metric_and_no_other() -> None:
    """docs/operations.md names what `/metrics` gives."""
    exposed = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in metrics.REGISTRY.collect()
    }

    assert set(ROW.findall(PAGE.read_text(encoding="utf-8"))) == exposed
