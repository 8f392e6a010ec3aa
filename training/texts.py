"""The labelled texts of one language, from the shared data and from sentences of our own, with their provenance.

It stands apart because it alone knows the files. The shared texts are read where they lie and are never copied; what this
project adds to them (labels by row, a mapping of categories) lies in this package.

Hazard: `symptoms_id_dev.csv` is split by `held_out`; a text that is held out is never trained on while measuring.
"""

from __future__ import annotations

import csv
import hashlib
import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from training import mixed, phrases, public

HERE: Final = Path(__file__).parent
SPELLED_OUT: Final = 10
"""Sentences made of each pattern."""
MIXED: Final = 40
"""Long texts made of each pair of troubles."""


@dataclass(frozen=True, slots=True)
class Text:
    """One labelled text; ``labels`` most important first."""

    source: str
    key: str
    text: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """Where texts came from: a name, the digest of its file, how many."""

    name: str
    digest: str
    texts: int


def taken(digest: str) -> bool:
    """Say whether a public review that names no trouble is learned from: a fifth of them, as complaints have fewer than reviews."""
    return int(digest[:8], 16) % 5 == 0


def held_out(key: str) -> bool:
    """Say whether a text of the labelled file is kept for judging: a quarter, by a hash of its id."""
    return int(hashlib.sha256(f"heldout:{key}".encode()).hexdigest()[:8], 16) % 4 == 0


def gather(language: str, shared: Path, reviews: Path) -> tuple[list[Text], list[Source]]:
    """Return all labelled texts of a language, and where they came from; public reviews only as far as they are in ``reviews``.

    Raises:
        FileNotFoundError: The shared data is not there.
    """
    found: list[Text] = []
    sources: list[Source] = []

    def add(name: str, paths: Iterable[Path], texts: list[Text]) -> None:
        digest = hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()
        found.extend(texts)
        sources.append(Source(name, digest, len(texts)))

    if language == "id":
        path = shared / "symptoms_id_dev.csv"
        add(path.name, [path], _labelled(path))
        path, labels = shared / "prdect_id_negative.csv", HERE / "labels" / "prdect_id_negative.csv"
        add(path.name + " + labels", [path, labels], _by_row(path, labels))
    if language == "en":
        path, mapping = shared / "banking77_train_subset.csv", HERE / "labels" / "banking77.toml"
        add(path.name + " + mapping", [path, mapping], _mapped(path, mapping))
    path = HERE / "corpus" / f"{language}.tsv"
    if path.is_file():
        add(f"training/corpus/{path.name}", [path], sentences(path))
    path = HERE / "corpus" / f"{language}_reviews.tsv"
    if path.is_file():
        add(f"training/corpus/{path.name}", [path], sentences(path, "written"))
    path = HERE / "labels" / f"{language}_reviews.csv"
    for one in public.sources(language):
        labelled = [Text(one.kind, *row) for row in public.read(one, reviews, path)]
        labelled = [text for text in labelled if text.labels[0] != "unclear" or taken(text.key)]
        files = [file for name in one.files if (file := one.local(reviews, name)).is_file()]
        if labelled:
            add(f"{one.repository} at {one.commit} + labels", [*files, path], labelled)
    path = HERE / "phrases" / f"{language}.txt"
    if path.is_file():
        made = phrases.spell_out(path, SPELLED_OUT)
        add(
            f"training/phrases/{path.name}",
            [path],
            [Text("phrases", str(n), text, labels) for n, (labels, text) in enumerate(made)],
        )
    own = [(text.labels, text.text) for text in found if text.source in ("corpus", "phrases")]
    made = mixed.mix(own, language, MIXED)
    if made:
        path = HERE / "mixed.py"
        texts = [Text("mixed", str(n), text, labels) for n, (labels, text) in enumerate(made)]
        add("training/mixed.py of our own sentences", [path], texts)
    path = HERE / "corpus" / f"{language}_short.tsv"
    if path.is_file():
        add(f"training/corpus/{path.name}", [path], sentences(path, "short"))
    return found, sources


def counts(texts: Iterable[Text]) -> dict[str, int]:
    """Return the number of texts for each first label."""
    return dict(sorted(Counter(text.labels[0] for text in texts).items()))


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        return list(csv.DictReader(file))


def _labels(row: dict[str, str]) -> tuple[str, ...]:
    return tuple(one for name in ("label1", "label2", "label3") if (one := row.get(name) or ""))


def _labelled(path: Path) -> list[Text]:
    return [Text("dev", row["id"], row["text"], _labels(row)) for row in _rows(path)]


def _by_row(path: Path, labels: Path) -> list[Text]:
    texts = _rows(path)
    return [
        Text("prdect", row["row"], texts[int(row["row"])]["text"], _labels(row))
        for row in _rows(labels)
        if row["label1"]
    ]


def _mapped(path: Path, mapping: Path) -> list[Text]:
    symptoms = tomllib.loads(mapping.read_text(encoding="utf-8"))["symptoms"]
    return [
        Text("banking", str(number), row["text"], (symptoms[row["category"]],))
        for number, row in enumerate(_rows(path))
    ]


def sentences(path: Path, source: str = "corpus") -> list[Text]:
    """Read lines of ``label<TAB>text``; several labels are joined by `+`, `|` or `,`."""
    found: list[Text] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        labels, mark, text = line.partition("\t")
        if number > 1 and mark and not line.startswith("#"):
            names = tuple(labels.replace("|", "+").replace(",", "+").split("+"))
            found.append(Text(source, str(number), text, names))
    return found
