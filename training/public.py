"""Public reviews that lie elsewhere: labelled ones are found again by the digest of their text, others are read as they are.

It stands apart because these texts are read from a folder that whoever trains fills, and are never copied into this
repository; a fit without them works and is worse.

Hazard: a digest is of the very bytes: a file that was saved anew with other line ends or another encoding is not found again.
"""

from __future__ import annotations

import csv
import hashlib
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent / "labels"
LABELLED: Final = "reviews"
UNLABELLED: Final = "unlabelled"


@dataclass(frozen=True, slots=True)
class Public:
    """Where a source's texts are: repository, commit, licence, its files and the column of the text; what is reviewed there."""

    name: str
    repository: str
    commit: str
    licence: str
    column: str
    files: tuple[str, ...]
    kind: str = ""

    def local(self, folder: Path, file: str) -> Path:
        """Return where a file of this source is looked for."""
        return folder / f"{self.name}-{Path(file).name}"


def sources(language: str, kind: str = LABELLED) -> list[Public]:
    """Return the public sources of a language, `LABELLED` or `UNLABELLED`; none when there is no such file."""
    path = HERE / f"{language}_{kind}.toml"
    if not path.is_file():
        return []
    raw = tomllib.loads(path.read_text(encoding="utf-8"))["source"]
    return [Public(**{**one, "files": tuple(one["files"])}) for one in raw]


def missing(language: str, folder: Path) -> list[str]:
    """Return, for each file that is not in the folder, how to get it."""
    lines = [
        f"git clone {one.repository} /tmp/{one.name} && git -C /tmp/{one.name} show "
        f"{shlex.quote(f'{one.commit}:{file}')} > {shlex.quote(str(one.local(folder, file)))}"
        for one in (*sources(language), *sources(language, UNLABELLED))
        for file in one.files
        if not one.local(folder, file).is_file()
    ]
    return list(dict.fromkeys(lines))


def texts_of(source: Public, folder: Path) -> Iterator[str]:
    """Yield every text of a source, file by file, as far as its files are there."""
    for file in source.files:
        path = source.local(folder, file)
        if path.is_file():
            with path.open(encoding="utf-8-sig", errors="replace", newline="") as rows:
                for row in csv.DictReader(rows):
                    yield row[source.column] or ""


def read(source: Public, folder: Path, labels: Path) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield (digest, text, labels) of every labelled text of a source that is there, in the order of the labels' file."""
    texts = {hashlib.sha256(text.encode()).hexdigest(): text for text in texts_of(source, folder)}
    with labels.open(encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows):
            if row["source"] == source.name and (text := texts.get(row["sha256"])) is not None:
                named = (row["label1"], row["label2"], row["label3"])
                yield row["sha256"], text, tuple(name for name in named if name)
