"""The list of traps and fences is whole, and says where each fence is."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import get_args

import pytest

from services.router.checkpoint import traps
from services.router.checkpoint.faults import POINTS, FaultPoint
from services.router.checkpoint.traps import FENCES, TRAPS
from tests.support.removals import REMOVALS

ROOT = Path(__file__).parents[4]
DELIVERY = (ROOT / "docs" / "delivery.md").read_text(encoding="utf-8")


def test_every_trap_has_a_fence() -> None:
    """No trap is only known, and no fence is against nothing."""
    fenced = {trap for fence in FENCES for trap in fence.traps}

    assert fenced == set(TRAPS)
    assert all(fence.traps for fence in FENCES)


@pytest.mark.parametrize("fence", FENCES, ids=lambda fence: fence.name)
def test_a_fence_is_where_it_says(fence: traps.Fence) -> None:
    """Module and name exist: whoever moves the code moves the entry."""
    module, _, name = fence.where.partition(":")
    found = importlib.import_module(f"services.router.{module}")
    for part in name.split("."):
        fields = getattr(found, "model_fields", {})
        found = fields[part] if part in fields else getattr(found, part)


def test_every_fence_can_be_taken_out() -> None:
    """Whatever is called fenced has a removal, and a test that names it."""
    assert set(REMOVALS) == {fence.name for fence in FENCES if fence.kind == "fenced"}
    folders = (
        ROOT / "tests" / "unit" / "router" / "protocol",
        ROOT / "tests" / "integration" / "fences",
    )
    tests = "\n".join(path.read_text() for folder in folders for path in folder.glob("test_*.py"))
    for name in REMOVALS:
        assert tests.count(f'"{name}"') > 0, f"no test takes out: {name}"


def test_what_is_said_to_be_taken_out_on_the_broker_is() -> None:
    """The table tells which fences have their pair on a real broker."""
    tests = "\n".join(
        path.read_text() for path in (ROOT / "tests" / "integration" / "fences").glob("test_*.py")
    )
    for fence in FENCES:
        if fence.kind == "fenced":
            assert fence.on_the_broker == (f'"{fence.name}"' in tests), fence.name
        else:
            assert not fence.on_the_broker


@pytest.mark.parametrize("table", [traps.table, traps.traps_table])
def test_the_page_has_the_tables(table: object) -> None:
    """docs/delivery.md shows what `python -m services.router.checkpoint.traps` prints."""
    assert table() in DELIVERY  # type: ignore[operator]


def test_every_fault_point_is_documented_and_swept() -> None:
    """Each point of a worker is in the table of docs/delivery.md and in the sweep; each name is passed by some code."""
    for point in POINTS:
        assert f"`{point}`" in DELIVERY, f"{point} is not in docs/delivery.md"
    code = "\n".join(path.read_text() for path in (ROOT / "services" / "router").rglob("*.py"))
    assert set(re.findall(r'fault_point\("([^"]+)"\)', code)) == set(get_args(FaultPoint))
    sweep = (ROOT / "tests" / "integration" / "test_router_exactly_once.py").read_text()
    assert "for point in POINTS" in sweep
