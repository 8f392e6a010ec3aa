"""Says in `akar up`'s terminal what became of a change to the company's folder, where whoever made it looks.

It stands apart from the registrar, which takes the folder to the stream in another process: this only reads the same files and
tells.  Nothing depends on it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from services.registry import RegistryError, load
from services.registry.watch import signature

LOOK_SECONDS: Final = 1.0
MOST_PROBLEMS: Final = 5


class FolderEcho:
    """One folder, as it was when `akar up` began.

    Args:
        folder: the company's.
        say: prints a line.
    """

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self._folder = folder
        self._say = say
        self._seen = self._told = signature(folder)

    def start(self) -> None:
        """Look each second, on a thread that ends with the process."""
        threading.Thread(target=self._run, name="folder-echo", daemon=True).start()

    def _run(self) -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            self.look()

    def look(self) -> None:
        """Tell of a change once it has come to rest."""
        found = signature(self._folder)
        if found == self._told:
            return
        if found != self._seen:
            self._seen = found
            return
        self._told = found
        try:
            company = load(self._folder)
        except RegistryError as error:
            errors = [problem for problem in error.problems if not problem.warning]
            for problem in errors[:MOST_PROBLEMS]:
                self._say(f"  {problem}")
            self._say(
                f"{self._folder} has changed and cannot be used ({len(errors)} to put right); "
                "the company stays as it was"
            )
        else:
            self._say(
                f"{self._folder} has changed: {company.company.name} is taken over as {company.digest[:12]}"
            )
