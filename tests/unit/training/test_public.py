"""Public reviews are found again by the digest of their text; what is missing is said, with the way to get it."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from pathlib import Path

from training import public, texts, weights

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
    """Every file of the Indonesian sources is missing from an empty folder, is asked for once, and its line names the commit."""
    lines = public.missing("id", tmp_path)
    sources = [*public.sources("id"), *public.sources("id", public.UNLABELLED)]
    wanted = {(one.commit, str(one.local(tmp_path, file))) for one in sources for file in one.files}
    assert len(lines) == len(wanted) > 0
    for commit, path in wanted:
        assert sum(f"'{commit}:" in line or f" {commit}:" in line for line in lines) > 0
        assert sum(line.endswith((f"> {path}", f"> '{path}'")) for line in lines) == 1


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


def test_every_kind_of_review_has_its_weight() -> None:
    """Both readers know how much each kind of public review counts, and a file is described alike wherever it is listed."""
    for one in public.sources("id"):
        assert {one.kind} <= weights.LINEAR.keys() & weights.NETWORKS.keys()
    described: dict[str, tuple[str, str]] = {}
    for one in (*public.sources("id"), *public.sources("id", public.UNLABELLED)):
        for file in one.files:
            path = str(one.local(Path(), file))
            assert described.setdefault(path, (one.commit, one.column)) == (one.commit, one.column)


def test_few_reviews_without_a_trouble_are_learned_from() -> None:
    """About a fifth, the same ones each time."""
    digests = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(2_000)]
    chosen = [digest for digest in digests if texts.taken(digest)]
    assert 330 < len(chosen) < 470
    assert chosen == [digest for digest in digests if texts.taken(digest)]
