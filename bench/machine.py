"""What the machine did beside a measurement: how many wanted a processor, and how much of one its host gave to others.

It stands apart because a figure from a shared machine says little without it: where two cores are nearly all used, a tenth that is
stolen is most of what was left.
"""

from __future__ import annotations

import os

import psutil


class Machine:
    """Tells what happened since it was asked last."""

    def __init__(self) -> None:
        self._before = psutil.cpu_times()

    def stolen(self) -> float:
        """The part of all processor time, 0..1, that other machines on the same host had; 0 where the system does not say."""
        before, self._before = self._before, psutil.cpu_times()
        passed = sum(self._before) - sum(before)
        taken = getattr(self._before, "steal", 0.0) - getattr(before, "steal", 0.0)
        return taken / passed if passed > 0 else 0.0

    def said(self) -> str:
        """In words, such as `load 1.4, 3 % stolen`."""
        return f"load {os.getloadavg()[0]:.1f}, {self.stolen():.0%} stolen".replace("%", " %")
