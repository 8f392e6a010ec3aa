"""The judge shares no code with the judged."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.chaos.nemesis import POINTS

ROOT = Path(__file__).parents[2]
MODULES = ("checker", "load", "receiver", "scenario")


def test_nothing_of_the_product_is_loaded() -> None:
    """However far the imports reach, neither `services` nor `schemas` is among them."""
    code = (
        "import sys\n"
        f"import {', '.join(f'tests.chaos.{name}' for name in MODULES)}\n"
        "print([m for m in sys.modules if m.split('.')[0] in ('services', 'schemas')])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert run.stdout.strip() == "[]"


def test_every_fault_point_is_swept() -> None:
    """A point that is named in the router is one that the sweep crashes at."""
    source = (ROOT / "services/router/checkpoint/faults.py").read_text(encoding="utf-8")
    listed = source.split("POINTS", 1)[1].split(")", 1)[0]

    assert all(f'"{point}"' in listed for point in POINTS)
    assert listed.count('",') == len(POINTS)
