"""When to try again, as data: no clock, no sleep, no randomness in it.

It stands apart so that a schedule can be read, tested and stored; who waits is the caller, on a clock of its own or in a
ledger that survives a restart.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long apart.

    Attributes:
        waits: Seconds before attempt 2, 3, …; there are `len(waits) + 1` attempts.
        jitter: Part of a wait by which it may be longer or shorter, 0..1.
    """

    waits: tuple[float, ...]
    jitter: float = 0.0

    def __post_init__(self) -> None:
        if any(wait < 0 for wait in self.waits) or not 0 <= self.jitter < 1:
            raise ValueError("waits must be >= 0 and jitter in [0, 1)")

    @property
    def attempts(self) -> int:
        """How many attempts there are in all."""
        return len(self.waits) + 1

    def wait_after(self, attempt: int, spread: float = 0.5) -> float | None:
        """Seconds to wait after the `attempt`-th try (counted from 1) failed; None when it was the last.

        Args:
            attempt: The try that has just failed.
            spread: Where in the jitter to land, 0..1; drawn by the caller, 0.5 is the plain wait.
        """
        if attempt < 1:
            raise ValueError("attempts count from 1")
        if attempt > len(self.waits):
            return None
        return self.waits[attempt - 1] * (1 + self.jitter * (2 * spread - 1))


def exponential(
    first: float, *, factor: float = 2.0, longest: float, attempts: int, jitter: float = 0.2
) -> RetryPolicy:
    """Waits that grow from `first` seconds by `factor` up to `longest`."""
    waits = tuple(min(longest, first * factor**n) for n in range(attempts - 1))
    return RetryPolicy(waits, jitter)
