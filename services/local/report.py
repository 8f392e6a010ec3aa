"""What a person is told while something takes long: one line that grows, not a log.

It stands apart so that the parts that download, wait and choose do not know where their words go.
"""

from __future__ import annotations

import sys
from typing import Protocol


class Report(Protocol):
    """Takes one line for a person; `last` is False while a better one of its kind will follow."""

    def __call__(self, line: str, *, last: bool = True) -> None:
        """Take it."""
        ...


class Progress:
    """One line on stderr that is rewritten in place on a terminal; elsewhere only the first and the last are shown."""

    def __init__(self) -> None:
        self._width = 0
        self._shown = False

    def __call__(self, line: str, *, last: bool = True) -> None:
        """Show `line`, in place of the one before unless that was the `last` of its kind."""
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{line:<{self._width}}" + ("\n" if last else ""))
            self._width = 0 if last else len(line)
        elif last or not self._shown:
            sys.stderr.write(f"{line}\n")
        self._shown = not last
        sys.stderr.flush()
