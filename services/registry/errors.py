"""What is wrong with a company's folder, all of it at once.

It stands apart so that commands can print problems without importing the loader.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to put right: where, what, and how.

    ``field`` is the dotted path inside the file, ``line`` where it stands (from 1; None when the whole
    file is meant) and ``shown`` that line's text; ``warning`` problems do not stop a load.
    """

    file: str
    field: str
    text: str
    remedy: str
    warning: bool = False
    line: int | None = None
    shown: str = ""

    def __str__(self) -> str:
        """Render as one line for a terminal."""
        kind = "warning: " if self.warning else ""
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        where = f"{place}: {self.field}" if self.field else place
        return f"{where}: {kind}{self.text}. {self.remedy}"

    def place(self) -> tuple[bool, str, int, str, str]:
        """Return the order in which problems are told: errors first, then as the files go."""
        return (self.warning, self.file, self.line or 0, self.field, self.text)


class RegistryError(Exception):
    """The folder cannot be used; ``problems`` holds every reason."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        """Keep all problems; the message lists them one a line."""
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))
