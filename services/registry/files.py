"""A company's folder as texts by name, as it is read, published and read again.

It stands apart because the folder on disk and the contents published to the stream must load alike: both
become the same mapping first.

Hazard: shipped language packs are part of the contents as soon as the company reads with them. Leaving
them out of what is published would let a newer product decide differently under an old digest.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from services.registry.errors import Problem

Files = Mapping[str, str]
"""File name relative to the folder, with ``/`` -> its text."""

SHIPPED: Final = Path(__file__).parent
REQUIRED: Final = ("company.toml", "departments.toml", "sources.toml", "symptoms.toml")
OPTIONAL: Final = ("calendars.toml",)
FOLDERS: Final = ("processes", "packs", "learned")


def read_folder(folder: Path) -> tuple[dict[str, str], list[Problem]]:
    """Return the folder's texts, and what could not be read or that nobody reads."""
    files: dict[str, str] = {}
    problems: list[Problem] = []
    if not folder.is_dir():
        return files, [Problem(str(folder), "", "there is no such folder", "Check AKAR_REGISTRY.")]
    for path in sorted([*folder.glob("*.toml"), *folder.glob("*/*.toml")]):
        name = path.relative_to(folder).as_posix()
        if name.startswith("."):
            # A mounted ConfigMap keeps what its links lead to in such a folder.
            continue
        if not known(name):
            problems.append(_stray(name))
            continue
        try:
            files[name] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            problems.append(Problem(name, "", f"not UTF-8: {error}", "Save the file as UTF-8."))
            files[name] = ""
        except OSError as error:
            problems.append(
                Problem(name, "", f"cannot be read: {error}", "Give the user access to it.")
            )
            files[name] = ""
    return files, problems


def known(name: str) -> bool:
    """Return whether a file of this name is part of a company."""
    path = PurePosixPath(name)
    if len(path.parts) == 1:
        return name in (*REQUIRED, *OPTIONAL)
    return len(path.parts) == 2 and path.parts[0] in FOLDERS


def shipped_packs(languages: Iterable[str], files: Files) -> Iterator[tuple[str, str]]:
    """Yield the shipped pack of each language that the company does not bring its own of."""
    for language in languages:
        name = f"packs/{language}.toml"
        path = SHIPPED / name
        if name not in files and path.is_file():
            yield name, path.read_text(encoding="utf-8")


def _stray(name: str) -> Problem:
    choices = [*REQUIRED, *OPTIONAL, *(f"{folder}/{Path(name).name}" for folder in FOLDERS)]
    near = difflib.get_close_matches(name, choices, n=1)
    hint = f'Did you mean "{near[0]}"?' if near else "Remove it, or give it another ending."
    return Problem(name, "", "nobody reads this file", hint, warning=True)
