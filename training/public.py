"""Public reviews that are labelled here and lie elsewhere: found again by the digest of their text.

It stands apart because these texts are read from a folder that whoever trains fills, and are never copied into this
repository; a fit without them works and is worse.

Hazard: a digest is of the very bytes: a file that was saved anew with other line ends or another encoding is not found again.
"""

from __future__ import annotations

import csv
import hashlib
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent / "labels"


@dataclass(frozen=True, slots=True)
class Public:
    """Where a source's texts are: repository, commit, licence, its files and the column of the text."""

    name: str
    repository: str
    commit: str
    licence: str
    column: str
    files: tuple[str, ...]

    def local(self, folder: Path, file: str) -> Path:
        """Return where a file of this source is looked for."""
        return folder / f"{self.name}-{Path(file).name}"


def sources(language: str) -> list[Public]:
    """Return the public sources of a language; none when there is no such file."""
    path = HERE / f"{language}_reviews.toml"
    if not path.is_file():
        return []
    raw = tomllib.loads(path.read_text(encoding="utf-8"))["source"]
    return [Public(**{**one, "files": tuple(one["files"])}) for one in raw]


def missing(language: str, folder: Path) -> list[str]:
    """Return, for each file that is not in the folder, how to get it."""
    return [
        f"git clone {one.repository} /tmp/{one.name} && "
        f"git -C /tmp/{one.name} show {one.commit}:{file} > {one.local(folder, file)}"
        for one in sources(language)
        for file in one.files
        if not one.local(folder, file).is_file()
    ]


def read(source: Public, folder: Path, labels: Path) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield (digest, text, labels) of every labelled text of a source that is there, in the order of the labels' file."""
    texts: dict[str, str] = {}
    for file in source.files:
        path = source.local(folder, file)
        if path.is_file():
            with path.open(encoding="utf-8", errors="replace", newline="") as rows:
                for row in csv.DictReader(rows):
                    text = row[source.column] or ""
                    texts[hashlib.sha256(text.encode()).hexdigest()] = text
    with labels.open(encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows):
            if row["source"] == source.name and (text := texts.get(row["sha256"])) is not None:
                named = (row["label1"], row["label2"], row["label3"])
                yield row["sha256"], text, tuple(name for name in named if name)
