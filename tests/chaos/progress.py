"""One line now and then about what a long run is doing, for whoever waits for it.

It stands apart because scenarios know nothing of the terminal: whoever runs them says where lines go (conftest.py); by default
nowhere.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

EVERY_SECONDS: Final = 20.0
"""The least time between two lines of one scenario."""


class Progress:
    """Where lines go, and how far the run is."""

    def __init__(self) -> None:
        self.write: Callable[[str], None] | None = None
        self.scenarios = 0
        """How many there will be."""
        self._begun = 0
        self._since = 0.0
        self._title = ""
        self._last = 0.0

    def begin(self, title: str) -> None:
        """A scenario begins."""
        self._begun += 1
        self._title = title
        self._since = time.monotonic()
        self._last = 0.0
        self.say("starts")

    def tell(self, what: str) -> None:
        """Something happened; told unless the last line was a moment ago."""
        if time.monotonic() - self._last >= EVERY_SECONDS:
            self.say(what)

    def say(self, what: str) -> None:
        """Told at once."""
        self._last = time.monotonic()
        if self.write is not None:
            lasted = time.monotonic() - self._since
            self.write(f"[{self._begun}/{self.scenarios}] {self._title}, {lasted:.0f} s: {what}")


PROGRESS: Final = Progress()
