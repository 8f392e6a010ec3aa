"""What is wrong with a company's folder, all of it at once.

It stands apart so that commands can print problems without importing the loader.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing to put right: where, what, and how.

    ``field`` is the dotted path inside the file; ``warning`` problems do not stop a load.
    """

    file: str
    field: str
    text: str
    remedy: str
    warning: bool = False

    def __str__(self) -> str:
        """Render as one line for a terminal."""
        kind = "warning: " if self.warning else ""
        where = f"{self.file}: {self.field}" if self.field else self.file
        return f"{where}: {kind}{self.text}. {self.remedy}"


class RegistryError(Exception):
    """The folder cannot be used; ``problems`` holds every reason."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        """Keep all problems; the message lists them one a line."""
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))
