"""Named points at which a test may end the process, to prove what a crash there leaves behind.

`ROUTER_FAULT=point:n` ends the process, as by kill -9, when the point is passed for the n-th time.  Without it `fault_point`
is one comparison with None.
"""

from __future__ import annotations

import os
from typing import Final, Literal

FaultPoint = Literal[
    "transaction.begun",
    "transaction.produced",
    "transaction.offsets_sent",
    "transaction.committed",
    "store.applied",
    "restore.applied",
    "assigned",
    "revoked",
    "raising.changelog",
    "raising.chunk",
    "raising.moved",
    "raising.topic",
]

POINTS: Final[tuple[FaultPoint, ...]] = (
    "transaction.begun",
    "transaction.produced",
    "transaction.offsets_sent",
    "transaction.committed",
    "store.applied",
    "restore.applied",
    "assigned",
    "revoked",
)
"""In the order in which a worker passes them; the sweep in tests/chaos goes through all."""

RAISING_POINTS: Final[tuple[FaultPoint, ...]] = (
    "raising.changelog",
    "raising.chunk",
    "raising.moved",
    "raising.topic",
)
"""Those of raising.py, which is no worker."""

_EXIT_KILLED: Final = 137

_armed: dict[str, int] | None = None


def arm(setting: str | None) -> None:
    """Arm one point from `point:n`, or none.

    Raises:
        ValueError: the setting names no known point.
    """
    global _armed  # noqa: PLW0603 - one switch for the process, set once at start
    if not setting:
        _armed = None
        return
    point, _, count = setting.partition(":")
    if point not in (*POINTS, *RAISING_POINTS):
        raise ValueError(f"ROUTER_FAULT names {point!r}; known points: {', '.join(POINTS)}")
    _armed = {point: int(count or 1)}


def fault_point(point: FaultPoint) -> None:
    """End the process here if this point is armed and its count is used up."""
    if _armed is None or point not in _armed:
        return
    _armed[point] -= 1
    if _armed[point] <= 0:
        os._exit(_EXIT_KILLED)
