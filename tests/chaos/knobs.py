"""How long and how hard: what the environment says to the fault suite.

AKAR_CHAOS_SCALE shortens or lengthens every scenario (1 is the long run, 0.05 a look whether it works at all); docs/verification.md
has the list.
"""

from __future__ import annotations

import os
import time
from typing import Final

SCALE: Final = float(os.environ.get("AKAR_CHAOS_SCALE", "1"))
SEED: Final = int(os.environ.get("AKAR_CHAOS_SEED", "0")) or int(time.time())
RATE: Final = float(os.environ.get("AKAR_CHAOS_RATE", "10"))
KILLS: Final = max(3, int(float(os.environ.get("AKAR_CHAOS_KILLS", "200")) * SCALE))
AT_ONCE: Final = int(os.environ.get("AKAR_CHAOS_AT_ONCE", "1"))
"""Processes that are killed at the same moment, in the scenario of many kills."""
SECONDS: Final = float(os.environ.get("AKAR_CHAOS_SECONDS", "1500")) * SCALE
ROUNDS: Final = max(1, round(3 * SCALE))
LONGEST: Final = int(SECONDS) * 3 + 1800
"""Seconds until a scenario is given up."""


def times(number: int) -> int:
    """So many, scaled; at least one."""
    return max(1, round(number * SCALE))


def seconds(number: float, least: float = 5.0) -> float:
    """So long, scaled."""
    return max(least, number * SCALE)
