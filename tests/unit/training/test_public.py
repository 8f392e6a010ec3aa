"""Public reviews are found again by the digest of their text; what is missing is said, with the way to get it."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from pathlib import Path

from training import public, texts

SHOP = public.Public(
    "shop", "https://example.org/reviews", "abc123", "MIT", "content", ("data/first.csv",)
)


def _write(path: Path, rows: Sequence[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def test_labels_meet_their_texts_by_digest(tmp_path: Path) -> None:
    """A labelled text that is there is read with its labels in order; one that is not there is left out."""
    text = "barang belum sampai,\nsudah 10 hari"
    _write(SHOP.local(tmp_path, "data/first.csv"), [["content", "score"], [text, "1"]])
    digest, other = (hashlib.sha256(one.encode()).hexdigest() for one in (text, "lain"))
    labels = tmp_path / "labels.csv"
    _write(
        labels,
        [
            ["source", "sha256", "label1", "label2", "label3"],
            ["shop", digest, "late_delivery", "unreachable_service", ""],
            ["shop", other, "unclear", "", ""],
            ["elsewhere", digest, "unclear", "", ""],
        ],
    )
    assert list(public.read(SHOP, tmp_path, labels)) == [
        (digest, text, ("late_delivery", "unreachable_service"))
    ]


def test_missing_files_are_named_with_the_way_to_get_them(tmp_path: Path) -> None:
    """Every file of the Indonesian sources is missing from an empty folder, and each line names the commit."""
    lines = public.missing("id", tmp_path)
    sources = [*public.sources("id"), *public.sources("id", public.UNLABELLED)]
    assert len(lines) == sum(len(one.files) for one in sources) > 0
    for line, commit in zip(lines, [one.commit for one in sources for _ in one.files], strict=True):
        assert commit in line
        assert str(tmp_path) in line


def test_every_label_is_of_the_vocabulary() -> None:
    """Labels by digest and our own sentences use one vocabulary, name no label twice and no text twice."""
    with (texts.HERE / "labels" / "id_reviews.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    known = {
        label for text in texts.sentences(texts.HERE / "corpus" / "id.tsv") for label in text.labels
    }
    named = [[row[f"label{n}"] for n in (1, 2, 3) if row[f"label{n}"]] for row in rows]
    written = texts.sentences(texts.HERE / "corpus" / "id_reviews.tsv", "written")
    named += [list(text.labels) for text in written]
    assert all(labels and set(labels) <= known for labels in named)
    assert all(len(labels) == len(set(labels)) for labels in named)
    assert len({row["sha256"] for row in rows}) == len(rows)
    assert {row["source"] for row in rows} == {one.name for one in public.sources("id")}
